"""The calls on one line of the person's code, made safe or computed in float32."""

import functools
import sys

from ..watch import frames
from .safe_torch import COMPOSED, safe_call

_HALF_TAG = "_envkit_was"
"""What a tensor was before a line was computed in float32."""


def rewrite(torch, watch, file, line, wide=False):
    """Make the calls on one line safe: the same result where that is finite. wide: in float32 instead."""
    from torch.overrides import TorchFunctionMode

    change = _Wide(torch) if wide else _Safe(torch)

    class Rewrite(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            if not _is_at(file, line):
                return change.elsewhere(function, args, kwargs)
            call = change.of(function, args)
            if call is None:
                return function(*args, **kwargs)
            watch.trial.applied += 1
            return call(function, args, kwargs)

    if not wide:
        _composed(torch, watch, file, line, change)
    mode = Rewrite()
    mode.__enter__()
    _in_backward(torch, mode)
    watch.trial.kept = mode


def _in_backward(torch, mode):
    """A mode is off while it handles `backward`; what functions of the script do there is to be seen, too."""
    plain = getattr(torch.autograd, "_engine_run_backward", None)  # torch 2.3 and later
    if plain is None:
        return

    def run(*args, **kwargs):
        with mode:
            return plain(*args, **kwargs)

    torch.autograd._engine_run_backward = run


def _composed(torch, watch, file, line, change):
    """Functions that torch's own layers call: a mode sees the layer's call, and not what is inside of it."""
    functional = torch.nn.functional
    for name in COMPOSED:
        plain = getattr(functional, name, None)
        if plain is not None:
            setattr(functional, name, _inside(plain, watch, file, line, change))


def _inside(plain, watch, file, line, change):
    def call(*args, **kwargs):
        safe = change.of(plain, args) if _is_at(file, line) else None
        if safe is None:
            return plain(*args, **kwargs)
        watch.trial.applied += 1
        return safe(plain, args, kwargs)

    call.__name__ = plain.__name__
    return call


class _Safe:
    def __init__(self, torch):
        self.torch = torch

    def of(self, function, args):
        """The safe form of a call, or None."""
        return safe_call(self.torch, getattr(function, "__name__", ""), args)

    def elsewhere(self, function, args, kwargs):
        """A call on another line."""
        return function(*args, **kwargs)


class _Wide:
    """What a line gives stays in float32 as long as only what keeps any precision is done with it."""

    def __init__(self, torch):
        self.torch = torch
        self._halves = (torch.float16, torch.bfloat16)

    def of(self, function, args):
        """The call in float32: every call that is given a tensor."""
        name = getattr(function, "__name__", "")
        if name.startswith("__get__") or name in ("half", "bfloat16", "to", "type"):
            return None
        return self._call if any(isinstance(one, self.torch.Tensor) for one in args) else None

    def _call(self, function, args, kwargs):
        was = next((self._was(one) for one in args if self._was(one) is not None), None)
        device = next(one for one in args if isinstance(one, self.torch.Tensor)).device.type
        with self.torch.autocast(device_type=device, enabled=False):
            out = function(*map(self._wide, args), **{key: self._wide(one) for key, one in kwargs.items()})
        if was is not None and isinstance(out, self.torch.Tensor) and out.dtype == self.torch.float32:
            setattr(out, _HALF_TAG, was)
        return out

    def _was(self, one):
        if not isinstance(one, self.torch.Tensor):
            return None
        return one.dtype if one.dtype in self._halves else getattr(one, _HALF_TAG, None)

    def _wide(self, one):
        if isinstance(one, self.torch.Tensor) and one.dtype in self._halves:
            return one.float()
        return one

    def elsewhere(self, function, args, kwargs):
        """Products need one precision: what was widened and can be held goes back."""
        if not any(hasattr(one, _HALF_TAG) for one in args if isinstance(one, self.torch.Tensor)):
            return function(*args, **kwargs)
        return function(*map(self._back, args), **kwargs)

    def _back(self, one):
        was = getattr(one, _HALF_TAG, None) if isinstance(one, self.torch.Tensor) else None
        if was is None:
            return one
        narrow = one.to(was)
        return narrow if self.torch.isfinite(narrow).all() else one


_is_users = functools.lru_cache(maxsize=None)(frames.is_users)
_same = functools.lru_cache(maxsize=None)(frames.same)


def _is_at(file, line):
    frame = sys._getframe(2)
    while frame is not None and not _is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and frame.f_lineno == line and _same(frame.f_code.co_filename, file)
