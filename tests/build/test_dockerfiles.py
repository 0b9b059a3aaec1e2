"""dockerfiles/: what is committed is what the code renders, and what the tables resolve."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envkit.build.check import read
from envkit.compat import load_compat
from tools.render_dockerfiles import FOLDER, ROWS, kept, planned, rendered

HADOLINT = Path(sys.executable).parent / "hadolint"


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_what_is_rendered(row: str) -> None:
    compat = load_compat()
    plan = planned(row, compat)
    old = kept(row, plan, FOLDER)
    assert old is not None, "another plan: python tools/render_dockerfiles.py --write"
    texts = rendered(row, plan, old[0], compat, old[1])
    on_disk = {
        path.relative_to(FOLDER / row).as_posix(): path.read_text()
        for path in (FOLDER / row).rglob("*")
        if path.is_file()
    }
    assert on_disk == texts
    assert read(FOLDER / row).plan.hash == plan.hash


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_clean(row: str) -> None:
    done = subprocess.run(
        [str(HADOLINT), str(FOLDER / row / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_row_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_dir()} == set(ROWS)
    table = (FOLDER / "README.md").read_text()
    assert all(f"`{row}`" in table for row in ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_a_lock_has_hashes_or_says_why_not(row: str) -> None:
    record = read(FOLDER / row)
    text = (FOLDER / row / "requirements.txt").read_text()
    assert ("--hash=sha256:" in text) == (record.lock.kind == "hashes")
    assert record.lock.kind == "hashes" or "could not be reached" in record.lock.why
