"""The deep check on real children: packages that break in each way that frameworks break, and real torch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envkit.core.machine import Machine
from envkit.core.proc import run
from envkit.facts.collect import collect
from envkit.facts.python_model import DeepCheck
from envkit.target import deep_probe
from envkit.target.deep import check
from tests.payload.targets import PAYLOAD, clean_environment, make_venv, site_of, torch_python

sys.path.append(str(PAYLOAD))
from _envkit_payload import deep as payload_deep
from _envkit_payload import numerics


def machine() -> Machine:
    return Machine(root=Path("/"), env=clean_environment(), run=run)


@pytest.fixture
def target(tmp_path):
    """Make a venv whose `jax` is the given text."""
    python = make_venv(tmp_path / "venv")

    def make(source: str) -> str:
        (site_of(python) / "jax.py").write_text(source)
        return str(python)

    return make


def checked(python: str, limit: float = 60.0) -> DeepCheck:
    return check(machine(), python, "jax", limit=limit)


def test_absent(target, tmp_path):
    python = str(make_venv(tmp_path / "empty"))
    assert checked(python).state == "absent"
    found = collect(machine(), [deep_probe(python)], budget=100)
    assert found.deep == () and found.probes[0].state == "ok"
    named = collect(machine(), [deep_probe(python, ["torch"])], budget=100)
    assert [(one.framework, one.state) for one in named.deep or ()] == [("torch", "absent")]


def test_import_that_fails(target):
    text = "libcudnn.so.9: cannot open shared object file: No such file or directory"
    found = checked(target(f"print('noise')\nraise ImportError({text!r})"))
    assert (found.state, found.error_type, found.error) == ("import-failed", "ImportError", text)
    assert found.traceback is not None and "jax.py" in found.traceback
    assert found.version is None and found.smoke is None


def test_a_package_that_calls_exit(target):
    found = checked(target("import sys; sys.exit('no licence')"))
    assert (found.state, found.error_type) == ("import-failed", "SystemExit")


def test_import_that_crashes(target):
    """The Python stack of the crash is kept."""
    found = checked(target("import ctypes\nctypes.string_at(0)"))
    assert found.state == "crashed"
    assert found.error == "was ended by SIGSEGV (segmentation fault), in import jax"
    assert found.traceback is not None and "jax.py" in found.traceback


def test_a_child_that_is_gone_without_a_word(target):
    found = checked(target("import os; os._exit(3)"))
    assert (found.state, found.error) == ("crashed", "ended with exit code 3, in import jax")


def test_import_that_hangs(target):
    found = checked(target("import time; time.sleep(600)"), limit=1.5)
    assert found.state == "timeout"
    assert found.error is not None and found.error.endswith("in import jax")


def test_devices_that_cannot_be_listed(target):
    found = checked(target("__version__ = '9'\ndef devices(*kind): raise RuntimeError('no backend')"))
    assert (found.state, found.version) == ("crashed", "9")
    assert found.error_type in ("RuntimeError", "ModuleNotFoundError")  # there may be no numpy


class Fake:
    """A backend that computes wrongly."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def error(self, device, op, dtype):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "ok", "detail"),
    [
        (0.0, True, ""),
        (0.01, False, ""),
        (float("nan"), False, "the result is not finite"),
        (float("inf"), False, "the result is not finite"),
        (RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'"), True, "not supported here: "),
        (RuntimeError("CUDA error: no kernel image is available for execution"), False, "RuntimeError: CUDA"),
    ],
)
def test_one_computation(answer, ok, detail):
    found = payload_deep._smoke(Fake(answer), "cuda:0", "matmul", "float32")
    assert found["ok"] is ok
    assert found["detail"].startswith(detail)
    assert found.get("error") == (answer if answer in (0.0, 0.01) else None)


def test_tolerances_tell_precisions_apart(monkeypatch):
    """A result in TF32 (unit roundoff 2^-11) is not fp32, unless the person asked for it."""
    tight = numerics.tolerance("matmul", "float32", 256, "cuda:0")
    assert 2.0**-24 < tight < 2.0**-11
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert numerics.tolerance("matmul", "float32", 256, "cuda:0") > 2.0**-11
    assert numerics.tolerance("matmul", "float32", 256, "cpu") == tight


@pytest.mark.torch
def test_real_torch():
    found = collect(machine(), [deep_probe(torch_python())], budget=100)
    (torch,) = found.deep or ()
    assert (torch.framework, torch.state, torch.error) == ("torch", "ok", None)
    assert torch.version is not None and torch.version.startswith("2.")
    assert torch.devices == ("cpu",)
    assert torch.import_seconds is not None and torch.threads is not None
    assert {one.family for one in torch.libraries or ()} >= {"openmp"}
    smoke = torch.smoke or ()
    assert [one for one in smoke if not one.ok] == []
    assert {(one.op, one.dtype) for one in smoke} == {
        (op, dtype) for op in numerics.OPS for dtype in numerics.DTYPES
    }
    for one in smoke:
        if not one.detail:
            assert one.error is not None and one.tolerance is not None and 0 < one.error < one.tolerance
