"""Samples become results."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.bench.judge import judge
from envkit.bench.model import BenchResult
from envkit.bench.read import read
from envkit.bench.samples import Arm, Failure, Limit, Options, ProcessSamples, Run, Samples
from envkit.compat import load_compat
from envkit.target.bench_job import Told
from envkit.target.conditions import Conditions, Moment
from tests.bench.told import END, ENVIRONMENT, START, run, told, whole

ASKED = Options(framework="torch", device="auto")


def process(said: Told, number: int = 0, arm: str = "A") -> ProcessSamples:
    return read(said, ASKED, arm=arm, number=number, limit=60.0).process


def samples(*processes: ProcessSamples, arms: str = "A") -> Samples:
    return Samples(
        fingerprint={"cpu": "AMD EPYC"},
        arms=tuple(Arm(name=name, options=ASKED, target="/venv/bin/python") for name in arms),
        processes=processes,
        date="2026-01-01T00:00:00+00:00",
    )


def judged(*processes: ProcessSamples, arms: str = "A") -> BenchResult:
    return judge(samples(*processes, arms=arms), load_compat())


def test_the_figure_is_the_median_over_processes():
    steps = (0.010, 0.020, 0.040)
    result = judged(*(process(whole("mlp", step=step), number) for number, step in enumerate(steps)))
    (one,) = result.results
    assert one.processes == pytest.approx((6400, 3200, 1600))
    assert one.throughput.median == pytest.approx(3200) and one.throughput.unit == "samples/s"
    assert (one.throughput.low, one.throughput.high) == (None, None), "three processes give no interval"
    assert one.step is not None and one.step.p50 == pytest.approx(0.020) and one.step.first == 0.5
    assert (one.workload, one.framework, one.device, one.batch_size) == ("mlp", "torch", "cpu", 64)
    assert one.rss == 1 << 30 and one.device_memory is None


def test_five_processes_give_an_interval():
    result = judged(*(process(whole("mlp", step=0.01 + number / 1000), number) for number in range(5)))
    interval = result.results[0].throughput
    assert interval.low is not None and interval.high is not None
    assert interval.low < interval.median < interval.high


def test_long_processes_count_no_more_than_short_ones():
    """A process is one value, however many steps it took."""
    result = judged(
        process(whole("mlp", step=0.01, steps=10)), process(whole("mlp", step=0.02, steps=1000), 1)
    )
    assert result.results[0].throughput.median == pytest.approx(4800)


def test_each_workload_and_each_side_is_one_result():
    result = judged(process(whole("mlp", "cnn")), process(whole("mlp", "cnn"), 1, "B"), arms="AB")
    assert [(one.arm, one.workload) for one in result.results] == [
        ("A", "mlp"), ("A", "cnn"), ("B", "mlp"), ("B", "cnn"),
    ]  # fmt: skip


def test_workers_add_up():
    two = {**ENVIRONMENT, "world": 2}
    lines = [*run("mlp")]
    said = told(START, two, *lines, END, more=([START, {**two, "rank": 1}, *run("mlp", step=0.02), END],))
    (one,) = judged(process(said)).results
    assert one.nproc == 2 and one.throughput.median == pytest.approx(9600)


def test_the_share_of_this_machines_own_ceiling():
    limit = Limit(what="gemm", unit="FLOP/s", precision="fp32", shape="8x8x8", samples=(1e9, 1e9, 9e9))
    result = judged(replace(process(whole("mlp")), limits=(limit,)))
    (one,) = result.results
    assert one.achieved == pytest.approx(1e6 / 0.01)
    assert one.ceiling is not None and one.ceiling.share == pytest.approx(0.1)
    assert result.ceilings[0].value.median == 1e9


def test_the_check_that_failed_is_the_one_that_is_told():
    first = process(whole("mlp"))
    bad = replace(first.runs[0].check, ok=False, last=2.2) if first.runs[0].check else None
    second = replace(first, number=1, runs=(replace(first.runs[0], check=bad),))
    check = judged(first, second).results[0].check
    assert check is not None and not check.ok


class TestCutShort:
    def cut(self, steps: int) -> ProcessSamples:
        lines = [line for line in run("mlp", steps=steps) if line["kind"] != "measured"]
        return process(told(START, ENVIRONMENT, *lines, how="crashed", code=-9))

    def test_enough_steps_count_and_that_is_told(self):
        (one,) = judged(self.cut(10)).results
        assert one.throughput.median == pytest.approx(6400)
        assert any("did not end well" in note for note in one.notes)

    def test_a_few_steps_do_not(self):
        assert judged(self.cut(4)).results == ()

    def test_a_workload_that_was_whole_counts_whatever_came_after(self):
        lines = [*run("mlp", steps=3), {"kind": "at", "what": "cnn: building"}]
        (one,) = judged(process(told(START, ENVIRONMENT, *lines, how="timeout"))).results
        assert one.throughput.median == pytest.approx(6400)

    def test_nothing_measured_is_no_result(self):
        result = judged(process(told(START, ENVIRONMENT, how="crashed", code=-11)))
        assert result.results == () and result.findings[0].outcome == "problem"


KINDS = {
    "does-not-learn": ["device-smoke-failed"],
    "error": ["device-smoke-failed"],
    "out-of-memory": ["oom-gpu"],
    "no-space": ["disk-full"],
    "unsupported": [],
}


@pytest.mark.parametrize("kind, keys", KINDS.items(), ids=KINDS)
def test_a_failure_is_a_finding_with_a_cause(kind, keys):
    failure = Failure(workload="rnn", kind=kind, error="loss 2.3")
    result = judged(*(replace(process(whole("mlp"), number), failures=(failure,)) for number in range(2)))
    assert result.failures == (failure,), "the same of two processes once"
    assert [finding.key for finding in result.findings] == keys
    for finding in result.findings:
        assert finding.severity == "error" and finding.fix and "loss 2.3" in finding.summary


@pytest.mark.parametrize(
    "code, key", [(-4, "cpu-instruction-set"), (-9, "oom-host"), (-11, "device-smoke-failed")]
)
def test_a_signal_is_a_finding_with_a_cause(code, key):
    result = judged(process(told(START, how="crashed", code=code)))
    assert [finding.key for finding in result.findings] == [key]


def moments(own: float, busy: float) -> Conditions:
    """Of one process that took these shares of two CPUs."""
    points = (
        Moment(at=100.0 + at / 10, busy=busy * 2 * at / 10, own=own * 2 * at / 10, energy=50.0 * at / 10)
        for at in range(12)
    )
    return Conditions(cpus=2, counted=2, period=0.1, moments=tuple(points))


def test_energy_of_an_item():
    measured = replace(process(whole("mlp", steps=100)), conditions=moments(1.0, 1.0))
    (one,) = judged(measured).results
    assert one.energy == pytest.approx(50.0 / 6400)


def test_what_moved_in_several_processes_is_told_once():
    shares = (0.9, 0.6, 0.4)
    result = judged(
        *(
            replace(process(whole("mlp", steps=100), number), conditions=moments(own, 1.0))
            for number, own in enumerate(shares)
        )
    )
    (said,) = result.results[0].unstable
    assert "60" in said and "in 3 of 3 processes" in said


def test_a_halved_batch_is_another_row():
    result = judged(process(whole("mlp", batch=64)), process(whole("mlp", batch=32), 1))
    assert [one.batch_size for one in result.results] == [64, 32]


def test_a_run_without_seconds_is_no_figure():
    empty = Run(workload="mlp", batch_size=1, items=1, unit="samples", options=ASKED)
    assert judged(replace(process(whole("mlp")), runs=(empty,))).results == ()


def test_an_interrupt_is_told():
    result = judge(replace(samples(process(whole("mlp"))), interrupted=True), load_compat())
    assert result.interrupted and result.results
