"""How values lie in memory, and sizes that matrix units like; for GPUs: on a CPU neither is sure. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed.analyzers.ceilings import precision
from envkit.diagnose.speed.analyzers.work import middle, work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import of_share

_CONV = "torch/nn/modules/conv.py"
_CONVOLVING = 0.3
"""Share of the forward pass in convolutions from which their layout matters."""
_TILE = 8
_UNALIGNED = 0.3
"""Part of the weights of matrix products with a dimension that is no multiple of 8."""
_FROM_ALIGNING = (0.0, 0.25)
_FROM_LAYOUT = (0.0, 0.3)


def convolving(view: View) -> float:
    """Share of the forward pass that looks found in convolutions."""
    looks = [one for one in view.samples if view.part(one) == "forward"]
    inside = [one for one in looks if any(frame.file.endswith(_CONV) for frame in view.stack(one)[:3])]
    whole = sum(one.seconds for one in looks)
    return sum(one.seconds for one in inside) / whole if whole else 0.0


def memory_format(view: View) -> Iterable[Slow]:
    """S12: convolutions in half precision that convert their layout, on a GPU."""
    settings, found = view.settings, work(view)
    if not view.gpu or settings.channels_last is not False or not found.step:
        return
    part = convolving(view)
    if part < _CONVOLVING or precision(view) not in ("fp16", "bf16", "tf32"):
        return
    share = part * found.model / found.step
    saved = _FROM_LAYOUT[0] * share, _FROM_LAYOUT[1] * share
    rows = [
        Evidence(what="convolutions", value=f"{part:.0%} of the forward pass", source="looks at the stack"),
        Evidence(what="memory format", value="channels first", source="the weights"),
    ]
    if settings.conv_bias_norm:
        rows.append(Evidence(
            what="convolutions with a bias before a batch norm", value=str(settings.conv_bias_norm),
            source="the loss's graph",
        ))  # fmt: skip
    yield Slow(
        key="memory-format",
        share=middle(saved),
        confidence=0.5,
        summary=f"convolutions take {part:.0%} of the forward pass and lie channels first, which the matrix "
        "units convert each time",
        evidence=tuple(rows),
        where=Where(phase="forward"),
        gains=(
            Gain(
                fix="model.to(memory_format=torch.channels_last)", predicted=of_share(*saved),
                change=Change(name="channels-last", value="1"),
            ),
        ),
    )  # fmt: skip


def unaligned(view: View) -> Iterable[Slow]:
    """S11: dimensions of matrix products that are no multiple of 8, on a GPU in half precision."""
    settings, found = view.settings, work(view)
    if not view.gpu or precision(view) not in ("fp16", "bf16") or not settings.shapes or not found.step:
        return
    sizes = {shape: _values(shape) for shape in settings.shapes}
    odd = {shape: size for shape, size in sizes.items() if any(one % _TILE for one in shape if one > _TILE)}
    part = sum(odd.values()) / sum(sizes.values()) if sum(sizes.values()) else 0.0
    if part < _UNALIGNED:
        return
    largest = max(odd, key=lambda shape: odd[shape])
    share = part * found.model / found.step
    saved = _FROM_ALIGNING[0] * share, _FROM_ALIGNING[1] * share
    text = " x ".join(str(one) for one in largest)
    yield Slow(
        key="unaligned-shapes",
        share=middle(saved),
        confidence=0.5,
        summary=f"weights of {text} have a dimension that is no multiple of {_TILE}, {part:.0%} of all "
        "weights of matrix products",
        evidence=(Evidence(what="weights", value=text, source="the model"),),
        where=Where(phase="setup"),
        gains=(Gain(fix="dimensions padded to a multiple of 64", predicted=of_share(*saved)),),
    )


def _values(shape: tuple[int, ...]) -> int:
    product = 1
    for one in shape:
        product *= one
    return product
