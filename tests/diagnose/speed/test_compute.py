"""Causes in the work itself: tiny operations, batches, updates, threads, attention; or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from envkit.diagnose.model import Change
from envkit.diagnose.speed.analyzers import compute
from envkit.diagnose.speed.analyzers.attention import unfused
from envkit.diagnose.speed.analyzers.batch import too_small
from envkit.diagnose.speed.analyzers.few_threads import too_few_threads
from envkit.diagnose.speed.analyzers.optimiser import slow_optimizer
from envkit.diagnose.speed.analyzers.tiny import launch_bound
from envkit.diagnose.speed.analyzers.work import work
from envkit.diagnose.speed.model import MachineCeiling, Slow
from envkit.diagnose.speed.verdict import folded
from envkit.diagnose.speed.view import View
from tests.diagnose.speed.views import SCRIPT, loader, view

CALL = "torch/nn/modules/module.py:1700 _call_impl"


def causes(seen: View) -> list[str]:
    """Keys as the verdict has them: none that is too small to tell, `compute-bound` if nothing else."""
    found = [slow for look in compute.ANALYZERS for slow in look(seen)]
    keys = [one.key for one, _ in folded(found) if one.share >= 0.10]
    return [key for key in keys if key != "compute-bound"] or keys


def one(found: Any) -> Slow:
    slows = list(found)
    assert len(slows) == 1
    return slows[0]


LOOP = """\
class Net(nn.Module):
    def forward(self, x):
        h = x.new_zeros(len(x), 32)
        for t in range(x.shape[1]):
            h = torch.tanh(self.a(x[:, t]) + self.b(h))
        return h

def main():
    for epoch in range(3):
        for x, y in loader:
            loss = (net(x) - y).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
FORWARD = ["torch/nn/modules/linear.py:120 forward", CALL, "train.py:5 forward", CALL, "train.py:11 main"]
BACKWARD = ["torch/autograd/graph.py:800 _engine_run_backward", "train.py:13 main"]
UPDATE = ["torch/optim/adam.py:250 step", "torch/optim/optimizer.py:500 wrapper", "train.py:14 main"]


def looped(text: str = LOOP, *, each: float = 15e-6, operations: int = 600, **more: Any) -> View:
    """A training whose forward pass is on line 5 of `text`, and takes a third of its model's time."""
    step = each * operations / 0.9
    settings = {"operations": operations, "batch": 32, "parameters": 4, "values": 4000, "optimizer": "Adam",
                "dtypes": {"float32": 4000}, **more.pop("settings", {})}  # fmt: skip
    return view(
        step=step, wait=0.02 * step, backward=0.6 * step, optimizer=0.08 * step, steps=more.pop("steps", 300),
        samples=[("other", FORWARD, 0.3), ("backward", BACKWARD, 0.6), ("optimizer", UPDATE, 0.08)],
        files={SCRIPT: text}, settings=settings, **more,
    )  # fmt: skip


def test_loop_over_time_steps_is_launch_bound_on_its_line() -> None:
    slow = one(launch_bound(looped()))
    assert (slow.key, slow.where.file, slow.where.line) == ("launch-bound", SCRIPT, 5)
    assert "600 operations" in slow.summary and "train.py:4" in slow.summary
    assert 0.3 < slow.share < 0.95
    low, high = slow.gains[0].predicted or (0, 0)
    assert 0 < low < high
    assert causes(looped())[0] == "launch-bound"


@pytest.mark.parametrize("body", [
    "        for x in xs.unbind(1):\n            h = torch.tanh(self.a(x) + self.b(h))",
    "        for i in range(9): \n            h = torch.tanh(self.a(h) + self.b(h))",
    "        while len(out) < 90:\n            h = torch.tanh(self.a(h) + self.b(h))",
    "        h = 0\n        h = torch.stack([self.a(x[i]) for i in range(len(x))])",
    "        for i, (a, b) in enumerate(zip(left, right)):\n            h = h + self.a(a) * self.b(b)",
])  # fmt: skip
def test_other_loops_over_elements(body: str) -> None:
    text = LOOP.replace(
        "        for t in range(x.shape[1]):\n            h = torch.tanh(self.a(x[:, t]) + self.b(h))", body
    )
    assert [slow.key for slow in launch_bound(looped(text))] == ["launch-bound"]


