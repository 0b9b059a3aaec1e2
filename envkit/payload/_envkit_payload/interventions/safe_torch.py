"""Calls of torch that may give values that are not finite, made safe: the same result where that is finite.

Each takes the call's function, its arguments and its keywords, and gives the result of the safe form. The
epsilons are those that a person would write.
"""


def _clamped(low=None, high=None):
    def call(torch, function, args, kwargs):
        value = args[0]
        bounds = (low(torch, value) if callable(low) else low, high(torch, value) if callable(high) else high)
        return function(value.clamp(*bounds), *args[1:], **kwargs)

    return call


def _tiny(torch, value):
    return 1e-4 if value.dtype in (torch.float16, torch.bfloat16) else 1e-6


def _root(torch, function, args, kwargs):
    value = args[0]
    return function(value.clamp_min(_tiny(torch, value) ** 2), *args[1:], **kwargs)


def _divide(torch, function, args, kwargs):
    left, right = args[0], args[1]
    if not isinstance(right, torch.Tensor):
        return function(left, right or 1e-6, *args[2:], **kwargs)
    tiny = torch.full_like(right, _tiny(torch, right))
    return function(left, torch.where(right.abs() < tiny, tiny, right), *args[2:], **kwargs)


def _divided_by(torch, function, args, kwargs):
    """`__rtruediv__`: the second argument is the numerator."""
    return _divide(torch, torch.true_divide, (args[1], args[0]), kwargs)


def _power(torch, function, args, kwargs):
    value, exponent = args[0], args[1]
    whole = isinstance(exponent, int) or (isinstance(exponent, float) and exponent.is_integer())
    if isinstance(value, torch.Tensor) and not (whole and exponent >= 0):
        value = value.clamp_min(_tiny(torch, value))
    return function(value, exponent, *args[2:], **kwargs)


def _masked(torch, function, args, kwargs):
    """Scores before a softmax: the smallest finite number in place of -inf."""
    value = args[0]
    return function(value.clamp_min(torch.finfo(value.dtype).min), *args[1:], **kwargs)


def _norm(torch, function, args, kwargs):
    return function(args[0] + 1e-12, *args[1:], **kwargs)


def _counted(torch, function, args, kwargs):
    """A mean of what may be nothing."""
    value = args[0]
    return function(value, *args[1:], **kwargs) if value.numel() else value.sum()


def _targets(torch, function, args, kwargs):
    """A loss of class indices of which all may be ignored: nothing counts then."""
    out = function(*args, **kwargs)
    ignored = kwargs.get("ignore_index", -100)
    target = args[1] if len(args) > 1 else kwargs["target"]
    return out if (target != ignored).any() else torch.nan_to_num(out) * 0.0


def _ctc(torch, function, args, kwargs):
    return function(*args[:6], **dict(kwargs, zero_infinity=True))


def _wide(torch, function, args, kwargs):
    """In float32."""
    wide = [one.float() if isinstance(one, torch.Tensor) and one.is_floating_point() else one for one in args]
    with torch.autocast(device_type=wide[0].device.type, enabled=False):
        return function(*wide, **kwargs)


_LOG = _clamped(low=_tiny)
_ARC = _clamped(low=-1 + 1e-6, high=1 - 1e-6)
CALLS = {
    "log": _LOG,
    "log2": _LOG,
    "log10": _LOG,
    "log_": _LOG,
    "log1p": _clamped(low=-1 + 1e-6),
    "logit": _clamped(low=1e-6, high=1 - 1e-6),
    "sqrt": _root,
    "rsqrt": _root,
    "sqrt_": _root,
    "norm": _norm,
    "std": _norm,
    "pow": _power,
    "__pow__": _power,
    "float_power": _power,
    "div": _divide,
    "true_divide": _divide,
    "__truediv__": _divide,
    "__rtruediv__": _divided_by,
    "__rdiv__": _divided_by,
    "reciprocal": lambda torch, function, args, kwargs: _divide(
        torch, torch.true_divide, (1.0, *args), kwargs
    ),
    "acos": _ARC,
    "arccos": _ARC,
    "asin": _ARC,
    "arcsin": _ARC,
    "atanh": _ARC,
    "exp": _clamped(high=80.0),
    "expm1": _clamped(high=80.0),
    "softmax": _masked,
    "log_softmax": _masked,
    "logsumexp": _masked,
    "mean": _counted,
    "cross_entropy": _targets,
    "nll_loss": _targets,
    "ctc_loss": _ctc,
}
