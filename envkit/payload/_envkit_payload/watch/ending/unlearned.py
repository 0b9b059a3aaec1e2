"""A loss that is not finite and that the script itself ends for, before it asks for gradients.

`if not math.isfinite(loss.item()): sys.exit(1)`, an exception of its own, or the end of its file after a
`break`: the loss is then still there, under a name of the script.
"""

import sys

from .. import frames, patches

_FRAMES = 6
"""The person's frames that are looked into, the innermost first."""
_NAMES = 400


def install(torch, found):
    """Have `found(value)` called when `sys.exit` is called where such a loss is at hand."""
    plain = sys.exit

    def leave(status=None, /):
        try:
            value = in_frame(torch, sys._getframe(1))
            if value is not None:
                found(value)
        except Exception:  # the script wants to end, and does
            pass
        return plain(status)

    leave.__doc__, leave.__module__ = plain.__doc__, plain.__module__
    leave.__name__ = leave.__qualname__ = "exit"
    frames.OURS.add(leave.__code__)
    patches.put(sys, "exit", leave)


def at_end(torch, error):
    """That of a script that is over: in the frames of its exception, else among its global names; or None."""
    if error is None:
        main = sys.modules.get("__main__")
        return None if main is None else _among(torch, vars(main))
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append(trace.tb_frame)
        trace = trace.tb_next
    return _first(torch, reversed(found))


def in_frame(torch, frame):
    """That of a frame of the person's, or of one that called it; or None."""
    found = []
    while frame is not None and len(found) < 4 * _FRAMES:
        found.append(frame)
        frame = frame.f_back
    return _first(torch, found)


def _first(torch, some):
    users = [one for one in some if frames.is_users(one.f_code.co_filename)][:_FRAMES]
    for frame in users:
        value = _among(torch, frame.f_locals)
        if value is not None:
            return value
    return None


def _among(torch, names):
    """The value of a number that gradients could be asked of and that is not finite."""
    for name, one in list(names.items())[:_NAMES]:
        if name.startswith("_") or type(one) is not torch.Tensor or one.numel() != 1:
            continue
        if one.grad_fn is None or not one.is_floating_point() or one.device.type != "cpu":
            continue
        value = one.item()
        if value * 0 != 0:
            return value
    return None
