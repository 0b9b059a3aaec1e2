"""Looks at what one thread is doing, many times a second, from a thread of its own.

That one is of `_thread`, unknown to `threading`: the script does not see it among its own. While it waits it
runs no Python, so neither `sys._current_frames()` nor a traceback of all threads shows a line of it.
"""

import _thread
import gc
import itertools
import os
import sys
import time

from .moments import moment
from .stacks import Stacks, rows_of

_SLOWEST = 0.5
"""Seconds between two looks, at most."""
_BEFORE = 0.1
"""Seconds between two looks before that."""
_SHARE = 0.003
"""Of the time, that looking may take."""
_FREE = 0.06
"""Seconds that it may take beyond: the first looks see new stacks, which take longer."""
_SLOWER = 30.0
"""Seconds of training after which looks become rarer: so that their number stays below some thousands."""
_LINE = 1.0
"""Seconds between two lines."""
_LONGEST = 1.0
"""Seconds that one look may stand for: of a process that was stopped, no more is known."""
_INTERVAL = 1e-5
"""Seconds after which the interpreter is asked for, when a look is to be made."""
_AHEAD = 0.003
"""Seconds before a look in which that is so."""


class Looks:
    """Looks from `start` on. What is done with them, and when, is said in `look` and `write`."""

    first = 0.02
    """Seconds between two looks in the beginning."""

    def __init__(self, recorder, failed):
        """failed: called with an exception of ours; there are no more looks then."""
        self.recorder = recorder
        self._failed = failed
        self.stacks = Stacks()
        self._seen = []
        self._pid = os.getpid()
        """A copy of the process has no such thread."""
        self._stop = None
        self._gone = None
        self._began = None
        self._last = self._written = 0.0
        self._usual = None
        """The interpreter's interval, while it is another one for the next look."""
        self._fair = type(self)._timed is Looks._timed
        self.broken = False
        self.seconds = 0.0
        """CPU time that looking took."""

    def look(self, passed):
        """See what is running; by `saw`. passed: seconds since the last look."""
        raise NotImplementedError

    def write(self):
        """Write what was seen; by `written`. Also called at the end, by another thread."""
        raise NotImplementedError

    def start(self):
        """Begin."""
        os.register_at_fork(after_in_child=self._asks_as_usual)
        if sys.version_info >= (3, 12):  # it warns of forks where there are threads
            os.register_at_fork(before=self.stop, after_in_parent=self.forked)
        self.go_on()

    def forked(self):
        """The script forked, for which the thread ended. It is made anew by `go_on` a little later.

        Python counts threads only after this.
        """

    def go_on(self):
        """Begin, or go on after a fork. Must not raise: it may be the script that is running."""
        if self._stop is not None or self.broken or not self.recorder.on or self._pid != os.getpid():
            return
        self._stop, self._gone = stop, gone = _thread.allocate_lock(), [None]
        stop.acquire()
        intervals = [0.0]
        if self._began is None:
            self._began = self._last = self._written = time.perf_counter()
        waits = map(stop.acquire, itertools.repeat(True), iter(intervals.pop, None))
        looks = map(self._each, waits, itertools.repeat(intervals), itertools.repeat(gone))
        try:
            _thread.start_new_thread(any, (looks,))
        except RuntimeError as error:  # no more threads can be made
            self.broken = True
            self._stop = None
            self._failed(error)

    def stop(self):
        """Let the thread end, and wait until it has."""
        stop, gone, self._stop = self._stop, self._gone, None
        if stop is None or self._pid != os.getpid():
            return
        stop.release()
        until = time.monotonic() + 0.2
        while time.monotonic() < until and (
            gone[0] is None or os.path.exists("/proc/self/task/{}".format(gone[0]))
        ):
            time.sleep(0.0002)
        self._asks_as_usual()

    def finish(self):
        """It is over: write the rest."""
        self.stop()
        if self.recorder.on and not self.broken and self._pid == os.getpid():
            self.write()

    def _each(self, stopped, intervals, gone):
        """One look, in our thread. Whether it was the last."""
        if gone[0] is None:
            gone[0] = _thread.get_native_id()
        if stopped or not self.recorder.on:
            return True
        try:
            if self._fair and self._usual is None and self._last > self._began:
                self._ask_soon()
                intervals.append(_AHEAD * _about_one())
                return False
            self._asks_as_usual()
            interval = self._timed()
            if self._fair and len(sys._current_frames()) <= 2:  # nobody else whom it would make wait
                self._ask_soon()
            intervals.append(interval * _about_one())
        except Exception as error:
            self.broken = True
            self._failed(error)
            return True
        return False

    def _ask_soon(self):
        """For the next look the interpreter is asked for at once.

        A thread that wants it asks only after 5 ms; until then another one that runs Python has mostly left
        it by itself, in some operation of its framework: looks would show those and nothing of the Python
        between.
        """
        usual = sys.getswitchinterval()
        self._usual = usual if usual > _INTERVAL else 0.0
        if self._usual:
            sys.setswitchinterval(_INTERVAL)

    def _asks_as_usual(self):
        usual, self._usual = self._usual, None
        if usual and abs(sys.getswitchinterval() - _INTERVAL) < 1e-6:  # else the script has set its own
            sys.setswitchinterval(usual)

    def usual(self, passed):
        """Seconds between two looks, so many after the first."""
        return self.first * max(1.0, min(8.0, passed / _SLOWER))

    def _timed(self):
        """Look, and say in how many seconds to do so again."""
        cpu, now = time.thread_time(), time.perf_counter()
        if now - self._last > self.first / 2:
            self._safely(min(now - self._last, _LONGEST))
            self._last = now
        if now - self._written > _LINE:
            self.write()
            self._written = now
        self.seconds += time.thread_time() - cpu
        behind = self.seconds - _FREE - _SHARE * (now - self._began)
        return max(self.usual(now - self._began), min(_SLOWEST, behind / _SHARE))

    def _safely(self, passed):
        """Look without a collection of garbage meanwhile.

        Until Python 3.12 making the object of a frame may collect garbage, which may run Python and so let
        the other thread go on: the frame may end, and its object would be that of a frame that is no more.
        """
        collects = sys.version_info < (3, 12) and gc.isenabled()
        if collects:
            gc.disable()
        try:
            self.look(passed)
        finally:
            if collects:
                gc.enable()

    def saw(self, step, phase, number, seconds):
        """Remember a look."""
        self._seen.append((step, phase, number, round(seconds, 5)))

    def written(self):
        """Write the looks since the last time."""
        seen, self._seen = self._seen, []
        new, self.stacks.new = self.stacks.new, []
        if seen or new:
            self.recorder("stacks", new=new, seen=seen)


