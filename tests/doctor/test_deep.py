"""What --deep found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.doctor.rules import deep
from envkit.facts.model import ProbeStatus
from envkit.facts.python_model import DeepCheck, SmokeResult
from tests.doctor.cases import LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import WHY, changed
from tests.doctor.test_cpu_build import TF_CPU

MATMUL = SmokeResult(device="cuda:0", op="matmul", dtype="float32", ok=True, error=1e-6, tolerance=1e-3)
TORCH = DeepCheck(
    framework="torch",
    state="ok",
    import_seconds=1.4,
    version="2.14.1",
    devices=("cpu", "cuda:0"),
    smoke=(MATMUL,),
    libraries=(),
)
IMPORT = DeepCheck(
    framework="torch",
    state="import-failed",
    error_type="ImportError",
    error="traceback\nlibcudnn.so.9: cannot open",
)
CRASH = DeepCheck(
    framework="torch", state="crashed", import_seconds=1.4, error="SIGSEGV, in matmul on cuda:0"
)
TENSORFLOW = DeepCheck(framework="tensorflow", state="ok", import_seconds=3.0, devices=("cpu",), smoke=())
DEEP = changed(WORKSTATION, "deep", (TORCH,))
TRIED = replace(
    WORKSTATION, probes=(*WORKSTATION.probes, ProbeStatus(name="deep", state="timeout", detail=WHY))
)
FAILED, SMOKE = deep.framework_import_failed, deep.device_smoke_failed
SLEPT = changed(DEEP, "host.suspends", 3)
AFTER_SLEEP = SmokeResult(
    device="cuda:0",
    op="start",
    dtype="float32",
    ok=False,
    detail="RuntimeError: CUDA unknown error - this may be",
)
UVM = deep.suspend_resume_uvm

CASES = (
    # suspend-resume-uvm
    flip(
        UVM,
        SLEPT,
        "deep[0].smoke[0]",
        AFTER_SLEEP,
        says=("unknown error", "slept 3 times"),
        fix=("rmmod nvidia_uvm",),
    ),
    fine(UVM, "CUDA works", SLEPT),
    fine(UVM, "another error", changed(SLEPT, "deep[0].smoke[0]", replace(MATMUL, ok=False))),
    apart(UVM, "never slept", DEEP),
    apart(UVM, "not asked for", WORKSTATION, "--deep"),
    unsure(UVM, "not finished", TRIED),
    # framework-import-failed
    flip(
        FAILED,
        DEEP,
        "deep",
        (IMPORT,),
        says=("torch cannot be imported", "libcudnn.so.9"),
        fix=("import torch",),
    ),
    ill(
        FAILED, "it hangs", changed(DEEP, "deep", (DeepCheck(framework="jax", state="timeout"),)), "jax hangs"
    ),
    fine(FAILED, "imported", DEEP),
    fine(FAILED, "a crash after the import is another matter", changed(DEEP, "deep", (CRASH,))),
    apart(FAILED, "not asked for", WORKSTATION, "--deep"),
    unsure(FAILED, "not finished", TRIED),
    # device-smoke-failed
    flip(
        SMOKE,
        DEEP,
        "deep[0].smoke[0]",
        replace(MATMUL, ok=False, error=0.25),
        says=("matmul", "float32", "cuda:0", "0.25"),
        fix=("dcgmi diag",),
    ),
    ill(
        SMOKE,
        "not a number",
        changed(DEEP, "deep[0].smoke[0]", replace(MATMUL, ok=False, error=None)),
        "not finite",
    ),
    ill(
        SMOKE,
        "a message",
        changed(DEEP, "deep[0].smoke[0]", replace(MATMUL, ok=False, error=None, detail="CUDA error 719")),
        "719",
    ),
    ill(SMOKE, "a crash", changed(DEEP, "deep", (CRASH,)), "torch crashes"),
    ill(SMOKE, "a hang", changed(DEEP, "deep", (replace(CRASH, state="timeout"),)), "hangs"),
    ill(SMOKE, "no GPU seen", changed(DEEP, "deep[0].devices", ("cpu",)), "sees none"),
    fine(SMOKE, "right numbers", DEEP, "1 small computation"),
    fine(
        SMOKE,
        "on the CPU of a machine without GPU",
        changed(LAPTOP, "deep", (replace(TORCH, devices=("cpu",)),)),
    ),
    fine(
        SMOKE,
        "a CPU build beside torch sees no GPU, as it must",
        changed(DEEP, "deep", (TORCH, TENSORFLOW), "python.tensorflow", TF_CPU),
    ),
    apart(SMOKE, "not asked for", WORKSTATION, "--deep"),
    unsure(SMOKE, "not finished", TRIED),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
