"""Loss scalers: a gradient that is not finite is their daily bread, until the scale is used up."""

import importlib
import sys

from .. import weave

USED_UP = 1.0
"""The scale at which it is not the scaling that makes a gradient overflow."""
STREAK = 10
"""Updates left out in a row at which a script that ends there did not learn: its scale fell by 1000."""


def install(torch, watch):
    """Be told of each loss before it is scaled, and of each update that is left out."""
    scaler = _class()
    if scaler is None:
        return
    scaled, stepped = watch.guarded(watch.scaled), watch.guarded(watch.scaler_stepped)
    begun = []

    def after(out, scaler, optimizer, *_, **__):
        before = begun.pop() if begun else watch.step
        if scaler._enabled:
            stepped(scaler, optimizer, before)

    def before(*_, **__):
        begun[:] = [watch.step]

    weave.around(scaler, "scale", after=lambda out, scaler, outputs: scaled(outputs, out))
    weave.around(scaler, "step", before=before, after=after)


def _class():
    for name in ("torch.amp.grad_scaler", "torch.cuda.amp.grad_scaler"):
        module = sys.modules.get(name)
        if module is None:
            try:
                module = importlib.import_module(name)
            except ImportError:
                continue
        if hasattr(module, "GradScaler"):
            return module.GradScaler
    return None


def scale_of(scaler):
    """The present scale, where reading it makes nobody wait."""
    scale = getattr(scaler, "_scale", None)
    if scale is None or scale.device.type != "cpu":
        return None
    return scale.item()
