"""The environment that fits a machine: what doctor's fixes install, and the command that it ends with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from envkit.compat import Compat
from envkit.core.codec import load
from envkit.doctor.answer import Answer
from envkit.doctor.environment import build_note, torch_for
from envkit.doctor.judge import judge, verdict
from envkit.doctor.summary import report
from envkit.facts.model import Snapshot
from tests.doctor.build import healthy_desktop, healthy_laptop, healthy_server, healthy_workstation
from tests.doctor.change import changed, with_packages, without_packages
from tests.doctor.machines import healthy_wsl
from tests.doctor.parts import gpu, package
from tests.resolve.golden import SNAPSHOTS

WORKSTATION = healthy_workstation()
BARE = without_packages(changed(WORKSTATION, "python.torch", None), "torch", "torchvision", "torchaudio")


def answered(snapshot: Snapshot, compat: Compat) -> Answer:
    findings = judge(snapshot, compat)
    return Answer(verdict=verdict(findings), findings=findings, snapshot=snapshot)


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (BARE, "--framework torch --gpu"),
        (changed(BARE, "host.libc", "musl"), "--framework torch --gpu --as docker"),
        (changed(BARE, "host.libc_version", "2.12"), "--framework torch --gpu --as docker"),
        (
            changed(BARE, "nvml", None, "pci", (), "driver", healthy_laptop().driver),
            "--framework torch --cpu",
        ),
    ],
    ids=["no framework", "musl", "old glibc", "no GPU"],
)
def test_the_command_that_fits_is_told_last(snapshot: Snapshot, words: str, compat: Compat) -> None:
    note = build_note(answered(snapshot, compat), compat)
    assert note == f"The environment that fits this machine: `envkit build {words}`"
    assert report(answered(snapshot, compat), environment=note).notes[-1] == note


def test_a_file_of_another_machine_is_named(compat: Compat) -> None:
    snapshot = load(Snapshot, SNAPSHOTS / "faulty-workstation.json", name="snapshot").value
    note = build_note(answered(snapshot, compat), compat, ("my machine.json",))
    assert note is not None and note.endswith(
        "envkit build --framework torch --gpu --from 'my machine.json'`"
    )


@pytest.mark.parametrize("healthy", [healthy_workstation, healthy_server, healthy_desktop, healthy_wsl])
def test_a_healthy_machine_with_a_framework_needs_no_other(healthy, compat: Compat) -> None:
    answer = answered(healthy(), compat)
    assert answer.verdict == "healthy"
    assert build_note(answer, compat) is None
    assert not any("envkit build" in note for note in report(answer).notes)


@pytest.mark.parametrize(
    "snapshot",
    [
        changed(BARE, "nvml", None, "pci", None, "driver", None),
        changed(BARE, "nvml.gpus", (gpu(0, "Xavier", "7.2", 32),)),
    ],
    ids=["GPUs were not read", "no build for the GPU"],
)
def test_no_command_that_gives_no_plan_is_told(snapshot: Snapshot, compat: Compat) -> None:
    assert build_note(answered(snapshot, compat), compat) is None


def test_what_was_read_from_standard_input_or_over_ssh_cannot_be_named(compat: Compat) -> None:
    answer = answered(BARE, compat)
    assert build_note(answer, compat, ("-",)) is None
    assert build_note(answered(changed(BARE, "over", "ssh"), compat), compat) is None


def test_an_installed_torchaudio_keeps_the_torch_that_it_goes_with(compat: Compat) -> None:
    plan = torch_for(with_packages(BARE, package("torchaudio", "2.8.0")), compat)
    assert plan is not None
    assert (plan.version, plan.requirements[1].requirement) == ("2.11.0", "torchaudio==2.11.0")
    alone = torch_for(BARE, compat)
    assert alone is not None and alone.version == "2.15.0"


def test_on_wsl_the_number_of_the_windows_driver_counts(compat: Compat) -> None:
    old = changed(healthy_wsl(), "nvml.driver_version", "528.02")
    plan = torch_for(old, compat)
    assert plan is not None and plan.cuda == "cu118"
    after = torch_for(old, compat, ignore_driver=True)
    assert after is not None and after.cuda == "cu132"


@pytest.mark.parametrize(("options", "told"), [((), True), (("-q",), False), (("--json",), False)])
def test_the_terminal_ends_with_it(options: tuple[str, ...], told: bool) -> None:
    file = str(SNAPSHOTS / "faulty-workstation.json")
    command = [sys.executable, "-m", "envkit.cli.main", "doctor", "--from", file, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    words = " ".join(done.stdout.split())
    assert (f"`envkit build --framework torch --gpu --from {file}`" in words) is told