def _about_one():
    """0.75 to 1.25: looks that come in step with the script see the same of it again and again."""
    return 0.75 + time.perf_counter_ns() // 100 % 1024 / 2048


class Sampler(Looks):
    """Looks at the thread that trains, and once a second at the process."""

    def __init__(self, recorder, phases, step, failed):
        """step: tells how many steps are done."""
        super().__init__(recorder, failed)
        self._phases = phases
        self._step = step
        self.more = []
        """Functions that give further fields of a moment, as a dict."""
        self.also = []
        """Functions that are called with each line."""

    def forked(self):
        """See `Looks.forked`."""
        if not self.broken:
            self._phases.resume = self.go_on

    def usual(self, passed):
        """See `Looks.usual`. Looks are rarer before the training begins."""
        return _BEFORE if self._phases.training_from is None else super().usual(passed)

    def look(self, passed):
        """The stack of that thread."""
        phases = self._phases
        phase, rows = phases.now, rows_of(phases.thread)
        if not rows:
            phases.gone = True
            return
        step, number = self._step(), self.stacks.number_of(rows)
        if phase == "optimizer" and not self.stacks.updates(number, phases.closure):
            phase = "other"
        self.saw(step, phase, number, passed)

    def write(self):
        """A line of looks and one of the moment."""
        self.written()
        found = moment(self._phases.native, self._step())
        for more in self.more:
            found.update(more())
        self.recorder("moment", **found)
        for also in self.also:
            also()
