"""allreduce: sums over the processes of a launch. What the links between them give.

The rate is the bus bandwidth of nccl-tests: bytes / seconds * 2 (n - 1) / n, what each link had to carry, so
that it can be set beside the links' own figure whatever n is (https://github.com/NVIDIA/nccl-tests,
doc/PERFORMANCE.md).
"""

import statistics
import time

import torch
from torch import distributed

from ..bench import Unsupported

SIZES = {
    "cpu": {"quick": (1 << 20, 16 << 20), "default": (1 << 16, 1 << 20, 16 << 20, 64 << 20)},
    "accelerator": {"quick": (16 << 20, 256 << 20), "default": (1 << 20, 16 << 20, 256 << 20, 1 << 30)},
}
"""Bytes; "full" has those of "default"."""
SECONDS = {"quick": 0.3, "default": 1.0, "full": 3.0}
_MOST = 50


def bus_factor(world):
    """Bytes that cross each link for one byte of the result."""
    return 2.0 * (world - 1) / world


def sizes(device, scale):
    """Bytes of the tensors to try."""
    table = SIZES["cpu" if device.type == "cpu" else "accelerator"]
    return table.get(scale, table["default"])


class Reduction:
    """All-reduces of one size: zeros, which stay what they are however often they are summed."""

    def __init__(self, backend, size):
        self._backend = backend
        self._tensor = torch.zeros(size // 4, device=backend.device)

    def __call__(self):
        distributed.all_reduce(self._tensor)

    def times(self, count):
        """Seconds of each, beginning when all processes are there."""
        found = []
        for _ in range(count):
            self._backend.sync()
            distributed.barrier()
            start = time.perf_counter()
            self()
            self._backend.sync()
            found.append(time.perf_counter() - start)
        return found


def best_size(backend, seconds):
    """(bytes, seconds of single reductions) of the size with the highest rate: that of rank 0, for all."""
    tried = sizes(backend.device, backend.job["scale"])
    found = []
    for size in tried:
        reduction = Reduction(backend, size)
        one = min(reduction.times(3))
        # Every process must make the same number of them.
        count = backend.agree(max(5, min(_MOST, int(seconds / len(tried) / one))))
        found.append((size, reduction.times(count)))
    best = max(range(len(found)), key=lambda place: found[place][0] / statistics.median(found[place][1]))
    return found[backend.agree(best)]


def limit(backend, what):
    """Fields of a "limit" line: bus bandwidth of the best size in B/s; None in a single process."""
    world = backend.world.size
    if world < 2:
        return None
    size, times = best_size(backend, SECONDS[backend.job["scale"]])
    return {
        "what": what,
        "unit": "B/s",
        "precision": None,
        "shape": "{} MiB over {} processes, bus bandwidth".format(size / (1 << 20), world),
        "samples": [bus_factor(world) * size / one for one in times],
    }


class Work:
    """All-reduces of the best size, one a step; an item is a byte that crosses the link of one process."""

    def __init__(self, backend, batch, scale):
        world = backend.world.size
        if world < 2:
            raise Unsupported("an all-reduce takes several processes: --nproc 2")
        size, _ = best_size(backend, SECONDS["quick"])
        self.step = Reduction(backend, size)
        self.sync = backend.sync
        self.facts = {
            "batch_size": 1,
            "items": int(bus_factor(world) * size),
            "unit": "B",
            "flops": None,
            "parameters": None,
            "options": backend.options(batch_size=None, compile=None, precision="fp32"),
            "notes": ["{} MiB of fp32 over {} processes, bus bandwidth".format(size / (1 << 20), world)],
        }
