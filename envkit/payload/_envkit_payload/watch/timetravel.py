"""To go back: a paused copy of the process from which the step that failed can be run again.

A copy is a fork that waits. What it runs after it was woken is the script's own code, from where it was, so
that loops of every style can be repeated; it reaches nothing outside: what it writes goes nowhere, what it
reads it reads through descriptors of its own. A process that has initialised CUDA is never forked.

A copy that is asked forks once more and answers from there, so that it can be asked again. On the way to
the step that failed the one that answers makes a copy before each step; the copy of the last one is armed.
"""

import json
import os
import select
import signal
import time

from . import alone, isolate, pretend, trials
from .memory import enough_memory

SHARE = 0.008
"""Of all time that copies may take."""
LIMIT = 60.0
"""Seconds that a repetition may take."""
AGE = 0.15
"""Share of all steps that an older copy is at least old, once there are that many."""
_GRACE = 5.0
"""Seconds beyond its time that one may take to say how it went."""


_END = b"end\n"


class Copy:
    """A paused copy, as the process that made it sees it."""

    def __init__(self, pid, order, done, step):
        self.pid = pid
        self.step = step
        self._order = order
        self._done = done
        self._stuck = False

    def ask(self, order, limit=LIMIT):
        """Send an order and wait for its end. The state that it ended in: its word, `crashed`, `timeout`."""
        if self._stuck:
            return "timeout"
        # The one that answers ends itself at its limit; who waits allows it a little more.
        os.write(self._order, (json.dumps(dict(order, limit=limit)) + "\n").encode())
        deadline, text = time.monotonic() + limit + _GRACE, b""
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([self._done], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._stuck = True
                return "timeout"
            piece = os.read(self._done, 1 << 16)
            if not piece:
                return "crashed"
            text += piece
        return text.decode().strip()

    def drop(self):
        """End it."""
        try:
            if self._stuck:
                os.kill(self.pid, signal.SIGKILL)
            else:
                # Closing the pipe is not enough: workers that the script forked since hold it open, too.
                os.write(self._order, _END)
            os.waitpid(self.pid, 0)
        except (BrokenPipeError, ProcessLookupError, ChildProcessError):
            pass
        os.close(self._order)
        os.close(self._done)


class Older:
    """Copies from further back, of which the oldest is `AGE` to nearly twice `AGE` of all steps old.

    A learning rate that is too high has spoilt the weights before the step that failed: a smaller one can
    only be tried from before that. A copy costs what the process has written to since it was made, so that
    none is kept where memory is short.
    """

    def __init__(self):
        self._kept = []

    def oldest(self):
        """The oldest, or None."""
        return self._kept[0] if self._kept else None

    def keep(self, copy, step):
        """A copy that was just replaced: keep it, or end it. step: the steps done by now."""
        if not enough_memory():
            self.drop()
            copy.drop()
            return
        if len(self._kept) < 2:
            self._kept.append(copy)
        elif step - self._kept[1].step >= AGE * step:
            self._kept.pop(0).drop()
            self._kept.append(copy)
        else:
            copy.drop()

    def drop(self):
        """Let go of all."""
        for copy in self._kept:
            copy.drop()
        self._kept.clear()


class Travel:
    """Keeps a paused copy, renewed as often as its cost allows, and older ones to go further back to."""

    def __init__(self, torch, recorder):
        self.torch = torch
        self.recorder = recorder
        self._copy = None
        self._older = Older()
        self._next = 0.0
        self._order = None
        """In one that answers: what it was asked."""
        self._done = None

    def possible(self):
        """Whether this process may be forked."""
        torch = self.torch
        return hasattr(os, "fork") and not (torch.cuda.is_available() and torch.cuda.is_initialized())

    def step_ended(self, watch):
        """Perhaps renew the copy."""
        if self._order is not None:
            if watch.trial is None:
                self._step_repeated(watch)
            return
        start = time.perf_counter()
        if watch.tripped is not None or start < self._next or not self.possible():
            return
        self._renew(watch)
        took = time.perf_counter() - start
        # What the first writes to shared pages cost comes on top, about as much again.
        self._next = time.perf_counter() + 2 * took / SHARE
        watch.governor.own += took

    def replay(self, watch, step):
        """Repeat up to `step` and look at it. Writes how it ended; in one that answers, ends it."""
        if self._order is not None:
            order = dict(self._order, arrived=True)
            self._answer("no-copy" if self._copy is None else self._copy.ask(order))
        if self._copy is None:
            self.recorder("replay", state="no-copy", step=step)
            return
        self.recorder("replay", state="begins", step=step, since=self._copy.step)
        said = self._copy.ask({"target": step, "arrived": self._copy.step == step})
        found = json.loads(said) if said.startswith("{") else {"state": said, "events": []}
        self.recorder("replay", state=found["state"], step=step)
        if found["state"] == "repeated" and os.environ.get("ENVKIT_TRY"):
            trials.run(watch, self, step, found["events"], float(os.environ["ENVKIT_TRY"]))

    def begins(self, back=False):
        """The step that the copy begins with, or the oldest of the copies where `back`; None without one."""
        copy = self._oldest() if back else self._copy
        return None if copy is None else copy.step

    def attempt(self, step, trial, more, seconds, back=False):
        """Run from a copy with one change, `more` steps beyond `step`, about `seconds` long.

        back: from the oldest copy. How it went, as `Trial` says it.
        """
        copy = self._oldest() if back else self._copy
        if copy is None:
            return "no-copy"
        order = {"target": step, "arrived": False, "trial": trial, "more": more, "seconds": seconds}
        return copy.ask(order, seconds + _GRACE)

    def _oldest(self):
        return self._older.oldest() or self._copy

    def over(self):
        """The script is over: one that answers and has not come to its step ends here, and not later."""
        if self._order is not None:
            self._answer("not-reproduced")

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
        order_read, order_write = os.pipe()
        done_read, done_write = os.pipe()
        on, endings = self.recorder.on, list(self.recorder.endings)
        pid = os.fork()
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
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            order = self._wait(order_read, done_write)
            self.recorder.on, self.recorder.endings[:] = on, endings
            self.recorder.adopt()
            self._begin(watch, order, done_write)
        except BaseException as error:
            self.recorder.fault("copy", error)

    def _wait(self, orders, done):
        """Wait for orders; return one in a fork that answers it."""
        parent = os.getppid()
        while True:
            text = b""
            while not text.endswith(b"\n"):
                ready, _, _ = select.select([orders], [], [], 2.0)
                if os.getppid() != parent:
                    os._exit(0)
                if ready:
                    text += os.read(orders, 4096)
            if text == _END:
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                return json.loads(text)
            _, status = os.waitpid(pid, 0)
            if status:
                os.write(done, b"timeout\n" if status & 0x7F == signal.SIGALRM else b"crashed\n")

    def _begin(self, watch, order, done):
        """In one that answers: go on with the script, armed at once or from the step that fails."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, order["limit"])
        isolate.writes()
        pretend.make()
        alone.make(lambda: self._answer("waits for a thread"))
        self.torch.set_num_threads(1)
        watch.tripped = None
        watch.indices.without_workers()
        self._order, self._done, self._copy = order, done, None
        watch.governor.always = True
        if "trial" in order:
            from .trial import Trial

            watch.trial = Trial(self.torch, watch, order, self._answer)
            watch.trial.begin()
            return
        if order["arrived"]:
            from .armed_torch import Armed

            watch.armed = Armed(self.torch, self.recorder, watch, self._answer)
            watch.armed.begin()
            return
        self._renew(watch)

    def _step_repeated(self, watch):
        if watch.step > self._order["target"]:
            self._answer("not-reproduced")
        self._renew(watch)

    def _answer(self, state):
        """Say how it ended, and end."""
        self.drop()
        data = state.encode() + b"\n"
        while data:
            data = data[os.write(self._done, data) :]
        os._exit(0)