@pytest.mark.parametrize("body", [
    "        for layer in self.layers:\n            x = layer(x)",
    "        for layer, norm in zip(self.dense, self.norms):\n            x = x + layer(norm(x))",
    "        for i in range(self.num_layers):\n            x = self.layers[i](x)",
    "        for i in range(6):\n            x = self.stack[i](x)",
    "        for i in range(self.num_layers):\n            x = torch.tanh(x @ self.weight[i])",
])  # fmt: skip
def test_loops_over_layers_are_how_models_are_written(body: str) -> None:
    text = LOOP.replace(
        "        for t in range(x.shape[1]):\n            h = torch.tanh(self.a(x[:, t]) + self.b(h))", body
    )
    seen = looped(text, operations=300)
    assert not list(launch_bound(seen))
    assert causes(seen) == ["compute-bound"]


def test_the_loop_over_batches_is_none_within_the_step() -> None:
    """The same line, called from the loop over batches alone."""
    text = LOOP.replace("        for t in range(x.shape[1]):\n    ", "        if True:\n    ")
    assert not list(launch_bound(looped(text)))


def test_loop_of_large_operations_is_none() -> None:
    """One of 1 ms: the loop costs nothing beside them."""
    assert not list(launch_bound(looped(each=1e-3, steps=30)))
    assert causes(looped(each=1e-3, steps=30)) == ["compute-bound"]


def test_slow_operations_that_compute_little() -> None:
    """Threads that wait for each other make each of them slower; the arithmetic tells that they are small."""
    assert not list(launch_bound(looped(each=90e-6)))
    slow = one(launch_bound(looped(each=90e-6, settings={"flops": 600 * 3e4})))
    assert slow.share > 0.3


def test_built_in_recurrent_layer_is_not_launch_bound() -> None:
    """nn.GRU on a CPU asks for as many operations, but nobody wrote a loop."""
    seen = view(
        step=0.02, backward=0.012, optimizer=0.001, settings={"operations": 1400, "batch": 32},
        samples=[("other", ["torch/nn/modules/rnn.py:1400 forward", CALL, "train.py:11 main"], 0.35)],
        files={SCRIPT: LOOP},
    )  # fmt: skip
    slow = one(compute.bound(seen))
    assert causes(seen) == ["compute-bound"]
    assert "as in any small model" in slow.summary


def test_python_work_without_a_graph_is_not_launch_bound() -> None:
    """A loop over elements that computes no gradient: `python-overhead` is for that."""
    text = LOOP.replace("net(x)", "net([float(v) for v in x])")
    seen = view(
        step=0.02, backward=0.001, settings={"operations": 1000}, files={SCRIPT: text},
        samples=[("other", ["train.py:11 <listcomp>", "train.py:11 main"], 0.8)],
    )  # fmt: skip
    assert not list(launch_bound(seen))


def test_validation_between_steps_is_not_of_the_step() -> None:
    """A loop over slices of the validation set, in few of the steps."""
    text = LOOP + (
        "\ndef validate():\n    for i in range(0, len(x), 32):\n        out.append(net(x[i:i + 32]))\n"
    )
    place = text.splitlines().index("        out.append(net(x[i:i + 32]))") + 1
    seen = view(
        steps=100, step=lambda n: 0.2 if n % 25 == 24 else 0.01, backward=0.008, optimizer=0.001,
        settings={"operations": 2000}, files={SCRIPT: text},
    )  # fmt: skip
    stacks = list(seen.speed.stacks)
    stacks.append(tuple(replace(frame, line=place, function="validate") for frame in stacks[0][-1:]))
    ended = seen.trace.steps.ended
    rows = [
        replace(row, stack=len(stacks) - 1) if row.phase == "other" and row.step % 25 == 24 else row
        for row in seen.speed.samples
    ]
    assert sum(row.stack == len(stacks) - 1 for row in rows) > 20 and ended
    speed = replace(seen.speed, stacks=tuple(stacks), samples=tuple(rows))
    seen = View(trace=replace(seen.trace, speed=speed), files=seen.files, conditions=seen.conditions)
    assert not list(launch_bound(seen))


# Small batches ---------------------------------------------------------------------------------


def tiny(rows: int, **more: Any) -> View:
    """An MLP of 11 operations with so many rows."""
    settings = {"operations": 11, "batch": rows, "parameters": 6, "values": 6000, "optimizer": "Adam",
                "dtypes": {"float32": 6000}, **more.pop("settings", {})}  # fmt: skip
    return view(step=5e-4, wait=5e-5, backward=1.2e-4, optimizer=1.5e-4, steps=3000, settings=settings, **{
        "samples": [("other", ["train.py:12 main"], 0.25)], **more})  # fmt: skip


