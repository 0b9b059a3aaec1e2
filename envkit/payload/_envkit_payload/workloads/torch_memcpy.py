"""memcpy: copies. What memory and the links to a device give.

`memory-bandwidth` is that of the device: the better of a copy and of a = b + s*c (STREAM's triad), between
buffers that no cache holds. Bytes that are read and bytes that are written both count, those that a cache
fetches only to overwrite them do not, as in STREAM. Of a copy between host and device, bytes count once.
"""

import statistics

import torch

from .memory import SECONDS, host_buffer
from .torch_repeat import Repeat


def limit(backend, what):
    """A ceiling as the fields of `Limit`, in B/s; None where it is of another kind of device."""
    seconds = SECONDS[backend.job["scale"]]
    if what == "memory-bandwidth":
        return dict(memory_bandwidth(backend.device, seconds), what=what)
    if backend.device.type != "cuda":
        return None
    return dict(copies(backend.device, what, seconds), what=what)


def memory_bandwidth(device, seconds):
    """The better of copy and triad."""
    size = buffer_size(device)
    count = size // 4
    one, two, three = (torch.full((count,), 0.25, device=device) for _ in range(3))
    repeat = Repeat(device)
    ways = (
        ("copy", 2, lambda: one.copy_(two)),
        ("triad", 3, lambda: torch.add(two, three, alpha=0.5, out=one)),
    )
    found = []
    for name, buffers, call in ways:
        times = repeat.within(call, seconds / 2, most=50)
        rates = [4.0 * buffers * count / time for time in times]
        found.append((statistics.median(rates), name, rates))
    _, name, rates = max(found)
    shape = "{} of {} MiB, bytes read and written".format(name, 4 * count >> 20)
    return {"unit": "B/s", "precision": None, "shape": shape, "samples": rates}


def copies(device, what, seconds):
    """`h2d`, `d2h`, the same with `-pageable`, `d2d`."""
    size = min(256 << 20, buffer_size(device))
    there = torch.empty(size, dtype=torch.uint8, device=device)
    if what == "d2d":
        here, factor, shape = torch.empty_like(there), 2.0, "within the device, bytes read and written"
    else:
        pinned = not what.endswith("-pageable")
        here, factor = torch.empty(size, dtype=torch.uint8, pin_memory=pinned), 1.0
        shape = "pinned memory" if pinned else "pageable memory"
    here.fill_(1)  # pages that were never written are all the same zero page
    there.fill_(2)
    to_device = what.startswith("h2d")
    target, source = (there, here) if to_device else (here, there)
    times = Repeat(device).within(lambda: target.copy_(source, non_blocking=True), seconds, most=50)
    return {
        "unit": "B/s",
        "precision": None,
        "shape": "{} MiB, {}".format(size >> 20, shape),
        "samples": [factor * size / time for time in times],
    }


def buffer_size(device):
    """Bytes of one buffer: no cache holds it, and three of them leave most of the memory free."""
    if device.type == "cpu":
        return host_buffer()
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 2 << 30
    return max(16 << 20, min(1 << 30, free // 8))


class Work:
    """Copies within the memory of the device, one a step; bytes read and written."""

    def __init__(self, backend, batch, scale):
        size = buffer_size(backend.device)
        source = torch.ones(size, dtype=torch.uint8, device=backend.device)
        target = torch.empty_like(source).fill_(2)
        self.step = lambda: target.copy_(source)
        self.sync = backend.sync
        self.facts = {
            "batch_size": 1,
            "items": 2 * size,
            "unit": "B",
            "flops": None,
            "parameters": None,
            "options": backend.options(batch_size=None, compile=None, precision="fp32"),
            "notes": ["copies of {} MiB within the device, bytes read and written".format(size >> 20)],
        }
