"""gemm: matrix products, and the bandwidth of memory: this machine's ceilings, by TensorFlow.

The shapes and the choice among them are those of torch_gemm: short repetitions choose the best one, and new
ones measure it. The second operand is stored transposed, as the weights of a linear layer are in torch.
"""

import statistics

import tensorflow as tf

from . import memory, products
from .keras_repeat import Repeat

DTYPES = {"fp64": tf.float64, "fp32": tf.float32, "tf32": tf.float32, "bf16": tf.bfloat16, "fp16": tf.float16}
_DEVICE_BUFFER = 512 << 20
"""Bytes; larger than any cache of a GPU."""


def product(backend, shape):
    """A call that makes one product of fresh normal matrices."""
    rows, columns, inner = shape
    dtype = DTYPES[backend.precision]
    with tf.device(backend.device.place):
        # Scaled so that sums stay far from the largest fp16.
        left = tf.cast(tf.random.normal((rows, inner)) / inner**0.5, dtype)
        right = tf.cast(tf.random.normal((columns, inner)), dtype)

    @tf.function
    def multiply(left, right):
        return tf.matmul(left, right, transpose_b=True)

    return lambda: multiply(left, right)


def best_shape(backend):
    """The shape with the highest rate; one that does not fit into memory is passed over."""
    repeat = Repeat(backend)
    accelerator = backend.device.accelerator
    longest = 1.0 if accelerator else products.LONGEST["cpu"]
    best, found, error = 0.0, None, None
    for shape in products.ACCELERATOR if accelerator else products.CPU:
        if best and products.flops(shape) / best > longest:
            continue
        try:
            times = repeat.within(product(backend, shape), 0.1, least=3, most=20)
        except Exception as failure:
            if not backend.is_out_of_memory(failure):
                raise
            error = failure
            continue
        rate = products.flops(shape) / statistics.median(times)
        if rate > best:
            best, found = rate, shape
    if found is None:
        raise error
    return found


def gemm(backend):
    """Rates of products in FLOP/s."""
    shape = best_shape(backend)
    times = Repeat(backend).within(product(backend, shape), products.SECONDS[backend.scale], most=200)
    return {
        "what": "gemm",
        "unit": "FLOP/s",
        "precision": backend.precision,
        "shape": "{}x{}x{}".format(*shape),
        "samples": [products.flops(shape) / one for one in times],
    }


def memory_bandwidth(backend):
    """Rates of a += b in B/s: two buffers are read and one is written, and none is newly allocated."""
    count = (_DEVICE_BUFFER if backend.device.accelerator else memory.host_buffer()) // 4
    with tf.device(backend.device.place):
        total, more = tf.Variable(tf.fill((count,), 0.25)), tf.fill((count,), 1e-6)

    @tf.function
    def add():
        total.assign_add(more, read_value=False)

    times = Repeat(backend).within(add, memory.SECONDS[backend.scale], most=50)
    return {
        "what": "memory-bandwidth",
        "unit": "B/s",
        "precision": None,
        "shape": "a += b of {} MiB, bytes read and written".format(4 * count >> 20),
        "samples": [12.0 * count / one for one in times],
    }


LIMITS = {"gemm": gemm, "memory-bandwidth": memory_bandwidth}


class Work:
    """Products of the best shape; a step on an accelerator is a group of them, and ends with it."""

    def __init__(self, backend, batch, scale):
        shape = best_shape(backend)
        call, repeat = product(backend, shape), Repeat(backend)
        group = repeat.group(call)
        self.step = lambda: repeat.times(call, 1, group)
        self.sync = backend.sync
        text = "{}x{}x{} (rows, columns, inner)".format(*shape)
        self.facts = {
            "batch_size": group,
            "items": int(group * products.flops(shape)),
            "unit": "FLOP",
            "flops": group * products.flops(shape),
            "parameters": None,
            "options": backend.options(batch_size=None),
            "notes": [text if group == 1 else "{}, {} a step".format(text, group)],
        }