def test_two_rows_a_step() -> None:
    slow = one(too_small(tiny(2)))
    assert slow.key == "batch-too-small" and "2 rows" in slow.summary
    gain = slow.gains[0]
    assert gain.change == Change(name="batch", value="8") and not gain.free
    low, high = gain.predicted or (0, 0)
    assert 1.0 < low < high <= 3.0  # four times the rows in hardly more time
    assert causes(tiny(2))[0] == "batch-too-small"


def test_few_rows_of_work_that_is_no_product() -> None:
    """Large element-wise operations have no floating-point operations that are counted."""
    told = {"operations": 300, "batch": 2, "values": 1000, "parameters": 6, "flops": 1e6}
    assert not list(too_small(view(step=0.4, backward=0.25, steps=40, settings=told)))
    told = {**told, "operations": 20, "flops": 1e5}
    assert one(too_small(view(step=5e-4, backward=2e-4, steps=4000, settings=told))).share > 0.6


def test_the_whole_step_is_never_fixed_for_sure() -> None:
    seen = view(step=0.015, steps=200, settings={"operations": 2200, "batch": 1})
    low, high = one(too_small(seen)).gains[0].predicted or (0, 0)
    assert low < high < 3.0


@pytest.mark.parametrize("seen", [
    tiny(16), tiny(64), tiny(2, settings={"operations": None}),
    tiny(4, loaders=[loader(batch_size=4, length=100)]),
], ids=["16", "64", "unknown", "small-dataset"])  # fmt: skip
def test_batches_that_are_none_of_it(seen: View) -> None:
    assert not list(too_small(seen))


def test_few_rows_of_much_work() -> None:
    """Two long sequences in a large model: the work is theirs."""
    seen = view(step=0.4, backward=0.25, optimizer=0.01, steps=40, settings={
        "operations": 300, "batch": 2, "values": 1_000_000, "parameters": 60})  # fmt: skip
    assert not list(too_small(seen))
    assert causes(seen) == ["compute-bound"]


# The update ------------------------------------------------------------------------------------


def updated(**more: Any) -> View:
    """A training whose update takes as long as its gradients."""
    settings = {"operations": 100, "batch": 32, "parameters": 300, "values": 30_000, "optimizer": "Adam",
                "dtypes": {"float32": 30_000}, **more.pop("settings", {})}  # fmt: skip
    return view(step=0.01, backward=0.003, optimizer=0.005, settings=settings, **more)


def test_looped_update() -> None:
    slow = one(slow_optimizer(updated(settings={"foreach": False})))
    assert slow.key == "slow-optimizer" and "300 tensors" in slow.summary and "foreach=False" in slow.summary
    names = [gain.change.name for gain in slow.gains if gain.change is not None]
    assert names == ["fused", "foreach"]
    low, high = slow.gains[0].predicted or (0, 0)
    assert 0.35 < low < high < 0.8  # 2.5 to 6 times as fast, half of the step


def test_large_tables() -> None:
    seen = updated(settings={"foreach": False, "parameters": 4, "values": 5_000_000})
    assert one(slow_optimizer(seen)).share > 0.2


@pytest.mark.parametrize("settings", [
    {"fused": True}, {"optimizer": "Muon"}, {"optimizer": "SGD", "parameters": 30, "values": 3_000_000},
    {"parameters": 6, "values": 600},
], ids=str)  # fmt: skip
def test_updates_that_are_none_of_it(settings: dict[str, Any]) -> None:
    assert not list(slow_optimizer(updated(settings=settings)))


def test_a_small_models_adam_is_no_cause_but_a_gain() -> None:
    seen = view(step=1e-3, backward=4e-4, optimizer=2.5e-4, steps=2000, settings={
        "operations": 11, "batch": 64, "parameters": 6, "values": 20_000, "optimizer": "Adam",
        "dtypes": {"float32": 20_000}})  # fmt: skip
    assert causes(seen) == ["compute-bound"]
    assert "fused" in [gain.change.name for gain in one(compute.bound(seen)).gains if gain.change is not None]


HAND = """\
class Hand(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad, alpha=-0.1)

def train_step(x, y):
    loss = net(x, y)
    loss.backward()
    for p in net.parameters():
        p.data -= 0.1 * p.grad

for x, y in loader:
    train_step(x, y)
"""


