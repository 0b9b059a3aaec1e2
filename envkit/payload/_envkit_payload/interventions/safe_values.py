"""What safe forms of calls share."""

TINY = 1e-6
HALF_TINY = 1e-4
"""In float16 the smallest number is 6e-8, and in bfloat16 1 + 1e-4 is 1."""


def tiny(torch, value):
    """The epsilon for a tensor's precision."""
    return HALF_TINY if value.dtype in (torch.float16, torch.bfloat16) else TINY


def tensor_at(args, kwargs):
    """The tensor that a call works on."""
    return args[0] if args else kwargs["input"]


def with_first(function, args, kwargs, value):
    """The call with another first argument."""
    if args:
        return function(value, *args[1:], **kwargs)
    return function(**dict(kwargs, input=value))
