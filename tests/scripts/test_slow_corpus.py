"""The slow and the healthy programs run, in both of their forms, and slow_truth.toml fits them.

How much each cause costs is measured by hand (benchmarks/diagnose_slow.py), not here: no test asserts a time.
Without ENVKIT_TEST_CORPUS=all one of nine runs.
"""

from __future__ import annotations

import os
import tomllib

import pytest

from tests.coverage_notes import require
from tests.scripts.corpus import ROOT, Runner, programs
from tests.scripts.slow_corpus import (
    MARK,
    SLOW_FOLDERS,
    Slowness,
    framework_of,
    healthy_programs,
    python_of,
    slow_programs,
)

EVERY = 1 if os.environ.get("ENVKIT_TEST_CORPUS") == "all" else 9
SLOW = [pytest.param(one, id=one.program) for one in slow_programs()]
FEW = ("--steps", "3", "--size", "0.05")


@pytest.fixture(scope="module")
def runners(tmp_path_factory):
    """Starts one server per framework when it is first needed."""
    started: dict[str, Runner] = {}

    def get(name: str) -> Runner:
        require(f"{name} (make {name})", python_of(name).exists())
        if name not in started:
            started[name] = Runner(name, tmp_path_factory.mktemp(name))
        return started[name]

    yield get
    for runner in started.values():
        runner.close()


@pytest.mark.parametrize("slow", SLOW[::EVERY])
def test_slow_form_runs(runners, slow: Slowness):
    ran = runners(slow.framework).run(slow.program, *FEW, "--seed", "5")
    assert ran.code == 0, ran.text[-2000:]


@pytest.mark.parametrize("slow", SLOW[4::EVERY])
def test_mended_form_runs(runners, slow: Slowness):
    ran = runners(slow.framework).run(slow.program, *FEW, "--seed", "5", "--healthy")
    assert ran.code == 0, ran.text[-2000:]


@pytest.mark.parametrize("program", healthy_programs()[::EVERY])
def test_healthy_program_runs(runners, program: str):
    ran = runners(framework_of(program)).run(program, *FEW, "--seed", "5")
    assert ran.code == 0, ran.text[-2000:]


@pytest.mark.parametrize("slow", SLOW)
def test_truth_fits_the_program(slow: Slowness):
    causes = tomllib.loads((ROOT / "envkit" / "causes" / "data" / "speed.toml").read_text())["cause"]
    assert set(slow.keys) <= {cause["key"] for cause in causes}
    assert len(set(slow.keys)) == len(slow.keys)
    assert slow.framework == framework_of(slow.program)
    assert bool(slow.lines()) == slow.line, "lines are marked where one is guilty, and only there"
    for name in ("--seed", "--size", "--steps", "--healthy"):
        assert f'"{name}"' in slow.path.read_text()


def test_every_slow_program_has_its_truth():
    listed = sorted(slow.program for slow in slow_programs())
    assert listed == sorted(name for folder in SLOW_FOLDERS for name in programs(folder))
    assert len(listed) == len(set(listed))


def test_marks_lie_in_files_that_the_truth_names():
    named = {path for slow in slow_programs() for path, _ in slow.lines()}
    marked = {
        str(path.resolve())
        for folder in (*SLOW_FOLDERS, "slow_healthy")
        for path in (ROOT / "tests" / "scripts" / folder).glob("*.py")
        if MARK in path.read_text()
    }
    assert marked == named


def test_enough_programs_and_causes():
    assert len(slow_programs()) >= 30
    assert len({slow.key for slow in slow_programs()}) >= 18
    assert len(healthy_programs()) >= 12