def test_optimiser_written_by_hand() -> None:
    stack = ["train.py:6 step", "torch/optim/optimizer.py:500 wrapper", "train.py:15 <module>"]
    seen = updated(samples=[("optimizer", stack, 0.5)], files={SCRIPT: HAND}, settings={"optimizer": "Hand"})
    slow = one(slow_optimizer(seen))
    assert (slow.where.file, slow.where.line) == (SCRIPT, 6)
    assert slow.gains[0].change is None and "train.py:5" in slow.summary


def test_update_by_hand_without_an_optimiser() -> None:
    samples = [
        ("other", ["train.py:12 train_step", "train.py:15 <module>"], 0.4),
        ("backward", ["torch/autograd/graph.py:800 _engine_run_backward", "train.py:10 train_step",
                      "train.py:15 <module>"], 0.3),
    ]  # fmt: skip
    seen = updated(samples=samples, files={SCRIPT: HAND}, settings={"optimizer": None})  # type: ignore[arg-type]
    assert one(slow_optimizer(seen)).where.line == 12


# Threads ---------------------------------------------------------------------------------------


def threaded(threads: int, **more: Any) -> View:
    """A large model on so many threads."""
    more = {"cpus": 8.0, **more}
    settings = {"operations": 100, "threads": threads, "batch": 64, **more.pop("settings", {})}
    return view(step=0.1, backward=0.06, optimizer=0.002, settings=settings, steps=60, **more)


def test_one_thread_of_eight_cpus() -> None:
    slow = one(too_few_threads(threaded(1, settings={"omp": "1"})))
    gain = slow.gains[0]
    assert gain.change == Change(name="threads", value="8") and gain.free
    assert "one thread" in slow.summary and "8 CPUs" in slow.summary
    assert slow.fix[0].run == "export OMP_NUM_THREADS=8"


def test_the_line_that_sets_them() -> None:
    text = "import torch\n# torch.set_num_threads(1)\ntorch.set_num_threads(1)\n"
    slow = one(too_few_threads(threaded(1, files={SCRIPT: text})))
    assert (slow.where.file, slow.where.line) == (SCRIPT, 3)


def test_two_cpus_and_one_thread_by_the_environment_is_a_wish() -> None:
    """As a cluster or a test has it; told as something that is left. A line of the script is a mistake."""
    seen = threaded(1, cpus=2.0, settings={"omp": "1"})
    assert not list(too_few_threads(seen))
    assert Change(name="threads", value="2") in [gain.change for gain in one(compute.bound(seen)).gains]
    text = "torch.set_num_threads(1)\n"
    assert one(too_few_threads(threaded(1, cpus=2.0, files={SCRIPT: text}))).where.line == 1


@pytest.mark.parametrize("seen", [
    threaded(8), threaded(5, files={SCRIPT: "torch.set_num_threads(5)\n"}),
    threaded(1, cpus=None), threaded(1, cpus=1.0),
    threaded(1, loaders=[loader(7)]), threaded(1, moments={"user": 6.0}),
    threaded(1, settings={"operations": 4000}), threaded(1, settings={"device": "cuda"}),
], ids=["all", "more-than-half", "unknown", "one", "workers", "busy", "tiny", "gpu"])  # fmt: skip
def test_threads_that_are_none_of_it(seen: View) -> None:
    assert not list(too_few_threads(seen))


# Attention -------------------------------------------------------------------------------------

ATTENTION = """\
class Attention(nn.Module):
    def forward(self, x):
        q, k, v = self.split(self.qkv(x))
        scores = q @ k.transpose(-2, -1) / 8
        weights = torch.softmax(scores, dim=-1)
        return self.out(weights @ v)
"""


def attending(share: float) -> View:
    """A transformer whose attention takes this part of the forward pass, which takes a third."""
    samples = [("other", ["train.py:5 forward", CALL, "train.py:20 main"], 0.32 * share)]
    return view(
        step=0.2, backward=0.12, optimizer=0.01, steps=40, files={SCRIPT: ATTENTION}, samples=samples,  # type: ignore[arg-type]
        settings={"operations": 80, "attention": (f"{SCRIPT}:5",)},
    )  # fmt: skip


def test_attention_by_hand_that_takes_most() -> None:
    slow = one(unfused(attending(0.8)))
    assert (slow.where.file, slow.where.line) == (SCRIPT, 5)
    assert causes(attending(0.8))[0] == "unfused-attention"


def test_attention_by_hand_that_takes_little() -> None:
    assert not list(unfused(attending(0.3)))
    assert causes(attending(0.3)) == ["compute-bound"]


