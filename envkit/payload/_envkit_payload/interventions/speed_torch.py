"""What may be changed in a training run with torch to make it faster: a literal table.

Each is a function `(torch, applied, value)` that takes effect before the script has done anything with torch.
It counts in `applied(name)` how often there was something to change: where that is never, the trial says
nothing. Values are texts; most changes need none.
"""

import functools
import gc
import importlib

from . import speed_dtype, speed_loaders, speed_models

_WARM = 3
"""Steps after which the objects that a script keeps are there."""


def threads(torch, applied, value):
    """So many threads within an operation, whatever the script says; in data workers, at most."""
    number, plain = int(value), torch.set_num_threads
    if torch.get_num_threads() != number:
        applied("threads")
    plain(number)

    @functools.wraps(plain)
    def set_num_threads(asked):
        if torch.utils.data.get_worker_info() is not None or _is_child():
            return plain(min(int(asked), number))
        if asked != number:
            applied("threads")
        return plain(number)

    torch.set_num_threads = set_num_threads


def _is_child():
    """Whether this is a process of multiprocessing."""
    import sys

    module = sys.modules.get("multiprocessing.process")
    return module is not None and module.parent_process() is not None


def anomaly(torch, applied, value):
    """No look at each gradient, however it is asked for."""
    plain = torch.set_anomaly_enabled

    def set_anomaly_enabled(mode, check_nan=True):
        if mode:
            applied("anomaly")
        plain(False, check_nan)

    torch.set_anomaly_enabled = set_anomaly_enabled


def deterministic(torch, applied, value):
    """Operations that may add in any order."""

    def off(owner, name):
        plain = getattr(owner, name)

        def call(mode, *args, **kwargs):
            if mode:
                applied("deterministic")
            return plain(False, *args, **kwargs)

        setattr(owner, name, call)

    for name in ("_set_deterministic_algorithms", "_set_cudnn_deterministic"):
        if hasattr(torch._C, name):
            off(torch._C, name)


def collection(torch, applied, value):
    """Garbage collection that leaves alone what is there after the first steps.

    value: `freeze` (also where there is none), or `collect`: calls of gc.collect() do nothing.
    """
    if value == "collect":

        def collect(generation=2):
            applied("gc")
            return 0

        gc.collect = collect
        return
    done = [0]

    def after(optimizer, args, kwargs):
        done[0] += 1
        if done[0] == _WARM:
            gc.collect()
            gc.freeze()
            first, *rest = gc.get_threshold()
            gc.set_threshold(max(first, 50_000), *(max(one, 20) for one in rest))
            applied("gc")

    importlib.import_module("torch.optim.optimizer").register_optimizer_step_post_hook(after)


def tf32(torch, applied, value):
    """Products of float32 matrices in TensorFloat-32."""
    if not torch.cuda.is_available() or torch.cuda.get_device_capability()[0] < 8:
        return
    torch.set_float32_matmul_precision(value or "high")
    torch.backends.cudnn.allow_tf32 = True
    plain = torch.set_float32_matmul_precision
    torch.set_float32_matmul_precision = lambda asked: plain("high")
    applied("tf32")


def cudnn_benchmark(torch, applied, value):
    """The fastest convolution is looked for."""
    if torch.cuda.is_available() and not torch.backends.cudnn.benchmark:
        torch.backends.cudnn.benchmark = True
        applied("cudnn-benchmark")


def flush_denormal(torch, applied, value):
    """Numbers too small for the usual form count as 0. Threads that are started later inherit that."""
    if torch.set_flush_denormal(True):
        applied("flush-denormal")


def foreach(torch, applied, value):
    """The optimiser updates many weights at once."""
    _defaults(applied, "foreach", value not in ("0", "False"))


def fused(torch, applied, value):
    """The optimiser's update in one kernel."""
    _defaults(applied, "fused", value not in ("0", "False"))


def _defaults(applied, name, value):
    """Another default for all groups of every optimiser that has such an option."""
    kind = importlib.import_module("torch.optim.optimizer").Optimizer
    plain = kind.__init__

    @functools.wraps(plain)
    def init(self, params, defaults):
        before = defaults.get(name, value)
        if name in defaults and before is not value and not (before is None and value is False):
            applied(name)
            defaults[name] = value
            other = "fused" if name == "foreach" else "foreach"
            if value and other in defaults:
                defaults[other] = None if other == "foreach" else False
        plain(self, params, defaults)

    kind.__init__ = init


def set_to_none(torch, applied, value):
    """Gradients are dropped, not filled with zeros."""

    def around(owner):
        plain = owner.zero_grad

        @functools.wraps(plain)
        def zero_grad(self, set_to_none=True):
            if not set_to_none:
                applied("set-to-none")
            return plain(self, set_to_none=True)

        owner.zero_grad = zero_grad

    around(importlib.import_module("torch.optim.optimizer").Optimizer)
    around(torch.nn.Module)


def dynamic(torch, applied, value):
    """One compiled program for all sizes."""
    plain = torch.compile

    @functools.wraps(plain)
    def call(*args, **kwargs):
        if kwargs.get("dynamic") is not True:
            applied("dynamic")
        return plain(*args, **dict(kwargs, dynamic=True))

    torch.compile = call
    if hasattr(torch.nn.Module, "compile"):
        inner = torch.nn.Module.compile

        @functools.wraps(inner)
        def module_compile(self, *args, **kwargs):
            if kwargs.get("dynamic") is not True:
                applied("dynamic")
            return inner(self, *args, **dict(kwargs, dynamic=True))

        torch.nn.Module.compile = module_compile


TORCH = {
    "workers": speed_loaders.workers,
    "persistent": speed_loaders.persistent,
    "pin": speed_loaders.pin,
    "prefetch": speed_loaders.prefetch,
    "batch": speed_loaders.batch,
    "worker-threads": speed_loaders.worker_threads,
    "threads": threads,
    "anomaly": anomaly,
    "deterministic": deterministic,
    "gc": collection,
    "dtype": speed_dtype.torch_dtype,
    "autocast": speed_models.autocast,
    "channels-last": speed_models.channels_last,
    "compile": speed_models.compiled,
    "dynamic": dynamic,
    "tf32": tf32,
    "cudnn-benchmark": cudnn_benchmark,
    "foreach": foreach,
    "fused": fused,
    "set-to-none": set_to_none,
    "flush-denormal": flush_denormal,
}
