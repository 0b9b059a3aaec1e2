"""Versions that rules compare as numbers, where there is something else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.compat import load_compat
from envkit.doctor import views
from envkit.doctor.answer import Answer
from envkit.doctor.environment import build_note
from envkit.doctor.judge import judge
from envkit.facts.gpu_model import Library
from envkit.facts.model import EnvVar
from envkit.facts.numbers import is_number, readable
from tests.doctor.cases import WORKSTATION
from tests.doctor.change import changed
from tests.doctor.machines import HEALTHY

NONSENSE = (
    *("~~~ x", "", "cu", "-1", "9" * 5000, "1." + "9" * 5000, "٣.٣", ".5", "1..2"),
    *("x" * 100_000, "\x1b[31m"),
)
TEXTS = (
    "nvml.driver_version",
    "nvml.cuda_version",
    "driver.module_version",
    "driver.library_version",
    "host.libc_version",
    "python.libstdcxx",
    "python.glibcxx_needed",
)


@pytest.mark.parametrize(
    "text", ["550.54.14", "R550", "r615", "35.4.1", "2.39", "12.4", "570.124.06-0ubuntu1", "3.4.29"]
)
def test_versions_as_programs_write_them(text):
    assert is_number(text)


@pytest.mark.parametrize("text", NONSENSE)
def test_what_is_none(text):
    assert not is_number(text)


@pytest.mark.parametrize("machine", HEALTHY, ids=lambda machine: machine.__name__)
def test_a_machine_that_says_numbers_is_left_as_it_is(machine):
    snapshot = machine()
    assert readable(snapshot) is snapshot


@pytest.mark.parametrize("text", NONSENSE)
@pytest.mark.parametrize("field", TEXTS)
def test_no_rule_trips_over_what_is_no_number(field, text):
    findings = judge(changed(WORKSTATION, field, text), load_compat())
    assert [f.why_unknown for f in findings if "itself failed" in (f.why_unknown or "")] == []


def test_a_compatibility_library_without_a_version():
    library = Library(
        family="cuda", soname="libcuda.so.1", path="/usr/local/cuda/compat/libcuda.so.1", version="~~~ x"
    )
    snapshot = changed(WORKSTATION, "libraries", (library,))
    findings = {f.key: f for f in judge(snapshot, load_compat())}
    assert "could not be read" in (findings["compat-lib-shadow-803"].why_unknown or "")
    assert not any("itself failed" in (f.why_unknown or "") for f in findings.values())


@pytest.mark.parametrize("text", [*NONSENSE, "999999999999.0", "8", "8.10"])
def test_a_compute_capability_that_is_none(text):
    gpus = tuple(replace(gpu, compute_capability=text) for gpu in WORKSTATION.nvml.gpus)
    snapshot = changed(WORKSTATION, "nvml.gpus", gpus)
    assert all(views.capability(gpu) is None for gpu in gpus)
    findings = judge(snapshot, load_compat())
    assert [f.why_unknown for f in findings if "itself failed" in (f.why_unknown or "")] == []


LONG = "9" * 5000


@pytest.mark.parametrize(
    "snapshot",
    [
        changed(
            WORKSTATION,
            "python.distributions",
            tuple(replace(one, version=LONG) for one in WORKSTATION.python.distributions),
        ),
        changed(WORKSTATION, "python.torch", replace(WORKSTATION.python.torch, version=LONG)),
        changed(WORKSTATION, "env", (EnvVar(name="OMP_NUM_THREADS", value=LONG),)),
        changed(WORKSTATION, "env", (EnvVar(name="OMP_NUM_THREADS", value="²"),)),
        changed(WORKSTATION, "env", (EnvVar(name="CUDA_VISIBLE_DEVICES", value=LONG),)),
        changed(WORKSTATION, "host.compiler_version", LONG),
    ],
    ids=["packages", "torch", "threads", "superscript", "devices", "compiler"],
)
def test_numbers_of_thousands_of_digits(snapshot):
    findings = judge(snapshot, load_compat())
    assert [f.why_unknown for f in findings if "itself failed" in (f.why_unknown or "")] == []


@pytest.mark.parametrize("text", NONSENSE)
@pytest.mark.parametrize("field", TEXTS)
def test_the_environment_that_fits_is_found_without_what_is_no_number(field, text):
    """The note under doctor's report asks the resolver about the same machine."""
    compat, snapshot = load_compat(), changed(WORKSTATION, field, text)
    answer = Answer(verdict="problems", findings=judge(snapshot, compat), snapshot=snapshot)
    build_note(answer, compat)


@pytest.mark.parametrize("text", [*NONSENSE, "1.2.3.4.5.6", "999999999999.0"])
def test_the_environment_that_fits_a_gpu_of_no_capability(text):
    gpus = tuple(replace(gpu, compute_capability=text) for gpu in WORKSTATION.nvml.gpus)
    compat, snapshot = load_compat(), changed(WORKSTATION, "nvml.gpus", gpus)
    build_note(Answer(verdict="problems", findings=judge(snapshot, compat), snapshot=snapshot), compat)
