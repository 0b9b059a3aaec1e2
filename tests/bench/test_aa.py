"""Nothing against nothing, on pools made by hand."""

import math
import random

import pytest

from envkit.bench import aa
from envkit.bench.aa_rules import Process
from envkit.bench.samples import Options, ProcessSamples, Run, Samples
from envkit.core.codec import from_json, to_json
from envkit.report import render

OPTIONS = Options(framework="torch", device="cpu")


def pool(count, noise, *, seed=1, steps=12, stretch=0):
    """Processes whose steps vary by 1 % around what `noise` gives each process."""
    rng = random.Random(seed)
    return tuple(
        Process(steps=tuple(math.exp(middle + rng.gauss(0, 0.01)) for _ in range(steps)), stretch=stretch)
        for middle in noise(rng, count)
    )


def states(rng, count):
    """Now fast, now half as fast, and every process 3 % from the next."""
    slow, values = False, []
    for _ in range(count):
        slow ^= rng.random() < 0.1
        values.append(rng.gauss(0, 0.03) + (0.7 if slow else 0))
    return values


def steady(rng, count):
    return [rng.gauss(0, 0.003) for _ in range(count)]


def named(found, text):
    (one,) = (rule for rule in found.rules if rule.rule.startswith(text))
    return one


def test_a_machine_of_two_states():
    found = aa.measure(pool(60, states), workload="mlp", per_side=6, wanted=40)
    ours = named(found, "envkit, of throughput")
    assert (found.processes, found.comparisons, found.apart) == (60, 49, 5)
    assert found.between > 0.3 > 0.05 > found.within
    assert ours.nothing.different <= 0.05
    assert ours.injected[2].called_slower > ours.injected[0].called_slower
    assert named(found, "bootstrap of steps, one each").nothing.different > 0.5
    assert named(found, "7 %, same").nothing.different > ours.nothing.different


def test_a_steady_machine_finds_five_per_cent():
    found = aa.measure(pool(24, steady), workload="mlp", per_side=5, wanted=10)
    ours = named(found, "envkit, of throughput")
    assert ours.nothing.called_same == ours.nothing.comparisons
    assert [one.slower for one in ours.injected] == [0.05, 0.10, 0.20]
    assert all(one.called_slower == one.comparisons for one in ours.injected)
    assert named(found, "7 %, same").injected[0].called_slower == 0
    assert found.detectable < 0.05


def test_no_process_stands_on_both_sides_or_twice():
    processes = pool(30, steady)
    drawn = list(aa.comparisons(processes, 5, 100))
    assert len(drawn) == 105
    for a, b in drawn:
        assert len({id(one) for one in (*a, *b)}) == 10
    first = drawn[0]
    assert [processes.index(one) for one in first[0]] == [0, 3, 4, 7, 8]
    assert [processes.index(one) for one in first[1]] == [1, 2, 5, 6, 9]


def test_processes_before_and_after_a_stop_are_no_neighbours():
    processes = (*pool(12, steady), *pool(11, steady, seed=2, stretch=1))
    for a, b in aa.comparisons(processes, 5, 1):
        assert len({one.stretch for one in (*a, *b)}) == 1
    found = aa.measure(processes, workload="mlp", per_side=5, wanted=1)
    assert (found.comparisons, found.apart) == (5, 2)


def test_too_few_processes():
    with pytest.raises(ValueError, match="one comparison takes 10"):
        aa.measure(pool(9, steady), workload="mlp", per_side=5)


def test_below_five_processes_a_side_nothing_is_called_different():
    found = aa.measure(pool(12, states), workload="mlp", per_side=3, wanted=5)
    assert named(found, "envkit, of throughput").nothing.different == 0
    assert found.detectable is None
    shown = render(aa.report([found]), "text")
    assert "Below 5 processes a side" in shown
    assert "could have seen" not in shown


def test_slower_steps_are_slower_processes():
    process = Process(steps=(1.0, 2.0, 3.0))
    assert process.slower(0.2).middle == pytest.approx(2.4)
    assert process.slower(0.2).rate == pytest.approx(process.rate / 1.2)


def test_what_is_shown():
    found = aa.measure(pool(24, steady), workload="mlp", per_side=5, wanted=15)
    shown = render(aa.report([found]), "text")
    assert "nothing against nothing" in shown
    assert "0 of 15 (0.0%)" in shown
    assert aa.report([found]).verdict == "healthy"


def run(workload, steps, rank=0):
    return Run(
        workload=workload, batch_size=64, items=64, unit="samples", options=OPTIONS, steps=len(steps),
        seconds=sum(steps), step_seconds=steps, rank=rank,
    )  # fmt: skip


def test_the_pool_of_a_bench():
    """By the order of starting; without processes that have no steps, and without other ranks."""
    runs = [
        (run("mlp", (0.2, 0.2)),),
        (run("mlp", ()),),
        (run("cnn", (9.0,)), run("mlp", (0.1,)), run("mlp", (5.0,), 1)),
    ]
    processes = tuple(
        ProcessSamples(arm="A", number=number, began=0.0, ended=1.0, how="done", runs=each)
        for number, each in zip((2, 1, 0), runs, strict=True)
    )
    samples = Samples(fingerprint={}, arms=(), processes=processes, date="")
    assert [one.steps for one in aa.pool_of(samples, "mlp")] == [(0.1,), (0.2, 0.2)]


def bench(count, workloads=("mlp",)):
    """A bench of equal processes."""
    processes = tuple(
        ProcessSamples(
            arm="A",
            number=number,
            began=0.0,
            ended=1.0,
            how="done",
            runs=tuple(run(name, process.steps) for name in workloads),
        )
        for number, process in enumerate(pool(count, steady))
    )
    return Samples(fingerprint={"cpu": "EPYC"}, arms=(), processes=processes, date="2026-01-02T03:04:05Z")


def test_a_whole_bench():
    found = aa.judge(bench(20, ("mlp", "cnn")), wanted=10)
    assert [(one.workload, one.per_side, one.comparisons) for one in found.results] == [
        ("mlp", 5, 11),
        ("cnn", 5, 11),
    ]
    assert found.fingerprint == {"cpu": "EPYC"}
    assert from_json(aa.AaResult, to_json(found)) == found


def test_a_bench_with_too_few_processes_says_so():
    found = aa.judge(bench(6))
    assert found.results == ()
    shown = render(aa.report(found.results, notes=found.notes), "text")
    assert "6 processes: one comparison takes 10 in a row" in shown
    assert "more of them with --repeat" in shown


@pytest.mark.parametrize(("processes", "side"), [(10, 5), (24, 6), (32, 8), (200, 8)])
def test_a_quarter_of_the_pool_is_one_side(processes, side):
    assert aa.per_side(processes) == side


def alarms(different, apart):
    nothing = aa.Found(slower=0.0, comparisons=100, called_faster=different, called_slower=0, called_same=0)
    return aa.Aa(
        workload="mlp",
        processes=100,
        per_side=5,
        comparisons=100,
        apart=apart,
        between=0.1,
        within=0.1,
        detectable=0.1,
        rules=(aa.RuleFound(rule="envkit", nothing=nothing, injected=()),),
    )


@pytest.mark.parametrize(
    ("different", "apart", "verdict"),
    [(0, 2, "healthy"), (12, 2, "healthy"), (12, 100, "problems"), (60, 2, "problems")],
)
def test_more_false_alarms_than_luck_explains_are_a_problem(different, apart, verdict):
    assert aa.report([alarms(different, apart)]).verdict == verdict
