"""What doctor finds in pastes: the right key, nothing absurd, and no alarm for healthy machines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.compat import load_compat
from envkit.core.report import Text
from envkit.doctor import views
from envkit.doctor.answer import Answer
from envkit.doctor.judge import judge
from envkit.doctor.summary import report
from envkit.facts.importers.detect import import_files
from envkit.report import Options, render
from tests.facts.importers.pastes import NAMES, SAMPLES, imported, outcome, problems

FOUND = {
    "accelerate-env.txt": {"cpu-only-wheel"},
    "collect-env-1.13-rtx2080ti-driver-too-old.md": {"driver-too-old"},
    "collect-env-2.1-conda-cpu-build-rtx4090.txt": {"conda-solver-cpu-build"},
    "collect-env-2.4-cpu-wheel-a100.txt": {"cpu-only-wheel"},
    "collect-env-2.5-rtx5090-too-new.md": {"arch-not-in-wheel"},
    "ds-report-small-shm.txt": {"shm-too-small"},
    "q-418-v100-retirement.txt": {"gpu-fell-off-bus", "row-remap-pending"},
    "q-ecc-uncorrected.txt": {"ecc-xid-hardware"},
    "q-exclusive-power-cap.txt": {"compute-mode-exclusive", "power-cap-low"},
    "q-fabric-in-progress.txt": {"fabric-not-ready"},
    "q-mig-empty.txt": {"mig-no-instances"},
    "q-pcie-x4.txt": {"pcie-link-narrow"},
    "q-remap-pending.txt": {"row-remap-pending"},
    "q-throttled.txt": {"thermal-throttle"},
    "qx-550-a100.xml": {"row-remap-pending", "thermal-throttle", "pcie-link-narrow"},
    "smi-470-exclusive.txt": {"ecc-xid-hardware", "compute-mode-exclusive"},
    "smi-510-mig.txt": {"mig-misconfig"},
    "smi-550-mig-without-instances.txt": {"mig-no-instances"},
    "smi-550-one-of-two-lost.txt": {"gpu-fell-off-bus"},
    "smi-lost.txt": {"gpu-fell-off-bus"},
    "smi-mismatch.txt": {"driver-library-version-mismatch"},
    "smi-no-devices.txt": {"nvml-no-devices"},
    "smi-not-loaded.txt": {"driver-not-loaded"},
    "xformers-info-rtx5070.txt": {"arch-not-in-wheel"},
}
"""What is worth more than a note in each sample; in all others nothing is."""
MAYBE = {
    # Whose process it is a table does not tell.
    "smi-535-two-gpus.txt": {"gpu-memory-held-by-other-process"},
    # A GPU whose cells are all ERR!, and NVML failing in a container: no rule asks for them yet.
    "smi-470-err-gpu.txt": {"gpu-fell-off-bus"},
    "smi-container-unknown-error.txt": {"container-cgroup-reload"},
}


@pytest.mark.parametrize("name", NAMES)
def test_findings(name: str) -> None:
    found = {key for key, severity in problems(imported(name)).items() if severity != "note"}
    assert found - MAYBE.get(name, set()) == FOUND.get(name, set())


@pytest.mark.parametrize(
    "key",
    [
        "nouveau",
        "uvm-node-missing",
        "cuda-visible-devices-invalid",
        "shm-too-small",
        "disk-full",
        "venv-broken",
        "too-many-open-files",
        "container-toolkit-missing",
        "reboot-pending",
    ],
)
def test_what_a_report_does_not_hold_is_unknown(key: str) -> None:
    assert outcome(imported("collect-env-2.10-h100-healthy.txt"), key) == "unknown"


@pytest.mark.parametrize("key", ["driver-too-old", "arch-not-in-wheel", "cpu-only-wheel", "glibc-too-old"])
def test_what_it_holds_is_answered(key: str) -> None:
    assert outcome(imported("collect-env-2.10-h100-healthy.txt"), key) == "ok"


@pytest.mark.parametrize("key", ["driver-too-old", "cpu-only-wheel", "arch-not-in-wheel"])
def test_a_table_says_nothing_of_frameworks(key: str) -> None:
    assert outcome(imported("smi-550-h100-healthy.txt"), key) == "unknown"


def test_no_gpu_in_the_report_is_not_no_gpu() -> None:
    assert outcome(imported("collect-env-2.13-cpu-real.txt"), "cpu-only-wheel") == "unknown"


LINUX_ONLY = ("nouveau", "glibc-too-old", "disk-full", "reboot-pending", "container-selinux", "nccl-p2p-acs")


@pytest.mark.parametrize("key", LINUX_ONLY)
@pytest.mark.parametrize("name", ["collect-env-2.7-windows-rtx3060.txt", "collect-env-2.8-macos.txt"])
def test_questions_of_linux_are_not_asked_of_others(name: str, key: str) -> None:
    assert outcome(imported(name), key) == "not-applicable"


@pytest.mark.parametrize("key", ["driver-too-old", "arch-not-in-wheel", "cpu-only-wheel"])
def test_questions_of_every_system_are_asked_of_windows_too(key: str) -> None:
    assert outcome(imported("collect-env-2.7-windows-rtx3060.txt"), key) == "ok"


def test_wheels_for_windows_are_what_windows_is_judged_by() -> None:
    """The driver that CUDA 11.8 needs has another number there."""
    windows = imported("collect-env-2.7-windows-rtx3060.txt")
    assert windows.nvml is not None
    older = replace(windows, nvml=replace(windows.nvml, driver_version="451.82"))
    assert views.platform(windows) == "windows"
    assert outcome(older, "driver-too-old") == "problem"


def test_what_pastes_contradict_each_other_in_stands_above_everything() -> None:
    names = ("collect-env-2.10-h100-healthy.txt", "q-535-h100.txt")
    snapshot = import_files([SAMPLES / name for name in names])
    told = report(Answer(verdict="unknown", findings=(), snapshot=snapshot))
    assert told.sections[0].title == "The reports contradict each other"
    words = " ".join(block.text for block in told.sections[0].blocks if isinstance(block, Text))
    assert "535.129.03 is taken, another source says 570.172.08" in words
    shown = render(told, "text", Options())
    assert shown.index("contradict each other") < shown.index("This machine")


def test_one_paste_contradicts_nothing() -> None:
    told = report(Answer(verdict="unknown", findings=(), snapshot=imported("q-535-h100.txt")))
    assert told.sections[0].title == "This machine"


def test_many_undecided_checks_are_counted_by_reason_and_named_with_v() -> None:
    snapshot = imported("collect-env-2.10-h100-healthy.txt")
    findings = judge(snapshot, load_compat())
    told = report(Answer(verdict="unknown", findings=findings, snapshot=snapshot))
    short, long = (render(told, "text", Options(verbose=verbose)) for verbose in (False, True))
    reason = "a collect_env report does not hold this"
    many = sum(f.outcome == "unknown" and f.why_unknown == reason for f in findings)
    assert many > 4 and f"{reason} ({many} checks; -v names them)" in " ".join(short.split())
    assert "shm-too-small" not in short
    assert "shm-too-small" in long and "-v names them" not in long
