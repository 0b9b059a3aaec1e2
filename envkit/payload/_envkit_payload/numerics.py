"""How far a small computation may be from its float64 reference.

The error is normwise: max|result - reference| / max|reference|. The reference is computed from the inputs as
rounded to the dtype, so that rounding the inputs does not count.

A dot product of k random terms in a precision of unit roundoff u has, relative to the largest result, an
error of about 0.2 k u with independent roundings (Higham and Mary, "A new approach to probabilistic rounding
error analysis", SIAM J. Sci. Comput. 41, 2019: sqrt(k) u times sum|a||b|), so k u leaves a factor of 5.
Half-precision products accumulate in fp32 and round once at the end, a few times where a split reduction
is allowed to add in the dtype itself (the default of cuBLAS in torch): 8 u.
Convolutions may use Winograd's algorithm, whose errors are up to 8 times larger for 3x3 kernels (Lavin and
Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, section on accuracy): 8 times, and
twice in half precision, where the accumulation does not count.
A backward pass chains two products and five elementwise roundings: 4 times.
"""

import os

UNIT = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
_TF32 = 2.0**-11
"""Unit roundoff of the 11-bit significand of TF32."""
FACTOR = {"matmul": 1, "conv2d": 8, "backward": 4}
_HALF = 8


def tolerance(op, dtype, length, device):
    """Largest accepted relative error of an op whose dot products have `length` terms."""
    unit = _fast_math(device) if dtype == "float32" else UNIT[dtype]
    if unit == UNIT["float32"]:
        return FACTOR[op] * length * unit
    # An intermediate that is rounded to the dtype costs one unit; the accumulation does not count.
    return _HALF * unit * (4 if op == "backward" else 2 if op == "conv2d" else 1)


def _fast_math(device):
    """Unit roundoff of an fp32 product, which two variables of the environment lower on a person's wish."""
    if device.startswith("cuda") and os.environ.get("NVIDIA_TF32_OVERRIDE") == "1":
        return _TF32
    for name in ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"):
        mode = os.environ.get(name, "").upper()
        if device.startswith("cpu") and mode in ("BF16", "ANY", "F16", "TF32"):
            return UNIT["bfloat16"]
    return UNIT["float32"]


MATMUL = (192, 256, 160)
"""Rows, inner length, columns: no square, so that a swapped dimension shows."""
CONV = (2, 16, 24, 20, 24)
"""Batch, channels, height, width, filters; kernels are 3x3."""
BACKWARD = (96, 128, 64)
"""Batch, inputs, outputs of a tanh layer with loss sum(tanh(x w)^2)."""
LENGTH = {"matmul": MATMUL[1], "conv2d": CONV[1] * 9, "backward": BACKWARD[1] + BACKWARD[0]}
"""Terms of the longest chain of dot products of each op."""
OPS = ("matmul", "conv2d", "backward")
DTYPES = ("float32", "bfloat16", "float16")

_UNSUPPORTED = (
    "not implemented",
    "not supported",
    "unsupported",
    "no opkernel",
    "unimplemented",
    "no registered",
)


def is_unsupported(error):
    """Whether an exception says that this op does not exist for this dtype and device, which is no fault."""
    text = "{} {}".format(type(error).__name__, error).lower()
    return any(phrase in text for phrase in _UNSUPPORTED)
