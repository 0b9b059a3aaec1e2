"""Conditions made by hand: a process of thirty seconds, one moment a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from envkit.target.conditions import Conditions, GpuFacts, GpuMoment, Moment

BEGAN, ENDED = 100.0, 130.0
H100 = GpuFacts(
    index=0,
    name="NVIDIA H100 80GB HBM3",
    uuid="GPU-00000001-0000-0000-0000-000000000000",
    sm_clock_max=1980,
    power_default=700.0,
    pcie_width_max=16,
)


def gpu(**change) -> GpuMoment:
    """One that trains and is well."""
    well = GpuMoment(
        index=0,
        sm_clock=1980,
        temperature=60.0,
        power=650.0,
        power_limit=700.0,
        utilisation=0.98,
        others=(),
        own=True,
        pcie_generation=5,
        pcie_width=16,
    )
    return replace(well, **change)


def conditions(
    *,
    cpus: float = 8.0,
    counted: int = 8,
    quota: float | None = None,
    rates: dict[str, float] | None = None,
    gpus: Callable[[int], Sequence[GpuMoment]] = lambda second: (),
    facts: Sequence[GpuFacts] = (),
    fields: Callable[[int], dict[str, object]] = lambda second: {},
    clock_max: float | None = None,
) -> Conditions:
    """From two seconds before BEGAN to two seconds after ENDED.

    rates: what counters gain a second; `others` is what is busy beside `own`.
    gpus, fields: what is seen at second 0 (BEGAN) to 30.
    """
    gain = {"own": 8.0, "others": 0.0, "steal": 0.0, **(rates or {})}
    gain["busy"] = gain["own"] + gain.pop("others")
    moments = tuple(
        Moment(
            at=BEGAN + second,
            gpus=tuple(gpus(second)),
            **{name: 1000.0 + each * second for name, each in gain.items()},
            **fields(second),
        )
        for second in range(-2, 33)
    )
    return Conditions(
        cpus=cpus, quota=quota, counted=counted, clock_max=clock_max, moments=moments, gpus=tuple(facts)
    )
