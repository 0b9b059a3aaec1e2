"""`--apply`: what is not agreed to, or does not stand on the file that was judged, is not written."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from envkit.cli.diagnose_apply import offer
from envkit.core.errors import DiskError
from envkit.diagnose.patch import Patch
from tests.cli.commands import ENVKIT, environment

FITS = """class Linear:
    def __init__(self, *sizes):
        raise RuntimeError('Given normalized_shape=[256], expected input with shape [*, 256], '
                           'but got input of size[4, 128]')


LayerNorm = Linear
LayerNorm(256)
"""


def change(path: Path) -> Patch:
    return Patch(path=str(path), text="new\n", diff="--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n")


def test_a_file_that_was_changed_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text("changed\n")
    with pytest.raises(DiskError, match="was changed while the script ran"):
        offer([change(path)], {str(path): "old\n"}, yes=True)
    assert path.read_text() == "changed\n"
    path.unlink()
    with pytest.raises(DiskError):
        offer([change(path)], {str(path): "old\n"}, yes=True)
    assert not path.exists()


def test_nothing_to_apply_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    offer([], {}, yes=True)
    assert "there is no change to apply" in capsys.readouterr().err


def test_a_change_of_two_files_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    one, two = tmp_path / "train.py", tmp_path / "data.py"
    for path in (one, two):
        path.write_text("old\n")
    sources = {str(path): "old\n" for path in (one, two)}
    two.write_text("changed\n")
    with pytest.raises(DiskError, match=r"data\.py was changed"):
        offer([change(one), change(two)], sources, yes=True)
    assert one.read_text() == "old\n"
    two.write_text("old\n")
    offer([change(one), change(two)], sources, yes=True)
    assert one.read_text() == two.read_text() == "new\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "train.py", tmp_path / "link.py"
    path.write_text("old\n")
    link.symlink_to(path)
    offer([change(link)], {str(link): "old\n"}, yes=True)
    assert link.is_symlink() and path.read_text() == "new\n"


@pytest.mark.parametrize(
    ("answer", "written"), [("y\n", True), ("n\n", False), ("\n", False), ("yes\n", True)]
)
def test_it_asks_on_a_terminal(tmp_path: Path, answer: str, written: bool) -> None:
    script = tmp_path / "train.py"
    script.write_text(FITS)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*ENVKIT, "diagnose", "--apply", "-q", "--", "train.py"],
        cwd=tmp_path, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = until(ours, b"[y/N]")
        assert b"+LayerNorm(128)" in said
        os.write(ours, answer.encode())
        said = until(ours, b"wrote" if written else b"nothing was written")
        assert process.wait(60) == 1
    os.close(ours)
    assert script.read_text() == (FITS.replace("LayerNorm(256)", "LayerNorm(128)") if written else FITS)


def until(terminal: int, wanted: bytes) -> bytes:
    said = b""
    deadline = time.monotonic() + 60
    while wanted not in said:
        ready, _, _ = select.select([terminal], [], [], deadline - time.monotonic())
        assert ready, said
        said += os.read(terminal, 4096)
    return said
