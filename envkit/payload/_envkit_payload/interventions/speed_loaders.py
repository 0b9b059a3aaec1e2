"""Other arguments for the data loaders that a script makes, and other threads in their workers.

Each change is `(torch, applied, value)`; in `applied(name)` it counts how often there was something.
"""

import functools
import inspect


def workers(torch, applied, value):
    """Batches made by so many processes."""
    number = int(value)

    def change(given):
        before = given.get("num_workers") or 0
        if before == number or (before < 2 and number > 1 and _streams(torch, given)):
            return False  # each worker of a stream would give all of it
        given["num_workers"] = number
        if number == 0:
            for name in ("persistent_workers", "prefetch_factor", "multiprocessing_context", "timeout"):
                given.pop(name, None)
        elif before == 0:
            given.setdefault("persistent_workers", True)
        return True

    _change(torch, applied, "workers", change)


def persistent(torch, applied, value):
    """Workers that live for longer than an epoch."""

    def change(given):
        if not given.get("num_workers") or bool(given.get("persistent_workers")) == _is_on(value):
            return False
        given["persistent_workers"] = _is_on(value)
        return True

    _change(torch, applied, "persistent", change)


def pin(torch, applied, value):
    """Batches in page-locked memory."""

    def change(given):
        if not torch.cuda.is_available() or bool(given.get("pin_memory")) == _is_on(value):
            return False
        given["pin_memory"] = _is_on(value)
        return True

    _change(torch, applied, "pin", change)


def prefetch(torch, applied, value):
    """So many batches ahead, each worker."""
    number = int(value)

    def change(given):
        if not given.get("num_workers") or (given.get("prefetch_factor") or 2) == number:
            return False
        given["prefetch_factor"] = number
        return True

    _change(torch, applied, "prefetch", change)


def batch(torch, applied, value):
    """So many samples in a batch, or `x4`: so many times more; loaders with more are left alone."""

    def change(given):
        before = given.get("batch_size", 1)
        if given.get("batch_sampler") is not None or before is None:
            return False
        number = larger(before, value)
        if before >= number:
            return False
        try:
            if len(given["dataset"]) < number:
                return False
        except (TypeError, NotImplementedError, AttributeError):  # a stream
            pass
        given["batch_size"] = number
        if applied.scale == 1.0:
            applied.scaled(number / before)
        return True

    _change(torch, applied, "batch", change)


def patient(torch):
    """No time limit for batches: it would go on while a repetition stands still."""
    _change(torch, None, "patient", lambda given: False if not given.get("timeout") else given.pop("timeout"))


def larger(before, value):
    """The batch size that a change asks for."""
    return round(before * float(value[1:])) if value.startswith("x") else int(value)


def worker_threads(torch, applied, value):
    """So many threads within each worker, of torch and of the libraries below numpy, whatever it asks for."""
    number = int(value or 1)
    module = torch.utils.data._utils.worker
    plain = module._worker_loop

    @functools.wraps(plain)
    def loop(*args, **kwargs):
        hold_threads(torch, number)
        libraries(number)
        return plain(*args, **kwargs)

    module._worker_loop = loop
    kind = torch.utils.data.dataloader._MultiProcessingDataLoaderIter
    begin = kind.__init__

    @functools.wraps(begin)
    def init(self, loader):
        applied("worker-threads")
        begin(self, loader)

    kind.__init__ = init


def hold_threads(torch, number):
    """torch's threads are so many, at most, whatever the script says from now on."""
    plain = torch.set_num_threads
    plain(number)

    @functools.wraps(plain)
    def set_num_threads(asked):
        plain(min(int(asked), number))

    torch.set_num_threads = set_num_threads


_SETTERS = (
    *("openblas_set_num_threads", "openblas_set_num_threads64_", "scipy_openblas_set_num_threads64_"),
    *("scipy_openblas_set_num_threads", "MKL_Set_Num_Threads", "omp_set_num_threads"),
)


def libraries(number):
    """Threads of libraries that are loaded: OpenBLAS, MKL, OpenMP. Returns how many were told."""
    import ctypes

    told = 0
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        paths = {line.split(maxsplit=5)[5].strip() for line in file if ".so" in line and "/" in line}
    for path in sorted(paths):
        if not any(part in path.rpartition("/")[2] for part in ("blas", "mkl_rt", "gomp", "iomp", "omp.")):
            continue
        try:
            library = ctypes.CDLL(path, mode=getattr(ctypes, "RTLD_NOLOAD", 4) | ctypes.RTLD_LOCAL)
        except (OSError, AttributeError):
            continue
        for name in _SETTERS:
            if hasattr(library, name):
                getattr(library, name)(ctypes.c_int(number))
                told += 1
    return told


def _is_on(value):
    return value not in ("0", "False", "false")


def _streams(torch, given):
    return isinstance(given.get("dataset"), torch.utils.data.IterableDataset)


def _change(torch, applied, name, change):
    """Have `change` alter the arguments of each loader, by name; it says whether it did."""
    kind = torch.utils.data.DataLoader
    plain = kind.__init__
    signature = inspect.signature(plain)

    @functools.wraps(plain)
    def init(self, *args, **kwargs):
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError:  # the loader itself will say so
            return plain(self, *args, **kwargs)
        given = dict(bound.arguments)
        given.pop("self")
        if change(given):
            if applied is not None:
                applied(name)
            return plain(self, **given)
        return plain(self, *args, **kwargs)

    kind.__init__ = init
