"""Number types: wider than the training needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed.analyzers.ceilings import device_name, measured, of_datasheet
from envkit.diagnose.speed.analyzers.compiled import recompiles
from envkit.diagnose.speed.analyzers.denormals import denormals
from envkit.diagnose.speed.analyzers.layout import memory_format, unaligned
from envkit.diagnose.speed.analyzers.rehearsed import predicted
from envkit.diagnose.speed.analyzers.work import Work, middle, place, work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import of_share

_HALF = 0.5
"""Part of the parameters that must be of a type for it to be the training's."""
_PRODUCT = (1.7, 2.4)
"""How many times faster float32 is than float64 on a CPU: vector registers hold twice as many, caches too."""
_CONVOLUTION = (2.2, 4.5)
"""The same of convolutions: oneDNN, which has fast ones, has none in float64."""
_RECURRENT = (1.4, 6.0)
"""Of nn.LSTM and the like: fused in float32 alone."""
_KINDS = (("torch/nn/modules/conv.py", _CONVOLUTION), ("torch/nn/modules/rnn.py", _RECURRENT))
_SINGLE = Change(name="dtype", value="float32")
_GPU_MODEL = (0.3, 0.9)
"""Part of forward and backward that matrix products take on a GPU, where it is not known better."""
_LINES = tuple(
    re.compile(text)
    for text in (
        r"set_default_dtype\(.*(float64|double)",
        r"set_floatx\(.*float64",
        r"(model|net|network|self)\w*(\.\w+)*\.double\(\)|\.to\(.*(float64|torch\.double)",
        r"\.double\(\)",
        r"dtype\s*=\s*(torch\.|np\.|numpy\.|tf\.)?['\"]?(float64|double)",
        r"from_numpy\(|np\.asarray\(|astype\(.*float64|\bastype\(float\)",
    )
)
"""What makes float64 of a training, the surest first."""


def too_wide(view: View) -> Iterable[Slow]:
    """S10: float64, or on a GPU float32 beside faster matrix units."""
    dtypes = view.settings.dtypes
    whole = sum(dtypes.values())
    if whole and dtypes.get("float64", 0) > _HALF * whole:
        yield from _double(view, dtypes["float64"] / whole)
    elif view.gpu and whole and dtypes.get("float32", 0) > _HALF * whole:
        yield from _single_on_gpu(view)


def _double(view: View, part: float) -> Iterable[Slow]:
    found = work(view)
    if not found.step:
        return
    rehearsed = predicted(view, _SINGLE)
    saved = saved_by_single(view, found)
    if rehearsed is not None:
        saved = _share(rehearsed[0]), _share(rehearsed[1])
    where = _line(view)
    said = f" ({place(where.file, where.line)})" if where.file and where.line else ""
    yield Slow(
        key="precision-too-high",
        share=middle(saved),
        confidence=0.85,
        summary=f"{part:.0%} of the parameters are float64{said}: float32 would save {saved[0]:.0%} to "
        f"{saved[1]:.0%} of the time",
        evidence=(
            Evidence(what="type of the parameters", value=_types(view), source="the optimiser's parameters"),
            Evidence(
                what="type of the inputs",
                value=", ".join(view.settings.inputs) or "not seen",
                source="the model",
            ),
            *_measured(view),
        ),
        where=where,
        fix=(_fix(view, where),),
        gains=(
            Gain(
                fix="float32", predicted=of_share(*saved), change=_SINGLE, free=False,
            ),
        ),
    )  # fmt: skip


def _share(gain: float) -> float:
    """Of the time, that goes with a gain."""
    return max(0.0, gain / (1 + gain))


def saved_by_single(view: View, found: Work) -> tuple[float, float]:
    """Share of the time that goes with float32 in place of float64, lowest and highest."""
    low = high = 0.0
    vector = tuple(one / found.step for one in found.vector)
    kinds = _kinds(view)
    ratio = measured(view, "fp32", "fp64")
    product = _PRODUCT if ratio is None else (max(1.0, 0.8 * ratio), max(1.0, 1.15 * ratio))
    if view.gpu:
        sheet = of_datasheet(view, "fp64", "fp32")
        product = (1.5, sheet or 30.0) if ratio is None else product
    for part, speed in (*((kinds.get(file, 0.0), speed) for file, speed in _KINDS), (_rest(kinds), product)):
        low += part * vector[0] * (1 - 1 / speed[0])
        high += part * vector[1] * (1 - 1 / speed[1])
    # The update reads and writes half as many bytes, where its tensors are large.
    settings = view.settings
    if settings.values and settings.parameters and settings.values / settings.parameters > 20_000:
        update = view.shares.get("optimizer", 0.0)
        low, high = low + 0.3 * update, high + 0.5 * update
    return low, min(0.95, high)


