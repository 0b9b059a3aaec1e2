"""What the thread that trains is doing: waiting for a batch, gradients, the update, the rest."""

import time
from _thread import get_ident, get_native_id

_DEEP = 16
"""Phases within each other; beyond, ends were missed."""


class Phases:
    """The phase of now, and the seconds of each phase in this step.

    Phases may be nested, as an update with a closure holds a backward pass: seconds count for the inner one.
    What other threads do than the one that trains is no phase of it.
    """

    def __init__(self):
        self.now = "start"
        self.thread = get_ident()
        self.native = get_native_id()
        """The number that the kernel has for it."""
        self.gone = False
        """Whether that thread is over, so that another one may train."""
        self.closure = False
        """Whether the newest update makes its gradients itself, by calling the script."""
        self.training_from = None
        """Instant (`time.monotonic()`) of the first backward pass or update."""
        self.since = 0.0
        """Instant (`time.perf_counter()`) of the last change."""
        self.resume = None
        """Called once with the next phase: looks that stopped for a fork go on."""
        self._outer = []
        self._seconds = {"wait": 0.0, "backward": 0.0, "optimizer": 0.0}

    def begin(self, name):
        """From now on it is this."""
        if get_ident() != self.thread and not self._moved(name):
            return
        if self.training_from is None and name != "wait":
            self._train()
        if self.resume is not None:
            self._resumed()
        now, seconds, current = time.perf_counter(), self._seconds, self.now
        if current == "optimizer" and name != "optimizer":
            self._within()
        elif current in seconds:
            seconds[current] += now - self.since
        self._outer.append(self.now)
        self.now, self.since = name, now

    def update(self, closure):
        """An update begins. closure: whether it calls the script for loss and gradients, as its first act."""
        if len(self._outer) > _DEEP:
            self._clear()
        self.begin("optimizer")
        if get_ident() == self.thread:
            self.closure = closure
            if closure:
                self._outer.append("optimizer")
                self.now = "other"

    def end(self, name):
        """It is over, with all that began within it and was not ended."""
        if get_ident() != self.thread or (self.now != name and name not in self._outer):
            return
        now, seconds, outer = time.perf_counter(), self._seconds, self._outer
        if self.now in seconds:
            seconds[self.now] += now - self.since
        while outer:
            inner, self.now = self.now, outer.pop()
            if inner == name:
                break
        self.since = now
        if self.now == "start" and self.training_from is not None:
            self.now = "other"
        elif name == "backward" and self.now == "other" and outer and outer[-1] == "optimizer":
            self.now = outer.pop()  # what the script was called for is done

    def step(self):
        """A step is over: seconds of (wait, backward, optimizer), which begin anew."""
        seconds = self._seconds
        if self.now in seconds:
            now = time.perf_counter()
            seconds[self.now] += now - self.since
            self.since = now
        found = seconds["wait"], seconds["backward"], seconds["optimizer"]
        seconds["wait"] = seconds["backward"] = seconds["optimizer"] = 0.0
        return found

    def _resumed(self):
        resume, self.resume = self.resume, None
        resume()

    def mine(self):
        """Whether this is the thread that trains."""
        return get_ident() == self.thread

    def _moved(self, name):
        """Whether this thread trains from now on, which is not the one that did."""
        if name in ("wait", "replay") or (self.training_from is not None and not self.gone):
            return False
        self.thread, self.native, self.gone = get_ident(), get_native_id(), False
        self._outer, self.now = [], "start" if self.training_from is None else "other"
        return True

    def _within(self):
        """Something begins within an update: without a closure, this one raised and its end was not told.

        With one, the script computed its loss since then: these seconds are not the update's.
        """
        if not self.closure:
            self._clear()

    def _clear(self):
        self._outer, self.now = [], "other"

    def _train(self):
        self.training_from = time.monotonic()
        self._outer = ["other" if one == "start" else one for one in self._outer]
        if self.now == "start":
            self.now = "other"
