"""Times of a call that is repeated: what the ceilings of a machine are measured with.

On a device that has events, each repetition lies between two of them, and a buffer larger than the cache can
be overwritten in between, so that none finds its operands there (as mamf-finder does since version 2:
https://github.com/stas00/ml-engineering).
"""

import time

import torch

FLUSH = 256 << 20
"""Bytes overwritten between repetitions: more than the L2 of any GPU."""


class Repeat:
    """Repeats a call on one torch.device."""

    def __init__(self, device):
        self.device = device
        self._module = None if device.type == "cpu" else getattr(torch, device.type)
        self._events = device.type in ("cuda", "xpu")
        self._buffer = None

    def sync(self):
        """Wait until the device has done all that it was given."""
        if self._module is not None:
            self._module.synchronize()

    def times(self, call, count, flush=False):
        """Seconds of each of `count` calls, in their order."""
        self.sync()
        found = self._by_events(call, count, flush) if self._events else self._by_clock(call, count)
        return [one for one in found if one > 0]

    def within(self, call, seconds, least=5, most=100, flush=False):
        """Seconds of each call: as many as fit into `seconds`, at least `least` and at most `most`.

        The number is told by two calls, which count as warm-up.
        """
        one = min(self.times(call, 2, flush))
        return self.times(call, max(least, min(most, int(seconds / one))), flush)

    def _by_clock(self, call, count):
        found = []
        for _ in range(count):
            start = time.perf_counter()
            call()
            self.sync()
            found.append(time.perf_counter() - start)
        return found

    def _by_events(self, call, count, flush):
        if flush and self._buffer is None:
            self._buffer = torch.empty(FLUSH, dtype=torch.int8, device=self.device)
        pairs = [
            (self._module.Event(enable_timing=True), self._module.Event(enable_timing=True))
            for _ in range(count)
        ]
        for start, end in pairs:
            if flush:
                self._buffer.zero_()
            start.record()
            call()
            end.record()
        self.sync()
        return [start.elapsed_time(end) / 1000 for start, end in pairs]
