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

from . import isolate, trials

SHARE = 0.008
"""Of all time that copies may take."""
LIMIT = 60.0
"""Seconds that a repetition may take."""


_END = b"end\n"


class Copy:
    """A paused copy, as the process that made it sees it."""

    def __init__(self, pid, order, done, step):
        self.pid = pid
        self.step = step
        self._order = order
        self._done = done
        self._stuck = False

    def ask(self, order):
        """Send an order and wait for its end. The state that it ended in: its word, `crashed`, `timeout`."""
        os.write(self._order, (json.dumps(order) + "\n").encode())
        ready, _, _ = select.select([self._done], [], [], LIMIT)
        if not ready:
            self._stuck = True
            return "timeout"
        return os.read(self._done, 4096).decode() or "crashed"

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


class Travel:
    """Keeps one paused copy, renewed as often as its cost allows."""

    def __init__(self, torch, recorder):
        self.torch = torch
        self.recorder = recorder
        self._copy = None
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

    def attempt(self, step, trial, more):
        """Run from the copy with one change, `more` steps beyond `step`. How it went, as `Trial` says it."""
        if self._copy is None:
            return "no-copy"
        return self._copy.ask({"target": step, "arrived": False, "trial": trial, "more": more})

    def drop(self):
        """Let go of the copy."""
        if self._copy is not None:
            self._copy.drop()
            self._copy = None

    def _renew(self, watch):
        self.drop()
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
                os.write(done, b"crashed")

    def _begin(self, watch, order, done):
        """In one that answers: go on with the script, armed at once or from the step that fails."""
        isolate.writes()
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
        os.write(self._done, state.encode()[:4000])
        os._exit(0)
