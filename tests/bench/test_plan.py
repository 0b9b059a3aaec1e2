"""From options to processes and their order."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from envkit.bench import plan
from envkit.bench.plan import Ask, Job, Side
from envkit.bench.samples import Options
from envkit.bench.workloads import BY_NAME, NAMES, WORKLOADS, usual
from envkit.target.bench_job import Workers

OPTIONS = Options(framework="torch", device="auto")
A = Side(options=OPTIONS, python="/venv/bin/python")
B = replace(A, options=replace(OPTIONS, precision="bf16"), said="--precision bf16")
ASK = Ask(workloads=("mlp", "cnn"), sides=(A,), repeat=3, seconds=1.0, warmup=1.0)


def test_one_side_is_as_many_processes_as_repetitions():
    jobs = plan.schedule(ASK)
    assert [(job.number, job.round, job.arm) for job in jobs] == [(0, 0, "A"), (1, 1, "A"), (2, 2, "A")]
    assert all(job.workers.alone for job in jobs)


def test_two_sides_take_turns_and_neither_is_always_the_first():
    jobs = plan.schedule(replace(ASK, sides=(A, B), repeat=4))
    assert "".join(job.arm for job in jobs) == "ABBAABBA"
    assert [job.number // 2 for job in jobs] == [job.round for job in jobs]


def test_each_side_is_checked_to_learn_once():
    jobs = plan.schedule(replace(ASK, sides=(A, B), nproc=(1, 2)))
    assert [(job.arm, job.workers.nproc) for job in jobs if job.check] == [("A", 1), ("B", 1)]


def test_every_number_of_workers_in_every_round():
    jobs = plan.schedule(replace(ASK, nproc=(1, 2, 4), repeat=2))
    assert [job.workers.nproc for job in jobs] == [1, 2, 4, 1, 2, 4]
    assert [job.workers.alone for job in jobs[:3]] == [True, False, False]


def test_both_modes_measure_one_worker_once():
    jobs = plan.schedule(replace(ASK, nproc=(1, 2), modes=("weak", "strong"), repeat=1))
    assert [(job.workers.nproc, job.strong) for job in jobs] == [(1, False), (2, False), (2, True)]


def test_several_machines_are_never_alone():
    ask = replace(ASK, nnodes=2, node_rank=1, rendezvous="node0:29400")
    (workers, *_) = [job.workers for job in plan.schedule(ask)]
    assert workers == Workers(nproc=1, nnodes=2, node_rank=1, rendezvous="node0:29400")
    assert not workers.alone


class TestPayload:
    def test_the_options_are_those_of_the_side(self):
        ask = replace(ASK, sides=(A, B))
        first, second = (plan.payload_job(ask, job, ask.workloads) for job in plan.schedule(ask)[:2])
        assert (first["precision"], second["precision"]) == ("fp32", "bf16")
        assert first["workloads"] == ["mlp", "cnn"] and first["scale"] == "default"
        assert json.loads(json.dumps(first)) == first

    def test_both_sides_of_a_round_have_one_seed(self):
        ask = replace(ASK, sides=(A, B))
        seeds = {(job.round, plan.payload_job(ask, job, ask.workloads)["seed"]) for job in plan.schedule(ask)}
        assert len(seeds) == ask.repeat == len({seed for _, seed in seeds})

    def test_several_workers_are_measured_without_collectives_too(self):
        ask = replace(ASK, nproc=(1, 2))
        alone, together = (plan.payload_job(ask, job, ask.workloads) for job in plan.schedule(ask)[:2])
        assert (alone["no_sync"], together["no_sync"]) == (False, True)
        assert "gemm" in alone["limits"] and "gemm" not in together["limits"]
        assert alone["processes"] == together["processes"] == 2

    def test_what_a_framework_does_not_have_is_left_out(self):
        ask = replace(ASK, sides=(replace(A, options=replace(OPTIONS, framework="tensorflow")),))
        job = plan.schedule(ask)[0]
        assert plan.payload_job(ask, job, ("mlp", "allreduce"))["workloads"] == ["mlp"]


class TestLimit:
    def job(self, nproc: int = 1) -> Job:
        return plan.schedule(replace(ASK, nproc=(nproc,)))[0]

    def test_as_given(self):
        assert plan.limit(replace(ASK, limit=7.0), self.job(), 4) == 7.0

    def test_more_to_do_has_more_time(self):
        one, four = (plan.limit(ASK, self.job(), count) for count in (1, 4))
        compiled = replace(ASK, sides=(replace(A, options=replace(OPTIONS, compile="default")),))
        assert one < four < plan.limit(compiled, self.job(), 4)
        assert four < plan.limit(ASK, self.job(2), 4)


@pytest.mark.parametrize(
    "blamed, then",
    [
        ((), ("mlp", "cnn", "rnn")),
        (("mlp",), ("cnn", "rnn", "mlp")),
        (("cnn",), ("mlp", "rnn", "cnn")),
        (("mlp", "cnn"), ("rnn", "mlp", "cnn")),
        (("mlp", "mlp"), ("cnn", "rnn")),
        (("mlp", "import torch", "mlp", "cnn"), ("rnn", "cnn")),
        (("mlp", "mlp", "cnn", "cnn", "rnn", "rnn"), ()),
        (("import torch", "import torch"), ()),
    ],
)
def test_what_brings_processes_down_comes_last_and_then_no_more(blamed, then):
    assert plan.order(("mlp", "cnn", "rnn"), blamed) == then


def test_the_arms_say_what_was_asked():
    first, second = plan.arms(replace(ASK, sides=(A, B)))
    assert (first.name, first.said, first.target) == ("A", "", "/venv/bin/python")
    assert (second.name, second.said, second.options.precision) == ("B", "--precision bf16", "bf16")
    (image,) = plan.arms(replace(ASK, sides=(replace(A, image="torch:1"),)))
    assert image.target == "torch:1"


class TestWorkloads:
    def test_names_are_unique(self):
        assert len(set(NAMES)) == len(NAMES) == len(WORKLOADS)

    @pytest.mark.parametrize("framework", ["torch", "tensorflow"])
    def test_what_is_usual(self, framework):
        on_cpu = usual(framework, gpu=False)
        assert on_cpu == ("mlp", "cnn", "rnn", "transformer")
        assert set(usual(framework, gpu=True)) - set(on_cpu) == {"resnet50"}
        assert all(framework in BY_NAME[name].frameworks for name in usual(framework, gpu=True))
