"""Keras on torch: its optimizers are none of torch's, so they are shown to the hooks as one of those.

Losses go through torch.autograd as everybody's, and data through torch's loaders; only the update is missing.
"""

import sys
import weakref

from . import frames, patches, weave
from .keras_watch import made


def install(recorder):
    """Tell torch's global hooks of optimizers about those of Keras."""
    from keras.src.optimizers import base_optimizer, loss_scale_optimizer

    base = base_optimizer.BaseOptimizer
    shown, inside = weakref.WeakKeyDictionary(), []
    weave.around(base, "__init__", after=lambda out, optimizer, *_: _made(recorder, optimizer))
    for kind in (base, loss_scale_optimizer.LossScaleOptimizer):
        _around_apply(kind, recorder, shown, inside)


def _made(recorder, optimizer):
    if recorder.on:
        try:
            made(recorder, optimizer)
        except Exception as error:
            recorder.fault("optimizer_made", error)


class _Shown:
    """What torch's hooks read of an optimizer."""

    def __init__(self, optimizer):
        self.state = {}
        self.param_groups = [{"params": [], "lr": None, "eps": getattr(optimizer, "epsilon", None)}]
        if self.param_groups[0]["eps"] is None:
            del self.param_groups[0]["eps"]


def _around_apply(kind, recorder, shown, inside):
    plain = kind.__dict__["apply"]

    def apply(self, grads, trainable_variables=None):
        if inside or not recorder.on:
            return plain(self, grads, trainable_variables)
        inside.append(self)
        try:
            hooks = sys.modules["torch.optim.optimizer"]
            variables = list(trainable_variables or self._trainable_variables)
            one = shown.get(self)
            if one is None:
                # Reports name the person's optimizer.
                one = shown[self] = type(type(self).__name__, (_Shown,), {})(self)
            _before(self, one, variables, hooks)
            out = plain(self, grads, variables)
            for hook in list(hooks._global_optimizer_post_hooks.values()):
                hook(one, (), {})
            return out
        finally:
            inside.pop()

    apply.__name__, apply.__qualname__ = plain.__name__, plain.__qualname__
    apply.__module__, apply.__doc__ = plain.__module__, plain.__doc__
    frames.OURS.add(apply.__code__)
    patches.put(kind, "apply", apply)


def _before(optimizer, one, variables, hooks):
    """The hooks see weights, rate and epsilon; what they change of these is taken over."""
    group = one.param_groups[0]
    group["params"] = [variable.value for variable in variables]
    group["lr"] = rate = _rate(optimizer)
    epsilon = group.get("eps")
    for hook in list(hooks._global_optimizer_pre_hooks.values()):
        hook(one, (), {})
    if rate is not None and group["lr"] != rate:
        optimizer._learning_rate.assign(group["lr"])
    if group.get("eps") != epsilon:
        optimizer.epsilon = group["eps"]


def _rate(optimizer):
    """The learning rate, where it is a number and no schedule."""
    value = getattr(getattr(optimizer, "_learning_rate", None), "value", None)
    return None if value is None or callable(value) else float(value)
