"""What it means when an operation gives a value that is not finite: rules on the operation and its inputs."""

from __future__ import annotations

from collections.abc import Callable

from envkit.diagnose.analyzers.root import name
from envkit.diagnose.trace import Event, Values

Named = tuple[str, str]
"""Key of the cause, and what happened in a sentence."""
HALF = ("float16", "bfloat16")
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38, "float64": 1.7976e308}
"""Largest finite values, torch.finfo(dtype).max."""
_SUMS = ("mm", "bmm", "addmm", "baddbmm", "linear", "convolution", "sum", "mean", "mul", "add", "pow", "dot")
_DECOMPOSED = ("linalg", "svd", "eigh", "inverse", "cholesky", "qr", "det")


def named(event: Event) -> Named | None:
    """The cause that an event shows by itself, or None when the operation alone does not tell."""
    for rule in RULES:
        found = rule(event)
        if found is not None:
            return found
    return None


def _at(values: Values) -> float | None:
    return float(values.at) if values.at is not None else None


def _ins(event: Event) -> list[float]:
    return [value for one in event.inputs if (value := _at(one)) is not None]


def _node(event: Event) -> str:
    return (event.node or "").rstrip("0123456789").removesuffix("Backward").lower()


def empty(event: Event) -> Named | None:
    """A mean or a loss of nothing."""
    op = name(event.op)
    if op.startswith(("nll_loss", "cross_entropy")):
        return "empty-reduction", "every target of the batch is ignored, so the loss is a mean of nothing"
    if op in ("mean", "nanmean", "median", "std", "var") and any(
        0 in one.shape or (not one.shape and one.nan is None) for one in event.inputs
    ):
        return "empty-reduction", f"{op} of an empty tensor"
    return None


def single(event: Event) -> Named | None:
    """A variance of one value."""
    op = name(event.op)
    if op in ("std", "var", "var_mean", "std_mean") and event.became == "nan" and event.given == "finite":
        return "batchnorm-single-value", f"{op} over a single value: with n - 1 below, that is 0/0"
    return None


def softmax(event: Event) -> Named | None:
    """A row in which all is masked."""
    op = name(event.op)
    if event.became != "nan" or (
        "softmax" not in op and "scaled_dot_product" not in op and op != "logsumexp"
    ):
        return None
    if event.given == "inf" or any((one.inf or 0) > 0 for one in event.inputs):
        return "fully-masked-softmax", "every entry of a row is masked with -inf, so the softmax is 0/0"
    return None


def logarithm(event: Event) -> Named | None:
    """log of what is not positive, and its derivative at zero."""
    op, values = name(event.op), _ins(event)
    if event.phase == "forward" and op in ("log", "log2", "log10", "log1p", "xlogy", "logit"):
        edge = -1.0 if op == "log1p" else 0.0
        what = "negative number" if values and min(values) < edge else "zero"
        return "log-of-zero", f"{op} of {'a ' if what != 'zero' else ''}{what}"
    if event.phase == "backward" and _node(event) in ("log", "log2", "log10", "log1p", "xlogy"):
        return "log-of-zero", "the derivative of log at zero is infinite"
    return None


def trap(event: Event) -> Named | None:
    """0 * inf in a backward pass: the branch that where() did not select."""
    if event.phase != "backward" or event.became != "nan":
        return None
    values = _ins(event)
    infinite = any(value in (float("inf"), float("-inf")) for value in values)
    steep = _node(event) in ("sqrt", "log", "div", "pow", "exp", "rsqrt", "acos", "asin", "reciprocal")
    if 0.0 in values and (infinite or (steep and values.count(0.0) > 1)):
        return (
            "where-gradient-trap",
            "a branch that was not selected has an infinite derivative there, and 0 * inf is NaN",
        )
    return None


def root_at_zero(event: Event) -> Named | None:
    """sqrt, norm, std, pow: negative arguments, and derivatives at zero."""
    op, node = name(event.op), _node(event)
    if event.phase == "forward" and op in ("sqrt", "rsqrt") and event.became == "nan":
        return "sqrt-at-zero", f"{op} of a negative number"
    if event.phase == "forward" and op == "rsqrt":
        return "division-by-zero", "1/sqrt of zero"
    if event.phase == "forward" and op == "pow" and event.became == "nan":
        return "sqrt-at-zero", "a negative number to a fractional power"
    if event.phase == "backward" and node in (
        "sqrt",
        "norm",
        "linalgvectornorm",
        "std",
        "pow",
        "cdist",
        "euclidean",
    ):
        return "sqrt-at-zero", f"the derivative of {node} is infinite at zero"
    return None


def division(event: Event) -> Named | None:
    """A denominator that is zero."""
    op = name(event.op)
    if op in ("div", "true_divide", "reciprocal", "floor_divide", "remainder", "fmod"):
        values = _ins(event)
        if (values and values[-1] == 0) or any(one == 0 for one in event.scalars[-1:]):
            return "division-by-zero", f"{values[0] if len(values) > 1 else 1:g} / 0"
    if event.phase == "backward" and _node(event) in ("div", "reciprocal"):
        return "division-by-zero", "the derivative of a division whose denominator is zero"
    return None


def domain(event: Event) -> Named | None:
    """Functions at or outside of the edge of their domain."""
    op, node = name(event.op), _node(event)
    inverse = ("acos", "asin", "atanh", "acosh", "erfinv")
    if event.phase == "forward" and op in inverse:
        return "domain-error", f"{op} outside of its domain"
    if event.phase == "backward" and node in inverse:
        return "domain-error", f"the derivative of {node} is infinite at the edge of its domain"
    if op in ("exp", "expm1", "exp2", "sinh", "cosh", "tan") and event.out.dtype not in HALF[:1]:
        values = _ins(event)
        return (
            "domain-error",
            f"{op} of {values[0]:g} exceeds {event.out.dtype}" if values else f"{op} overflows",
        )
    return None


def decomposition(event: Event) -> Named | None:
    """Backward of SVD and the like with equal or zero values."""
    if event.phase == "backward" and _node(event).startswith(_DECOMPOSED):
        return (
            "decomposition-degenerate",
            f"the derivative of {_node(event)} divides by differences of values that are equal",
        )
    if event.phase == "forward" and any(part in name(event.op) for part in ("linalg_inv", "linalg_solve")):
        return "decomposition-degenerate", "the matrix is singular"
    return None


def ctc(event: Event) -> Named | None:
    """A target that is longer than its input allows."""
    if "ctc_loss" in name(event.op) or _node(event).startswith("ctcloss"):
        return "ctc-target-too-long", "no alignment exists: the target needs more frames than the input has"
    return None


def masks(event: Event) -> Named | None:
    """Two large negative masks added."""
    if name(event.op) not in ("add", "sub", "mul") or event.became != "inf" or event.given != "finite":
        return None
    values, largest = _ins(event), _LARGEST.get(event.out.dtype, 3.4e38)
    if len(values) == 2 and all(value < -largest / 3 for value in values):
        return "mask-overflow", f"{values[0]:.4g} + {values[1]:.4g} is less than {event.out.dtype} holds"
    return None


def half(event: Event) -> Named | None:
    """More than float16 holds."""
    if event.out.dtype == "float16" and event.became == "inf" and event.given == "finite":
        return "fp16-overflow", f"{name(event.op)} gives more than 65504, the largest float16"
    return None


RULES: tuple[Callable[[Event], Named | None], ...] = (
    ctc, empty, single, softmax, masks, decomposition, logarithm, trap, root_at_zero, division, half, domain,
)  # fmt: skip
