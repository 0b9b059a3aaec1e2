"""Sentences on what moved while something was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.bench.held import Stretch
from envkit.bench.unstable import over, unstable
from envkit.target.conditions import Conditions, GpuMoment, Moment
from envkit.target.during import change, energy_of, gpus_in_use
from tests.bench.conditions import BEGAN, ENDED, H100, conditions, gpu


def said(**what) -> tuple[str, ...]:
    return unstable(conditions(**what), BEGAN, ENDED)


def of_gpu(moment) -> tuple[str, ...]:
    """Of a GPU that is so in its last twelve seconds of thirty."""
    return said(facts=(H100,), gpus=lambda second: (moment if second > 18 else gpu(),))


def test_nothing_is_said_of_a_quiet_machine():
    assert said() == ()
    assert said(facts=(H100,), gpus=lambda second: (gpu(),)) == ()
    assert unstable(Conditions(), BEGAN, ENDED) == ()


def test_a_gpu_clock_that_fell():
    assert of_gpu(gpu(sm_clock=1410, reasons=("sw-power-cap",))) == (
        "the clock of GPU 0 fell from 1980 to 1410 MHz (sw-power-cap) in 12 of 30 s",
    )


@pytest.mark.parametrize(
    "idle", [gpu(sm_clock=345, reasons=("gpu-idle",), utilisation=0.0), gpu(sm_clock=345, utilisation=0.02)]
)
def test_the_clock_of_an_idle_gpu_says_nothing(idle):
    assert of_gpu(idle) == ()


def test_a_clock_that_only_breathes_is_not_told():
    assert of_gpu(gpu(sm_clock=1935)) == ()


def test_heat_and_brakes_are_told_even_where_the_clock_was_low_all_the_time():
    hot = gpu(sm_clock=1200, reasons=("hw-slowdown", "hw-thermal"), temperature=91.0)
    assert said(gpus=lambda second: (hot,)) == ("heat held GPU 0 back (hw-thermal, 91 °C) in 30 of 30 s",)
    braked = gpu(sm_clock=990, reasons=("hw-slowdown", "hw-power-brake"))
    assert said(gpus=lambda second: (braked,)) == (
        "the power supply held GPU 0 back (hw-power-brake) in 30 of 30 s",
    )


def test_limits_and_lanes_that_changed():
    assert of_gpu(gpu(power_limit=500.0)) == ("the power limit of GPU 0 moved between 500 and 700 W",)
    assert of_gpu(gpu(pcie_width=8)) == ("the PCIe link of GPU 0 went from 16 to 8 lanes",)


def test_other_processes_on_the_gpu():
    names = ("python", "x\x1b[31mred\n", "c", "d", "e")
    assert of_gpu(gpu(others=names[:1])) == ("other processes were on GPU 0: python",)
    (text,) = of_gpu(gpu(others=names))
    assert text == "other processes were on GPU 0: python, xred, c and 2 more"


def test_gpus_that_were_not_used_say_nothing():
    hot = gpu(index=1, reasons=("hw-thermal",), own=False)
    assert said(gpus=lambda second: (gpu(), hot)) == ()
    assert said(gpus=lambda second: (replace(hot, own=True),)) != ()
    well = conditions(gpus=lambda second: (replace(hot, own=None),), facts=(replace(H100, index=1),))
    assert unstable(well, BEGAN, ENDED, ()) == ()  # it ran on the CPU
    assert unstable(well, BEGAN, ENDED, (H100.uuid.removeprefix("GPU-"),)) != ()


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (
            {"rates": {"throttled": 2.0, "used": 4.0}, "quota": 4.0, "cpus": 4.0},
            "the CPU quota of 4 CPUs held it back 33 % of the time",
        ),
        ({"rates": {"own": 5.0, "others": 2.96}}, "other processes took 37 % of the CPUs"),
        ({"rates": {"own": 1.0, "others": 3.0}}, "other processes took 38 % of the CPUs"),
        (
            {"rates": {"own": 7.0, "steal": 0.8}},
            "the hypervisor gave 10 % of the CPUs' time to other machines (steal)",
        ),
        ({"rates": {"swapped": 12 << 20}}, "the machine swapped 12.0 MiB a second"),
        ({"rates": {"major_faults": 340}}, "340 pages of memory a second were read from disk"),
        (
            {"rates": {"heat_events": 2}, "fields": lambda second: {"temperature": 97.0}},
            "heat held the CPU back 60 times (97 °C)",
        ),
        (
            {"fields": lambda second: {"clock": 3600.0 if second < 15 else 2100.0}},
            "the CPU's clock fell from 3600 to 2100 MHz",
        ),
    ],
)
def test_the_host(what, text):
    assert said(**what) == (text,)


@pytest.mark.parametrize(
    "rates",
    [
        {"own": 7.8, "others": 0.2},
        {"own": 1.0, "others": 1.0},  # the rest of the CPUs idled
        {"own": 7.9, "steal": 0.1},
        {"throttled": 0.05, "used": 4.0},
        {"major_faults": 20, "swapped": 1000},
    ],
)
def test_little_is_not_told(rates):
    assert said(rates=rates) == ()


def test_the_load_is_told_where_nobody_knows_whose_it_is():
    def unknown(second: int) -> dict[str, object]:
        return {"load": 20.0}

    seen = conditions(fields=unknown)
    assert unstable(seen, BEGAN, ENDED) == ()  # it is its own
    blind = replace(seen, moments=tuple(replace(moment, own=None) for moment in seen.moments))
    assert unstable(blind, BEGAN, ENDED) == ("the load was 20.0 on 8 CPUs; whose it was could not be read",)


def test_what_was_before_and_after_does_not_count():
    quiet = conditions()
    loud = tuple(
        replace(moment, busy=moment.busy + 1000 * (moment.at >= ENDED + 1)) for moment in quiet.moments
    )
    assert unstable(replace(quiet, moments=loud), BEGAN, ENDED) == ()


def test_several_processes_give_one_sentence_a_reason():
    def stretch(**rates) -> Stretch:
        return Stretch(conditions=conditions(rates=rates), began=BEGAN, ended=ENDED)

    quiet, some, most = stretch(), stretch(own=7.0, others=1.0), stretch(own=4.0, others=4.0, steal=0.4)
    assert over([quiet]) == ()
    assert over([some]) == ("other processes took 12 % of the CPUs",)
    assert over([quiet, some, most]) == (
        "other processes took 50 % of the CPUs; so in 2 of 3 processes, this was the worst",
        "the hypervisor gave 5.0 % of the CPUs' time to other machines (steal); in 1 of 3 processes",
    )


# -- counters between two instants


def counted(*points: tuple[float, float | None]) -> Conditions:
    return Conditions(moments=tuple(Moment(at=at, energy=value) for at, value in points))


@pytest.mark.parametrize(
    ("points", "amount", "seconds"),
    [
        ([(99, 0), (101, 10), (105, 30)], 20.0, 4.0),  # from 5 at 100 to 25 at 104
        ([(100, 0), (102, None), (104, 8)], 8.0, 4.0),
        ([(101.5, 0), (104, 10)], 10.0, 2.5),  # not seen from the beginning
    ],
)
def test_change_interpolates(points, amount, seconds):
    found = change(counted(*points), lambda moment: moment.energy, 100, 104)
    assert (found.amount, found.seconds) == (amount, seconds)


def test_change_is_exact_between_moments():
    found = change(counted((99, 0), (101, 10), (103, 50)), lambda moment: moment.energy, 100, 102)
    assert (found.amount, found.rate) == (25.0, 12.5)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(100, 1)],
        [(100, None), (104, None)],
        [(103, 0), (104, 10)],  # less than half of it
        [(90, 0), (95, 10)],
        [(100, 10), (104, 0)],  # backwards
    ],
)
def test_change_that_cannot_be_told(points):
    assert change(counted(*points), lambda moment: moment.energy, 100, 104) is None


def test_energy_names_its_sources():
    def moving(second: int) -> list[GpuMoment]:
        return [gpu(energy=1e6 + 650.0 * second), gpu(index=1, own=False, energy=5.0 + 90.0 * second)]

    both = conditions(rates={"energy": 100.0}, gpus=moving, facts=(H100,))
    found = energy_of(both, BEGAN, ENDED)
    assert (found.joules, found.source) == (pytest.approx(22_500), "NVML (GPU 0) and RAPL")
    assert energy_of(both, BEGAN, ENDED, ()).source == "RAPL"
    power = energy_of(conditions(gpus=lambda second: (gpu(),)), BEGAN, ENDED)
    assert (power.joules, power.source) == (pytest.approx(19_500), "NVML power (GPU 0)")
    assert energy_of(conditions(), BEGAN, ENDED) is None
    assert energy_of(conditions(rates={"energy": 0.0}), BEGAN, ENDED) is None  # a counter that stands still


def test_gpus_in_use_where_their_processes_cannot_be_seen():
    def two(first: float, second: float) -> Conditions:
        return conditions(
            gpus=lambda _: (gpu(own=None, utilisation=first), gpu(index=1, own=None, utilisation=second))
        )

    assert gpus_in_use(two(0.9, 0.0), BEGAN, ENDED) == (0,)
    assert gpus_in_use(two(0.9, 0.9), BEGAN, ENDED) == (0, 1)
    assert gpus_in_use(conditions(gpus=lambda _: (gpu(own=None, utilisation=0.0),)), BEGAN, ENDED) == (0,)
