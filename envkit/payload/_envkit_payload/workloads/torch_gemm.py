"""gemm: matrix products. What the matrix units of this machine give, in the precision of the job.

The ceiling is that of the best of several shapes: short repetitions choose it, and new ones, which took no
part in the choice, measure it. Operands are normal and fresh; the second one is stored transposed, as the
weights of a linear layer are.
"""

import statistics

import torch

from ..bench_torch_device import check_precision
from .products import ACCELERATOR, CPU, LONGEST, SECONDS, flops
from .torch_repeat import Repeat

DTYPES = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class Product:
    """One product of fresh normal matrices: rows x inner by inner x columns."""

    def __init__(self, device, precision, shape):
        rows, columns, inner = shape
        dtype = DTYPES[precision]
        # Scaled so that sums stay far from the largest fp16.
        self._left = (torch.randn(rows, inner, device=device) / inner**0.5).to(dtype)
        self._right = torch.randn(columns, inner, device=device).to(dtype).t()
        self._result = torch.empty(rows, columns, dtype=dtype, device=device)

    def __call__(self):
        torch.mm(self._left, self._right, out=self._result)


def best_shape(backend):
    """The shape with the highest rate; one that does not fit into memory is passed over."""
    device = backend.device
    repeat = Repeat(device)
    longest = LONGEST.get(device.type, 1.0)
    best, found, error = 0.0, None, None
    for shape in CPU if device.type == "cpu" else ACCELERATOR:
        if best and flops(shape) / best > longest:
            continue
        try:
            product = Product(device, backend.precision, shape)
            times = repeat.within(product, 0.1, least=3, most=20, flush=True)
        except RuntimeError as failure:
            if not backend.is_out_of_memory(failure):
                raise
            error = failure
            continue
        rate = flops(shape) / statistics.median(times)
        if rate > best:
            best, found = rate, shape
    if found is None:
        raise error
    return found


def rates(device, precision, shape, seconds):
    """FLOP/s of single products of one shape, for about so long."""
    product = Product(device, precision, shape)
    times = Repeat(device).within(product, seconds, most=200, flush=True)
    return [flops(shape) / one for one in times]


def limit(backend, what):
    """Fields of a "limit" line: rates of single products in FLOP/s."""
    check_precision(backend.precision, backend.device)
    shape = best_shape(backend)
    return {
        "what": what,
        "unit": "FLOP/s",
        "precision": backend.precision,
        "shape": "{}x{}x{}".format(*shape),
        "samples": rates(backend.device, backend.precision, shape, SECONDS[backend.job["scale"]]),
    }


class Work:
    """Products of the best shape, one a step."""

    def __init__(self, backend, batch, scale):
        check_precision(backend.precision, backend.device)
        shape = best_shape(backend)
        self.step = Product(backend.device, backend.precision, shape)
        self.sync = backend.sync
        self.facts = {
            "batch_size": 1,
            "items": int(flops(shape)),
            "unit": "FLOP",
            "flops": flops(shape),
            "parameters": None,
            "options": backend.options(batch_size=None, compile=None),
            "notes": ["{}x{}x{} (rows, columns, inner)".format(*shape)],
        }
