"""A run repeated from its start: the same random numbers, and nothing of the person's is touched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from envkit.diagnose.repeat import caches, fenced
from tests.coverage_notes import require
from tests.diagnose.rerun.helpers import SCRIPTS, again, python, run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with a script and data, and data beside it."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(SCRIPTS / "plain.py", folder)
    (folder / "own.txt").write_text("own")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data.txt").write_text("shared")
    return folder


def _state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of every file."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("script", ["plain.py", "{place}/plain.py"])
def test_same_numbers_same_files_nothing_touched(place: Path, script: str, monkeypatch, capfd):
    first, traces = run(*python(script.format(place=place), "drawn.txt"), cwd=place, monkeypatch=monkeypatch)
    said = capfd.readouterr().out
    before = _state(place.parent)

    second = again(first, traces)

    assert second.result.code == 0, second.result.stderr
    assert second.result.stdout == said
    assert "fresh" in said and "['last.txt', 'moved.txt'] ['last.txt', 'moved.txt']" in said
    assert _state(place.parent) == before


def test_numbers_are_the_same(place: Path, monkeypatch, capfd):
    text = (place / "plain.py").read_text() + "\nprint('drawn', drawn)\n"
    (place / "plain.py").write_text(text)
    first, traces = run(*python("plain.py", "drawn.txt"), cwd=place, monkeypatch=monkeypatch)
    said = capfd.readouterr().out
    other, _ = run(*python("plain.py", "drawn.txt"), cwd=place, monkeypatch=monkeypatch)
    assert capfd.readouterr().out.split("drawn")[-1] != said.split("drawn")[-1]
    shutil.rmtree(place / "out")

    assert again(first, traces).result.stdout == said
    assert other.environment["PYTHONHASHSEED"] != first.environment["PYTHONHASHSEED"]


def test_what_was_seeded_stays_so(place: Path, monkeypatch, capfd):
    (place / "seeded.py").write_text(
        "import random, numpy\nrandom.seed(3)\nnumpy.random.seed(3)\n"
        "print(random.random(), numpy.random.rand(), numpy.random.default_rng(3).random())\n"
    )
    run(*python("seeded.py"), cwd=place, monkeypatch=monkeypatch)
    watched = capfd.readouterr().out
    assert os.spawnv(os.P_WAIT, python()[0], [*python("seeded.py")]) == 0
    assert watched == capfd.readouterr().out


def test_writing_elsewhere_is_denied_in_a_repetition(place: Path, tmp_path: Path, monkeypatch):
    require("Landlock (Linux 5.13)", fenced())
    other = tmp_path / "other"
    other.mkdir()
    (place / "out.py").write_text(
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None)\n"  # as a library writes from C
        f"print(libc.creat({str(other / 'c.txt')!r}.encode(), 0o600) >= 0)\n"
        "print(libc.creat(b'mine.txt', 0o600) >= 0)\n"
    )
    first, traces = run(*python("out.py"), cwd=place, monkeypatch=monkeypatch)
    (other / "c.txt").unlink()
    assert again(first, traces).result.stdout == "False\nTrue\n"
    assert not list(other.iterdir())


def test_caches_of_a_user_without_a_name(monkeypatch):
    """As in a container that runs under a number: torch's compiler writes to the temporary folder."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    assert caches({"TMPDIR": "/fast"}) == ("/fast/torchinductor_54321",)
