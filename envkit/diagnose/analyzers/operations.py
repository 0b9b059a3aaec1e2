"""What it means when an operation gives a value that is not finite: rules on the operation and its inputs.

Each operation has a domain, at whose edge it or its derivative is not finite; what leaves that domain says
which cause it is. An operation that would be finite in a wider type has overflowed, which says nothing of
the operation: `overflows` tells that, and others ask why the values had become so large.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from envkit.diagnose.analyzers.names import base, name, of_node
from envkit.diagnose.analyzers.root import SOFT, is_trap
from envkit.diagnose.trace_step import Event, Values

Named = tuple[str, str]
"""Key of the cause, and what happened in a sentence."""
HALF = ("float16", "bfloat16")
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38, "float64": 1.7976e308}
"""Largest finite values, torch.finfo(dtype).max."""
_LOGS = ("log", "log2", "log10", "log1p", "xlogy", "logit", "entr", "log_ndtr")
_EXPONENTIAL = ("exp", "expm1", "exp2", "sinh", "cosh", "logcosh")
_ARCS = ("acos", "asin", "atanh", "acosh", "erfinv")
_ROOTS = ("sqrt", "norm", "std", "var", "pow", "cdist", "hypot", "rsqrt", "pairwise_distance", "dist")
_MATRICES = (
    "svd",
    "eigh",
    "eig",
    "inv",
    "cholesky",
    "qr",
    "det",
    "slogdet",
    "logdet",
    "solve",
    "lstsq",
    "pinv",
    "lu",
)
_MEANS = (
    *("mean", "nanmean", "median", "std", "var", "var_mean", "std_mean", "mse_loss", "l1_loss"),
    *("smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div"),
)


def named(event: Event) -> Named | None:
    """The cause that an event shows by itself, or None when the operation alone does not tell."""
    if event.source is not None:
        return None
    rules = DERIVATIVES if is_derivative(event) else VALUES
    return next((found for rule in rules if (found := rule(event)) is not None), None)


def is_derivative(event: Event) -> bool:
    """Whether it is part of the derivative of an operation, and none that a person wrote."""
    return event.phase == "backward" and not event.own


def overflows(event: Event) -> bool:
    """Whether all was finite, and only its size is too much: float64 holds it, or nothing else can be it."""
    if event.given != "finite":
        return False
    if isinstance(event.wide, float):
        return True
    return event.wide is None and event.became == "inf"


def _at(values: Values) -> float | None:
    return float(values.at) if values.at is not None else None


def _ins(event: Event) -> list[float]:
    return [value for one in event.inputs if (value := _at(one)) is not None]


def _in_half(event: Event) -> bool:
    return any(one.dtype in HALF for one in (event.out, *event.inputs))


def _lost(event: Event, found: Named) -> Named:
    """The same, where an epsilon was there and vanished."""
    if event.lost is None or not _in_half(event):
        return found
    said = f"an epsilon of {event.lost:.2g} is zero in {event.out.dtype}: {found[1]}"
    return "fp16-eps-underflow", said


def empty(event: Event) -> Named | None:
    """A mean or a loss of nothing."""
    op = base(event.op)
    nothing = any(0 in one.shape or (not one.shape and one.nan is None) for one in event.inputs)
    if event.became != "nan" or event.given != "finite":
        return None
    if op in ("nll_loss", "cross_entropy"):
        if nothing:
            return "empty-reduction", f"{op} of an empty batch"
        return "empty-reduction", "every target of the batch is ignored, so the loss is a mean of nothing"
    if nothing and (op in _MEANS or op.endswith("_loss")):
        return "empty-reduction", f"{op} of an empty tensor"
    return None


def single(event: Event) -> Named | None:
    """A variance of one value."""
    op = base(event.op)
    if op in ("std", "var", "var_mean", "std_mean") and event.became == "nan" and event.given == "finite":
        if event.out.dtype == "float16" and isinstance(event.wide, float):
            return None
        return "batchnorm-single-value", f"{op} over a single value: with n - 1 below, that is 0/0"
    return None


def softmax(event: Event) -> Named | None:
    """A row in which all is masked."""
    if event.became != "nan" or (base(event.op) not in SOFT and "softmax" not in event.op):
        return None
    infinite = sum(one.inf or 0 for one in event.inputs)
    positive = infinite - sum(one.minus_inf or 0 for one in event.inputs)
    if event.masked_row or (event.masked_row is None and infinite and not positive):
        return "fully-masked-softmax", "every entry of a row is masked with -inf, so the softmax is 0/0"
    attention = base(event.op) == "scaled_dot_product_attention" and event.masked_row is None
    if attention and event.given == "finite" and not isinstance(event.wide, float):
        return "fully-masked-softmax", "the mask leaves nothing to attend to in some row"
    return None


def logarithm(event: Event) -> Named | None:
    """log of what is not positive."""
    op = base(event.op)
    if op not in _LOGS or event.given != "finite":
        return None
    values = _ins(event)
    if op == "logit":
        return _lost(event, ("log-of-zero", f"logit of {values[0]:g}" if values else "logit of 0 or 1"))
    value = values[-1] if values else math.nan
    edge = -1.0 if op == "log1p" else 0.0
    if value == edge:
        return _lost(event, ("log-of-zero", f"{op} of {'zero' if edge == 0 else edge}"))
    if event.data and event.became == "nan":
        return "log-of-zero", f"{op} of a negative number of the data, {value:g}"
    return "log-of-zero", f"{op} of a negative number, {value:g}"


def powers(event: Event) -> Named | None:
    """sqrt, rsqrt, pow and norms outside of their domain."""
    op, values = base(event.op), _ins(event)
    if event.given != "finite":
        return None
    if op in ("sqrt", "rsqrt") and event.became == "nan":
        return (
            "sqrt-at-zero",
            f"{op} of a negative number, {values[0]:.3g}" if values else f"{op} of a negative number",
        )
    if op == "rsqrt":
        return _lost(event, ("division-by-zero", "1 / sqrt of zero"))
    if op == "pow" and event.became == "nan":
        told = f"{values[0]:.3g}" if values else "a negative number"
        return "sqrt-at-zero", f"{told} to a power that is no whole number"
    if op == "pow" and values and values[0] == 0:
        return _lost(event, ("division-by-zero", "zero to a negative power"))
    return None


def division(event: Event) -> Named | None:
    """A denominator that is zero, or so small that the quotient is too large."""
    op, values = base(event.op), _ins(event)
    if op not in ("div", "reciprocal", "floor_divide", "remainder", "fmod", "addcdiv"):
        return None
    below = values[-1] if values else None
    if op != "reciprocal" and len([one for one in event.inputs if one.nan is not None or one.shape]) < 2:
        below = event.scalars[-1] if event.scalars else below
    if below is None or not math.isfinite(below):
        return None
    above = values[-2] if len(values) > 1 else values[0] if op != "reciprocal" and values else 1.0
    if below == 0:
        found = "empty-reduction" if _counts(event) else "division-by-zero"
        return _lost(event, (found, f"{above:.3g} / 0"))
    if (
        event.given == "finite"
        and abs(below) < 1e-3
        and abs(above) <= 1e4 * math.sqrt(LARGEST.get(event.out.dtype, 3e38))
    ):
        if event.out.dtype in ("float16",) and abs(below) > 1e-7 and abs(above) > 1:
            return None
        return "division-by-zero", f"{above:.3g} / {below:.3g} is more than {event.out.dtype} holds"
    return None


def _counts(event: Event) -> bool:
    """Whether what is divided by is a count of whole numbers."""
    return len(event.inputs) > 1 and "int" in event.inputs[-1].dtype


def domain(event: Event) -> Named | None:
    """Functions outside of their domain."""
    op, values = base(event.op), _ins(event)
    if event.given != "finite":
        return None
    if op in _ARCS:
        return "domain-error", f"{op} of {values[0]:.9g}" if values else f"{op} outside of its domain"
    if op in ("lgamma", "digamma", "polygamma"):
        return "domain-error", f"{op} of {values[0]:.3g}" if values else f"{op} outside of its domain"
    return None


def exponential(event: Event) -> Named | None:
    """exp of what is too large."""
    op, values = base(event.op), _ins(event)
    if op not in _EXPONENTIAL or event.given != "finite" or event.out.dtype == "float16":
        return None
    return "domain-error", (
        f"{op} of {values[0]:.4g} is more than {event.out.dtype} holds" if values else f"{op} overflows"
    )


def decomposition(event: Event) -> Named | None:
    """A matrix that has no inverse."""
    op = base(event.op)
    if event.given != "finite" or op not in _MATRICES:
        return None
    return "decomposition-degenerate", f"{op} of a matrix that is singular, or nearly so"


def ctc(event: Event) -> Named | None:
    """A target that is longer than its input allows."""
    if "ctc_loss" in event.op.lower() or of_node(event.node).startswith("ctc_loss"):
        return "ctc-target-too-long", "no alignment exists: the target needs more frames than the input has"
    return None


def masks(event: Event) -> Named | None:
    """Two large negative masks added."""
    op = base(event.op)
    if op not in ("add", "sub", "mul", "to_copy") or event.became != "inf" or event.given != "finite":
        return None
    values, largest = _ins(event), LARGEST.get(event.out.dtype, 3.4e38)
    if (
        op == "to_copy"
        and values
        and values[0] < -largest
        and values[0] in (-1e9, -1e10, -1e12, -1e18, -1e20, -1e30)
    ):
        return "mask-overflow", f"{values[0]:.4g} is less than {event.out.dtype} holds"
    whole = 0.9 if event.out.dtype == "float16" else 0.3
    if len(values) == 2 and op in ("add", "sub") and max(values) < 0 and min(values) < -whole * largest:
        return "mask-overflow", f"{values[0]:.4g} + {values[1]:.4g} is less than {event.out.dtype} holds"
    return None


def half(event: Event) -> Named | None:
    """More than float16 holds."""
    if event.out.dtype != "float16" or event.became != "inf" or not overflows(event):
        return None
    told = f"{name(event.op)} gives more than 65504, the largest float16"
    if isinstance(event.wide, float):
        told = f"{name(event.op)} gives {event.wide:.5g}, the largest float16 is 65504"
    return "fp16-overflow", told


def trap(event: Event) -> Named | None:
    """0 * inf in a backward pass: the branch that where() did not select."""
    if event.became != "nan":
        return None
    if event.op.startswith(("aten.", "tf.")):
        chosen = is_trap(event)
    else:
        values = _ins(event)
        infinite = any(math.isinf(value) for value in values)
        steep = of_node(event.node) in (
            "sqrt",
            "log",
            "div",
            "pow",
            "exp",
            "rsqrt",
            "acos",
            "asin",
            "reciprocal",
        )
        chosen = 0.0 in values and (infinite or (steep and values.count(0.0) > 1))
    if not chosen:
        return None
    return "where-gradient-trap", (
        f"a result of {of_node(event.node) or 'an operation'} that was not selected has an infinite "
        "derivative, and 0 * inf is NaN"
    )


def derivative(event: Event) -> Named | None:
    """Where the derivative of an operation is infinite although its value is not."""
    node = base(of_node(event.node))
    if event.out.dtype == "float16" and overflows(event):
        return None
    if node in ("std", "var") and event.became == "nan" and event.given == "finite" and _alone(event):
        return "batchnorm-single-value", f"the derivative of {node} over a single value is 0/0"
    if node in ("mean", "nanmean"):
        return "empty-reduction", "the derivative of a mean of nothing"
    if node in _LOGS:
        return _lost(event, ("log-of-zero", f"the derivative of {node} at zero is infinite"))
    if node in _MATRICES:
        return "decomposition-degenerate", (
            f"the derivative of {node} divides by differences of values that are equal"
        )
    if node in ("softmax", "log_softmax", "logsumexp") and event.given == "inf":
        return "fully-masked-softmax", f"the derivative of {node} of a row that is masked throughout"
    singular = event.given != "finite" or not isinstance(event.wide, float)
    if not singular:
        return None
    if node in _ROOTS:
        return _lost(event, ("sqrt-at-zero", f"the derivative of {node} is infinite at zero"))
    if node in ("div", "reciprocal"):
        return _lost(event, ("division-by-zero", "the derivative of a division whose denominator is zero"))
    if node in (*_ARCS, "atan2", "angle"):
        return "domain-error", f"the derivative of {node} is infinite at the edge of its domain"
    if node in _EXPONENTIAL:
        return "domain-error", f"{node} has overflowed, and its derivative is 0 * inf"
    return None


def _alone(event: Event) -> bool:
    return all(one.at is None or one.at == 0 for one in event.inputs)


VALUES: tuple[Callable[[Event], Named | None], ...] = (
    ctc, empty, single, softmax, masks, decomposition, logarithm, powers, division, half, domain, exponential,
)  # fmt: skip
"""Of an operation's own value."""
DERIVATIVES: tuple[Callable[[Event], Named | None], ...] = (ctc, trap, derivative, half)
"""Of what a framework computes for its derivative."""
