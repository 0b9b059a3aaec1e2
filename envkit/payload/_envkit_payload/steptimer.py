"""Times of single steps, on the host and on the device."""

import time


class StepTimer:
    """Time from the end of one step to the end of the next.

    event: makes an event of the device (`record`, `synchronize`, `elapsed_time` in ms), None for a CPU. An
    event is read one step late: the device always has the next step to work on, and the host is never more
    than one step ahead, so that its times are those of the steps and not of their launch.
    host, device: seconds; device is None without events.
    """

    def __init__(self, event=None):
        self.host = []
        self.device = None if event is None else []
        self._events = None if event is None else [event() for _ in range(3)]
        self._number = 0
        self._start = self._last = None

    @property
    def running(self):
        return self._start is not None

    def start(self):
        """Begin a stretch; the device must be idle."""
        if self._events is not None:
            self._number = 0
            self._events[0].record()
        self._start = self._last = time.perf_counter()

    def lap(self):
        """A step ended. Seconds that it took."""
        if self._events is not None:
            self._late()
        now = time.perf_counter()
        took = now - self._last
        self._last = now
        self.host.append(took)
        return took

    def _late(self):
        self._number += 1
        number = self._number
        self._events[number % 3].record()
        if number > 1:
            self._read(number - 1)

    def _read(self, number):
        end = self._events[number % 3]
        end.synchronize()
        self.device.append(self._events[(number - 1) % 3].elapsed_time(end) / 1000)

    def stop(self):
        """End the stretch; the device must have ended its work. Seconds of the whole stretch."""
        seconds = time.perf_counter() - self._start
        if self._events is not None and self._number:
            self._read(self._number)
        self._start = None
        return seconds

    def take(self):
        """(host, device) of the steps since the last call, and forget them."""
        host, self.host = self.host, []
        device = self.device
        if device is not None:
            self.device = []
        return host, device
