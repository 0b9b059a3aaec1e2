"""To go back: a paused copy of the process from which the step that failed can be run again.

A copy is a fork that waits. What it runs after it was woken is the script's own code, from where it was, so
that loops of every style can be repeated; it reaches nothing outside: what it writes goes nowhere, what it
reads it reads through descriptors of its own. A process that has initialised CUDA is never forked.

A copy that is asked forks once more and answers from there, so that it can be asked again. The one that
answers is armed where the step begins that failed. Where it finds on the way that an earlier one failed, it
asks a copy that it made on the way.
"""

import json
import os
import signal
import time

from .. import descriptors, environ
from ..eager import eager
from ..trial import choice as trials
from . import alone, forks, isolate, lone_rank, pretend, quiet, shared
from .copy import END, GRACE, LIMIT, Copy, Older
from .faults import Faults
from .memory import enough_memory
from .origin import Origin, outcome

SHARE = 0.002
"""Of all time that copies may take: to make them, to look at what they keep, faults of their pages."""
_ROOM = 1.25
"""Times what this process holds that must be left for a copy."""
_HALF = 1.0
"""Times what a copy took that must pass on the way to a step before the next one."""


class Travel:
    """Keeps a paused copy, renewed as often as its cost allows, and older ones to go further back to."""

    def __init__(self, torch, recorder):
        self.torch = torch
        self.recorder = recorder
        self._copy = None
        self._older = Older()
        self._next = 0.0
        self._last = 0.0
        self._faults = Faults()
        self._why = None
        """Why no more copies are made."""
        self.on_device = False
        """Whether the script trains elsewhere than on the CPU."""
        self._room = True
        """Whether there was memory for a copy."""
        self._order = None
        """In one that answers: what it was asked."""
        self._orders = self._done = None
        self._near = None
        """The step that the copy was made at, where it has run on."""

    def possible(self):
        """Whether this process may be forked."""
        torch = self.torch
        if self._why is None and (not hasattr(os, "fork") or torch.cuda.is_initialized()):
            self._impossible("a process that has initialised CUDA cannot be forked")
        if self._why is None and self.on_device:
            self._impossible("a process that trains on a device cannot be forked")
        if self._why is None and not lone_rank.possible(torch):
            self._impossible("a rank cannot be repeated without the others")
        if self._why is None and self._order is None and forks.why_not() is not None:
            self._impossible(forks.why_not())
        return self._why is None

    def _impossible(self, why):
        self._why = why
        self.recorder("note", where="copy", error=why)
        self.drop()

    def first(self, watch):
        """Before the first step: each step has a copy from before it. Part of what the start takes."""
        lone_rank.tell(self.torch, self.recorder)
        if self._order is None and watch.recorder.on and watch.tripped is None and self.possible():
            self._last = self._kept(watch)
            self._next = self._last / SHARE
            self._faults.forget()  # what is written to for the first time faults anyway

    def step_ended(self, watch, steps):
        """So many more steps are done: perhaps renew the copy."""
        if self._order is not None:
            if watch.trial is None and watch.armed is None:
                self._step_repeated(watch)
            return
        self._faults.steps(steps)
        trained = watch.governor.trained
        if watch.tripped is not None or trained < self._next or not watch.settled or not self.possible():
            return
        hidden = self._faults.cost()
        took = self._kept(watch)
        if watch.tripped is None:
            watch.governor.copies += hidden + took
            # What this one's pages will take is not known yet: as much as the last one's.
            self._next = trained + (max(took, self._last) + hidden) / SHARE
            self._last = took

    def _kept(self, watch):
        """Renew the copy where this is a state to go back to. Seconds that it took."""
        start = time.process_time()
        if not watch.sound():
            if self._copy is not None:
                watch.unsound()
        elif enough_memory(_ROOM):
            self._renew(watch)
            self._faults.made()
            self._memory(watch, True)
        else:
            self._memory(watch, False)
            self.drop()
        return max(0.0, time.process_time() - start)  # (the clock of one that answers began anew)

    def _memory(self, watch, enough):
        """Say where copies end for lack of memory, and where they begin again."""
        if enough is not self._room:
            self._room = enough
            self.recorder("copies", step=watch.step, enough_memory=enough)

    def replay(self, watch, step, what):
        """Repeat up to `step` and look at it. Writes how it ended; in one that answers, ends it.

        what: that is not finite, as in Trip; `error` where an exception ended the script.
        """
        if self._order is not None:
            if self._copy is None or self._copy.step > step:
                self._answer("no-copy")
            order = dict(self._order, target=step, arrived=self._copy.step == step)
            self._answer(self._copy.ask(order, LIMIT))
        self._back(step)
        if self._copy is None:
            self.recorder("replay", state="no-copy" if self._room else "no-memory", step=step)
            return
        self.recorder("replay", state="begins", step=step, since=self._copy.step)
        lone = lone_rank.is_one(self.torch)
        order = {"target": step, "arrived": self._copy.step == step, "what": what}
        said = self._copy.ask(order, lone_rank.LIMIT if lone else LIMIT)
        found = json.loads(said) if said.startswith("{") else {"state": said, "events": []}
        self.recorder("replay", state=found["state"], step=step)
        again = found["state"] == "repeated" or found["state"].startswith("not-reproduced")
        if again and environ.get("ENVKIT_TRY") and not lone:
            trials.run(watch, self, step, found, float(environ.get("ENVKIT_TRY")))

    def _back(self, step):
        """Let go of a copy from after `step`."""
        while self._copy is not None and self._copy.step > step:
            self._copy.drop()
            self._copy = self._older.newest()

    def nearer(self, step):
        """Let the copy run on to just before `step` and wait there: trials need not come all that way."""
        if self._copy is None or self._copy.step >= step:
            return
        said = self._copy.ask({"target": step, "arrived": False, "near": True}, LIMIT)
        if said == "arrived":
            self._near, self._copy.step = self._copy.step, step

    def farther(self):
        """Undo `nearer`."""
        if self._near is not None:
            self._copy.step, self._near = self._near, None
            self._copy.leave()

    def begins(self, before):
        """The step that the newest copy from `before` or earlier begins with, else that of the oldest."""
        copy = self._since(before)
        return None if copy is None else copy.step

    def attempt(self, step, trial, more, seconds, before):
        """Run from a copy with one change, `more` steps beyond `step`, about `seconds` long.

        before: the step that the copy should begin with at the latest. How it went, as `Trial` says it.
        """
        copy = self._since(before)
        if copy is None:
            return "no-copy"
        order = {"target": step, "arrived": False, "trial": trial, "more": more, "seconds": seconds}
        return copy.ask(order, seconds + GRACE)

    def _since(self, before):
        copies = [one for one in (*self._older.all(), self._copy) if one is not None]
        return next((one for one in reversed(copies) if one.step <= before), copies[0] if copies else None)

    def over(self, error):
        """The script is over: one that answers and has not come to its step ends here, and not later."""
        if self._order is not None:
            why = "" if error is None else ": {}: {}".format(type(error).__name__, str(error)[:200])
            self._answer("not-reproduced" + why.replace("\n", " "))

    def drop(self):
        """Let go of the copies."""
        self._older.drop()
        if self._copy is not None:
            self._copy.drop()
            self._copy = None

    def _renew(self, watch):
        if self._copy is not None:
            if self._order is None:
                self._older.keep(self._copy, watch.step)
            else:
                self._copy.drop()
            self._copy = None
        order_read, order_write = descriptors.pipe()
        done_read, done_write = descriptors.pipe()
        on, endings, maker = self.recorder.on, list(self.recorder.endings), os.getpid()
        try:
            pid = forks.detached()
        except OSError as error:
            for one in (order_read, order_write, done_read, done_write):
                os.close(one)
            self._impossible("no process can be made: {}".format(error))
            return
        if pid:
            os.close(order_read)
            os.close(done_write)
            self._copy = Copy(pid, order_write, done_read, watch.step)
            return
        try:  # the copy: it returns to the script only as one that answers, and never out of it
            self._older = Older()  # those belong to who made them
            os.close(order_write)
            os.close(done_read)
            isolate.descriptors(keep=(order_read, done_write))
            order = self._wait(order_read, done_write, Origin(maker))
            self.recorder.on, self.recorder.endings[:] = on, endings
            self.recorder.adopt()
            self._orders = order_read
            self._begin(watch, order, done_write)
        except BaseException as error:
            self.recorder.fault("copy", error)

    def _wait(self, orders, done, origin):
        """Wait for orders; return one in a fork that answers it. origin: with whose end this one ends."""
        while True:
            text = b""
            while not text.endswith(b"\n"):
                piece = os.read(orders, 4096) if origin.wait(orders) else b""
                if not piece:
                    os._exit(0)
                text += piece
            if text == END:
                os._exit(0)
            if b'"leave"' in text:
                os.write(done, b"left\n")
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                forks.end_with_parent()
                return json.loads(text)
            status = outcome(pid, origin)
            if status is None:
                os._exit(0)
            if status:
                os.write(done, b"timeout\n" if status & 0x7F == signal.SIGALRM else b"crashed\n")

    def _begin(self, watch, order, done):
        """In one that answers: go on with the script, armed at once or from the step that fails."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, order["limit"])
        if self._order is None:  # (not one more fork of one that did so)
            shared.own()
            isolate.writes()
            pretend.make(self.recorder.folder)
            quiet.make()
            alone.make(lambda: self._answer("waits for a thread"))
            lone_rank.cut_off(self.torch, lambda: self._answer("needs the other ranks"))
        self.torch.set_num_threads(1)
        eager(self.torch)
        watch.tripped = None
        watch.indices.without_workers()
        self._order, self._done, self._copy = order, done, None
        watch.governor.always = True
        if "trial" in order:
            from ..trial.trial import Trial

            watch.trial = Trial(self.torch, watch, order, self._answer)
            watch.trial.begin()
            return
        if order["arrived"]:
            self._arm(watch)
        elif not order.get("near"):
            self._at, self._cost = time.perf_counter(), 0.0
            self._copy_on_the_way(watch)

    def _arm(self, watch):
        from ..armed.step import Armed

        watch.armed = Armed(self.torch, self.recorder, watch, self._answer)
        watch.armed.begin()

    def _step_repeated(self, watch):
        """One more step on the way."""
        target = self._order["target"]
        if self._order.get("what") == "evaluation" and watch.evaluation.became_bad():
            self.replay(watch, watch.step - 1, "evaluation")
        if watch.step > target:
            self._answer("not-reproduced")
        elif self._order.get("near"):
            if watch.step == target:
                self._stay(watch)
        elif watch.step == target:
            self._arm(watch)
        elif (
            time.perf_counter() - self._at > _HALF * self._cost and watch.settled and watch.doubt.held is None
        ):
            self._copy_on_the_way(watch)

    def _stay(self, watch):
        """Wait for orders here, in place of the copy that this one is a fork of."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        on, endings = self.recorder.on, list(self.recorder.endings)
        os.write(self._done, b"arrived\n")
        order = self._wait(self._orders, self._done, Origin(os.getppid()))
        self.recorder.on, self.recorder.endings[:] = on, endings
        self.recorder.adopt()
        self._begin(watch, order, self._done)

    def _copy_on_the_way(self, watch):
        start = time.perf_counter()
        if enough_memory(_ROOM) or self._copy is None:
            self._renew(watch)
        self._at = time.perf_counter()
        self._cost = self._at - start

    def _answer(self, state):
        """Say how it ended, and end."""
        self.drop()
        data = state.encode() + b"\n"
        while data:
            data = data[os.write(self._done, data) :]
        os._exit(0)
