"""Why a result is below what it should be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from envkit.bench.model import BenchResult, Ceiling, Interval, ReferenceShown, WorkloadResult
from envkit.bench.samples import Arm, Device, Environment, Options, ProcessSamples, Run, Samples
from envkit.bench.why import below, why
from envkit.causes import catalogue
from envkit.core.finding import Evidence, Finding
from envkit.target.conditions import Conditions
from tests.bench.conditions import BEGAN, ENDED, H100, conditions, gpu

RESNET = ReferenceShown(
    what="ResNet-50 training, AMP",
    value=2790.0,
    unit="samples/s",
    share=0.5,
    comparable="close",
    conditions="NGC 24.10, batch 256",
    source="a publisher",
)


def result(
    share: float | None = 0.5, *, on_gpu: bool = True, workload: str = "resnet50", **change
) -> WorkloadResult:
    shown = () if share is None else (replace(RESNET, share=share),)
    made = WorkloadResult(
        workload=workload,
        framework="torch",
        device="cuda:0" if on_gpu else "cpu",
        device_name="NVIDIA H100 80GB HBM3" if on_gpu else "cpu",
        precision="bf16",
        throughput=Interval(median=1395.0, low=None, high=None, unit="samples/s"),
        references=shown,
    )
    return replace(made, **change)


def samples(
    *seen: Conditions, on_gpu: bool = True, workload: str = "resnet50", threads: int = 8, ranks: int = 1
):
    options = Options(framework="torch", device="auto", nproc=ranks)
    kind = "cuda" if on_gpu else "cpu"
    environment = Environment(
        framework="torch",
        version="2.13",
        python="3.12",
        device=Device(kind=kind, name="x", uuid=H100.uuid if on_gpu else None),
        threads=threads,
        world=ranks,
    )
    run = Run(
        workload=workload, batch_size=64, items=64, unit="samples", options=options, began=BEGAN, ended=ENDED
    )
    processes = tuple(
        ProcessSamples(
            arm="A",
            number=number,
            began=BEGAN - 5,
            ended=ENDED + 1,
            how="done",
            environment=environment,
            runs=tuple(replace(run, rank=rank) for rank in range(ranks)),
            conditions=one,
        )
        for number, one in enumerate(seen)
    )
    arm = Arm(name="A", options=options, target="python")
    return Samples(fingerprint={}, arms=(arm,), processes=processes, date="2026-01-01T00:00:00+00:00")


def bench(*results: WorkloadResult, ceilings: tuple[Ceiling, ...] = ()) -> BenchResult:
    return BenchResult(fingerprint={}, results=results, ceilings=ceilings)


def on_h100(**change) -> Conditions:
    """Conditions of a GPU that is so all the time."""
    return conditions(facts=(H100,), gpus=lambda second: (gpu(**change),))


def shown(finding: Finding, what: str) -> str:
    return next(one.value for one in finding.evidence if one.what == what)


DOCTOR = {
    key: Finding(
        key=key,
        outcome="problem",
        title=catalogue()[key].title,
        severity=catalogue()[key].severity,
        confidence=1.0,
        summary="seen",
        evidence=(Evidence(what="doctor", value="saw it", source="a file"),),
        fix=catalogue()[key].steps({"index": "0", "watts": "700"}),
    )
    for key in ("power-cap-low", "numa-remote", "nvlink-errors", "driver-too-old", "persistence-off")
}


def test_nothing_is_asked_where_all_is_as_it_should_be():
    quiet = samples(on_h100())
    fine = bench(result(0.95))
    assert below(fine) == ()
    assert why(fine, quiet, tuple(DOCTOR.values())) == ()


def test_a_low_result_that_nothing_explains_gives_no_finding():
    low = bench(result(0.5))
    assert why(low, samples(on_h100())) == ()
    assert why(low, samples()) == ()


@pytest.mark.parametrize(
    ("comparable", "share", "is_low"),
    [
        ("same", 0.89, True),
        ("same", 0.91, False),
        ("close", 0.74, True),
        ("close", 0.76, False),
        ("order-of-magnitude", 0.55, False),
        ("order-of-magnitude", 0.45, True),
    ],
)
def test_how_low_is_low(comparable, share, is_low):
    one = result(None, references=(replace(RESNET, comparable=comparable, share=share),))
    assert bool(below(bench(one))) is is_low


def test_below_the_machines_own_ceiling():
    def reaching(share: float, **change) -> BenchResult:
        value = Interval(median=7e14, low=None, high=None, unit="FLOP/s")
        top = Ceiling(what="gemm", value=value, share=share, precision="bf16")
        return bench(result(None, ceiling=top, workload="transformer", **change))

    (low,) = below(reaching(0.1))
    assert (low.what, low.against, low.reached) == (
        "transformer bf16",
        "what this machine reaches in gemm bf16",
        0.1,
    )
    assert below(reaching(0.4)) == ()
    quick = Options(framework="torch", device="auto", scale="quick")
    assert below(reaching(0.1, options=quick)) == ()


def test_a_slow_gpu_shows_in_its_ceilings():
    value = Interval(median=400e12, low=None, high=None, unit="FLOP/s")
    slow = bench(result(None), ceilings=(Ceiling(what="gemm", value=value, share=None, precision="bf16"),))
    (low,) = below(slow)
    assert low.workload == "gemm" and 0.4 < low.reached < 0.6 and "TFLOP/s" in low.against
    (found,) = why(slow, samples(on_h100(sm_clock=990, reasons=("hw-power-brake",))))
    assert found.key == "power-brake"


def test_the_power_cap_with_its_share():
    capped = on_h100(sm_clock=1410, reasons=("sw-power-cap",), power=499.0, power_limit=500.0)
    (found,) = why(bench(result(0.5)), samples(capped))
    assert (found.key, found.outcome, found.severity) == ("power-cap-low", "problem", "warning")
    assert found.summary == (
        "resnet50: a power limit below the default held the GPU's clock "
        "at 1410 of 1980 MHz in 100 % of the moments"
    )
    assert shown(found, "power limit of GPU 0") == "500 W; 700 W is the default"
    # 1980 / 1410 = 1.40 times: 0.5 would be 0.70, of the 0.75 that is expected
    assert shown(found, "explains") == "about 81 % of what is missing; about 1.4 times as fast without it"
    assert found.fix[0].run == "sudo nvidia-smi -i 0 -pl 700"


def test_a_default_limit_that_is_reached_is_no_fault():
    assert why(bench(result(0.5)), samples(on_h100(sm_clock=1410, reasons=("sw-power-cap",)))) == ()


def test_what_explains_most_comes_first():
    def both(hot: int) -> Conditions:
        return conditions(
            rates={"own": 7.0, "others": 1.0},
            facts=(H100,),
            gpus=lambda second: (gpu(sm_clock=hot, reasons=("hw-thermal",), temperature=90.0),),
        )

    keys = [found.key for found in why(bench(result(0.5)), samples(both(990)))]
    assert keys == ["thermal-throttle", "noisy-neighbour"]
    keys = [found.key for found in why(bench(result(0.5)), samples(both(1950)))]
    assert keys == ["noisy-neighbour", "thermal-throttle"]


def test_fewer_lanes_cost_copies_in_proportion():
    narrow = on_h100(pcie_width=4)
    low = bench(result(0.25, workload="memcpy"))
    (found,) = why(low, samples(narrow, workload="memcpy"))
    assert (found.key, found.summary) == ("pcie-link-narrow", "memcpy: GPU 0 ran on 4 of 16 PCIe lanes")
    assert shown(found, "explains") == "about 100 % of what is missing; about 4 times as fast without it"
    (found,) = why(bench(result(0.5)), samples(narrow))
    assert shown(found, "explains") == "cannot be said from what was measured"


@pytest.mark.parametrize(
    ("threads", "key", "runs"),
    [
        (16, "cpu-quota-below-threads", "export OMP_NUM_THREADS=4 MKL_NUM_THREADS=4"),
        (4, "cpu-quota-throttled", "export OMP_NUM_THREADS=4 MKL_NUM_THREADS=4"),
    ],
)
def test_a_quota_is_told_also_where_nothing_says_how_fast_it_should_be(threads, key, runs):
    held = conditions(cpus=4.0, quota=4.0, rates={"own": 4.0, "throttled": 4.0, "used": 4.0})
    seen = samples(held, on_gpu=False, workload="cnn", threads=threads)
    cpu = bench(result(None, on_gpu=False, workload="cnn"))
    assert below(cpu) == ()
    (found,) = why(cpu, seen)
    assert (found.key, found.fix[0].run) == (key, runs)
    assert found.summary == "cnn: the CPU quota of 4 CPUs held it back 50 % of the time"
    assert shown(found, "explains") == "about 2 times as fast without it"


def test_a_little_throttling_is_no_finding():
    held = conditions(cpus=4.0, quota=4.0, rates={"own": 4.0, "throttled": 0.2, "used": 4.0})
    seen = samples(held, on_gpu=False, threads=4)
    assert why(bench(result(None, on_gpu=False)), seen) == ()


def test_a_neighbour_on_the_cpus_and_one_behind_the_hypervisor():
    taken = conditions(rates={"own": 4.0, "others": 3.0, "steal": 1.0})
    (found,) = why(bench(result(None, on_gpu=False)), samples(taken, on_gpu=False))
    assert found.key == "noisy-neighbour"
    assert "other processes took 38 % of the CPUs and the hypervisor gave 12 %" in found.summary
    assert shown(found, "explains") == "about 2 times as fast without it"
    assert any("hypervisor" in step.say for step in found.fix)
    beside = conditions(rates={"own": 2.0, "others": 3.0})  # three CPUs idled
    assert why(bench(result(None, on_gpu=False)), samples(beside, on_gpu=False)) == ()


def test_another_program_on_the_gpu():
    (found,) = why(bench(result(0.5)), samples(on_h100(others=("blender",))))
    assert found.key == "noisy-neighbour" and "other processes were on the GPU (blender)" in found.summary


def test_too_few_threads():
    idle = conditions(rates={"own": 1.0})
    (found,) = why(bench(result(None, on_gpu=False)), samples(idle, on_gpu=False, threads=1))
    assert (found.key, found.fix[0].run) == (
        "too-few-threads",
        "export OMP_NUM_THREADS=8 MKL_NUM_THREADS=8",
    )


def test_too_many_threads_of_several_workers():
    busy = samples(conditions(), on_gpu=False, threads=8, ranks=4)
    low = bench(result(0.5, on_gpu=False, nproc=4))
    (found,) = why(low, busy)
    assert found.key == "thread-oversubscription"
    assert found.fix[0].run == "export OMP_NUM_THREADS=2 MKL_NUM_THREADS=2"
    assert shown(found, "threads") == "32 in 4 processes"


def test_swapping_and_a_hot_cpu():
    bad = conditions(
        rates={"swapped": 20 << 20, "heat_events": 3},
        fields=lambda second: {"clock": 2700.0, "temperature": 98.0, "available": 1 << 28},
        clock_max=3600.0,
    )
    found = why(bench(result(0.4, on_gpu=False)), samples(bad, on_gpu=False))
    assert [one.key for one in found] == ["thermal-throttle", "swap-active"]
    assert found[0].title == "The CPU is too hot and lowers its clock"
    assert shown(found[0], "CPU clock") == "2700 of 3600 MHz"


def test_findings_of_doctor_join_what_was_measured_or_stand_as_guesses():
    capped = on_h100(sm_clock=1410, reasons=("sw-power-cap",), power_limit=500.0)
    found = why(bench(result(0.5)), samples(capped), tuple(DOCTOR.values()))
    assert [one.key for one in found] == ["power-cap-low", "numa-remote"]
    joined, guess = found
    assert shown(joined, "doctor") == "saw it" and joined.confidence == 1.0
    assert guess.confidence == 0.4
    assert shown(guess, "explains") == "cannot be said: it was not seen during the run"


def test_links_between_gpus_matter_to_several_processes_only():
    links = (DOCTOR["nvlink-errors"],)
    assert why(bench(result(0.5)), samples(on_h100()), links) == ()
    (found,) = why(bench(result(0.5, nproc=8)), samples(on_h100()), links)
    assert found.key == "nvlink-errors"


def test_gpu_findings_of_doctor_do_not_explain_a_slow_cpu():
    found = why(
        bench(result(0.5, on_gpu=False)), samples(conditions(), on_gpu=False), (DOCTOR["power-cap-low"],)
    )
    assert found == ()


def test_an_effect_stands_under_its_cause():
    both = conditions(cpus=4.0, quota=4.0, rates={"own": 4.0, "throttled": 4.0, "used": 4.0})
    below_threads = replace(DOCTOR["numa-remote"], key="cpu-quota-below-threads")
    seen = samples(both, on_gpu=False, threads=4)
    (found,) = why(bench(result(0.5, on_gpu=False)), seen, (below_threads,))
    assert (found.key, found.explains) == ("cpu-quota-below-threads", ("cpu-quota-throttled",))
    assert found.summary == "resnet50: the CPU quota of 4 CPUs held it back 50 % of the time"
    assert shown(found, "doctor") == "saw it" and shown(found, "held back") == "50 %"
    assert found.fix == below_threads.fix


def test_the_other_side_of_a_comparison_is_left_alone():
    one = result(0.5, arm="B")
    assert below(bench(one)) == ()
    assert why(bench(one), samples(on_h100(sm_clock=990, reasons=("hw-thermal",)))) == ()


def test_keys_are_of_the_catalogue_and_texts_whole():
    everything = conditions(
        cpus=4.0,
        quota=4.0,
        rates={
            "own": 3.0, "others": 3.0, "steal": 1.0, "throttled": 3.0, "used": 3.0, "swapped": 20 << 20,
            "heat_events": 3,
        },
        facts=(H100,),
        gpus=lambda second: (
            gpu(
                sm_clock=900,
                reasons=("sw-power-cap", "hw-thermal", "hw-power-brake"),
                power_limit=400.0,
                pcie_width=8,
                others=("x",),
            ),
        ),
    )  # fmt: skip
    found = why(bench(result(0.2)), samples(everything, threads=64))
    assert len(found) >= 7
    for one in found:
        assert one.key in catalogue() and one.evidence and one.fix and one.severity == "warning"
        text = " ".join((one.summary, *(each.value for each in one.evidence), *(s.say for s in one.fix)))
        assert not re.search(r"\bNone\b|nan|[{}]", text)
