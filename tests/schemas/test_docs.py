"""The generated pages are what the code and the catalogue say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from envkit.causes import catalogue
from envkit.core.errors import ExitCode
from tests.schemas.catalogue import SCHEMAS

ROOT = Path(__file__).parents[2]
PAGES = ("docs/formats.md", "docs/causes.md")


def generate(*arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "tools/generate_docs.py"), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture
def copy(tmp_path):
    """A tree of which only the pages are written; the code is the real one."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/generate_docs.py").write_text((ROOT / "tools/generate_docs.py").read_text("utf-8"))
    return tmp_path


def test_the_pages_are_up_to_date():
    done = generate()
    assert done.returncode == 0, f"run `make docs`\n{done.stdout}{done.stderr}"
    assert done.stdout == ""


def test_stale_pages_are_told_with_a_diff_and_not_touched(copy):
    assert generate("--write", root=copy).returncode == 0
    page = copy / PAGES[0]
    page.write_text(page.read_text("utf-8").replace("# Formats", "# Old title"), "utf-8")
    done = generate("--check", root=copy)
    assert done.returncode == 1
    assert "-# Old title" in done.stdout and "+# Formats" in done.stdout
    assert "make docs" in done.stderr
    assert "# Old title" in page.read_text("utf-8")


def test_absent_pages_are_stale_and_writing_makes_them_those_of_the_repository(copy):
    assert generate(root=copy).returncode == 1
    assert generate("--write", root=copy).returncode == 0
    assert generate("--check", root=copy).returncode == 0
    assert [path.name for path in sorted((copy / "docs").iterdir())] == ["causes.md", "formats.md"]


def test_check_and_write_exclude_each_other():
    assert generate("--check", "--write").returncode == 2


class TestPages:
    @pytest.fixture
    def formats(self):
        return (ROOT / PAGES[0]).read_text("utf-8")

    @pytest.fixture
    def causes(self):
        return (ROOT / PAGES[1]).read_text("utf-8")

    def test_every_schema_and_exit_code_is_there(self, formats):
        for name in SCHEMAS:
            assert f"`envkit.{name}/1`" in formats
        for code in ExitCode:
            assert re.search(rf"^\| {int(code)} \| .+ \| .+ \|$", formats, re.M)

    def test_the_docstring_under_a_field_is_its_meaning(self, formats):
        assert "| `pci` | list of [PciGpu](#pcigpu) or null | Display and accelerator controllers" in formats

    def test_every_cause_is_there_once(self, causes):
        headings = re.findall(r"^### (\S+)$", causes, re.M)
        assert sorted(headings) == sorted(catalogue())

    @pytest.mark.parametrize("page", PAGES)
    def test_every_link_has_its_heading(self, page):
        text = (ROOT / page).read_text("utf-8")
        headings = re.findall(r"^#+ (.+)$", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S), re.M)
        anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= set(anchors)
        if page == PAGES[0]:
            assert len(anchors) == len(set(anchors)), "two headings with one anchor"

    @pytest.mark.parametrize("page", PAGES)
    def test_every_row_of_a_table_has_all_its_cells(self, page):
        columns = None
        for line in (ROOT / page).read_text("utf-8").splitlines():
            if not line.startswith("|"):
                columns = None
                continue
            cells = len(re.findall(r"(?<!\\)\|", line)) - 1
            assert columns in (None, cells), line
            columns = cells
