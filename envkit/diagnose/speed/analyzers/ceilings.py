"""What the machine gives in each precision: measured after the run, or promised by a datasheet. Pure."""

from __future__ import annotations

from envkit.compat.load import load_compat
from envkit.compat.references import Elsewhere, elsewhere, precision_gain, references_for
from envkit.diagnose.speed.view import View

_TYPES = {"float64": "fp64", "float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


def precision(view: View) -> str | None:
    """Of the run's matrix products: `fp64`, `fp32`, `tf32`, `bf16`, `fp16`; None = not known."""
    settings = view.settings
    if settings.autocast:
        return _TYPES.get(settings.autocast)
    if not settings.dtypes:
        return None
    name = _TYPES.get(max(settings.dtypes, key=lambda one: settings.dtypes[one]))
    if name == "fp32" and view.gpu and (settings.tf32 or settings.matmul_precision in ("high", "medium")):
        return "tf32"
    return name


def measured(view: View, fast: str, slow: str) -> float | None:
    """How many times faster products are in one precision than in another, here; None = not measured."""
    rates = view.ceiling.rates if view.ceiling is not None else {}
    return rates[fast] / rates[slow] if rates.get(fast) and rates.get(slow) else None


def device_name(view: View) -> str | None:
    """Of the GPU, where it is sure which one it is."""
    if not view.gpu:
        return None
    if view.ceiling is not None and view.ceiling.device:
        return view.ceiling.device
    names = {one.name for one in view.conditions.gpus} if view.conditions is not None else set()
    return names.pop() if len(names) == 1 else None


def of_datasheet(view: View, now: str, other: str) -> float | None:
    """The datasheet's ratio of two precisions for this GPU; None where nobody looked it up."""
    name = device_name(view)
    return None if name is None else precision_gain(load_compat(), name, now, other)


def other_devices(view: View) -> tuple[Elsewhere, ...]:
    """What the same product reaches on other GPUs, the fastest first; () where this one has no figure."""
    name, kind = device_name(view), precision(view)
    if name is None or kind is None:
        return ()
    found = references_for("gemm", "torch", kind, name)
    return elsewhere(found[0]) if found else ()
