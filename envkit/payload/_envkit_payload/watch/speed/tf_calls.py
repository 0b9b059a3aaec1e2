"""What a step's time went into, for TensorFlow: from the calls of compiled functions and their own clocks."""

import time

from .phases import Phases


class CallPhases(Phases):
    """A call of a compiled function is work of the model, and does not begin the training by itself."""

    def begin(self, name):
        """From now on it is this."""
        if name != "forward":
            Phases.begin(self, name)
        elif self.mine():
            if self.now in self._seconds:
                now = time.perf_counter()
                self._seconds[self.now] += now - self.since
                self.since = now
            self._outer.append(self.now)
            self.now = name

    def trains(self):
        """Gradients are asked for within a graph."""
        if self.training_from is None:
            self._train()


class Calls:
    """Seconds of each step's phases.

    `parts` of the time are told by their instants, and belong to the first step that ends after it.
    """

    def __init__(self, phases):
        self._phases = phases
        self._parts = []
        """(instant, wait, backward, optimizer)."""
        self.called = 0
        """Outermost calls since the last look."""
        self._began = None
        self._compiled = self._waited = 0.0
        """Seconds of compiled calls, and of waiting within them, since the last look."""
        self.waiting = 0.0
        """Share of waiting in the newest compiled calls."""

    def begins(self):
        """A compiled function is called, from none."""
        phases = self._phases
        now = time.perf_counter()
        found = phases.step()
        if found != (0.0, 0.0, 0.0):
            self._parts.append((now, *found))
        self._began = now
        phases.begin("forward")

    def ends(self):
        """It is over. Its seconds."""
        self._phases.end("forward")
        if self._began is None:
            return 0.0
        seconds, self._began = time.perf_counter() - self._began, None
        self._compiled += seconds
        self.called += 1
        return seconds

    def step(self, now):
        """A step is over that Python sees."""
        found = self._phases.step()
        if found != (0.0, 0.0, 0.0):
            self._parts.append((now, *found))

    def waited(self, found):
        """Batches were waited for within graphs: (instant, seconds) of each."""
        self._parts += [(at, seconds, 0.0, 0.0) for at, seconds in found]
        self._waited += sum(seconds for _, seconds in found)
        if self._compiled > 0:
            self.waiting = min(1.0, self._waited / self._compiled)
        self._compiled = self._waited = 0.0
        self.called = 0

    def times(self, ends):
        """Columns of wait, backward and optimizer in microseconds, a row for each step's end, in order."""
        columns = [[0.0] * len(ends) for _ in range(3)]
        self._parts.sort()
        row, left = 0, []
        for part in self._parts:
            while row < len(ends) and ends[row] < part[0]:
                row += 1
            if row == len(ends):
                left.append(part)
                continue
            for column, seconds in zip(columns, part[1:]):
                column[row] += seconds
        self._parts = left
        return [[round(1e6 * one) for one in column] for column in columns]
