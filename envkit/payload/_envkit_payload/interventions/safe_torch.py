"""Calls of torch that may give values that are not finite, made safe: the same result where that is finite.

Each form takes torch, the call's function, its arguments and its keywords, and gives the result of the safe
form. The epsilons are those that a person would write, and that the proposed patches hold.
"""

import functools

from . import safe_losses_torch, safe_matrix_torch
from .safe_values import HALF_TINY, TINY, tensor_at, tiny, with_first


def _clamped(low=None, high=None):
    def call(torch, function, args, kwargs):
        value = tensor_at(args, kwargs)
        bounds = [one(torch, value) if callable(one) else one for one in (low, high)]
        return with_first(function, args, kwargs, value.clamp(*bounds))

    return call


def _inside_one(torch, value):
    """The largest number below one that a precision tells from it, with some room."""
    return 1 - (1e-3 if value.dtype in (torch.float16, torch.bfloat16) else 1e-6)


def _root_least(torch, value):
    """What a root is at least taken of: its derivative stays below 1 / (2 tiny)."""
    return HALF_TINY if value.dtype in (torch.float16, torch.bfloat16) else TINY**2


def _largest_exponent(torch, value):
    """exp of it is finite with room for a sum: e^88.7 is the end of float32, e^11.09 that of float16."""
    return 10.0 if value.dtype == torch.float16 else 80.0


def nonzero(torch, value):
    """A denominator that is not zero: counts at least one, others at least tiny away from it."""
    if not value.is_floating_point():
        return torch.where(value == 0, torch.ones_like(value), value)
    least = torch.full_like(value, tiny(torch, value))
    return torch.where(value.abs() < least, torch.where(value < 0, -least, least), value)


def _divide(torch, function, args, kwargs):
    left, right = args[0], args[1] if len(args) > 1 else kwargs["other"]
    if not isinstance(right, torch.Tensor):
        return function(left, right or TINY, **_without(kwargs, "other"))
    return function(left, nonzero(torch, right), *args[2:], **_without(kwargs, "other"))


def _without(kwargs, name):
    return {key: value for key, value in kwargs.items() if key != name}


def _divided_by(torch, function, args, kwargs):
    """`__rtruediv__`: the second argument is the numerator."""
    return torch.true_divide(args[1], nonzero(torch, args[0]))


def _reciprocal(torch, function, args, kwargs):
    return with_first(function, args, kwargs, nonzero(torch, tensor_at(args, kwargs)))


def _power(torch, function, args, kwargs):
    value = args[0]
    exponent = args[1] if len(args) > 1 else kwargs["exponent"]
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        whole = not isinstance(exponent, torch.Tensor) and float(exponent).is_integer()
        if whole and exponent < 0:
            value = nonzero(torch, value)
        elif not whole:
            value = value.clamp_min(tiny(torch, value))
    return function(value, exponent, *args[2:], **_without(kwargs, "exponent"))


def _second_positive(torch, function, args, kwargs):
    """xlogy(x, y)"""
    return function(args[0], args[1].clamp_min(tiny(torch, args[1])), *args[2:], **kwargs)


def _angle(torch, function, args, kwargs):
    """atan2, whose derivative is 0/0 at the origin."""
    y, x = args[0], args[1]
    return function(y, torch.where((x == 0) & (y == 0), torch.full_like(x, tiny(torch, x)), x), **kwargs)


def _masked(torch, function, args, kwargs):
    """Scores before a softmax: the smallest finite number in place of -inf."""
    value = tensor_at(args, kwargs)
    return with_first(function, args, kwargs, value.clamp_min(torch.finfo(value.dtype).min))


def _filled(torch, function, args, kwargs):
    """masked_fill with -inf."""
    value = tensor_at(args, kwargs)
    lowest = torch.finfo(value.dtype).min if value.is_floating_point() else None
    args = [lowest if isinstance(one, float) and one == float("-inf") else one for one in args]
    if kwargs.get("value") == float("-inf"):
        kwargs = dict(kwargs, value=lowest)
    return function(*args, **kwargs)


def _masks_added(torch, function, args, kwargs):
    """Two masks that each hold about the smallest number: no less than that."""
    out = function(*args, **kwargs)
    if not isinstance(out, torch.Tensor) or not out.is_floating_point():
        return out
    info = torch.finfo(out.dtype)
    finite = torch.ones_like(out, dtype=torch.bool)
    for one in args[:2]:
        large = (one < info.min / 3) & (one > -float("inf")) if isinstance(one, torch.Tensor) else None
        finite = finite & large if large is not None else finite
    return torch.where((out == -float("inf")) & finite, torch.full_like(out, info.min), out)


def _shifted(torch, function, args, kwargs):
    """A norm away from zero."""
    value = tensor_at(args, kwargs)
    small = HALF_TINY if value.dtype in (torch.float16, torch.bfloat16) else TINY**2
    return with_first(function, args, kwargs, value + small)


def _distance(torch, function, args, kwargs):
    return function(args[0] + TINY**2, *args[1:], **kwargs)


