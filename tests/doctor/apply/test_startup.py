"""Start-up files: which are found, which may be written, and how they are."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from envkit.core import proc
from envkit.core.errors import DiskError
from envkit.core.machine import Machine
from envkit.doctor.apply.startup import read, write

LINE = b"export CUDA_HOME=/nope\n"


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / "home/person"
    folder.mkdir(parents=True)
    return folder


def machine(home: Path, root: Path = Path("/"), **env: str) -> Machine:
    return Machine(root=root, env={"HOME": str(home), **env}, run=proc.run)


def own(home: Path, prefix: str | None = None, **env: str) -> dict[str, object]:
    """Files below the home and the environment, by path, with what keeps each from being written."""
    return {f.path: f.problem for f in read(machine(home, **env), prefix) if not f.system}


def only(home: Path):
    (file,) = [f for f in read(machine(home), None) if not f.system]
    return file


class TestFound:
    def test_all_kinds(self, home, tmp_path):
        paths = [
            ".bashrc", ".profile", ".bash_profile", ".zshrc", ".zshenv", ".config/fish/config.fish",
            ".config/fish/conf.d/cuda.fish", ".config/environment.d/10-cuda.conf",
        ]  # fmt: skip
        of_venv = ["bin/activate", "bin/activate.fish", "etc/conda/activate.d/cuda.sh"]
        for path in [home / one for one in paths] + [tmp_path / "venv" / one for one in of_venv]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(LINE)
        (home / ".config/environment.d/notes.txt").write_bytes(LINE)
        found = own(home, str(tmp_path / "venv"))
        assert set(found) == {f"{home}/{p}" for p in paths} | {f"{tmp_path}/venv/{p}" for p in of_venv}
        assert set(found.values()) == {None}

    def test_none(self, home):
        assert own(home) == {}

    def test_of_the_system_never_written(self, tmp_path):
        for path in ("etc/environment", "etc/profile.d/cuda.sh", "etc/bash.bashrc", "home/person/.bashrc"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(LINE)
        files = {f.path: f for f in read(machine(Path("/home/person"), tmp_path), None)}
        assert files["/home/person/.bashrc"].problem is None
        for path in ("/etc/environment", "/etc/profile.d/cuda.sh", "/etc/bash.bashrc"):
            assert files[path].system
            assert files[path].problem == "it is the administrator's"

    def test_moved_folders(self, home, tmp_path):
        for path in (home / "z/.zshrc", home / "c/fish/config.fish"):
            path.parent.mkdir(parents=True)
            path.write_bytes(LINE)
        found = own(home, ZDOTDIR=str(home / "z"), XDG_CONFIG_HOME=str(home / "c"))
        assert found == {str(home / "z/.zshrc"): None, str(home / "c/fish/config.fish"): None}


class TestMayBeWritten:
    def test_a_link_within_the_home(self, home):
        (home / "dotfiles").mkdir()
        (home / "dotfiles/bashrc").write_bytes(LINE)
        (home / ".bashrc").symlink_to("dotfiles/bashrc")
        file = only(home)
        assert file.problem is None
        write(file, b"x\n", "1")
        assert (home / ".bashrc").is_symlink()
        assert (home / "dotfiles/bashrc").read_bytes() == b"x\n"
        assert (home / "dotfiles/bashrc.envkit-backup-1").read_bytes() == LINE

    def test_a_link_out_of_the_home(self, home, tmp_path):
        (tmp_path / "shared").write_bytes(LINE)
        (home / ".bashrc").symlink_to(tmp_path / "shared")
        assert only(home).problem == f"it lies outside your home directory, at {tmp_path}/shared"

    def test_a_home_that_is_a_link_itself(self, home, tmp_path):
        (home / ".bashrc").write_bytes(LINE)
        (tmp_path / "other").symlink_to(home)
        assert set(own(tmp_path / "other").values()) == {None}

    def test_read_only_also_for_root(self, home):
        (home / ".bashrc").write_bytes(LINE)
        (home / ".bashrc").chmod(0o444)
        assert only(home).problem == "it is read-only"

    def test_of_another_user(self, home):
        (home / ".bashrc").write_bytes(LINE)
        if os.geteuid() == 0:
            os.chown(home / ".bashrc", 12345, 12345)
            assert only(home).problem == "it belongs to another user"
        else:
            (home / ".bashrc").unlink()
            (home / ".bashrc").symlink_to("/etc/passwd")
            assert "outside your home" in only(home).problem

    def test_with_a_second_name(self, home):
        (home / ".bashrc").write_bytes(LINE)
        os.link(home / ".bashrc", home / "again")
        assert only(home).problem == "it has a second name (a hard link)"

    def test_too_large_or_not_text(self, home):
        (home / ".bashrc").write_bytes(b"#" * (1 << 20) + b"\n")
        assert only(home).problem == "it is too large for a start-up file"
        (home / ".bashrc").write_bytes(b"\0" + LINE)
        assert only(home).problem == "it is not text"

    def test_a_folder_or_a_pipe_is_no_file(self, home):
        (home / ".bashrc").mkdir()
        os.mkfifo(home / ".profile")
        (home / ".zshrc").symlink_to("nowhere")
        (home / ".zshenv").symlink_to(".zshenv")
        assert own(home) == {}


class TestWritten:
    def test_mode_copy_and_content(self, home):
        path = home / ".bashrc"
        path.write_bytes(b"\xff" + LINE)
        path.chmod(0o640)
        backup = write(only(home), b"\xff# gone\r\n", "20260102-030405-1")
        assert backup == f"{home}/.bashrc.envkit-backup-20260102-030405-1"
        assert path.read_bytes() == b"\xff# gone\r\n"
        assert Path(backup).read_bytes() == b"\xff" + LINE
        assert [stat.S_IMODE(p.stat().st_mode) for p in (path, Path(backup))] == [0o640, 0o640]
        assert sorted(p.name for p in home.iterdir()) == [".bashrc", Path(backup).name]

    def test_not_when_it_changed_meanwhile(self, home):
        (home / ".bashrc").write_bytes(LINE)
        file = only(home)
        (home / ".bashrc").write_bytes(LINE + b"new\n")
        with pytest.raises(DiskError, match="has changed since it was shown"):
            write(file, b"x", "1")
        assert [p.name for p in home.iterdir()] == [".bashrc"]
        assert (home / ".bashrc").read_bytes() == LINE + b"new\n"

    def test_not_over_an_older_copy(self, home):
        (home / ".bashrc").write_bytes(LINE)
        (home / ".bashrc.envkit-backup-1").write_bytes(b"precious")
        with pytest.raises(DiskError, match="cannot write"):
            write(only(home), b"x", "1")
        assert (home / ".bashrc").read_bytes() == LINE
        assert (home / ".bashrc.envkit-backup-1").read_bytes() == b"precious"

    @pytest.mark.parametrize("room", [10, 5000], ids=["for nothing", "for the copy only"])
    def test_nothing_is_left_behind_when_there_is_no_room(self, home, room):
        old = LINE * 100
        (home / ".bashrc").write_bytes(old)
        file = only(home)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(DiskError, match="cannot write"):
                write(file, LINE * 1000, "1")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [p.name for p in home.iterdir()] == [".bashrc"]
        assert (home / ".bashrc").read_bytes() == old
