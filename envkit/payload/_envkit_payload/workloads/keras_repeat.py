"""Times of a call that is repeated: what the ceilings of a machine are measured with in TensorFlow.

A device works behind the host, and TensorFlow has no events to time it with. So calls are given to it in
groups that take much longer than giving them, and a group is timed with the device idle before and after.
"""

import time

GROUP = 0.02
"""Seconds that a group takes at least; on a CPU each call is timed alone."""


class Repeat:
    """Repeats a call on the device of a backend."""

    def __init__(self, backend):
        self.sync = backend.sync
        self._grouped = backend.device.accelerator

    def times(self, call, count, group=1):
        """Seconds of one call, of each of `count` groups, in their order."""
        found = []
        self.sync()
        for _ in range(count):
            start = time.perf_counter()
            for _ in range(group):
                call()
            self.sync()
            found.append((time.perf_counter() - start) / group)
        return found

    def group(self, call):
        """How many calls make a group. They count as warm-up: the first call is traced."""
        self.times(call, 1)
        size = 1
        while self._grouped and size < 1 << 16:
            if self.times(call, 1, size)[0] * size >= GROUP:
                break
            size *= 2
        return size

    def within(self, call, seconds, least=5, most=100):
        """Seconds of one call, of as many groups as fit into `seconds`."""
        group = self.group(call)
        one = min(self.times(call, 2, group)) * group
        return self.times(call, max(least, min(most, int(seconds / one))), group)
