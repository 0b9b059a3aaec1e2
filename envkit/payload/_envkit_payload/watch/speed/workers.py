"""What a data worker does: seconds for samples and batches, and on which lines.

A worker is a process of its own, forked or started anew. It writes a file of its own, early and about once a
second, since workers are often killed.
"""

import os
import sys
import threading
import time

from .. import weave
from ..record import Recorder
from .sampler import Looks
from .stacks import rows_of

_ALWAYS = 4
"""Epochs whose workers all report; later ones do in those epochs only that are a power of two."""
_MEASURED = 64
"""Batches from one that is measured in bytes to the next."""
_EARLY = 0.25
"""Seconds until the first line."""
_FEEDER = "QueueFeederThread"
"""Python's name of the thread that hands over what is put into a queue between processes."""


class Workers:
    """In the process that trains, and in each of its workers after a fork."""

    def __init__(self, torch, loaders, recorder):
        self._torch = torch
        self._loaders = loaders
        self._recorder = recorder
        self.quiet = []
        """Functions that end what was begun in this process, when it turns out to be a worker."""
        self.here = None
        """In a worker: its report."""

    def install(self):
        """Be told where a worker begins, and of each of its batches."""
        utils = self._torch.utils.data._utils
        weave.around(
            utils.worker, "_worker_loop", before=self._quietly(self._begin), last=self._quietly(self._end)
        )
        for kind in (utils.fetch._MapDatasetFetcher, utils.fetch._IterableDatasetFetcher):
            weave.around(kind, "fetch", before=self._fetches, returning=self._collates, after=self._fetched)

    def _quietly(self, function):
        def call(*given):
            try:
                function()
            except Exception as error:
                self._failed(error)

        return call

    def _failed(self, error):
        here, self.here = self.here, None
        if here is not None:
            here.recorder("blind", what="data worker: {}: {}".format(type(error).__name__, str(error)[:200]))

    def _begin(self):
        """This process is a worker."""
        entry = self._loaders.begun
        if entry is not None and entry.epochs > _ALWAYS and entry.epochs & (entry.epochs - 1):
            return
        self._recorder.on = False  # where it was started anew it would be watched as a script is
        self._recorder.endings.clear()
        for quiet in self.quiet:
            quiet()
        parent = sys.modules["multiprocessing"].parent_process()
        recorder = Recorder(self._recorder.folder)
        recorder("worker-of", of=os.getppid() if parent is None else parent.pid)
        here = Report(self._torch, recorder, -1 if entry is None else entry.number, self._failed)
        self.here = here
        here.start()

    def _end(self):
        here, self.here = self.here, None
        if here is not None:
            here.finish()
            here.recorder.close()

    def _fetches(self, fetcher, indices):
        here = self.here
        if here is not None:
            here.fetches()

    def _collates(self, fetcher, indices):
        here = self.here
        if here is not None:
            here.collating = time.perf_counter()

    def _fetched(self, data, fetcher, indices):
        here = self.here
        if here is not None:
            try:
                here.made(data, indices)
            except Exception as error:
                self._failed(error)


class Report(Looks):
    """One worker's."""

    first = 0.04

    def __init__(self, torch, recorder, loader, failed):
        super().__init__(recorder, failed)
        self._torch = torch
        self._loader = loader
        self._number = -1
        self._thread = threading.get_ident()
        self._since = self._cpu = None
        self.collating = None
        self.batches = self.samples = 0
        self.fetched = self.collated = self.cpu = 0.0
        self.started = self.bytes = None
        self._told = None
        self._stopped = False

    def forked(self):
        """See `Looks.forked`."""
        self._stopped = True

    def fetches(self):
        """A batch is to be made."""
        if self._stopped:
            self._stopped = False
            self.go_on()
        if self.started is None:
            self.started = _age()
            about = self._torch.utils.data.get_worker_info()
            self._number = -1 if about is None else about.id
        self.collating = None
        self._cpu, self._since = time.process_time(), time.perf_counter()

    def made(self, data, indices):
        """It is made."""
        now, since = time.perf_counter(), self._since
        if since is None:
            return
        self._since = None
        self.fetched += now - since
        self.cpu += time.process_time() - self._cpu
        if self.collating is not None:
            self.collated += now - self.collating
        if not self.batches % _MEASURED:
            self.bytes = _bytes(data, 4)
        self.batches += 1
        self.samples += len(indices) if isinstance(indices, (list, tuple)) else 1

    def look(self, passed):
        """The stack of the thread that makes batches, while it does."""
        if self._since is not None:
            self.saw(self.batches, "wait", self.stacks.number_of(rows_of(self._thread)), passed)
        if self._told is None and self.fetched > _EARLY:
            self.write()

    def write(self):
        """A line of looks, and one of all counters so far."""
        self.written()
        told = self.batches, self._since
        if told == self._told:
            return
        self._told = told
        self.recorder(
            "worker",
            loader=self._loader,
            number=self._number,
            pid=os.getpid(),
            batches=self.batches,
            samples=self.samples,
            fetched=round(self.fetched, 6),
            collated=round(self.collated, 6),
            cpu=round(self.cpu, 6),
            sent=_feeding(),
            started=self.started,
            threads=self._torch.get_num_threads(),
            tasks=_tasks(),
            bytes=self.bytes,
            looking=round(self.seconds, 6),
        )


def _bytes(data, depth):
    """Of the tensors and arrays in a batch."""
    if hasattr(data, "element_size") and hasattr(data, "numel"):
        return data.numel() * data.element_size()
    if hasattr(data, "__array_interface__") and hasattr(data, "nbytes"):
        return int(data.nbytes)
    if not depth:
        return 0
    if isinstance(data, dict):
        data = list(data.values())
    return sum(_bytes(one, depth - 1) for one in data) if isinstance(data, (list, tuple)) else 0


def _feeding():
    """CPU seconds of the thread that hands batches over; waiting for a reader is none."""
    seconds = 0.0
    for thread in list(threading._active.values()):
        if thread.name == _FEEDER and thread.native_id is not None:
            try:
                with open("/proc/self/task/{}/schedstat".format(thread.native_id), "rb") as file:
                    seconds += int(file.read().split()[0]) / 1e9
            except (OSError, ValueError, IndexError):
                pass
    return round(seconds, 6)


def _tasks():
    """Threads of this process."""
    try:
        return len(os.listdir("/proc/self/task")) - 1  # ours
    except OSError:
        return None


def _age():
    """Seconds since this process began, or None."""
    try:
        with open("/proc/self/stat", "rb") as file:
            began = int(file.read().rpartition(b")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return round(max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - began), 3)
    except (OSError, ValueError, IndexError, AttributeError):
        return None
