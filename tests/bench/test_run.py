"""The schedule is carried out, one process at a time, and what was measured is kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace

import pytest

from envkit.bench.plan import Ask, Job, Side
from envkit.bench.run import Outcome, run
from envkit.bench.samples import Options, ProcessSamples
from envkit.target.bench_job import Launch, Said, Started, Told
from envkit.target.conditions import Conditions
from tests.bench.told import ENVIRONMENT, START, told, whole

SIDE = Side(options=Options(framework="torch", device="auto"), python="/venv/bin/python")
ASK = Ask(workloads=("mlp", "cnn"), sides=(SIDE,), repeat=4, seconds=1.0, warmup=1.0)
B = replace(SIDE, options=replace(SIDE.options, precision="bf16"))


class Heard:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def process(self, job: Job, left: float) -> None:
        self.said.append(f"process {job.number}")

    def doing(self, what: str) -> None:
        self.said.append(what)

    def ended(self, process: ProcessSamples) -> None:
        self.said.append(process.how)


class Watch:
    """Conditions of a machine on which nothing could be read."""

    def conditions(self) -> Conditions:
        return Conditions(cpus=2)


@contextmanager
def watching(pid_of: Callable[[], int | None]):
    yield Watch()


def carried_out(ask: Ask, ends: Callable[[Launch, int], Told]) -> tuple[Outcome, list[Launch], list[str]]:
    launches: list[Launch] = []
    heard = Heard()

    def start(launch: Launch, said: Said, started: Started) -> Told:
        started(os.getpid())
        said({"kind": "at", "what": "mlp: warm-up"})
        launches.append(launch)
        return ends(launch, len(launches) - 1)

    outcome = run(ask, start, watching, machine={"cpu": "x"}, progress=heard)
    return outcome, launches, heard.said


def test_every_process_of_the_schedule():
    outcome, launches, said = carried_out(ASK, lambda launch, number: whole("mlp", "cnn"))
    samples = outcome.samples
    assert outcome.stop is None and not samples.interrupted
    assert [process.number for process in samples.processes] == [0, 1, 2, 3] and len(launches) == 4
    assert samples.processes[0].conditions == Conditions(cpus=2)
    assert samples.fingerprint["cpu"] == "x" and samples.fingerprint["framework"] == "torch 2.13.0+cpu"
    assert said[:3] == ["process 0", "mlp: warm-up", "done"]


def test_each_side_has_its_own_options():
    outcome, launches, _ = carried_out(
        replace(ASK, sides=(SIDE, B), repeat=2), lambda launch, number: whole("mlp", "cnn")
    )
    assert [launch.job["precision"] for launch in launches] == ["fp32", "bf16", "bf16", "fp32"]
    assert [process.arm for process in outcome.samples.processes] == ["A", "B", "B", "A"]


def crash(where: str) -> Told:
    return told(START, ENVIRONMENT, {"kind": "at", "what": where}, how="crashed", code=-11)


def test_the_workload_that_crashes_comes_last_and_is_then_left_out():
    def ends(launch: Launch, number: int) -> Told:
        names = launch.job["workloads"]
        return crash("mlp: warm-up") if "mlp" in names else whole(*names)

    outcome, launches, _ = carried_out(ASK, ends)
    assert [launch.job["workloads"] for launch in launches] == [
        ["mlp", "cnn"],
        ["cnn", "mlp"],
        ["cnn"],
        ["cnn"],
    ]
    assert [process.how for process in outcome.samples.processes] == ["crashed", "crashed", "done", "done"]


def test_a_ceiling_that_crashes_is_not_measured_again():
    def ends(launch: Launch, number: int) -> Told:
        return crash("limit: gemm") if launch.job["limits"] else whole(*launch.job["workloads"])

    outcome, _, _ = carried_out(ASK, ends)
    assert [process.how for process in outcome.samples.processes] == ["crashed", "done", "done", "done"]


def test_what_does_not_even_start_is_tried_twice():
    outcome, _, _ = carried_out(ASK, lambda launch, number: crash("import torch"))
    assert [process.how for process in outcome.samples.processes] == ["crashed", "crashed"]


def test_where_no_workload_is_left_no_process_is_started():
    outcome, launches, _ = carried_out(
        replace(ASK, workloads=("mlp",)), lambda launch, number: crash("mlp: warm-up")
    )
    assert len(launches) == len(outcome.samples.processes) == 2


def test_a_crash_of_one_side_leaves_the_other_alone():
    def ends(launch: Launch, number: int) -> Told:
        return crash("mlp: building") if launch.job["precision"] == "bf16" else whole("mlp")

    ask = replace(ASK, workloads=("mlp",), sides=(SIDE, B))
    _, launches, _ = carried_out(ask, ends)
    assert [launch.job["precision"] for launch in launches].count("fp32") == 4
    assert [launch.job["precision"] for launch in launches].count("bf16") == 2


def test_what_stops_a_side_ends_all_at_once():
    absent = told(
        START,
        {"kind": "no-device", "device": "cuda", "why": "none", "available": ["cpu"]},
        how="crashed",
        code=1,
    )
    outcome, launches, _ = carried_out(
        replace(ASK, sides=(SIDE, B)), lambda launch, number: absent if number else whole("mlp")
    )
    assert len(launches) == 2 and outcome.stop is not None
    assert (outcome.stop.kind, outcome.side) == ("no-device", 1)
    assert outcome.samples.processes[0].runs, "what the other side measured is there"


def test_an_interrupted_process_is_the_last_one_and_kept():
    def ends(launch: Launch, number: int) -> Told:
        return (
            told(START, ENVIRONMENT, *whole("mlp").ranks[0][2:-1], how="interrupted")
            if number
            else whole("mlp")
        )

    outcome, launches, _ = carried_out(ASK, ends)
    assert len(launches) == 2 and outcome.samples.interrupted
    assert [process.how for process in outcome.samples.processes] == ["done", "interrupted"]
    assert outcome.samples.processes[1].runs


def test_an_interrupt_between_two_processes():
    def ends(launch: Launch, number: int) -> Told:
        if number == 1:
            os.kill(os.getpid(), signal.SIGINT)
            signal.sigtimedwait([], 0.2)  # where the handler runs
        return whole("mlp")

    outcome, launches, _ = carried_out(ASK, ends)
    assert outcome.samples.interrupted and len(launches) == 2
    assert len(outcome.samples.processes) == 1


def test_a_fault_of_ours_is_no_result():
    def ends(launch: Launch, number: int) -> Told:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        carried_out(ASK, ends)
