"""The stand-in of a working directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envkit.diagnose.scratch import Scratch, Written, changed

NOTHING = Written(new=frozenset(), old=frozenset())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """project/{train.py,data/rows.txt,out/{old.pt,new.pt,run/log}} and a folder beside it."""
    for name in ("project/data", "project/out/run", "beside"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("train.py", "data/rows.txt", "out/old.pt", "out/new.pt", "out/run/log"):
        (tmp_path / "project" / name).write_text(name)
    (tmp_path / "beside" / "more.txt").write_text("more")
    return tmp_path / "project"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the stand-in is made."""
    made = tmp_path / "scratch"
    made.mkdir()
    return made


def _scratch(folder: Path, project: Path, new=(), old=()) -> Path:
    written = Written(
        new=frozenset(str(project / name) for name in new), old=frozenset(str(project / name) for name in old)
    )
    return Path(Scratch(folder, str(project), written).cwd)


def test_what_was_read_is_there_as_links(project: Path, folder: Path):
    cwd = _scratch(folder, project)
    assert sorted(os.listdir(cwd)) == ["data", "out", "train.py"]
    assert all((cwd / name).is_symlink() for name in os.listdir(cwd))
    assert (cwd / "data" / "rows.txt").read_text() == "data/rows.txt"


def test_relative_paths_upwards_mean_what_they_meant(project: Path, folder: Path):
    cwd = _scratch(folder, project)
    assert Path(os.path.join(cwd, "..", "beside", "more.txt")).read_text() == "more"
    up = "/".join([".."] * len(project.parts[1:]))
    assert os.path.exists(os.path.join(cwd, up, "proc", "self"))


def test_what_was_made_is_not_there_and_its_folder_is_real(project: Path, folder: Path):
    cwd = _scratch(folder, project, new=["out/new.pt", "out/run", "out/run/log"])
    assert sorted(os.listdir(cwd / "out")) == ["old.pt"]
    assert not (cwd / "out").is_symlink() and (cwd / "data").is_symlink()
    (cwd / "out" / "new.pt").write_text("again")
    assert (project / "out" / "new.pt").read_text() == "out/new.pt"


def test_what_was_written_over_is_a_copy(project: Path, folder: Path):
    cwd = _scratch(folder, project, old=["out/old.pt"])
    assert not (cwd / "out" / "old.pt").is_symlink()
    (cwd / "out" / "old.pt").write_text("again")
    assert (project / "out" / "old.pt").read_text() == "out/old.pt"


def test_a_link_to_a_folder_that_was_written_to(project: Path, folder: Path):
    (project / "linked").symlink_to(project.parent / "beside")
    cwd = _scratch(folder, project, new=["linked/model.pt"])
    (cwd / "linked" / "model.pt").write_text("again")
    assert (cwd / "linked" / "more.txt").read_text() == "more"
    assert os.listdir(project.parent / "beside") == ["more.txt"]


def test_paths_go_back_to_what_they_stand_for(project: Path, folder: Path):
    scratch = Scratch(folder, str(project), NOTHING)
    assert scratch.original(f"{scratch.cwd}/train.py") == str(project / "train.py")
    assert scratch.original("/elsewhere/x.py") == "/elsewhere/x.py"


def test_changed_files_are_found_by_their_time(project: Path):
    old = 1_000_000.0
    for path in project.rglob("*"):
        os.utime(path, (old, old))
    since = old + 10
    for name in ("out/new.pt", "out/old.pt"):
        os.utime(project / name, (since + 1, since + 1))
    (project / ".git").mkdir()
    (project / ".git" / "index").write_text("x")
    assert changed(str(project), since, {str(project / "out/old.pt")}) == {str(project / "out/new.pt")}
