"""Damaged snapshots, pastes, logs and files: a report or a clear error, and never a bug.

The damage is seeded, so that a failure can be had again. benchmarks/fuzz.py does the same by the thousand, in
real processes, with tens of megabytes, and takes the time.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from envkit.cli.main import run
from tests.cli.commands import FAULTY
from tests.fuzz import json_
from tests.fuzz.cases import MUTATORS, Case, case, commands
from tests.fuzz.check import Outcome, violations
from tests.fuzz.files import Given
from tests.fuzz.place import Placed, placed
from tests.fuzz.sources import sources

SEED = 7
LIGHT = [name for name, mutator in MUTATORS.items() if not mutator.heavy]
CASES = 150


def outcome(where: Placed, arguments: Sequence[str], capfdbinary: pytest.CaptureFixture[bytes]) -> Outcome:
    """Run a command line in this process, with real files under its streams."""
    before = os.dup(0)
    with open(where.stdin or os.devnull, "rb") as file, where.writer():
        os.dup2(file.fileno(), 0)
        stdin, sys.stdin = sys.stdin, open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        try:
            code = run([*arguments])
        finally:
            sys.stdin = stdin
            os.dup2(before, 0)
            os.close(before)
    sys.stdout.flush()
    shown = capfdbinary.readouterr()
    return Outcome(arguments=tuple(arguments), code=code, out=shown.out, err=shown.err)


def clean(found: Case, folder: Path, capfdbinary: pytest.CaptureFixture[bytes], which: slice) -> None:
    where = placed(found, folder)
    for command in found.commands[which]:
        ended = outcome(where, where.arguments(command), capfdbinary)
        assert violations(ended) == [], (found.mutator, command, ended.err[-500:])


@pytest.mark.parametrize("number", range(CASES))
def test_a_damaged_input(number, tmp_path, capfdbinary):
    """One command line of each case, another one for the next."""
    found = case(SEED, number, light=True)
    at = number % len(found.commands)
    clean(found, tmp_path, capfdbinary, slice(at, at + 1))


@pytest.mark.parametrize("place", ["folder", "loop", "socket", "fifo", "denied", "stdin"])
def test_what_is_no_file_through_every_command(place, tmp_path, capfdbinary):
    given = (Given(place=place, data=FAULTY.read_bytes()),)
    lines = commands(Random(1), given)
    for number, line in enumerate(lines):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = Case(number=0, mutator=place, given=given, commands=(line,))
        clean(found, folder, capfdbinary, slice(None))


@pytest.mark.parametrize("number", range(30))
def test_a_damaged_snapshot_is_saved_as_it_is_judged(number, tmp_path, capfdbinary):
    """Judged again from what --save wrote, it is judged the same."""
    data = (json_.fields, json_.words, json_.figures)[number % 3](Random(number), sources())
    (tmp_path / "file").write_bytes(data)
    first = judged(tmp_path / "file", capfdbinary, "--save", str(tmp_path / "again"))
    assert violations(first) == []
    if first.code in (0, 1):
        again = judged(tmp_path / "again", capfdbinary)
        assert again.code == first.code, again.err
        assert keys(again) == keys(first)


def judged(path: Path, capfdbinary: pytest.CaptureFixture[bytes], *more: str) -> Outcome:
    nothing = Placed(paths=(), stdin=None, pipe=None)
    return outcome(nothing, ["doctor", "--from", str(path), "--format", "json", *more], capfdbinary)


def keys(ended: Outcome) -> list[tuple[str, str]]:
    return [(found["key"], found["outcome"]) for found in json.loads(ended.out)["findings"]]


def test_the_cases_hold_nearly_every_kind_of_damage():
    kinds = {case(SEED, number, light=True).mutator for number in range(CASES)}
    assert len(kinds) > len(LIGHT) * 0.9
