"""The parts of measuring a workload: its first step, warm-up, the measured stretch.

Each part has `before()`, called once before its first step, and `after()`, called after each step, which is
true when the part is over: so a framework's own loop can run them, too.

Several processes wait for each other in every step, so each must take as many steps as the others: where a
part goes by time, `agree` makes it go by that of rank 0. An interrupt asks nobody; who ends breaks the
collectives of the others, which were interrupted as well.
"""

import statistics
import time

from . import steady

PIECE = 0.5
"""Seconds after which measured steps are told."""


def run(work, part):
    """Run steps until the part is over."""
    loop = getattr(work, "run", None)
    if loop is not None:
        loop(part.before, part.after)
        return
    part.before()
    step, after = work.step, part.after
    while True:
        step()
        if after():
            return


class First:
    """The first step alone, the device idle before and after."""

    def __init__(self, work, timer):
        self._work, self._timer = work, timer
        self.seconds = 0.0

    def before(self):
        """The device is waited for."""
        self._work.sync()
        self._timer.start()

    def after(self):
        """It is over after one step."""
        self._timer.lap()
        self._work.sync()
        self.seconds = self._timer.stop()
        self._timer.take()
        return True


class WarmUp:
    """Steps until they are steady, or until `seconds` are over. step: seconds of one step at the end."""

    def __init__(self, work, timer, seconds, interrupted, agree=None):
        self._work, self._timer, self._interrupted = work, timer, interrupted
        self._agree, self._alone = agree or int, agree is None
        self._most = seconds
        self._next, self._width = 5, None
        self._times = []
        self.steps, self.seconds, self.stable, self.step = 0, 0.0, False, 0.0

    def before(self):
        """The device is waited for."""
        self._work.sync()
        self._timer.start()

    def after(self):
        """A step ended; at the end of a window it is asked whether that was enough."""
        took = self._timer.lap()
        self._times.append(took)
        self.seconds += took
        self.steps += 1
        if self._interrupted.asked:
            return True
        if self.steps < self._next and not (self._alone and self.seconds >= self._most):
            return False
        return self._window()

    def _window(self):
        if self._width is None:
            self._width = self._agree(steady.window(self._times))
        self.stable = steady.steady(self._times, self._width)
        if not self._agree(self.stable or self.seconds >= self._most):
            self._next = self.steps + self._width
            return False
        self._work.sync()
        self._timer.stop()
        self._timer.take()
        self.step = statistics.median(self._times[-self._width :])
        return True


class Stretch:
    """The measured steps, in pieces of about half a second.

    The device is idle at both ends of a piece; telling a piece happens between pieces and is not measured.
    step: seconds of one, as warm-up found it. emit: None tells nothing. total: a number of steps in place of
    `seconds`.
    """

    def __init__(self, emit, name, work, timer, step, seconds, interrupted, agree=None):
        self._emit, self._name, self._work, self._timer = emit, name, work, timer
        self._step, self._most, self._interrupted = step, seconds, interrupted
        self._agree, self.total = agree or int, None
        # Steps that take much longer than before must not make a piece of minutes.
        self._longest = 2 * PIECE if agree is None else float("inf")
        self._steps, self._seconds, self._began, self._ended = 0, 0.0, None, None
        self._left, self._piece = 0, 0.0

    def before(self):
        """The device is waited for."""
        self._work.sync()
        self._began = time.monotonic()
        self._next()

    def _next(self):
        rest = self._most - self._seconds
        if self.total is not None:
            rest = (self.total - self._steps) * self._step
        self._left = max(1, self._agree(round(min(PIECE, rest) / self._step)))
        self._piece = 0.0
        self._timer.start()

    def after(self):
        """A step ended; at the end of a piece it is told."""
        self._piece += self._timer.lap()
        self._steps += 1
        self._left -= 1
        if self._left and self._piece < self._longest and not self._interrupted.asked:
            return False
        self._work.sync()
        self._close()
        if self._interrupted.asked or self._agree(self._over()):
            return True
        self._next()
        return False

    def _over(self):
        if self.total is not None:
            return self._steps >= self.total
        return self._seconds >= self._most - self._step / 2

    def _close(self):
        seconds = self._timer.stop()
        host, device = self._timer.take()
        self._seconds += seconds
        self._step = seconds / len(host)
        self._ended = time.monotonic()
        if self._emit is not None:
            self._emit("steps", workload=self._name, host=_short(host), device=_short(device))

    def end(self):
        """Fields of the "measured" line, None without steps; tells the steps of a piece that was cut off."""
        # What a device has not ended is not waited for: it may hang.
        if self._timer.running and self._timer.host and self._timer.device is None:
            self._close()
        if not self._seconds:
            return None
        return {
            "steps": self._steps,
            "seconds": self._seconds,
            "began": self._began,
            "ended": self._ended,
        }


def _short(times):
    """Nanoseconds are enough: half the length of a line."""
    return None if times is None else [round(one, 9) for one in times]
