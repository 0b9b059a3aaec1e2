"""Doctor on GPUs that are not here: the real pynvml reads a compiled library, the rest is recorded."""

from __future__ import annotations

import dataclasses

import pytest

from envkit.compat import load_compat
from envkit.doctor.answer import Answer
from envkit.doctor.judge import judge, select, verdict
from envkit.doctor.summary import report
from tests.doctor_scenarios import problems, snapshot_of, torch_build
from tests.nvml import NAMES, scenario

EIGHT = frozenset({"healthy-8xh100", "gpu-lost", "gpu-hangs", "fabric-in-progress", "nvlink-inactive"})
CU130 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
CU124 = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")

pytestmark = pytest.mark.cc


def tree_for(name: str) -> str:
    """The recorded host that goes with a scenario."""
    if name == "driver-not-loaded":
        return "gpu-blacklisted"
    return "gpu-8x-healthy" if name in EIGHT else "gpu-healthy-desktop"


def limit_for(name: str) -> float:
    """Seconds for NVML: short only where it hangs by design."""
    return 5.0 if "hang" in name else 60.0


@pytest.mark.parametrize("name", NAMES)
def test_each_scenario_has_exactly_its_own_cause(name: str) -> None:
    expected = scenario(name).expect
    found = problems(snapshot_of(tree_for(name), name, limit_for(name)))
    assert [finding.key for finding in found] == ([] if expected in ("none", "unknown") else [expected])


@pytest.mark.parametrize("name", [name for name in NAMES if scenario(name).expect == "none"])
def test_a_healthy_gpu_leaves_nothing_of_it_undecided(name: str) -> None:
    snapshot = snapshot_of(tree_for(name), name, limit_for(name))
    rules = select(["driver", "hardware"], ["compat-lib-shadow-803", "cuda-forward-compat-804"])
    undecided = [f for f in judge(snapshot, load_compat(), rules) if f.outcome == "unknown"]
    assert [(finding.key, finding.why_unknown) for finding in undecided] == []


@pytest.mark.parametrize("name", ["gpu-hangs", "gpu-hangs-midway", "init-hangs", "library-crashes"])
def test_what_could_not_be_looked_at_is_unknown_and_never_fine(name: str) -> None:
    findings = {f.key: f for f in judge(snapshot_of(tree_for(name), name, 5.0), load_compat())}
    assert any(f.outcome == "unknown" for f in findings.values())
    if name == "init-hangs":
        assert findings["thermal-throttle"].outcome == "unknown"
        assert findings["thermal-throttle"].why_unknown


@pytest.mark.parametrize(
    "name, version, cuda, archs, expected",
    [
        ("healthy-h100", "2.10.0+cu128", "12.8", ("sm_70", *CU130), []),
        ("healthy-h100", "2.6.0+cu124", "12.4", CU124, []),
        ("healthy-h100", "2.13.0+cpu", "", (), ["cpu-only-wheel"]),
        ("pascal-gtx1080ti", "2.15.0+cu132", "13.2", CU130, ["arch-dropped-from-wheel"]),
        ("pascal-gtx1080ti", "2.6.0+cu124", "12.4", CU124, []),
        ("rtx5090", "2.6.0+cu124", "12.4", CU124, ["arch-not-in-wheel"]),
        ("rtx5090", "2.14.1+cu130", "13.0", CU130, []),
        ("driver-535-a100", "2.15.0+cu132", "13.2", CU130, ["driver-too-old"]),
        ("driver-535-a100", "2.6.0+cu124", "12.4", CU124, []),
        ("driver-470-a100", "2.14.1+cu130", "13.0", CU130, ["driver-too-old"]),
        ("driver-470-a100", "2.6.0+cu124", "12.4", CU124, ["driver-too-old"]),
    ],
)
def test_a_wheel_beside_driver_and_gpu(
    name: str, version: str, cuda: str, archs: tuple[str, ...], expected: list[str]
) -> None:
    python = torch_build(version, cuda, archs)
    snapshot = dataclasses.replace(snapshot_of(tree_for(name), name), python=python, libraries=())
    found = problems(snapshot)
    assert [finding.key for finding in found] == expected
    for finding in found:
        assert any(step.run and "pip install" in step.run for step in finding.fix), finding.fix


def test_the_fix_for_an_old_driver_gives_both_ways_out() -> None:
    python = torch_build("2.15.0+cu132", "13.2", CU130)
    host = snapshot_of(tree_for(""), "driver-535-a100")
    snapshot = dataclasses.replace(host, python=python, libraries=())
    (finding,) = problems(snapshot)
    commands = [step.run or "" for step in finding.fix]
    assert any(
        "torch==2.14.1 --index-url https://download.pytorch.org/whl/cu126" in line for line in commands
    )
    assert any("580" in step.say for step in finding.fix)


@pytest.mark.parametrize("name", ["init-no-permission", "init-unknown-error", "init-hangs"])
def test_nvml_that_cannot_say_is_not_a_machine_without_gpu(name: str) -> None:
    snapshot = snapshot_of("ubuntu-desktop", name, limit_for(name))
    findings = judge(snapshot, load_compat())
    assert {f.key: f.outcome for f in findings}["nvml-no-devices"] == "unknown"
    answer = Answer(verdict=verdict(findings), findings=findings, snapshot=snapshot)
    assert answer.verdict != "healthy"
    assert "no GPU" not in report(answer).headline


def test_a_gpu_that_may_not_be_read_is_not_fine() -> None:
    findings = judge(snapshot_of(tree_for("gpu-lost"), "gpu-no-permission"), load_compat())
    (undecided,) = [f for f in findings if f.key == "nvml-no-devices"]
    assert undecided.outcome == "unknown" and "ermission" in (undecided.why_unknown or "")
