"""What a fenced command can write to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from envkit.diagnose.repeat import FENCE, fenced
from tests.coverage_notes import require


def _run(cwd: Path, *folders: Path, script: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-I",
        str(FENCE),
        str(cwd),
        *map(str, folders),
        "/dev",
        "--",
        "sh",
        "-c",
        script,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_starts_there_and_gives_the_exit_code(tmp_path: Path):
    done = _run(tmp_path, tmp_path, script="pwd; exit 7")
    assert (done.returncode, done.stdout.strip()) == (7, str(tmp_path))


def test_it_and_its_children_write_to_its_folders_only(tmp_path: Path):
    require("Landlock (Linux 5.13)", fenced())
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    (other / "kept").write_text("kept")
    script = (
        "echo a > a && mkdir d && mv a d/ && echo x > /dev/null && echo fine;"
        "(echo b > ../other/b); rm ../other/kept; mv ../other/kept .; echo c >> ../other/kept;"
        "truncate -s 0 ../other/kept"
    )
    done = _run(mine, mine, script=script)
    assert done.stdout.strip() == "fine"
    assert (mine / "d" / "a").read_text() == "a\n"
    assert [path.name for path in other.iterdir()] == ["kept"] and (other / "kept").read_text() == "kept"


def test_a_folder_that_is_not_there_is_left_out(tmp_path: Path):
    assert _run(tmp_path, tmp_path / "absent", tmp_path, script="echo a > a && echo fine").stdout == "fine\n"
