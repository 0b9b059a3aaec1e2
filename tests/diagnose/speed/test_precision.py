"""Number types, layouts, compilers; and that no cause of a GPU is told without one."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envkit.causes import catalogue
from envkit.core.machine import Machine
from envkit.diagnose.model import Change, ScriptEnd
from envkit.diagnose.recording import Recording, from_saved, to_saved
from envkit.diagnose.speed import ceiling
from envkit.diagnose.speed.analyzers import ANALYZERS, compute, precision
from envkit.diagnose.speed.analyzers.compiled import recompiles
from envkit.diagnose.speed.analyzers.denormals import denormals
from envkit.diagnose.speed.analyzers.layout import memory_format, unaligned
from envkit.diagnose.speed.analyzers.precision import too_wide
from envkit.diagnose.speed.model import MachineCeiling, Slow
from envkit.diagnose.speed.trace import Compilation
from envkit.diagnose.speed.view import View
from tests.diagnose.speed.test_compute import large, one
from tests.diagnose.speed.views import SCRIPT, view
from tests.payload.targets import torch_python

GPU_CAUSES = {
    "pageable-transfers", "forced-sync", "unaligned-shapes", "memory-format", "thermal-throttle",
    "power-cap-low", "power-brake",
}  # fmt: skip
CONV = ["torch/nn/modules/conv.py:540 _conv_forward", "torch/nn/modules/conv.py:553 forward",
        "torch/nn/modules/module.py:1700 _call_impl", "train.py:30 <module>"]  # fmt: skip


def double(**more: Any) -> View:
    values = more.pop("values", 2_000_000)
    told = {
        "dtypes": {"float64": values},
        "inputs": ("float64",),
        "values": values,
        **more.pop("settings", {}),
    }
    return large(settings=told, **more)


# float64 ---------------------------------------------------------------------------------------


def test_float64_costs_about_half() -> None:
    slow = one(too_wide(double()))
    assert slow.key == "precision-too-high" and "100% of the parameters are float64" in slow.summary
    low, high = slow.gains[0].predicted or (0, 0)
    assert 0.5 < low < 1.0 < high < 1.5  # 1.7 to 2.4 times as fast, nearly all of the step
    assert slow.gains[0].change == Change(name="dtype", value="float32") and not slow.gains[0].free


def test_convolutions_in_float64_cost_more() -> None:
    slow = one(too_wide(double(samples=[("other", CONV, 0.35)])))
    low, high = slow.gains[0].predicted or (0, 0)
    assert low > 0.8 and high > 2.0


def test_float64_of_tiny_operations_costs_nothing() -> None:
    """Asking takes as long in every type."""
    seen = view(step=2e-3, backward=1.2e-3, steps=1000, settings={
        "operations": 200, "dtypes": {"float64": 1000}, "values": 1000, "parameters": 10})  # fmt: skip
    assert one(too_wide(seen)).share < 0.10


def test_measured_ratio_is_used() -> None:
    seen = replace(double(), ceiling=MachineCeiling(rates={"fp64": 40e9, "fp32": 44e9}))
    slow = one(too_wide(seen))
    assert slow.share < 0.2
    assert any("1.1 times as fast" in row.value for row in slow.evidence)


def test_measured_as_no_faster() -> None:
    """As a disturbed measurement has it: nothing is lost by it, and nothing gained."""
    slow = one(too_wide(replace(double(), ceiling=MachineCeiling(rates={"fp64": 40e9, "fp32": 30e9}))))
    assert 0.0 <= slow.share < 0.05 and slow.gains[0].predicted is not None
    assert 0.0 <= slow.gains[0].predicted[0] <= slow.gains[0].predicted[1]


@pytest.mark.parametrize(("text", "line", "say"), [
    ("import torch\ntorch.set_default_dtype(torch.float64)\n", 2, "Leave out `torch.set_default_dtype"),
    ("x = y.double()\nmodel = Net().double()\nmodel = model.double()\n", 3, "Leave out .double()"),
    ("# model.double()\nnet.to(torch.float64)\n", 2, "model.float()"),
    ("x = torch.tensor(rows, dtype=torch.float64)\n", 1, "model.float()"),
    ("x = torch.from_numpy(rows)\n", 1, "model.float()"),
])  # fmt: skip
def test_the_line_that_makes_it_so(text: str, line: int, say: str) -> None:
    slow = one(too_wide(double(files={SCRIPT: text})))
    assert (slow.where.file, slow.where.line) == (SCRIPT, line)
    assert slow.fix[0].say.startswith(say)


@pytest.mark.parametrize("dtypes", [
    {"float32": 100}, {"float32": 100, "float64": 3}, {}, {"bfloat16": 100},
], ids=str)  # fmt: skip
def test_other_types_are_none_of_it(dtypes: dict[str, int]) -> None:
    assert not list(too_wide(large(settings={"dtypes": dtypes})))


# Recompilation ---------------------------------------------------------------------------------


def compiled(count: int, why: str = "tensor 'x' size mismatch at index 1. expected 20, actual 21") -> View:
    """One compilation at first, and so many again, a second each."""
    first = Compilation(step=0, seconds=4.0, what=f"{SCRIPT}:7 forward")
    again = [
        Compilation(step=10 + 5 * i, seconds=1.0, what=f"{SCRIPT}:7 forward", why=why) for i in range(count)
    ]
    steps = {row.step for row in again}
    return view(
        step=lambda n: 1.02 if n in steps else 0.02, backward=0.01, compilations=[first, *again],
        settings={"operations": 30, "compiled": True},
    )  # fmt: skip


def test_compiled_again_and_again() -> None:
    slow = one(recompiles(compiled(6)))
    assert (slow.key, slow.where.file, slow.where.line) == ("recompiles", SCRIPT, 7)
    assert slow.share == pytest.approx(6 / 9.94, abs=0.03)
    assert "forward was compiled again 6 times" in slow.summary and "expected 20, actual 21" in slow.summary
    assert "dynamic=True" in slow.fix[0].say
    low, high = slow.gains[0].predicted or (0, 0)
    assert 0.4 < low < 1.5 <= high and slow.gains[0].change == Change(name="dynamic", value="1")


def test_where_it_is_compiled_is_where_to_change_it() -> None:
    seen = replace(compiled(6), files={SCRIPT: "import torch\nnet = make()\nfast = torch.compile(net)\n"})
    assert one(recompiles(seen)).where.line == 3


def test_python_value_that_changes() -> None:
    slow = one(recompiles(compiled(6, why="L['step'] == 3")))
    assert "Python value" in slow.fix[0].say


def test_limit_of_compilations() -> None:
    assert any(row.what == "limit" for row in one(recompiles(compiled(8))).evidence)
    assert not any(row.what == "limit" for row in one(recompiles(compiled(4))).evidence)


@pytest.mark.parametrize("count", [0, 1])
def test_first_compilation_and_a_last_short_batch_are_none_of_it(count: int) -> None:
    assert not list(recompiles(compiled(count)))


def test_compilation_of_something_else_is_none_of_it() -> None:
    """No reason: it was the first time."""
    assert not list(recompiles(compiled(6, why="")))


# Denormal numbers ------------------------------------------------------------------------------


def tiny_numbers(part: float | None, factor: float | None, **told: Any) -> View:
    seen = large(settings={"denormals": part, **told})
    return replace(seen, ceiling=MachineCeiling(rates={"fp32": 80e9}, denormal=factor))


def test_denormals_where_the_cpu_is_slow_with_them() -> None:
    slow = one(denormals(tiny_numbers(0.3, 40.0)))
    assert slow.share > 0.3 and "40 times as long" in slow.summary
    assert slow.gains[0].change == Change(name="flush-denormal", value="1")


@pytest.mark.parametrize("seen", [
    tiny_numbers(0.3, 1.0), tiny_numbers(0.3, None), tiny_numbers(1e-4, 40.0), tiny_numbers(None, 40.0),
    tiny_numbers(0.3, 40.0, flush_denormal=True), replace(tiny_numbers(0.3, 40.0), ceiling=None),
], ids=["no-slower", "not-measured", "few", "unknown", "flushed", "no-ceiling"])  # fmt: skip
def test_denormals_that_cost_nothing(seen: View) -> None:
    assert not list(denormals(seen))


# GPUs ------------------------------------------------------------------------------------------


def on_gpu(name: str = "NVIDIA H100 80GB HBM3", **told: Any) -> View:
    seen = large(settings={"device": "cuda", "tf32": False, "matmul_precision": "highest", **told})
    return replace(seen, ceiling=MachineCeiling(rates={"fp32": 50e12}, device=name))


def test_float32_products_on_a_gpu_with_tf32() -> None:
    slow = one(too_wide(on_gpu()))
    assert "NVIDIA H100" in slow.summary and slow.gains[0].change == Change(name="tf32", value="1")


@pytest.mark.parametrize("seen", [
    on_gpu(tf32=True), on_gpu(matmul_precision="high"), on_gpu(autocast="bfloat16"),
    on_gpu(name="Tesla T4"), on_gpu(name="A GPU that nobody knows"),
], ids=["tf32", "high", "autocast", "no-tf32-there", "unknown"])  # fmt: skip
def test_gpu_precisions_that_are_none_of_it(seen: View) -> None:
    assert not list(too_wide(seen))


def test_layout_and_sizes_on_a_gpu() -> None:
    told = {
        "device": "cuda",
        "autocast": "float16",
        "channels_last": False,
        "shapes": ((50257, 768), (768, 768)),
    }
    seen = large(settings=told, samples=[("other", CONV, 0.3)])
    assert one(memory_format(seen)).gains[0].change == Change(name="channels-last", value="1")
    assert "50257 x 768" in one(unaligned(seen)).summary
    even = large(settings={**told, "shapes": ((50304, 768), (768, 2))})
    assert not list(unaligned(even))


def test_the_same_settings_on_a_cpu_are_none_of_it() -> None:
    told = {"autocast": "bfloat16", "channels_last": False, "tf32": False, "shapes": ((50257, 768),)}
    seen = large(settings=told, samples=[("other", CONV, 0.3)])
    assert not [*memory_format(seen), *unaligned(seen)]
    measured = MachineCeiling(rates={"fp32": 80e9, "tf32": 800e9}, device="NVIDIA H100")
    single = replace(large(), ceiling=measured)
    assert not list(too_wide(single))


_TYPES = st.sampled_from(["float64", "float32", "bfloat16", "float16"])
_SETTINGS = st.fixed_dictionaries({
    "device": st.sampled_from(["cpu", None]),
    "threads": st.integers(1, 16),
    "operations": st.none() | st.integers(1, 20_000),
    "flops": st.none() | st.floats(1e3, 1e12),
    "batch": st.none() | st.integers(1, 512),
    "parameters": st.none() | st.integers(1, 2000),
    "values": st.none() | st.integers(1, 10**9),
    "optimizer": st.sampled_from([None, "Adam", "SGD", "Own"]),
    "foreach": st.sampled_from([None, True, False]),
    "fused": st.sampled_from([None, True, False]),
    "dtypes": st.dictionaries(_TYPES, st.integers(1, 10**6), max_size=3),
    "inputs": st.lists(_TYPES, max_size=2).map(tuple),
    "autocast": st.none() | _TYPES,
    "tf32": st.sampled_from([None, True, False]),
    "cudnn_benchmark": st.sampled_from([None, True, False]),
    "matmul_precision": st.sampled_from([None, "highest", "high"]),
    "channels_last": st.sampled_from([None, True, False]),
    "denormals": st.none() | st.floats(0, 1),
    "conv_bias_norm": st.none() | st.integers(0, 20),
    "shapes": st.lists(st.tuples(st.integers(1, 60_000), st.integers(1, 4096)), max_size=4).map(tuple),
    "attention": st.lists(st.just(f"{SCRIPT}:5"), max_size=1).map(tuple),
    "blocking": st.sampled_from([None, False]),
    "compiled": st.sampled_from([None, True, False]),
})  # fmt: skip
_CEILING = st.none() | st.builds(
    MachineCeiling,
    rates=st.dictionaries(
        st.sampled_from(["fp64", "fp32", "tf32", "bf16"]), st.floats(1e9, 1e15), max_size=4
    ),
    node=st.none() | st.floats(1e-6, 1e-4),
    denormal=st.none() | st.floats(0.5, 200),
)


@given(
    told=_SETTINGS, measured=_CEILING, step=st.floats(1e-4, 1.0),
    parts=st.tuples(*(st.floats(0.0, 0.33) for _ in range(3))), conv=st.floats(0.0, 0.005),
)  # fmt: skip
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_on_a_cpu_no_cause_of_a_gpu(
    told: dict[str, Any], measured: MachineCeiling | None, step: float, parts: tuple[float, ...], conv: float
) -> None:
    """Whatever the settings and the times are; and all figures are within their bounds."""
    wait, backward, optimizer = (part * step for part in parts)
    seen = view(step=step, steps=60, wait=wait, backward=backward, optimizer=optimizer, settings=told,
                samples=[("other", CONV, conv)], files={SCRIPT: "x = 1\n"})  # fmt: skip
    seen = replace(seen, ceiling=measured)
    for look in ANALYZERS:
        for slow in look(seen):
            assert slow.key not in GPU_CAUSES
            _whole(slow)
            assert not any(gain.change is not None and gain.change.name == "tf32" for gain in slow.gains)
            text = slow.summary + "".join(row.value for row in slow.evidence)
            assert "GPU" not in text and "TF32" not in text


def _whole(slow: Slow) -> None:
    assert slow.key in catalogue()
    assert 0.0 <= slow.share <= 1.0 and 0.0 < slow.confidence <= 1.0 and slow.summary
    for gain in slow.gains:
        if gain.predicted is not None:
            assert 0.0 <= gain.predicted[0] <= gain.predicted[1], (slow.key, gain)


@given(told=_SETTINGS, step=st.floats(1e-4, 1.0))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_own_analyzers_bear_any_settings_on_a_gpu(told: dict[str, Any], step: float) -> None:
    seen = view(step=step, steps=60, backward=0.5 * step, settings={**told, "device": "cuda"})
    for look in (*compute.ANALYZERS, *precision.ANALYZERS):
        for slow in look(seen):
            _whole(slow)


# The ceiling -----------------------------------------------------------------------------------


def _job(seen: View) -> dict[str, Any] | None:
    return ceiling.job((seen.trace,), seen.conditions)


def test_what_is_measured_after_a_run() -> None:
    assert _job(large()) == {
        "framework": "torch", "device": "cpu", "threads": 2, "precisions": ["fp32", "bf16"],
        "rehearse": None,
    }  # fmt: skip
    found = _job(double(settings={"flops": None}))
    assert found is not None and found["precisions"] == ["fp64", "fp32"]


@pytest.mark.parametrize("seen", [
    large(settings={"flops": None}), view(steps=3), view(step=0.02, wait=0.018, settings={"flops": 1e9}),
    large(settings={"dtypes": {}}),
], ids=["no-flops", "few-steps", "waits", "no-types"])  # fmt: skip
def test_runs_that_it_would_say_nothing_of(seen: View) -> None:
    assert _job(seen) is None


def test_ceiling_of_this_machine() -> None:
    """A real process: two precisions, one thread, and what an operation costs."""
    asked = {"framework": "torch", "device": "cpu", "threads": 1, "precisions": ["fp64", "fp32"]}
    found = ceiling.measure(Machine.here(), torch_python(), asked)
    assert found is not None and set(found.rates) == {"fp64", "fp32"} and found.threads == 1
    assert found.rates["fp32"] > found.rates["fp64"] > 1e8
    assert found.node is not None and 1e-7 < found.node < 1e-3 and found.denormal is not None


def test_no_framework_no_ceiling() -> None:
    asked = {"framework": "no_such_framework", "device": "cpu", "threads": 1, "precisions": ["fp32"]}
    assert ceiling.measure(Machine.here(), sys.executable, asked) is None


def test_it_is_kept_in_the_recording(tmp_path: Path) -> None:
    kept = MachineCeiling(rates={"fp32": 8e10}, threads=2, node=7e-6, denormal=1.0)
    recording = Recording(
        command="python train.py", processes=(), script=ScriptEnd(exit_code=0, signal=None), ceiling=kept
    )
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(to_saved(recording)))
    assert from_saved(str(path)).ceiling == kept
