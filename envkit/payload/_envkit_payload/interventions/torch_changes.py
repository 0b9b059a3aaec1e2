"""Changes of a run with torch."""

import importlib
import sys

from ..watch import frames
from .safe_torch import CALLS, _wide

_KEPT = []
"""Modes that stay for good."""


def rewrite(torch, watch, file, line, wide=False):
    """Make the calls on one line of the person's code safe; wide: compute them in float32."""
    from torch.overrides import TorchFunctionMode

    class Rewrite(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            safe = _wide if wide else CALLS.get(getattr(function, "__name__", ""))
            if safe is None or not args or not _is_at(file, line):
                return function(*args, **kwargs)
            watch.trial.applied += 1
            return safe(torch, function, args, kwargs)

    mode = Rewrite()
    mode.__enter__()
    _KEPT.append(mode)


def _is_at(file, line):
    frame = sys._getframe(2)
    while frame is not None and not frames.is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and frame.f_lineno == line and frames.same(frame.f_code.co_filename, file)


def _before_steps(change):
    importlib.import_module("torch.optim.optimizer").register_optimizer_step_pre_hook(change)


def learning_rate(torch, watch, factor):
    """Scale every learning rate, whatever a scheduler makes of it."""
    plain = {}

    def before(optimizer, args, kwargs):
        for number, group in enumerate(optimizer.param_groups):
            key = (id(optimizer), number)
            asked = group["lr"]
            if plain.get(key) != asked:  # the scheduler's own
                group["lr"] = asked * factor
                plain[key] = group["lr"]

    _before_steps(before)


def clip(torch, watch, norm):
    """Clip the global norm of the gradients."""

    def before(optimizer, args, kwargs):
        with torch.no_grad():
            parameters = [one for group in optimizer.param_groups for one in group["params"]]
            torch.nn.utils.clip_grad_norm_([one for one in parameters if one.grad is not None], norm)

    _before_steps(before)


def float32(torch, watch):
    """No autocast, no loss scaling."""
    plain = torch.autocast.__init__

    def wide(self, *args, **kwargs):
        plain(self, *args, **dict(kwargs, enabled=False))

    torch.autocast.__init__ = wide


def epsilon(torch, watch, value):
    """The optimiser's epsilon."""

    def before(optimizer, args, kwargs):
        for group in optimizer.param_groups:
            if "eps" in group:
                group["eps"] = max(group["eps"], value)

    _before_steps(before)


def replace_rows(torch, watch, step, rows, length):
    """Give the model, in one step, another row of the batch in place of each of `rows`."""

    def before(module, args):
        if watch.step != step or not args:
            return None
        good = next((number for number in range(length) if number not in rows), None)
        if good is None:
            return None

        def cleaned(one):
            if not isinstance(one, torch.Tensor) or not one.dim() or one.shape[0] != length:
                return one
            one = one.clone()
            one[list(rows)] = one[good].clone()
            return one

        return tuple(cleaned(one) for one in args)

    torch.nn.modules.module.register_module_forward_pre_hook(before)
