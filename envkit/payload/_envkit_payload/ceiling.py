"""`ceiling --job JSON`: what this machine gives, to put a run that is over beside it; about two seconds.

Rates of the best matrix product in some precisions with as many threads as the run had; on a CPU with torch
also what an operation costs that computes next to nothing, and how much longer products of denormal numbers
take. What cannot be had is left out.
"""

import importlib.util
import json
import statistics
import time
from types import SimpleNamespace

from .workloads import products

_EACH = 0.12
"""Seconds for one shape."""
_LARGEST_CPU = 4
"""Of products.CPU: larger ones take longer and are hardly faster."""
_NODES = 200


def run(emit, job):
    """Tell a "ceiling" line.

    job: framework, device (`cpu`, `cuda`), threads or None, precisions, rehearse (as `rehearsal.rehearse`).
    """
    if importlib.util.find_spec(job["framework"]) is None:
        emit("absent", framework=job["framework"])
        return 1
    emit("ceiling", **(_torch if job["framework"] == "torch" else _tensorflow)(job))
    return 0


def parsed(arguments):
    """The job of a command line."""
    return json.loads(arguments[arguments.index("--job") + 1])


def _torch(job):
    import torch

    from . import bench_torch_device as devices
    from .workloads import torch_gemm
    from .workloads.torch_repeat import Repeat

    if job["threads"]:
        torch.set_num_threads(job["threads"])
    device = torch.device(job["device"])
    found = {}
    if job.get("rehearse"):
        # First: once large blocks were freed, the allocator keeps such, which makes all that follows faster.
        from .rehearsal import rehearse

        found["rehearsed"] = rehearse(torch, {**job["rehearse"], "threads": job["threads"]}, device.type)
    repeat, rates = Repeat(device), {}
    for precision in job["precisions"]:
        try:
            devices.check_precision(precision, device)
            devices.set_precision(precision)
            best = _best(
                device.type == "cpu",
                lambda shape, precision=precision: torch_gemm.Product(device, precision, shape),
                lambda call: repeat.within(call, _EACH, least=2, most=20, flush=True),
            )
        except Exception:  # this device or this build cannot do it
            continue
        if best:
            rates[precision] = best
    found.update(rates=rates, threads=torch.get_num_threads())
    if device.type == "cpu":
        torch.set_num_threads(1)  # threads that wait for each other would be measured in its place
        found["node"], found["denormal"] = _node(torch), _denormal(torch)
    else:
        found["device"] = devices.described(device).get("name")
    return found


def _best(cpu, product, times):
    """FLOP/s of the best shape."""
    best = 0.0
    for shape in products.CPU[:_LARGEST_CPU] if cpu else products.ACCELERATOR:
        if cpu and best and products.flops(shape) / best > _EACH:
            break
        best = max(best, products.flops(shape) / statistics.median(times(product(shape))))
    return best


def _quickest(call, count=7):
    found = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def _node(torch):
    """Seconds of an operation of the graph, forward and backward, the least that one costs."""
    weight = torch.ones(8, requires_grad=True)

    def chain():
        value = weight
        for _ in range(_NODES):
            value = value * 1.0001
        value.sum().backward()

    return _quickest(chain) / _NODES


def _denormal(torch):
    """How many times longer products take whose operands are denormal."""
    one, other = torch.rand(192, 192) + 0.5, torch.rand(192, 192) + 0.5
    small = other * 1e-39
    return _quickest(lambda: one @ small) / _quickest(lambda: one @ other)


def _tensorflow(job):
    import tensorflow as tf

    cpu = job["device"] == "cpu"
    if job["threads"]:
        tf.config.threading.set_intra_op_parallelism_threads(job["threads"])
    if cpu:
        tf.config.set_visible_devices([], "GPU")

    from .workloads import keras_gemm, keras_repeat

    place = SimpleNamespace(place="/CPU:0" if cpu else "/GPU:0", accelerator=not cpu)
    backend = SimpleNamespace(device=place, sync=tf.test.experimental.sync_devices if not cpu else int)
    repeat, rates = keras_repeat.Repeat(backend), {}
    for precision in job["precisions"]:
        tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")
        backend.precision = precision
        try:
            best = _best(
                cpu,
                lambda shape: keras_gemm.product(backend, shape),
                lambda call: repeat.within(call, _EACH, least=2, most=20),
            )
        except Exception:  # this device or this build cannot do it
            continue
        if best:
            rates[precision] = best
    found = {"rates": rates, "threads": job["threads"]}
    if not cpu:
        gpus = tf.config.list_physical_devices("GPU")
        found["device"] = tf.config.experimental.get_device_details(gpus[0]).get("device_name")
    return found