def _kinds(view: View) -> dict[str, float]:
    """Part of the forward pass in layers whose kernels differ by type; the backward pass goes with it."""
    looks = [one for one in view.samples if view.part(one) == "forward"]
    whole = sum(one.seconds for one in looks)
    found = {file: 0.0 for file, _ in _KINDS}
    for one in looks:
        inner = next((frame for frame in view.stack(one) if not frame.users), None)
        for file in found:
            if inner is not None and inner.file.endswith(file):
                found[file] += one.seconds / whole
    return found


def _rest(kinds: dict[str, float]) -> float:
    return max(0.0, 1.0 - sum(kinds.values()))


def _types(view: View) -> str:
    return ", ".join(f"{name}: {count:,} values" for name, count in view.settings.dtypes.items())


def _measured(view: View) -> Iterable[Evidence]:
    ratio = measured(view, "fp32", "fp64")
    if ratio is not None:
        yield Evidence(
            what="matrix products in float32", value=f"{ratio:.1f} times as fast as in float64 here",
            source="measured right after the run",
        )  # fmt: skip


def _line(view: View) -> Where:
    for pattern in _LINES:
        for file, text in view.files.items():
            for number, row in enumerate(text.splitlines(), 1):
                if not row.lstrip().startswith("#") and pattern.search(row):
                    return Where(file=file, line=number, phase="setup")
    return Where(phase="setup")


def _fix(view: View, where: Where) -> FixStep:
    row = view.text(where.file, where.line) if where.file and where.line else ""
    if "set_default_dtype" in row or "set_floatx" in row:
        return FixStep(
            say=f"Leave out `{row}` ({place(where.file or '', where.line or 0)}): float32 is the default"
        )
    if ".double()" in row:
        return FixStep(
            say=f"Leave out .double() in {place(where.file or '', where.line or 0)}, and convert what comes "
            "from NumPy once with .float()"
        )
    return FixStep(say="model.float(), and inputs and targets once with .float() or astype('float32')")


def _single_on_gpu(view: View) -> Iterable[Slow]:
    """float32 products without TF32, nor autocast: only for a GPU whose gain is known."""
    settings, found = view.settings, work(view)
    if settings.tf32 or settings.autocast or settings.matmul_precision in ("high", "medium"):
        return
    ratio = measured(view, "tf32", "fp32") or of_datasheet(view, "fp32", "tf32")
    if ratio is None or ratio < 1.3:
        return
    share = found.model / found.step if found.step else 0.0
    part = _GPU_MODEL if (known := _products(view, found)) is None else (0.7 * known, min(share, 1.3 * known))
    saved = (
        part[0] * share * (1 - 1 / (0.6 * ratio if ratio > 2 else ratio)),
        part[1] * share * (1 - 1 / ratio),
    )
    yield Slow(
        key="precision-too-high",
        share=middle(saved),
        confidence=0.7,
        summary=f"matrix products run in full float32 on {device_name(view)}, which does them about "
        f"{ratio:.0f} times as fast in TF32",
        evidence=(
            Evidence(what="TF32", value="off", source="torch.backends.cuda.matmul.allow_tf32"),
            Evidence(what="autocast", value="off", source="torch.is_autocast_enabled"),
        ),
        gains=(
            Gain(
                fix="torch.set_float32_matmul_precision('high')", predicted=of_share(*saved),
                change=Change(name="tf32", value="1"), free=False,
            ),
            Gain(
                fix="torch.autocast with bfloat16",
                change=Change(name="autocast", value="bfloat16"),
                free=False,
            ),
        ),
    )  # fmt: skip


def _products(view: View, found: Work) -> float | None:
    """Part of forward and backward that products take at this machine's rate; None = not known."""
    rate = view.ceiling.rates.get("fp32") if view.ceiling is not None else None
    if not rate or not view.settings.flops or not found.model:
        return None
    return min(1.0, view.settings.flops / rate / found.model)


ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = (
    too_wide, recompiles, denormals, memory_format, unaligned,
)  # fmt: skip
