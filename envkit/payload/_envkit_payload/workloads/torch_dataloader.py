"""dataloader: images from disk through DataLoader workers. The input pipeline alone."""

import os
import random
import signal

import torch
from torch.utils import data

from . import images

BATCH = {"quick": 16, "default": 64, "full": 128}
PREFETCH = 2
"""Batches that each worker makes ahead: DataLoader's own."""
SHARED = "/dev/shm"
"""Through which batches come from the workers."""
PATIENCE = 120.0
"""Seconds until a batch that does not come is an error."""
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def decoded(path):
    """A file as a training sample: a random crop, perhaps mirrored, float, normalised."""
    pixels = torch.frombuffer(bytearray(images.read(path)), dtype=torch.uint8)
    rest = images.SIDE - images.CROP
    top, left = random.randint(0, rest), random.randint(0, rest)
    whole = pixels.view(images.SIDE, images.SIDE, 3)
    part = whole[top : top + images.CROP, left : left + images.CROP]
    if random.random() < 0.5:
        part = part.flip(1)
    return (part.permute(2, 0, 1).float() / 255 - MEAN) / DEVIATION


class Pictures(data.Dataset):
    def __init__(self, paths):
        self._paths = paths

    def __len__(self):
        return len(self._paths)

    def __getitem__(self, index):
        return decoded(self._paths[index]), images.label(index)


class Endless(data.Sampler):
    """Shuffled epochs without an end, so that no worker is started again."""

    def __init__(self, count, seed):
        self._count, self._seed = count, seed

    def __iter__(self):
        chance = random.Random(self._seed)
        order = list(range(self._count))
        while True:
            chance.shuffle(order)
            yield from order


def fitting(batch, workers):
    """(batch size, notes): halved until what the workers make ahead fits into shared memory."""
    if not workers or not os.path.isdir(SHARED):
        return batch, []
    found = os.statvfs(SHARED)
    free = found.f_bavail * found.f_frsize
    each = 3 * images.CROP * images.CROP * 4
    fits = batch
    while fits > 1 and each * fits * (workers * PREFETCH + 2) > free:
        fits //= 2
    if fits == batch:
        return batch, []
    text = "{} has only {} MiB free (a container: --shm-size): batch {} instead of {}"
    return fits, [text.format(SHARED, free >> 20, fits, batch)]


class Work:
    """One batch a step."""

    def __init__(self, backend, batch, scale):
        job = backend.job
        processes = max(job["processes"], backend.world.local_size)
        workers = images.workers(job["workers"], processes)
        batch, notes = fitting(batch or BATCH[scale], workers)
        self._images = images.Images(job["dir"], images.COUNT[scale], job["seed"] + backend.world.rank)
        try:
            notes += self._told()
            self._batches = iter(self._loader(batch, workers, job["seed"]))
        except BaseException:
            self.close()
            raise
        self.step = self._next
        self.sync = backend.sync
        self.facts = {
            "batch_size": batch,
            "items": batch,
            "unit": "samples",
            "flops": None,
            "parameters": None,
            "options": backend.options(batch_size=batch, workers=workers, compile=None, precision="fp32"),
            "notes": notes,
        }

    def _loader(self, batch, workers, seed):
        paths = self._images.paths
        more = {}
        if workers:
            # Not forkserver, the default from Python 3.14 on: it would not find this package.
            context = "fork" if hasattr(os, "fork") else None
            more = {"timeout": PATIENCE, "prefetch_factor": PREFETCH, "multiprocessing_context": context}
        sampler = Endless(len(paths), seed)
        more.update(batch_size=batch, sampler=sampler, num_workers=workers, worker_init_fn=_start)
        return data.DataLoader(Pictures(paths), **more)

    def _told(self):
        disk = self._images.from_disk()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as in a worker
        raw, packed = images.seconds_each(self._images.paths, decoded)
        torch.set_num_threads(threads)
        each = "one process makes a raw image ready in {:.2f} ms, a compressed one in {:.2f} ms"
        first = "the files were first read at {:.0f} MB/s, later from memory"
        return [each.format(raw * 1e3, packed * 1e3), first.format(disk / 1e6)]

    def _next(self):
        next(self._batches)

    def close(self):
        """End the workers, remove the files."""
        self._batches = None
        self._images.close()


def _start(number):
    """In a worker: Ctrl-C is the main process's business, which ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
