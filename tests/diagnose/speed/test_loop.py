"""What a script's own lines cost: logging, Python work, stalls, steps that get slower, garbage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.diagnose.speed.analyzers import decay, own, source, stalls, vocabulary
from envkit.target.conditions import GpuMoment
from tests.diagnose.speed import views
from tests.diagnose.speed.looks import Script, told, with_looks

SCRIPT = Script("""
    import gc, json, random
    import numpy as np
    import torch

    def record(log, step, model):
        norms = {n: p.grad.norm().item() for n, p in model.named_parameters()}
        log.write(json.dumps(norms))

    def mask(rows):
        out = []
        for row in rows:
            out.append([v * 2 if v > 0 else 0 for v in row])
        return out

    def energy(x):
        total = 0
        for i in range(len(x)):
            total = total + torch.sqrt(x[i])
        return total

    def log_prob(x, mean):
        z = x - mean
        return -0.5 * z * z

    @torch.no_grad()
    def accuracy(model, loader):
        return sum((model(x).argmax(1) == y).sum().item() for x, y in loader)

    def main():
        loader, valid, model, optimizer, criterion = build()
        log, seen = open("log.jsonl", "w"), []
        for step, (x, y) in enumerate(loader):
            x = torch.tensor(mask(x.tolist()))
            noise = np.random.normal(0, 1, x.shape)
            scaled = x * 2 + 1
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            record(log, step, model)
            running = 0.9 * running + 0.1 * loss.item()
            print(step, running)
            if pair not in seen:
                seen.append(pair)
            if step % 20 == 0:
                score = accuracy(model, valid)
            if step % 20 == 10:
                torch.save(model.state_dict(), "last.pt")
            gc.collect()
