"""What the machine and its settings take: threads, quota, memory, debugging, the start, neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from envkit.diagnose.speed import quiet
from envkit.diagnose.speed.trace import Frame, Sample, Worker
from envkit.diagnose.speed.view import View
from envkit.target.conditions import GpuFacts, GpuMoment
from tests.diagnose.speed import views
from tests.diagnose.speed.looks import Script, told

SCRIPT = Script("""
    import torch

    def pairs(words):
        for word in words:
            counts[word] += 1

    def main():
        torch.set_num_threads(16)
        torch.autograd.set_detect_anomaly(True)
        words = pairs(read())
        model = torch.nn.parallel.DistributedDataParallel(net, find_unused_parameters=True)
        with torch.profiler.profile(with_stack=True):
            for x, y in loader:
                loss = criterion(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        net.compile(optimizer="adam", loss="mse", run_eagerly=True)
""")


def _view(samples: Any = (), **fields: Any) -> View:
    return SCRIPT.view(samples, **fields)


OVER = {"settings": {"threads": 16}, "moments": {"queued": 0.4, "ran": 0.4, "switched": 900}}


def test_more_threads_than_cpus():
    slow = told(_view(**OVER))["thread-oversubscription"]
    assert slow.share == pytest.approx(0.6, abs=0.03)
    assert slow.where.line == SCRIPT.line("set_num_threads")
    assert "16 threads" in slow.summary and "2 usable CPUs" in slow.summary
    assert (slow.gains[0].change.name, slow.gains[0].change.value) == ("threads", "2")


@pytest.mark.parametrize("other", [
    {"settings": {"threads": 2}},  # as many as CPUs
    {"moments": {"queued": 0.01, "ran": 0.95}},  # they do no harm
    {"moments": {"queued": 0.01, "ran": 0.3}},  # it waits for something else
    {"conditions": {"busy": 2.0, "own": 0.8}},  # others have the CPUs
    {"cpus": None},
])  # fmt: skip
def test_many_threads_without_the_evidence(other):
    assert "thread-oversubscription" not in told(_view(**{**OVER, **other}))


def test_threads_of_data_workers():
    workers = [Worker(loader=0, number=place, pid=200 + place, threads=2) for place in range(2)]
    view = _view(workers=workers, wait=0.002, moments={"queued": 0.3, "ran": 0.6})
    slow = told(view)["thread-oversubscription"]
    assert {gain.change.name for gain in slow.gains} == {"worker-threads"}
    single = [replace(one, threads=1) for one in workers]
    assert "thread-oversubscription" not in told(replace_workers(view, single))


def test_workers_whose_threads_get_in_each_others_way():
    """They compute all the time, on all CPUs, and the training waits for what they make."""
    made = [
        Worker(loader=0, number=n, pid=200 + n, threads=8, batches=50, fetched=1.6, cpu=1.4) for n in range(2)
    ]
    fields = {
        "workers": made, "wait": 0.016, "moments": {"queued": 0.1, "ran": 0.1}, "settings": {"threads": 1},
    }  # fmt: skip
    slow = told(_view(**fields, conditions={"busy": 1.95, "own": 1.9}))["thread-oversubscription"]
    assert 0.35 < slow.share < 0.55 and "dataloader-bound" in slow.folds
    assert "one thread, 16 in data workers, for 2 usable CPUs" in slow.summary
    assert "batches are waited for 80% of the time" in slow.summary
    assert "One thread in each data worker" in slow.fix[0].say
    idle = told(_view(**fields, conditions={"busy": 0.4, "own": 0.35}))
    assert "thread-oversubscription" not in idle  # they wait for something else


def replace_workers(view: View, workers: list[Worker]) -> View:
    return replace(view, trace=replace(view.trace, speed=replace(view.speed, workers=tuple(workers))))


def test_the_quota():
    conditions = {"quota": 2.0, "throttled": 0.6, "used": 2.0}
    fields: dict[str, Any] = {
        "settings": {"threads": 8},
        "moments": {"queued": 0.3, "ran": 0.65},
        "cpus": 2.0,
    }
    slow = told(_view(conditions=conditions, **fields))["cpu-quota-throttled"]
    assert slow.share == pytest.approx(0.3, abs=0.02)
    assert slow.gains[0].change.value == "2"
    assert "cpu-quota-throttled" not in told(_view(conditions={**conditions, "throttled": 0.0}, **fields))
    assert "cpu-quota-throttled" not in told(_view(conditions={"throttled": 0.6}, **fields))


SWAP: dict[str, Any] = {
    "moments": {"major_faults": 400, "ran": 0.5, "queued": 0.01, "blocked": 0.4},
    "conditions": {"swapped": 60e6, "available": 2e8},
}


def test_swap():
    slow = told(_view(**SWAP))["memory-pressure"]
    assert slow.share == pytest.approx(0.49, abs=0.03)
    assert "400 pages a second" in slow.summary


def test_files_read_as_memory_and_swap_of_others_are_no_pressure():
    assert "memory-pressure" not in told(_view(**{**SWAP, "conditions": {"swapped": 0.0}}))
    assert "memory-pressure" not in told(_view(**{**SWAP, "moments": {"major_faults": 0, "ran": 0.5}}))


TEXTS = ["lib/python3.11/traceback.py:230 extract", "torch/nn/modules/linear.py:120 forward",
         "torch/nn/modules/module.py:1700 _call_impl", SCRIPT.at("loss = crit")]  # fmt: skip


def test_anomaly_mode():
    view = _view([("other", TEXTS, 0.3)], settings={"anomaly": True, "operations": 10})
    slow = told(view)["debug-left-on"]
    assert slow.where.line == SCRIPT.line("set_detect_anomaly")
    assert 0.3 <= slow.share <= 0.45
    assert (slow.gains[0].change.name, slow.gains[0].change.value) == ("anomaly", "0")
    assert "debug-left-on" not in told(_view([("other", TEXTS, 0.3)], settings={"anomaly": False}))


def test_stacks_of_anomaly_mode_are_no_python_work_of_the_script():
    view = _view([("other", [TEXTS[0], SCRIPT.at("loss = crit")], 0.4)], settings={"anomaly": True})
    assert list(told(view)) == ["debug-left-on"]


def test_anomaly_mode_of_large_operations_costs_less():
    settings = {"anomaly": True, "operations": 30}
    small = told(_view(step=0.006, backward=0.002, optimizer=0.0005, settings=settings))["debug-left-on"]
    large = told(_view(step=0.6, backward=0.2, optimizer=0.05, settings=settings))["debug-left-on"]
    assert large.share < small.share < 0.7


def test_a_profiler():
    slow = told(_view(settings={"profiler": True, "operations": 30}))["debug-left-on"]
    assert slow.where.line == SCRIPT.line("torch.profiler.profile")
    assert told(_view(settings={"profiler": False})) == {}


def test_switches_of_gpus_need_a_gpu():
    settings = {"blocking": True, "deterministic": True}
    assert told(_view(settings=settings)) == {}
    found = told(_view(settings={**settings, "device": "cuda"}))
    assert any(word in found["debug-left-on"].summary for word in ("CUDA_LAUNCH_BLOCKING", "deterministic"))


def test_keras_run_eagerly():
    layers = [
        "lib/python3.11/site-packages/keras/src/ops/numpy.py:5 add",
        "lib/python3.11/site-packages/keras/src/layers/layer.py:900 __call__",
        SCRIPT.at("loss = crit"),
    ]
    view = _view([("forward", layers, 0.6)], settings={"eager": True})
    slow = told(view)["debug-left-on"]
    assert slow.where.line == SCRIPT.line("run_eagerly")
    assert "debug-left-on" not in told(_view([("forward", layers, 0.6)], settings={"eager": False}))


def test_parallelism():
    replicas = ["torch/nn/parallel/replicate.py:80 replicate", SCRIPT.at("loss = crit")]
    samples = [("other", replicas, 0.4)]
    gpu = {"device": "cuda", "wrappers": ("DataParallel",)}
    assert "DataParallel" in told(_view(samples, settings=gpu))["wrong-parallelism"].summary
    assert "wrong-parallelism" not in told(_view(samples, settings={**gpu, "device": "cpu"}))
    gloo = {"device": "cuda", "world": 4, "backend": "gloo"}
    assert "gloo" in told(_view(backward=0.01, settings=gloo))["wrong-parallelism"].summary
    assert "wrong-parallelism" not in told(_view(backward=0.01, settings={**gloo, "backend": "nccl"}))
    search = ["torch/nn/parallel/distributed.py:700 _find_tensors", SCRIPT.at("loss = crit")]
    found = told(
        _view(
            [("other", search, 0.1)],
            settings={"wrappers": ("DistributedDataParallel(find_unused_parameters)",)},
        )
    )
    assert found["wrong-parallelism"].where.line == SCRIPT.line("find_unused_parameters")


def _started(view: View, seconds: float, frames: Sequence[str | Frame]) -> View:
    """With so many seconds before the first step."""
    stacks = (*view.speed.stacks, views.stack(frames))
    looks = [Sample(step=0, phase="start", stack=len(stacks) - 1, seconds=seconds / 50) for _ in range(50)]
    speed = replace(view.speed, stacks=stacks, samples=(*looks, *view.speed.samples))
    return replace(view, trace=replace(view.trace, speed=speed, began=views.BEGAN - seconds))


READS = ["lib/python3.11/site-packages/pandas/io.py:3 read_csv", SCRIPT.at("words = pairs")]
COUNTS = [SCRIPT.at("counts[word]", "pairs"), SCRIPT.at("words = pairs")]
IMPORTS = [
    "lib/python3.11/site-packages/x.py:3 <module>",
    Frame(file="<frozen importlib._bootstrap>", line=241, function="_call_with", users=False),
    SCRIPT.at("import torch"),
]


def test_a_slow_start():
    slow = told(_started(_view(step=0.2), 30, READS))["slow-start"]  # 30 of 70 s
    assert slow.share == pytest.approx(30 / 70, abs=0.01)
    assert slow.where.line == SCRIPT.line("words = pairs")


def test_a_start_in_the_scripts_own_loops():
    slow = told(_started(_view(step=0.05), 12, COUNTS))["slow-start"]
    assert slow.where.line == SCRIPT.line("counts[word]")


@pytest.mark.parametrize(("seconds", "frames", "step"), [
    (12, READS, 0.05),  # reading data takes what it takes
    (30, READS, 2.0),  # little of the run
    (40, IMPORTS, 0.2),
    (1.3, COUNTS, 0.01),
])  # fmt: skip
def test_starts_that_are_usual(seconds, frames, step):
    assert "slow-start" not in told(_started(_view(step=step), seconds, frames))


NEIGHBOUR: dict[str, Any] = {"moments": {"queued": 0.4, "ran": 0.55}, "conditions": {"busy": 2.0, "own": 0.9}}


def test_a_noisy_neighbour():
    why = quiet.why_not(_view(**NEIGHBOUR))
    assert why is not None and why.startswith("noisy-neighbour: other processes used 55% of the CPUs")
    assert "queued" not in why


@pytest.mark.parametrize("fields", [
    {**NEIGHBOUR, "conditions": {"busy": 2.0, "own": 1.95}},  # its own threads, workers and children
    {**NEIGHBOUR, "conditions": {"busy": 1.3, "own": 0.9}},  # a little
    {**NEIGHBOUR, "moments": {"queued": 0.01, "ran": 0.95}, "settings": {"threads": 1}},  # one was free
    {**NEIGHBOUR, "cpus": None},
    {},
])  # fmt: skip
def test_quiet_enough(fields):
    assert quiet.why_not(_view(**fields)) is None


def test_neighbours_of_several_threads():
    fields = {**NEIGHBOUR, "moments": {"queued": 0.01, "ran": 0.95}, "settings": {"threads": 2}}
    assert "more CPUs than were left" in (quiet.why_not(_view(**fields)) or "")


def test_a_hypervisor():
    why = quiet.why_not(_view(conditions={"busy": 1.0, "own": 0.98, "steal": 0.6}))
    assert why is not None and "the hypervisor gave 30% of the CPUs to other machines" in why


def test_others_on_the_gpu():
    def on(others: tuple[str, ...], device: str = "cuda") -> str | None:
        view = _view(settings={"device": device})
        gpus = (GpuMoment(index=0, own=True, others=others),)
        moments = tuple(replace(one, gpus=gpus) for one in view.conditions.moments)
        conditions = replace(view.conditions, gpus=(GpuFacts(index=0),), moments=moments)
        return quiet.why_not(replace(view, conditions=conditions))

    assert "the same GPU" in (on(("python",)) or "")
    assert on(()) is None
    assert on(("python",), "cpu") is None


HELD = {"sm_clock": 990, "utilisation": 0.95, "own": True, "power": 300.0, "temperature": 88.0}


def _on_gpu(device: str = "cuda", facts: dict[str, Any] | None = None, **gpu: Any):
    """A run that computes on a GPU all the time. gpu: fields of each of its moments."""
    made = _view(settings={"device": device}, backward=0.01)
    moments = tuple(
        replace(one, gpus=(GpuMoment(index=0, **{**HELD, **gpu}),)) for one in made.conditions.moments
    )
    known = GpuFacts(index=0, sm_clock_max=1980, power_default=350.0, **(facts or {}))
    return told(replace(made, conditions=replace(made.conditions, gpus=(known,), moments=moments)))


def test_a_hot_gpu():
    slow = _on_gpu(reasons=("hw-thermal",))["thermal-throttle"]
    assert "heat holds the GPU's clock at 990 of 1980 MHz in 100% of the moments" in slow.summary
    assert 0.25 < slow.share <= 0.5
    assert any("-i 0" in (step.run or "") for step in slow.fix)


def test_a_power_supply_and_a_power_limit():
    assert "power-brake" in _on_gpu(reasons=("hw-power-brake",))
    found = _on_gpu(reasons=("sw-power-cap",), power_limit=250.0)
    assert any(one.value == "250 W; 350 W is the default" for one in found["power-cap-low"].evidence)
    assert "power-cap-low" not in _on_gpu(reasons=("sw-power-cap",), power_limit=350.0)  # as it is made


def test_clocks_that_say_nothing():
    keys = {"thermal-throttle", "power-brake", "power-cap-low"}
    assert not keys & set(_on_gpu(reasons=()))
    assert not keys & set(_on_gpu(reasons=("hw-thermal",), sm_clock=1960))
    assert not keys & set(_on_gpu(reasons=("hw-thermal",), utilisation=0.0))
    assert not keys & set(_on_gpu("cpu", reasons=("hw-thermal",)))
    assert not keys & set(_on_gpu(reasons=("hw-thermal",), own=False))
