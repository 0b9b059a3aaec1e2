"""What a copy of the process costs after it was made: each shared page is copied at the first write to it."""

import mmap
import time

try:
    import resource
except ImportError:  # there is no fork, either
    resource = None

_STEPS = 4
"""Steps after which a training loop has written to what it writes to."""
_COPY = 1.5
"""A copied page beside one that is only new."""


class Faults:
    """Counts page faults of the steps after a copy beside those of later steps, and gives them a price."""

    def __init__(self):
        self._price = None
        self._at = None
        self._early = None
        self._steps = self._until = 0

    def made(self):
        """A copy was made just now."""
        if resource is not None:
            self._at, self._early, self._steps = _count(), None, 0

    def forget(self):
        """Do not count what follows."""
        self._at = None

    def steps(self, count):
        """So many steps were done."""
        self._steps += count
        if self._early is None and self._steps >= _STEPS and self._at is not None:
            self._early, self._until = _count(), self._steps

    def cost(self):
        """Seconds that the faults after the last copy took, as far as they can be told from a step's own."""
        if self._at is None:
            return 0.0
        if self._early is None:
            extra = _count() - self._at
        else:
            after = self._steps - self._until
            later = (_count() - self._early) / after if after else 0.0
            extra = self._early - self._at - later * self._until
        self._at = None
        if self._price is None:
            self._price = price()
        return max(0.0, extra * self._price * _COPY)


def price(pages=128):
    """Seconds of one page fault on this machine, measured on pages that nobody else has."""
    size = mmap.PAGESIZE
    with mmap.mmap(-1, pages * size) as space:
        took = []
        for _ in range(2):  # the second time nothing faults: what the loop itself takes
            start = time.perf_counter()
            for place in range(0, pages * size, size):
                space[place] = 1
            took.append(time.perf_counter() - start)
    return max(0.0, took[0] - took[1]) / pages


def _count():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
