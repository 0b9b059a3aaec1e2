"""Published figures to show beside a measured one: `data/references.toml`, read when first asked for.

Apart from `load_compat`, since doctor never asks and its start is felt.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Literal

from envkit.compat._row import CompatDataError, Row, table
from envkit.compat.model import Compat, Provenance
from envkit.compat.names import find_gpu, name_key

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Comparable = Literal["same", "close", "order-of-magnitude"]
Precision = Literal["fp8", "fp16", "bf16", "tf32", "fp32"]
Unit = Literal["samples/s", "tokens/s", "FLOP/s", "B/s"]

_CAP_TOLERANCE = 0.02
"""How far a power cap may lie from the datasheet's and still count as it."""
_MEMORY_TOLERANCE = 0.12
"""Makers count in GB or in GiB, as they like, and drivers keep some of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """One published figure."""

    what: str
    workload: str
    """A name of bench's workloads, else one that bench does not run."""
    framework: str | None
    """None = does not matter."""
    devices: tuple[str, ...]
    """Names as NVML prints them, in full: they hold the form factor."""
    precisions: tuple[str, ...]
    """() = does not matter."""
    nproc: int
    value: float
    """Of all devices together."""
    unit: str
    spread: str | None
    comparable: Comparable
    conditions: str
    provenance: Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class Peak:
    """What the datasheet promises in one precision."""

    flops: float
    """FLOP/s, dense."""
    device: str
    form_factor: str
    power: float | None
    """Watts of the datasheet."""
    provenance: Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """The same measurement of the same publisher on another device."""

    device: str
    ratio: float
    """Its figure over that of this device."""
    reference: Reference


@functools.cache
def load_references() -> tuple[Reference, ...]:
    """The published figures that ship with envkit. Raises CompatDataError when the table is malformed."""
    return read_references(resources.files("envkit.compat") / "data")


def read_references(directory: Traversable) -> tuple[Reference, ...]:
    """`references.toml` of a directory. Raises CompatDataError, naming row and key."""
    from envkit.compat.load import open_table

    found = table(open_table(directory, "references.toml"), "reference", "what", _reference)
    seen: set[tuple[object, ...]] = set()
    for each in found:
        key = (each.workload, each.devices, each.precisions, each.nproc, each.provenance.source)
        if key in seen:
            raise CompatDataError(
                f"references.toml: {each.what!r} on {', '.join(each.devices)}: duplicate row"
            )
        seen.add(key)
    return found


def _reference(row: Row) -> Reference:
    value = row.opt_number("value")
    if value is None or not value > 0:
        raise row.error("value", "a figure above zero is needed")
    nproc = row.opt_int("nproc")
    devices = row.texts("devices")
    if not devices or (nproc is not None and nproc < 1):
        raise row.error("devices" if not devices else "nproc", "at least one is needed")
    return Reference(
        what=row.text("what"),
        workload=row.text("workload"),
        framework=row.opt_choice("framework", Literal["torch", "tensorflow"]),
        devices=devices,
        precisions=row.choices("precisions", Precision) if "precisions" in row.untaken() else (),
        nproc=1 if nproc is None else nproc,
        value=value,
        unit=row.choice("unit", Unit),
        spread=row.opt_text("spread"),
        comparable=row.choice("comparable", Comparable),
        conditions=row.text("conditions"),
        provenance=row.provenance(),
    )


def references_for(
    workload: str, framework: str, precision: str | None, device_name: str, nproc: int = 1
) -> tuple[Reference, ...]:
    """Published figures for this very device, the most comparable first; () for a device that is not known.

    precision: None = whatever precision (memory and links have none).
    device_name: as NVML, torch or TensorFlow print it. A name that only begins like a known one (a MIG slice,
    another memory size) is another device.
    """
    order = ("same", "close", "order-of-magnitude")
    key = name_key(device_name)
    found = [
        each
        for each in load_references()
        if each.workload == workload
        and each.framework in (None, framework)
        and (not each.precisions or precision is None or precision in each.precisions)
        and each.nproc == nproc
        and any(name_key(name) == key for name in each.devices)
    ]
    return tuple(sorted(found, key=lambda each: order.index(each.comparable)))


def elsewhere(reference: Reference) -> tuple[Elsewhere, ...]:
    """The same measurement of the same publisher on other devices, the fastest first."""
    found = [
        Elsewhere(device=name, ratio=other.value / reference.value, reference=other)
        for other in load_references()
        if (other.workload, other.precisions, other.nproc, other.unit, other.provenance)
        == (reference.workload, reference.precisions, reference.nproc, reference.unit, reference.provenance)
        and other.what == reference.what
        for name in other.devices
        if name not in reference.devices
    ]
    return tuple(sorted(found, key=lambda each: -each.ratio))


def datasheet_peak(
    compat: Compat,
    device_name: str,
    precision: str,
    *,
    memory: int | None = None,
    power_limit: float | None = None,
) -> Peak | None:
    """The datasheet's peak of a device, or None where it cannot be said for sure which device that is.

    One name in full, the memory of that name, the datasheet's power cap (H100s run with 350, 500 and 700 W):
    whatever is not read, or is otherwise, gives None, and so does a figure that nobody looked up.
    memory: bytes. power_limit: watts, as enforced.
    """
    named = [gpu for gpu in find_gpu(compat, device_name) if _is_named(device_name, gpu.name)]
    if len(named) != 1 or named[0].peaks is None or memory is None or power_limit is None:
        return None
    gpu = named[0]
    sure = dict(gpu.documented)
    flops = getattr(gpu.peaks, precision, None)
    if flops is None or "peaks" not in sure or gpu.power_w is None:
        return None
    if not any(abs(memory / (size * 1e9) - 1) <= _MEMORY_TOLERANCE for size in gpu.memory_gb):
        return None
    if abs(power_limit / gpu.power_w - 1) > _CAP_TOLERANCE:
        return None
    return Peak(
        flops=flops * 1e12,
        device=gpu.name,
        form_factor=gpu.form_factor,
        power=gpu.power_w,
        provenance=sure["peaks"],
    )


def _is_named(written: str, name: str) -> bool:
    """Whether a name is written in full: brand and spelling may vary, no word may be missing or too many."""
    return name_key(written) == name_key(name)


def precision_gain(compat: Compat, device_name: str, now: str, other: str) -> float | None:
    """The datasheet's peak in another precision over that in this one; None where nobody looked it up."""
    for gpu in find_gpu(compat, device_name):
        if _is_named(device_name, gpu.name) and gpu.peaks is not None and "peaks" in dict(gpu.documented):
            here, there = getattr(gpu.peaks, now, None), getattr(gpu.peaks, other, None)
            return there / here if here and there else None
    return None