def _with_epsilon(least):
    """A function that takes an epsilon: one that counts; in float32, where 1e-8 and 1e-12 are not zero."""

    def call(torch, function, args, kwargs):
        value = tensor_at(args, kwargs)
        was = value.dtype
        if was in (torch.float16, torch.bfloat16):
            args = [one.float() if isinstance(one, torch.Tensor) else one for one in args]
        out = function(*args, **dict(kwargs, eps=max(kwargs.get("eps") or 0.0, least)))
        return out.to(was)

    return call


def _deviation(torch, function, args, kwargs):
    """std: the root of a variance that is at least tiny."""
    variance = _variance(torch, torch.var, args, kwargs)
    return torch.sqrt(variance.clamp_min(_root_least(torch, variance)))


def _variance(torch, function, args, kwargs):
    """var: of a single value it is zero, and not 0/0."""
    value = tensor_at(args, kwargs)
    rest = list(args[1:])
    dim = kwargs.get("dim", rest[0] if rest and not isinstance(rest[0], bool) else None)
    dims = range(value.dim()) if dim is None else dim if isinstance(dim, (tuple, list)) else (dim,)
    count = 1
    for one in dims:
        count *= value.shape[one]
    if count > 1:
        return function(*args, **kwargs)
    keep = kwargs.get("keepdim", rest[2] if len(rest) > 2 else False)
    if dim is None:
        return value.sum() * 0.0
    return (value * 0.0).sum(dim, keepdim=bool(keep))


def _counted(torch, function, args, kwargs):
    """A mean of what may be nothing."""
    value = tensor_at(args, kwargs)
    return function(*args, **kwargs) if value.numel() else torch.sum(*args, **kwargs)


def _attention(torch, function, args, kwargs):
    """scaled_dot_product_attention: the smallest finite number where a key is masked."""
    query = args[0]
    mask = args[3] if len(args) > 3 else kwargs.get("attn_mask")
    if mask is None:
        return function(*args, **kwargs)
    lowest = torch.finfo(query.dtype).min
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=query.dtype).masked_fill(~mask, lowest)
    else:
        mask = mask.clamp_min(lowest)
    return function(*args[:3], mask, *args[4:], **_without(kwargs, "attn_mask"))


_LOG = _clamped(low=tiny)
_ARC = _clamped(low=lambda torch, value: -_inside_one(torch, value), high=_inside_one)
_EXP = _clamped(high=_largest_exponent)
_ROOT = _clamped(low=_root_least)
CALLS = {
    **dict.fromkeys(("log", "log2", "log10", "lgamma", "digamma"), _LOG),
    "log1p": _clamped(low=lambda torch, value: -_inside_one(torch, value)),
    "logit": _clamped(low=tiny, high=_inside_one),
    "xlogy": _second_positive,
    **dict.fromkeys(("sqrt", "rsqrt"), _ROOT),
    **dict.fromkeys(("norm", "linalg_norm", "linalg_vector_norm", "frobenius_norm"), _shifted),
    **dict.fromkeys(("dist", "pairwise_distance"), _distance),
    "std": _deviation,
    "var": _variance,
    **dict.fromkeys(("pow", "__pow__", "float_power"), _power),
    **dict.fromkeys(("div", "divide", "true_divide", "__truediv__", "__div__"), _divide),
    **dict.fromkeys(("__rtruediv__", "__rdiv__"), _divided_by),
    "reciprocal": _reciprocal,
    **dict.fromkeys(("acos", "arccos", "asin", "arcsin", "atanh", "arctanh", "erfinv"), _ARC),
    **dict.fromkeys(("acosh", "arccosh"), _clamped(low=lambda torch, value: 2 - _inside_one(torch, value))),
    **dict.fromkeys(("atan2", "arctan2"), _angle),
    **dict.fromkeys(("exp", "expm1", "exp2", "sinh", "cosh"), _EXP),
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp", "softmin"), _masked),
    "masked_fill": _filled,
    **dict.fromkeys(("add", "__add__", "__radd__", "sub", "__sub__"), _masks_added),
    **dict.fromkeys(("mean", "nanmean"), _counted),
    "scaled_dot_product_attention": _attention,
    "normalize": _with_epsilon(1e-6),
    "cosine_similarity": _with_epsilon(1e-6),
    **safe_losses_torch.CALLS,
    **safe_matrix_torch.CALLS,
}
COMPOSED = ("softmax", "log_softmax", "scaled_dot_product_attention", "normalize", "ctc_loss")
"""Functions of torch.nn.functional that other functions and layers of torch call."""


def safe_call(torch, name, args):
    """The safe form of a call by its function's name: takes (function, args, kwargs), or None.

    One that works in place (`log_`, `__itruediv__`) is given values that were made safe in place.
    """
    in_place = _in_place(name)
    form = CALLS.get(in_place or name) or CALLS.get(name.replace("special_", ""))
    if form is None or not args:
        return None
    if in_place is None:
        return functools.partial(form, torch)

    def call(function, args, kwargs):
        out_of_place = getattr(torch.Tensor, in_place)
        return args[0].copy_(form(torch, out_of_place, (args[0].clone(), *args[1:]), kwargs))

    return call


def _in_place(name):
    """`log_` -> `log`, `__itruediv__` -> `__truediv__`; None for what is not in place."""
    if name.startswith("__i") and name.endswith("__") and "__" + name[3:] in CALLS:
        return "__" + name[3:]
    if name.endswith("_") and not name.endswith("__"):
        return name[:-1]
    return None