""")
MAIN = SCRIPT.at("record(log, step, model)")
HEALTHY = [
    ("other", ["torch/optim/optimizer.py:900 zero_grad", SCRIPT.at("zero_grad")], 0.03),
    ("other", [SCRIPT.at("running = ")], 0.02),
    ("other", [SCRIPT.at("scaled = ")], 0.02),
    ("other", ["lib/python3.11/site-packages/tqdm/std.py:1180 __iter__", SCRIPT.at("for step, (x")], 0.01),
]  # fmt: skip


def test_a_healthy_loop_is_told_nothing():
    assert told(SCRIPT.view(HEALTHY)) == {}


@pytest.mark.parametrize("step", [0.0004, 0.02, 1.5])
def test_a_healthy_loop_of_any_speed(step):
    fields = {"step": step, "backward": 0.2 * step, "optimizer": 0.1 * step}
    assert told(SCRIPT.view(HEALTHY, steps=5000 if step < 0.01 else 200, **fields)) == {}


def test_a_model_of_plain_functions_is_no_python_overhead():
    samples = [
        ("other", [SCRIPT.at("total = total", "energy"), SCRIPT.at("loss = crit")], 0.4),
        ("other", [SCRIPT.at("z = x - mean", "log_prob"), SCRIPT.at("loss = crit")], 0.2),
    ]
    assert told(SCRIPT.view(samples)) == {}


def test_lines_of_a_module_are_its_work():
    forward = ["train.py:3 forward", "torch/nn/modules/module.py:1700 _call_impl", SCRIPT.at("loss = crit")]
    assert told(SCRIPT.view([("other", forward, 0.7)])) == {}


LOGS = {
    "a print": [SCRIPT.at("print(step")],
    "json below a helper": ["lib/python3.11/json/encoder.py:200 encode",
                            "lib/python3.11/json/__init__.py:231 dumps",
                            SCRIPT.at("log.write", "record"), MAIN],
    "what a helper counts": [SCRIPT.at("norms = ", "<dictcomp>"), SCRIPT.at("norms = ", "record"), MAIN],
    "a library for logs": ["lib/python3.11/site-packages/wandb/sdk/run.py:1700 log", SCRIPT.at("print(step")],
    "a plot": ["lib/python3.11/site-packages/matplotlib/figure.py:3 savefig", SCRIPT.at("scaled = ")],
    "what only a print uses": [SCRIPT.at("running = ")],
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_logging_in_each_step(name):
    found = told(SCRIPT.view([("other", LOGS[name], 0.3)]))
    assert list(found) == ["heavy-logging"]
    slow = found["heavy-logging"]
    assert slow.share == pytest.approx(0.3, abs=0.02)
    assert slow.where.file == "/home/me/train.py"
    low, high = slow.gains[0].predicted
    assert low < 0.294 / 0.706 < high  # every 50 steps
    assert slow.gains[0].change is None


def test_logging_is_named_where_the_loop_asks_for_it():
    found = told(SCRIPT.view([("other", LOGS["json below a helper"], 0.3)]))
    assert found["heavy-logging"].where.line == SCRIPT.line("record(log, step, model)")


def test_what_a_library_calls_back_is_named_itself():
    callback = [
        SCRIPT.at("log.write", "record"),
        "lib/python3.11/site-packages/keras/src/callbacks/x.py:9 on_batch_end",
        MAIN,
    ]
    found = told(SCRIPT.view([("other", callback, 0.3)]))
    assert found["heavy-logging"].where.line == SCRIPT.line("log.write")


def test_a_little_logging_is_none():
    assert told(SCRIPT.view([("other", LOGS["a print"], 0.06)])) == {}


PYTHON = {
    "a loop over lists": [SCRIPT.at("out.append", "mask"), SCRIPT.at("x = torch.tensor")],
    "numpy": ["lib/python3.11/site-packages/numpy/random/x.py:1 normal", SCRIPT.at("noise = ")],
    "numpy's C code": [SCRIPT.at("noise = ")],
    "a tensor made of lists": [SCRIPT.at("x = torch.tensor")],
    "the standard library": ["lib/python3.11/random.py:370 choice", SCRIPT.at("out = []", "mask"), MAIN],
}  # fmt: skip


@pytest.mark.parametrize("name", PYTHON)
def test_python_work_in_each_step(name):
    found = told(SCRIPT.view([("other", PYTHON[name], 0.4)]))
    assert list(found) == ["python-overhead"]
    slow = found["python-overhead"]
    assert slow.share == pytest.approx(0.4, abs=0.02)
    assert f"train.py:{slow.where.line}" in slow.summary
    mine = next(frame for frame in PYTHON[name] if frame.startswith("train.py"))
    assert mine.startswith(f"train.py:{slow.where.line} ")


def test_a_test_of_membership_is_seen_one_line_late():
    line = own.line(SCRIPT.view(), ("/home/me/train.py", SCRIPT.line("seen.append"), "main"), 1.0)
    assert line.line == SCRIPT.line("if pair not in seen")


def test_waiting_at_a_line_for_the_gpu():
    samples = [("other", [SCRIPT.at("running = ")], 0.4)]
    gpu = SCRIPT.view(samples, settings={"device": "cuda"})
    slow = told(gpu)["forced-sync"]
    assert slow.where.line == SCRIPT.line("running = ")
    assert ".item()" in slow.evidence[0].what
    assert "forced-sync" not in told(SCRIPT.view(samples))  # on a CPU nothing is waited for


def test_a_busy_gpu_loses_nothing_by_waiting():
    busy = (GpuMoment(index=0, utilisation=0.99, own=True),)
    found = told(SCRIPT.view(
        [("other", [SCRIPT.at("running = ")], 0.6)], settings={"device": "cuda"}, conditions={"gpus": ()}
    ))  # fmt: skip
    assert "forced-sync" in found
    view = SCRIPT.view([("other", [SCRIPT.at("running = ")], 0.6)], settings={"device": "cuda"})
    moments = tuple(replace(one, gpus=busy) for one in view.conditions.moments)
    view = replace(view, conditions=replace(view.conditions, moments=moments))
    assert "forced-sync" not in told(view)


def _stalled(
    what: str, function: str, inner: list[str], *, every: int = 20, extra: float = 0.4, start: int = 20
):
    steps = range(start, 200, every)
    view = SCRIPT.view(HEALTHY, step=lambda number: 0.02 + (extra if number in steps else 0.0))
    return with_looks(view, [*inner, SCRIPT.at(what)], steps, extra)


FORWARD = ["torch/nn/modules/linear.py:1 forward", "torch/nn/modules/module.py:1700 _call_impl"]
EVALUATION = [
    *FORWARD,
    SCRIPT.at("return sum((model", "<genexpr>"),
    SCRIPT.at("return sum((model", "accuracy"),
]
SAVING = ["torch/serialization.py:900 _save", "torch/serialization.py:500 save"]


def test_evaluation_at_intervals():
    view = _stalled("score = accuracy", "main", EVALUATION)
    slow = told(view)["periodic-stall"]
    assert slow.where.line == SCRIPT.line("score = accuracy")
    assert "evaluation stops the loop every 20 steps" in slow.summary
    assert slow.share == pytest.approx(9 * 0.4 / (200 * 0.02 + 9 * 0.4), abs=0.06)
    low, high = slow.gains[0].predicted
    true = (7.6 / (7.6 - 0.9 * 3.6)) - 1
    assert low <= true <= high


def test_saving_at_intervals():
    slow = told(_stalled("torch.save(model", "main", SAVING, start=10))["periodic-stall"]
    assert slow.where.line == SCRIPT.line("torch.save(model")
    assert "saving checkpoints" in slow.summary


def test_saving_at_no_fixed_intervals():
    steps = [13, 40, 61, 80, 95, 130, 142, 171]
    view = SCRIPT.view(HEALTHY, step=lambda number: 0.02 + (0.2 if number in steps else 0.0))
    view = with_looks(view, [*SAVING, SCRIPT.at("torch.save(model")], steps, 0.22)
    assert "in 8 of 197 steps" in told(view)["periodic-stall"].summary


def test_what_ran_once_or_twice_is_no_stall():
    for steps in ([150], [60, 140]):
        view = SCRIPT.view(HEALTHY, step=lambda number, steps=steps: 0.02 + (2.0 if number in steps else 0.0))
        view = with_looks(view, [*EVALUATION, SCRIPT.at("score = accuracy")], steps, 2.0)
        assert told(view) == {}


def test_an_evaluation_once_an_epoch_is_usual():
    view = _stalled("score = accuracy", "main", EVALUATION, every=50, extra=0.3)
    often = told(view)["periodic-stall"]
    assert often.share > 0.15
    loader = views.loader(batches=200, epochs=4)
    speed = replace(view.speed, loaders=(loader,))
    epochs = replace(view, trace=replace(view.trace, speed=speed))
    assert "periodic-stall" not in told(epochs)


def test_long_steps_of_a_busy_machine_are_no_stalls():
    view = SCRIPT.view(HEALTHY, step=lambda number: 0.02 + (0.3 if number % 17 in (3, 4, 11) else 0.0))
    assert "periodic-stall" not in told(view)


def test_the_first_batch_of_an_epoch_is_the_loaders():
    steps = range(20, 200, 20)

    def late(number):
        return 0.4 if number in steps else 0.0

    view = SCRIPT.view(HEALTHY, wait=late, step=lambda number: 0.02 + late(number))
    start = ["lib/python3.11/multiprocessing/popen_fork.py:1 _launch", SCRIPT.at("for step, (x")]
    assert "periodic-stall" not in told(with_looks(view, start, steps, 0.4, phase="wait"))
    theirs = [*start[:1], SCRIPT.at("return sum((model", "accuracy"), SCRIPT.at("score = accuracy")]
    assert "periodic-stall" in told(with_looks(view, theirs, steps, 0.4, phase="wait"))


def test_a_compiler_at_intervals_is_no_stall():
    compiler = ["torch/_dynamo/convert_frame.py:1 compile", SCRIPT.at("loss = crit")]
    assert "periodic-stall" not in told(_stalled("score = accuracy", "main", compiler))


def test_what_stalls_is_not_told_twice():
    found = told(_stalled("torch.save(model", "main", SAVING, start=10))
    assert list(found) == ["periodic-stall"]


def test_regular_places_only_when_chance_is_out():
    assert stalls._regular([20, 40, 80]) == 20
    assert stalls._regular([20, 41, 81]) is None
    assert stalls._regular([2, 4, 6]) is None
    assert not stalls._at_intervals([5, 11], 2, frozenset(range(0, 200, 1)), 0.9)


def test_steps_that_get_slower():
    view = SCRIPT.view(
        HEALTHY, step=lambda number: 0.01 + 0.0002 * number, backward=lambda n: 0.004 + 0.0002 * n
    )
    slow = told(view)["throughput-decay"]
    true = 1 - 200 * 0.01 / sum(0.01 + 0.0002 * number for number in range(200))
    assert slow.share == pytest.approx(true, abs=0.05)
    assert "backward" in slow.summary or "train.py" in slow.summary
    assert any("graph of the backward pass" in step.say for step in slow.fix)


def test_the_line_that_grows_is_named():
    view = SCRIPT.view(HEALTHY, step=lambda number: 0.01 + 0.0002 * number)
    for begin in range(0, 200, 10):
        view = with_looks(view, [SCRIPT.at("seen.append")], [begin + 5], 0.002 * begin)
    slow = told(view)["throughput-decay"]
    assert slow.where.line == SCRIPT.line("if pair not in seen")


@pytest.mark.parametrize("step", [
    lambda number: 0.02,
    lambda number: 0.02 + 0.001 * (number % 7),
    lambda number: 0.03 - 0.0001 * number,
    lambda number: 0.02 if number < 60 else 0.05 if number < 120 else 0.02,
    lambda number: 0.02 + (0.05 if number > 180 else 0.0),
        lambda number: 0.02 if number < 100 else 0.05,
])  # fmt: skip
def test_steps_that_do_not(step):
    assert "throughput-decay" not in told(SCRIPT.view(HEALTHY, step=step))


def test_a_neighbour_that_comes_later_is_no_decay():
    def slower(number):
        return 0.02 * (1 + number / 100)

    waits = {"queued": lambda passed: 0.06 * passed * passed, "ran": 0.5}
    assert "throughput-decay" in told(SCRIPT.view(HEALTHY, step=slower))
    assert "throughput-decay" not in told(SCRIPT.view(HEALTHY, step=slower, moments=waits))


def test_garbage():
    view = SCRIPT.view(HEALTHY, step=0.05, moments={"collected": 0.3, "collections": 20.0})
    slow = told(view)["gc-pauses"]
    assert slow.share == pytest.approx(0.3, abs=0.02)
    assert slow.where.line == SCRIPT.line("gc.collect()")  # it asks for one in each step
    rare = SCRIPT.view(HEALTHY, step=0.05, moments={"collected": 0.3, "collections": 0.05})
    assert told(rare)["gc-pauses"].where.line is None
    assert told(rare)["gc-pauses"].gains[0].change.name == "gc"
    assert told(SCRIPT.view(HEALTHY, moments={"collected": 0.02})) == {}


def test_no_looks_no_claim():
    view = SCRIPT.view(LOGS and [("other", LOGS["a print"], 0.5)])
    bare = replace(view, trace=replace(view.trace, speed=replace(view.speed, samples=())))
    assert told(bare) == {}


def test_files_that_are_not_at_hand_or_no_python():
    for text in ("", "def broken(:\n" * 60):
        view = SCRIPT.view([("other", PYTHON["a loop over lists"], 0.4)])
        told(replace(view, files={"/home/me/train.py": text}))
    assert source.chain("x = (", 1) == ()


def test_numbers_in_a_models_lines_are_no_python_work():
    def python(text):
        return vocabulary.python(source.own(text, 1))

    assert not python("scores = torch.matmul(q, k) / math.sqrt(width)")
    assert not python("scores = q @ k.T / np.sqrt(width)")
    assert not python("x = x * np.sqrt(2)")
    assert python("x = np.random.normal(0, 1, 3)") and python("x = torch.tensor([f(v) for v in rows])")


def test_what_lines_say():
    text = SCRIPT.text
    at = SCRIPT.line
    assert vocabulary.only_written(text, at("running = "))
    assert not vocabulary.only_written(text, at("scaled = "))
    assert not vocabulary.only_written(text, at("loss = crit"))
    assert vocabulary.records(text, at("norms = "))
    assert not vocabulary.records(text, at("z = x - mean"))
    assert not vocabulary.records(text, at("print(step"))  # the loop itself is no helper
    assert source.loop_of_training(text, at("for step, (x"))
    assert not source.loop_of_training(text, at("for row in rows"))
    assert vocabulary.evaluates(text, at("return sum((model"), "accuracy")
    assert not vocabulary.writes(["torch.log", "math.log", "np.log", "x.info"])
    assert (
        vocabulary.writes(["logger.info"])
        and vocabulary.writes(["self.log"])
        and vocabulary.writes(["wandb.log"])
    )


def test_libraries_are_known_by_their_place_and_not_by_where_they_lie():
    stack = views.stack(["/home/me/aim/lib/python3.11/site-packages/numpy/core/x.py:1 f"])
    assert not own.library(stack[0], ("/aim/",))
    assert own.library(stack[0], ("numpy/core/",))


def test_intervals_hold_the_share():
    for looks in (6, 40, 600):
        low, high = own.interval(0.3, looks)
        assert 0 < low < 0.3 < high < 1
    assert decay.spearman([1, 2, 3, 4]) == 1
    assert decay.spearman([4, 3, 2, 1]) == -1
