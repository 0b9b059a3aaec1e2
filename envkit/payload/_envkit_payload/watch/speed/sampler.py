"""Looks at what the thread that trains is doing, many times a second, from a thread of its own.

The thread is one of `_thread`, unknown to `threading`: the script does not see it among its own.
"""

import _thread
import os
import sys
import time

from .moments import moment
from .stacks import Stacks

_FIRST, _SLOWEST = 0.02, 0.5
"""Seconds between two looks, at first and at most."""
_SHARE = 0.003
"""Of the time, that looking may take."""
_FREE = 0.05
"""Seconds that it may take beyond: the first looks see new stacks, which take longer."""
_SLOWER = 30.0
"""Seconds of training after which looks become rarer: so that their number stays below some thousands."""
_LINE = 1.0
"""Seconds between two lines."""
_LONGEST = 1.0
"""Seconds that one look may stand for: of a process that was stopped, no more is known."""


class Sampler:
    """Looks from `start` on."""

    def __init__(self, recorder, phases, step):
        """step: tells how many steps are done."""
        self._recorder = recorder
        self._phases = phases
        self._step = step
        self._stacks = Stacks()
        self._seen = []
        self._native = None
        self._pid = os.getpid()
        """A copy of the process has no such thread."""
        self._stop = None
        self._gone = None
        self.more = []
        """Functions that give further fields of a moment, as a dict."""
        self.seconds = 0.0
        """CPU time that looking took."""

    def start(self):
        """Begin, in the thread that trains."""
        self._native = getattr(_thread, "get_native_id", os.getpid)()
        if sys.version_info >= (3, 12):  # it warns of forks where there are threads
            os.register_at_fork(before=self.stop, after_in_parent=self._again)
        self._again()

    def _again(self):
        if self._stop is None and self._recorder.on and self._pid == os.getpid():
            self._stop, self._gone = _thread.allocate_lock(), [None]
            self._stop.acquire()
            _thread.start_new_thread(self._run, (self._stop, self._gone))

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

    def finish(self):
        """The script is over: write the rest."""
        self.stop()
        if self._recorder.on and self._pid == os.getpid():
            self._write()

    def _run(self, stop, gone):
        native = getattr(_thread, "get_native_id", int)()
        try:
            self._looks(stop)
        except Exception as error:
            self._recorder.fault("sampler", error)
        gone[0] = native

    def _looks(self, stop):
        began = last = written = time.perf_counter()
        interval = _FIRST
        while True:
            if stop.acquire(True, interval) or not self._recorder.on:
                return
            cpu, now = time.thread_time(), time.perf_counter()
            self._look(now - last)
            last = now
            if now - written > _LINE:
                self._write()
                written = now
            took = time.thread_time() - cpu
            self.seconds += took
            behind = self.seconds - _FREE - _SHARE * (now - began)
            usual = _FIRST * max(1.0, min(8.0, (now - began) / _SLOWER))
            interval = max(usual, min(_SLOWEST, behind / _SHARE))

    def _look(self, passed):
        frame = sys._current_frames().get(self._phases.thread)
        if frame is not None:
            row = self._step(), self._phases.now, self._stacks.number(frame), round(min(passed, _LONGEST), 5)
            self._seen.append(row)

    def _write(self):
        seen, self._seen = self._seen, []
        new, self._stacks.new = self._stacks.new, []
        if seen:
            self._recorder("stacks", new=new, seen=seen)
        found = moment(self._native, self._step())
        for more in self.more:
            found.update(more())
        self._recorder("moment", **found)
