"""What the thread that trains is doing: waiting for a batch, gradients, the update, the rest."""

import time
from _thread import get_ident


class Phases:
    """The phase of now, and the seconds of each phase in this step.

    Phases may be nested, as an update with a closure holds a backward pass: seconds count for the inner one.
    """

    def __init__(self):
        self.now = "start"
        self.thread = get_ident()
        self.training_from = None
        """Instant (`time.monotonic()`) of the first backward pass or update."""
        self._since = 0.0
        self._outer = []
        self._seconds = {"wait": 0.0, "backward": 0.0, "optimizer": 0.0}

    def begin(self, name):
        """From now on it is this."""
        now, seconds = time.perf_counter(), self._seconds
        if self.now in seconds:
            seconds[self.now] += now - self._since
        self._outer.append(self.now)
        self.now, self._since = name, now
        if self.training_from is None and name != "wait":
            self._train()

    def end(self, name):
        """It is over, with all that began within it and was not ended."""
        if name not in self._outer and self.now != name:
            return
        now, seconds = time.perf_counter(), self._seconds
        if self.now in seconds:
            seconds[self.now] += now - self._since
        while self._outer:
            inner, self.now = self.now, self._outer.pop()
            if inner == name:
                break
        self._since = now
        if self.now == "start" and self.training_from is not None:
            self.now = "other"

    def step(self):
        """A step is over: seconds of (wait, backward, optimizer), which begin anew."""
        seconds = self._seconds
        if self.now in seconds:
            now = time.perf_counter()
            seconds[self.now] += now - self._since
            self._since = now
        found = seconds["wait"], seconds["backward"], seconds["optimizer"]
        seconds["wait"] = seconds["backward"] = seconds["optimizer"] = 0.0
        return found

    def mine(self):
        """Whether this is the thread that trains."""
        return get_ident() == self.thread

    def _train(self):
        self.training_from = time.monotonic()
        self.thread = get_ident()
        self._outer = ["other" if one == "start" else one for one in self._outer]