def test_attention_is_found_without_the_watchers_word() -> None:
    seen = attending(0.8)
    settings = replace(seen.settings, attention=())
    speed = replace(seen.speed, settings=settings)
    assert one(unfused(View(trace=replace(seen.trace, speed=speed), files=seen.files))).where.line == 5
    fused = ATTENTION.replace("@ v)", "@ F.scaled_dot_product_attention(q, k, v))")
    assert not list(unfused(View(trace=replace(seen.trace, speed=speed), files={SCRIPT: fused})))


# Nothing to mend -------------------------------------------------------------------------------


def large(**more: Any) -> View:
    settings = {"operations": 60, "flops": 5e9, "batch": 128, "parameters": 20, "values": 2_000_000,
                "optimizer": "SGD", "dtypes": {"float32": 2_000_000}, **more.pop("settings", {})}  # fmt: skip
    return view(step=0.1, wait=0.002, backward=0.06, optimizer=0.003, steps=60, settings=settings, **more)


def test_compute_bound_says_how_near_the_ceiling() -> None:
    seen = replace(large(), ceiling=MachineCeiling(rates={"fp32": 80e9, "bf16": 160e9}, threads=2))
    slow = one(compute.bound(seen))
    assert "50 GFLOP/s" in slow.summary and "62%" in slow.summary
    gains = {gain.change.name: gain for gain in slow.gains if gain.change is not None}
    low, high = gains["autocast"].predicted or (0, 0)
    assert not gains["autocast"].free and 0.1 < low < high < 1.0
    assert causes(seen) == ["compute-bound"]


def test_a_ceiling_that_was_disturbed_says_nothing() -> None:
    slow = one(compute.bound(replace(large(), ceiling=MachineCeiling(rates={"fp32": 30e9}))))
    assert "%" not in slow.summary.partition("own work")[2]


def test_no_word_of_bf16_where_it_is_no_faster() -> None:
    seen = replace(large(), ceiling=MachineCeiling(rates={"fp32": 80e9, "bf16": 70e9}))
    names = [gain.change.name for gain in one(compute.bound(seen)).gains if gain.change is not None]
    assert "autocast" not in names


def test_no_verdict_where_something_else_takes_the_time() -> None:
    assert not list(compute.bound(view(step=0.02, wait=0.015, backward=0.003)))


def test_other_gpus_by_published_figures() -> None:
    seen = large(settings={"device": "cuda", "autocast": "bfloat16"})
    seen = replace(seen, ceiling=MachineCeiling(rates={"bf16": 200e12}, device="NVIDIA A100-SXM4-80GB"))
    steps = [step.say for step in one(compute.bound(seen)).fix]
    assert any(text.startswith("NVIDIA B200: matrix products 6.4 times as fast") for text in steps)
    slice_of_it = "NVIDIA A100-SXM4-80GB MIG 1g.10gb"
    unknown = replace(seen, ceiling=MachineCeiling(rates={"bf16": 200e12}, device=slice_of_it))
    assert not one(compute.bound(unknown)).fix


def test_work_of_a_step() -> None:
    found = work(large())
    assert found.model == pytest.approx(0.095) and found.optimizer == pytest.approx(0.003)
    assert found.fixed is not None and found.fixed[0] < found.fixed[1] < 0.01
    assert found.vector[0] < found.vector[1] < found.model


def test_healthy_scripts_get_no_other_cause() -> None:
    """MLP, convolutions, transformer: usual sizes, usual settings."""
    kinds = {
        "mlp": (1e-3, {"operations": 14, "batch": 64, "parameters": 6, "values": 100_000}),
        "cnn": (0.06, {"operations": 25, "batch": 32, "parameters": 10, "values": 60_000}),
        "transformer": (0.15, {"operations": 250, "batch": 16, "parameters": 50, "values": 800_000}),
        "small transformer": (0.01, {"operations": 250, "batch": 8, "parameters": 50, "values": 40_000}),
        "tiny data": (4e-4, {"operations": 9, "batch": 10, "parameters": 4, "values": 500}),
        "fine-tuning": (1.5, {"operations": 900, "batch": 2, "parameters": 200, "values": 60_000_000}),
    }
    for name, (step, settings) in kinds.items():
        values = {"optimizer": "AdamW", "dtypes": {"float32": settings["values"]}, **settings}
        count = max(20, int(2 / step))
        seen = view(step=step, wait=0.03 * step, backward=0.5 * step, optimizer=0.15 * step, steps=count,
                    settings=values, files={SCRIPT: LOOP})  # fmt: skip
        assert causes(seen) == ["compute-bound"], name
