"""Scaling efficiency, from values made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.bench.samples import Arm, Device, Environment, Options, ProcessSamples, Run, Samples
from envkit.bench.scaling import exposed, scaling
from envkit.target.conditions import Conditions

OPTIONS = Options(framework="torch", device="cpu")


def run(
    rank: int = 0,
    *,
    nproc: int = 1,
    batch: int = 64,
    rate: float = 100.0,
    step: float = 0.010,
    no_sync: float | None = None,
    workload: str = "mlp",
    nnodes: int = 1,
) -> Run:
    """One process of a launch that did `rate` samples a second."""
    steps = 50
    return Run(
        workload=workload,
        batch_size=batch,
        items=batch,
        unit="samples",
        options=replace(OPTIONS, nproc=nproc, nnodes=nnodes, batch_size=batch),
        steps=steps,
        seconds=steps * batch / rate,
        step_seconds=(step,) * steps,
        no_sync_seconds=None if no_sync is None else (no_sync,) * 10,
        rank=rank,
    )


def launch(*runs: Run, threads: int = 1, cpus: float | None = 8, world: int | None = None) -> ProcessSamples:
    return ProcessSamples(
        arm="A",
        number=0,
        began=0.0,
        ended=10.0,
        how="done",
        environment=Environment(
            framework="torch",
            version="2.13.0",
            python="3.11.7",
            device=Device(kind="cpu", name="some CPU"),
            threads=threads,
            world=len(runs) if world is None else world,
        ),
        runs=runs,
        conditions=Conditions(cpus=cpus),
    )


def several(nproc: int, rates: list[float], *, batch: int = 64, **more: float) -> list[ProcessSamples]:
    """A launch for each rate, which is that of each of its processes."""
    return [
        launch(*(run(rank, nproc=nproc, rate=rate, batch=batch, **more) for rank in range(nproc)))
        for rate in rates
    ]


def samples(*processes: ProcessSamples) -> Samples:
    return Samples(
        fingerprint={},
        arms=(Arm(name="A", options=OPTIONS, target="/usr/bin/python3"),),
        processes=processes,
        date="2026-01-01T00:00:00+00:00",
    )


ONE = [100.0, 101.0, 99.0, 100.0, 100.0]


def test_weak_efficiency_is_the_rate_of_all_beside_n_times_that_of_one() -> None:
    found = scaling(samples(*several(1, ONE), *several(2, [90.0, 91.0, 89.0, 90.0, 90.0])))
    base, two = found.rows
    assert (base.nproc, base.efficiency, base.mode) == (1, 1.0, "weak")
    assert (two.nproc, two.mode) == (2, "weak")
    assert two.throughput.median == pytest.approx(180.0)
    assert two.throughput.unit == "samples/s"
    assert two.efficiency == pytest.approx(0.9)
    assert two.low is not None and two.high is not None
    assert 0.87 < two.low < 0.9 < two.high < 0.93
    assert found.notes == () and two.note == ""


def test_strong_efficiency_is_the_time_of_one_beside_n_times_that_of_n() -> None:
    # A global batch of 64 took 0.64 s alone, and takes 0.40 s on two: 0.64 / (2 * 0.40).
    found = scaling(samples(*several(1, ONE), *several(2, [80.0] * 5, batch=32)))
    assert [(row.mode, row.nproc) for row in found.rows] == [("strong", 1), ("strong", 2)]
    assert found.rows[1].efficiency == pytest.approx(0.64 / (2 * 0.40))


def test_weak_and_strong_of_one_run_share_the_launches_of_one_process() -> None:
    found = scaling(samples(*several(1, ONE), *several(2, [90.0] * 5), *several(2, [80.0] * 5, batch=32)))
    rows = {(row.mode, row.nproc): row.efficiency for row in found.rows}
    assert rows == {
        ("weak", 1): 1.0,
        ("weak", 2): pytest.approx(0.9),
        ("strong", 1): 1.0,
        ("strong", 2): pytest.approx(0.8),
    }


def test_below_five_launches_there_is_no_interval() -> None:
    found = scaling(samples(*several(1, [100.0] * 3), *several(2, [90.0] * 3)))
    assert found.rows[1].efficiency == pytest.approx(0.9)
    assert (found.rows[1].low, found.rows[1].high) == (None, None)


def test_a_batch_that_is_neither_is_not_compared_and_told() -> None:
    """A batch halved for lack of memory would otherwise show as an efficiency above 1."""
    found = scaling(samples(*several(1, ONE), *several(4, [300.0] * 5, batch=128)))
    assert found.rows == ()
    assert found.notes == (
        "mlp: a batch of 128 in each of 4 processes beside one of 64 in 1 is neither weak nor strong "
        "scaling: not compared",
    )


def test_a_batch_that_the_processes_do_not_divide_is_strong_scaling_and_told() -> None:
    found = scaling(samples(*several(1, ONE, batch=100), *several(3, [90.0] * 5, batch=33)))
    assert found.rows[1].mode == "strong"
    assert found.rows[1].note == "the batch over all was 99, not 100, which 3 does not divide"
    assert found.notes == (f"mlp with 3 processes: {found.rows[1].note}",)


def test_exposed_communication_is_what_steps_without_collectives_save() -> None:
    found = scaling(samples(*several(1, ONE), *several(2, [90.0] * 5, step=0.010, no_sync=0.008)))
    assert found.rows[0].exposed is None
    assert found.rows[1].exposed == pytest.approx(0.2)
    assert exposed(run(step=0.010, no_sync=0.012)) == 0.0  # noise: nothing was saved
    assert exposed(run(step=0.010)) is None


def test_a_launch_without_one_of_its_processes_does_not_count() -> None:
    """Half a launch would look like half the throughput."""
    half = launch(run(0, nproc=2, rate=90.0), world=2)
    assert scaling(samples(*several(1, ONE), half)).rows == ()
    found = scaling(samples(*several(1, ONE), half, *several(2, [90.0])))
    assert found.rows[1].throughput.median == pytest.approx(180.0)


def test_other_nodes_count_with_the_rate_of_this_one() -> None:
    both = [
        launch(*(run(rank, nproc=2, nnodes=2, rate=90.0) for rank in range(2)), world=4) for _ in range(5)
    ]
    row = scaling(samples(*several(1, ONE), *both)).rows[1]
    assert (row.nproc, row.throughput.median) == (4, pytest.approx(360.0))
    assert row.efficiency == pytest.approx(0.9)
    assert row.note == "rates of 2 of 4 processes, those of this node"


def test_more_processes_than_cpus_is_told() -> None:
    crowded = [replace(each, conditions=Conditions(cpus=2)) for each in several(4, [50.0])]
    found = scaling(samples(*several(1, [100.0]), *crowded))
    assert found.rows[1].note == "4 processes shared 2 CPUs: this measures that, not scaling"


def test_other_threads_are_told() -> None:
    alone = launch(run(), threads=2)
    found = scaling(samples(alone, *several(2, [50.0])))
    assert found.rows[1].note == "1 threads a process, and 2 in the launch of 1"


def test_without_one_process_the_smallest_launch_is_the_measure() -> None:
    found = scaling(samples(*several(2, [90.0]), *several(4, [81.0])))
    assert [row.nproc for row in found.rows] == [2, 4]
    assert found.rows[1].efficiency == pytest.approx(0.9)
    assert found.rows[1].note == "beside 2 processes, one alone was not measured"


def test_workloads_options_and_one_number_of_processes_stay_apart() -> None:
    assert scaling(samples(*several(1, ONE))).rows == ()
    found = scaling(samples(*several(1, ONE), *several(2, [90.0], workload="cnn")))  # type: ignore[arg-type]
    assert found.rows == ()


def test_a_launch_that_was_ended_early_counts_from_a_few_steps_on() -> None:
    early = [replace(each, how="interrupted") for each in several(2, [90.0])]
    assert len(scaling(samples(*several(1, ONE), *early)).rows) == 2
    hardly = [
        replace(each, runs=tuple(replace(one, steps=4, seconds=one.seconds * 4 / 50) for one in each.runs))
        for each in early
    ]
    assert scaling(samples(*several(1, ONE), *hardly)).rows == ()


def test_a_run_that_measured_nothing_is_left_out() -> None:
    nothing = launch(*(replace(run(rank, nproc=2), steps=0, seconds=0.0) for rank in range(2)))
    assert scaling(samples(*several(1, ONE), nothing)).rows == ()
