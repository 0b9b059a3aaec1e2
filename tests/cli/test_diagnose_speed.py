"""`envkit diagnose` and speed: which half is told, and what makes its exit code. Judged from saved runs."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envkit.core.codec import dumps
from envkit.diagnose.model import Change, Gain, ScriptEnd
from envkit.diagnose.recording import Recording, SourceFile, to_saved
from envkit.diagnose.trace import Trace
from tests.cli.commands import envkit
from tests.diagnose.report.made import NAN
from tests.diagnose.speed.reports import SOURCE, waits
from tests.diagnose.speed.views import SCRIPT, view
from tests.payload.targets import torch_python

TRAIN = """
import time

import torch
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    def __len__(self):
        return 320

    def __getitem__(self, row):
        time.sleep(0.002)
        return torch.full((4,), float(row)), torch.zeros(1)


torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
for epoch in range(4):
    for x, y in DataLoader(Rows(), batch_size=16):
        loss = (model(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch)
"""
"""Nearly all of its time is sleep, so that a busy machine changes little."""


def _kept(folder: Path, name: str, trace: Trace, code: int = 0, **more: Any) -> None:
    recording = Recording(
        command="python train.py", processes=(trace,), script=ScriptEnd(exit_code=code, signal=None),
        folder="/home/me", files=(SourceFile(path=SCRIPT, text=SOURCE),), **more,
    )  # fmt: skip
    (folder / name).write_text(dumps(to_saved(recording)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs: one that waits for its data, one that computes, one of few steps, one that fails and waits."""
    made = tmp_path_factory.mktemp("runs")
    slow, busy = waits(), view(steps=200, step=0.03, wait=0.0003, backward=0.015, optimizer=0.001)
    short = view(steps=6, step=0.02, wait=0.015)
    _kept(made, "slow.json", slow.trace, conditions=slow.conditions)
    _kept(made, "busy.json", busy.trace, conditions=busy.conditions)
    _kept(made, "short.json", short.trace, conditions=short.conditions)
    tried = (
        Gain(fix="more", change=Change(name="workers", value="2"), measured=(0.4, 0.5), same_losses=True),
        Gain(fix="all", change=Change(name="together", value="workers=2"), measured=(0.6, 0.7)),
        Gain(fix="else", change=Change(name="compile", value="1"), how="no time was left"),
    )
    _kept(made, "tried.json", slow.trace, conditions=slow.conditions, tried=tried)
    failed = replace(NAN, steps=slow.trace.steps, trip=replace(NAN.trip, step=399), speed=slow.speed)
    _kept(made, "nan.json", failed, conditions=slow.conditions)
    _kept(made, "exit3.json", slow.trace, code=3, conditions=slow.conditions)
    return made


def test_what_was_tried_is_told_from_a_saved_run(folder: Path) -> None:
    gains = json.loads(diagnose(folder, "tried.json", "--json").stdout)["speed"]["gains"]
    found = {one["change"]["name"]: one for one in gains if one["change"] is not None}
    assert found["workers"]["measured"] == [0.4, 0.5] and found["workers"]["same_losses"] is True
    assert found["workers"]["predicted"] is not None
    assert found["together"]["measured"] == [0.6, 0.7]
    assert "compile" not in found
    assert "1.40 to 1.50  the same" in diagnose(folder, "tried.json").stderr


def diagnose(folder: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return envkit("diagnose", "--from", name, *options, cwd=folder)


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("slow.json", (), 0),
        ("slow.json", ("--fail-on", "slow"), 1),
        ("slow.json", ("--only", "speed", "--fail-on", "slow"), 1),
        ("busy.json", ("--fail-on", "slow"), 0),
        ("short.json", ("--fail-on", "slow"), 0),
        ("nan.json", (), 1),
        ("nan.json", ("--only", "speed"), 1),
        ("nan.json", ("--fail-on", "never"), 0),
        ("exit3.json", (), 10),
    ],
)
def test_what_is_slow_makes_exit_1_only_when_that_is_asked_for(
    folder: Path, name: str, options: tuple[str, ...], code: int
) -> None:
    done = diagnose(folder, name, *options)
    assert done.returncode == code, done.stderr
    assert "envkit has a bug" not in done.stderr


def test_the_halves_in_json(folder: Path) -> None:
    both, faults, speed = (
        json.loads(diagnose(folder, "nan.json", "--json", *options).stdout)
        for options in ((), ("--only", "faults"), ("--only", "speed"))
    )
    assert both["causes"] == faults["causes"] != []
    assert both["speed"] == speed["speed"]
    assert both["speed"]["primary"]["share"] > 0.3
    assert (faults["speed"], speed["causes"]) == (None, [])
    assert [one["verdict"] for one in (both, faults, speed)] == ["faulty"] * 3


def test_the_halves_in_words(folder: Path) -> None:
    both, faults, speed = (
        diagnose(folder, "slow.json", *options).stderr
        for options in ((), ("--only", "faults"), ("--only", "speed"))
    )
    for part in ("Where the time goes", "waiting for data"):
        assert part in both
        assert part in speed
        assert part not in faults
    assert "! Healthy, but " in both
    assert "✓ Healthy: 400 steps" in faults
    assert "Healthy" not in speed


def test_a_short_run_is_quiet(folder: Path) -> None:
    done = diagnose(folder, "short.json")
    assert [line for line in done.stderr.splitlines() if line] == [
        "envkit diagnose · python train.py",
        "Note: its speed was not judged: only 5 steps in 0.1 s after the first ones",
        "✓ Healthy: 6 steps, loss 1 to 1.",
    ]


def test_the_page_is_one_file_with_the_cause_on_top(folder: Path) -> None:
    done = diagnose(folder, "slow.json", "--format", "html", "--output", "page.html")
    page = (folder / "page.html").read_text()
    assert (done.returncode, done.stderr) == (0, "")
    heading = page.partition("<h1")[2].partition("</h1>")[0]
    assert "of the time is lost" in heading
    assert "Each step" in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.torch
def test_a_run_from_the_script_to_its_speed(tmp_path: Path) -> None:
    """Its output is its own; where the time goes is told, and saved with the file that it went to."""
    (tmp_path / "train.py").write_text(TRAIN)
    done = envkit(
        *("diagnose", "--python", torch_python(), "--only", "speed", "--save", "run.json"),
        *("--json", "-o", "out.json", "--", "train.py"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "0\n1\n2\n3\n"), done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["verdict"], found["causes"]) == ("healthy", [])
    parts = {one["what"]: one["share"] for one in found["speed"]["parts"]}
    assert sum(parts.values()) == pytest.approx(1, abs=0.01)
    assert max(parts, key=lambda name: parts[name]) == "waiting for data"
    saved = json.loads((tmp_path / "run.json").read_text())
    assert [one["text"] for one in saved["files"]] == [TRAIN]
    again = json.loads(envkit("diagnose", "--from", "run.json", "--json", cwd=tmp_path).stdout)
    assert again["speed"]["parts"] == found["speed"]["parts"]
