"""Snapshot to findings: selection, folding, order, verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.causes import catalogue
from envkit.core.errors import UsageError
from envkit.core.finding import Finding
from envkit.doctor.judge import fails, judge, select, verdict
from envkit.doctor.outcome import Outcome, fact, ok, problem
from envkit.doctor.rules import RULES, key_of
from envkit.facts.gpu_model import Nvml
from envkit.facts.model import Snapshot
from tests.doctor.cases import CONTAINER, SERVER, WORKSTATION
from tests.doctor.change import changed, with_env
from tests.doctor.test_cpu_build import TF_CPU
from tests.doctor.test_deep import CRASH, DEEP, IMPORT, MATMUL, TORCH
from tests.doctor.test_driver import BARE, MISMATCH, NOT_BUILT, NOUVEAU
from tests.doctor.test_packages import pair


def rule(key, outcome):
    """A rule of that key that always answers so."""

    def answer(snapshot, compat):
        return outcome

    answer.__name__ = key.replace("-", "_")
    return answer


def found(severity=None, confidence=1.0):
    return problem("it is so", fact("what", 1, "where"), severity=severity, confidence=confidence)


def problems(snapshot, compat, rules=RULES):
    return {f.key: f for f in judge(snapshot, compat, rules) if f.outcome == "problem"}


@pytest.mark.parametrize(
    ("snapshot", "root", "folded"),
    [
        (
            changed(WORKSTATION, "nvml", MISMATCH, "host.reboot_required", True),
            "driver-library-version-mismatch",
            ("reboot-pending",),
        ),
        (changed(NOT_BUILT, "host.reboot_required", True), "kernel-module-not-built", ("reboot-pending",)),
        (
            changed(
                DEEP,
                "deep",
                (replace(TORCH, smoke=(replace(MATMUL, ok=False),)),),
                "nvml.gpus[0].compute_mode",
                "prohibited",
            ),
            "compute-mode-exclusive",
            ("device-smoke-failed",),
        ),
        (
            with_env(changed(DEEP, "deep[0].devices", ("cpu",)), CUDA_VISIBLE_DEVICES="7"),
            "cuda-visible-devices-invalid",
            ("device-smoke-failed",),
        ),
        (
            changed(SERVER, "driver.fabric_manager", "stopped", "nvml.gpus[*].fabric_state", "not-started"),
            "fabric-manager-not-running",
            ("fabric-not-ready",),
        ),
        (
            changed(
                SERVER, "nvml.gpus[0].row_remap.pending", True, "nvml.gpus[0].ecc.uncorrected_volatile", 1
            ),
            "row-remap-pending",
            ("ecc-xid-hardware",),
        ),
        (
            changed(pair("2.9.1", "0.20.1"), "deep", (IMPORT,)),
            "torch-torchvision-mismatch",
            ("framework-import-failed",),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_cause_one_finding(snapshot, root, folded, compat):
    shown = problems(snapshot, compat)
    assert list(shown) == [root]
    assert shown[root].explains == folded


def test_causes_that_are_not_related_stay_apart(compat):
    snapshot = changed(WORKSTATION, "memory.oom_kills", 1, "nvml.gpus[0].power_limit_set", 200.0)
    assert {*problems(snapshot, compat)} == {"oom-host", "power-cap-low"}


@pytest.mark.parametrize("snapshot", [BARE, NOUVEAU, NOT_BUILT], ids=["no driver", "nouveau", "not built"])
def test_a_gpu_without_its_driver_is_one_finding(snapshot, compat):
    assert len(problems(snapshot, compat)) == 1


def test_a_consequence_makes_its_cause_as_bad_as_itself(compat):
    rules = (rule("user-site-mix", found("warning")), rule("framework-import-failed", found("error")))
    (finding,) = problems(WORKSTATION, compat, rules).values()
    assert (finding.key, finding.severity) == ("user-site-mix", "error")


def test_a_note_does_not_explain_an_error(compat):
    """TensorFlow for the CPU is no reason why torch computes nonsense on the GPU."""
    wrong = replace(TORCH, smoke=(replace(MATMUL, ok=False),))
    shown = problems(changed(DEEP, "deep", (wrong,), "python.tensorflow", TF_CPU), compat)
    assert {key: f.severity for key, f in shown.items()} == {
        "device-smoke-failed": "error",
        "cpu-only-wheel": "note",
    }


def test_of_several_causes_the_worst_takes_the_consequence(compat):
    rules = (
        rule("gpu-memory-held-by-other-process", found("warning")),
        rule("driver-too-old", found("error")),
        rule("device-smoke-failed", found("error")),
    )
    shown = problems(WORKSTATION, compat, rules)
    assert shown["driver-too-old"].explains == ("device-smoke-failed",)
    assert shown["gpu-memory-held-by-other-process"].explains == ()


def test_consequences_of_consequences_are_folded_under_the_first_cause(compat):
    keys = ("nouveau", "kernel-module-not-built", "driver-not-loaded", "nvml-no-devices")
    (finding,) = problems(WORKSTATION, compat, tuple(rule(key, found()) for key in keys)).values()
    assert finding.key == "nouveau"
    assert finding.explains == tuple(sorted(keys[1:]))


def test_every_problem_stays_visible_whatever_is_found_together(compat):
    """Folding loses nothing, even when every rule complains at once."""
    rules = tuple(rule(key_of(one), found()) for one in RULES)
    shown = problems(WORKSTATION, compat, rules)
    assert {*shown, *(key for f in shown.values() for key in f.explains)} == {key_of(one) for one in RULES}


def test_no_cause_explains_itself_in_a_circle():
    def below(key, path):
        assert key not in path, f"{' -> '.join(path)} -> {key}"
        for child in catalogue()[key].explains:
            below(child, (*path, key))

    for key in catalogue():
        below(key, ())


def test_order_is_problems_by_severity_and_confidence_then_unknown_then_the_rest(compat):
    rules = (
        rule("swap-active", ok("fine")),
        rule("oom-host", Outcome(status="unknown", why="not read")),
        rule("disk-full", found("note")),
        rule("power-cap-low", found("warning")),
        rule("driver-too-old", found("error", 0.6)),
        rule("cpu-only-wheel", found("error", 0.9)),
        rule("wsl-driver", Outcome(status="not-applicable", why="no WSL")),
    )
    assert [f.key for f in judge(WORKSTATION, compat, rules)] == [
        "cpu-only-wheel",
        "driver-too-old",
        "power-cap-low",
        "disk-full",
        "oom-host",
        "swap-active",
        "wsl-driver",
    ]


def test_a_rule_that_raises_is_unknown_and_takes_no_other_with_it(compat):
    def driver_too_old(snapshot, compat):
        raise KeyError("oops")

    findings = {f.key: f for f in judge(WORKSTATION, compat, (driver_too_old, *RULES[:3]))}
    assert findings["driver-too-old"].outcome == "unknown"
    assert "KeyError" in (findings["driver-too-old"].why_unknown or "")
    assert len(findings) == 4


@pytest.mark.parametrize(
    "odd",
    [
        Snapshot(),
        changed(WORKSTATION, "nvml.gpus[0].compute_capability", "N/A"),
        changed(WORKSTATION, "nvml.driver_version", "N/A"),
        changed(WORKSTATION, "python.distributions[0].version", "not a version"),
        changed(WORKSTATION, "python.distributions[0].requires", ("torch @@@", "numpy>=what", "x; y == 1")),
        changed(WORKSTATION, "python.torch.version", "nonsense", "python.torch.cuda", "later"),
        changed(WORKSTATION, "libraries[0].path", "/compat/libcuda.so.1", "libraries[0].version", None),
        changed(WORKSTATION, "nvml", Nvml(state="ok")),
        changed(SERVER, "nvml.gpus[*].nvlinks", (), "nvml.gpus[*].name", None),
        changed(CONTAINER, "driver.nodes", ()),
    ],
    ids=range(10),
)
def test_odd_facts_break_no_rule(odd, compat):
    broken = [f for f in judge(odd, compat) if "this check itself failed" in (f.why_unknown or "")]
    assert [f.why_unknown for f in broken] == []


def test_an_empty_snapshot_is_unknown_and_not_fine(compat):
    findings = judge(Snapshot(), compat)
    assert verdict(findings) == "unknown"
    assert not [f for f in findings if f.outcome in ("problem", "ok")]


def keys(rules):
    return {key_of(one) for one in rules}


@pytest.mark.parametrize(
    ("only", "skip", "chosen"),
    [
        (("driver-too-old",), (), {"driver-too-old"}),
        (
            ("framework",),
            ("driver-too-old",),
            {key for key, e in catalogue().items() if e.family == "framework"} - {"driver-too-old"},
        ),
        (("driver-too-old", "disk-full"), ("host",), {"driver-too-old"}),
        (
            (),
            ("framework", "hardware", "python", "host", "container"),
            {
                key
                for key, e in catalogue().items()
                if e.family in ("driver", "network", "distributed", "windows", "loader", "runtime")
                and key in {key_of(rule) for rule in RULES}
            },
        ),
    ],
)
def test_select(only, skip, chosen):
    assert keys(select(only, skip)) == chosen


def test_select_by_alias():
    for key, entry in catalogue().items():
        for alias in entry.aliases if key in keys(RULES) else ():
            assert keys(select((alias,), ())) == {key}


def test_select_nothing_is_everything():
    assert select((), ()) == RULES


@pytest.mark.parametrize(("only", "skip"), [(("drivr-too-old",), ()), ((), ("gpu",)), (("host", ""), ())])
def test_select_refuses_names_that_it_does_not_know(only, skip):
    with pytest.raises(UsageError, match="there is no check") as error:
        select(only, skip)
    assert "--list" in error.value.todo


def test_select_refuses_to_look_at_nothing():
    with pytest.raises(UsageError, match="no check is left"):
        select(("host",), ("host",))


def finding(outcome, severity=None):
    return Finding(key="x", outcome=outcome, severity=severity)


@pytest.mark.parametrize(
    ("findings", "said", "exit_1", "strict"),
    [
        ((), "healthy", False, False),
        ((finding("ok"), finding("not-applicable")), "healthy", False, False),
        ((finding("problem", "note"),), "healthy", False, False),
        ((finding("unknown"), finding("ok")), "unknown", False, False),
        ((finding("problem", "note"), finding("unknown")), "unknown", False, False),
        ((finding("problem", "warning"),), "problems", False, True),
        ((finding("problem", "error"), finding("unknown")), "problems", True, True),
    ],
)
def test_verdict_and_exit(findings, said, exit_1, strict):
    assert verdict(findings) == said
    assert fails(findings, strict=False) is exit_1
    assert fails(findings, strict=True) is strict


def test_commands_are_those_of_the_distribution(compat):
    ill = changed(WORKSTATION, "driver.loaded", False, "host.secure_boot", True)
    for system, command in (("ubuntu", "shim-signed"), ("fedora", "akmods"), ("arch", "sudo reboot")):
        steps = problems(changed(ill, "host.os_id", system), compat)["secure-boot"].fix
        assert any(command in (step.run or "") for step in steps)
    assert not any("akmods" in (step.run or "") for step in problems(ill, compat)["secure-boot"].fix)


def test_a_crash_is_told_once(compat):
    assert list(problems(changed(DEEP, "deep", (CRASH,)), compat)) == ["device-smoke-failed"]
