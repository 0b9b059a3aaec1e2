"""The page of a diagnosis in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from envkit.report import Options
from tests.coverage_notes import require
from tests.diagnose.report.made import HEALTHY, NAN, told
from tests.e2e.test_html_in_browser import BROWSER, browse, page_of


@pytest.fixture(autouse=True)
def _browser() -> None:
    require("browser", BROWSER is not None)


def test_cause_line_change_and_curves_are_in_the_document(tmp_path: Path) -> None:
    dom, said = browse(page_of(told(NAN), tmp_path), "--dump-dom")
    assert said == []
    for part in (
        "The loss of step 100 became nan. Cause: log-of-zero at train.py:5;",
        "The logarithm of zero or of a negative number",
        "The change that mends it",
        "clamp_min(1e-6)",
        "learning rate times 0.1",
    ):
        assert part in dom
    assert dom.count('role="img"') == 2
    assert dom.count('class="row hit"') == 1


@pytest.mark.parametrize("width", (360, 1000))
def test_the_cause_is_seen_without_scrolling(tmp_path: Path, width: int) -> None:
    """And nothing sticks out of the page."""
    page_of(told(NAN), tmp_path, Options(verbose=True))
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="report.html" style="width:{width}px;height:800px;border:0"></iframe><p>?</p><script>'
        "addEventListener('load', () => { const d = document.querySelector('iframe').contentDocument;"
        "const low = d.querySelector('article h2').getBoundingClientRect().bottom;"
        "document.querySelector('p').textContent = "
        "`${d.documentElement.scrollWidth} ${low < 600}`; })</script>"
    )
    dom, _ = browse(frame, "--allow-file-access-from-files", "--dump-dom")
    assert f"<p>{width} true</p>" in dom


def test_a_healthy_run(tmp_path: Path) -> None:
    dom, said = browse(page_of(told(HEALTHY), tmp_path), "--dump-dom")
    assert said == []
    assert "Healthy: 100 steps, loss 0.7 to 0.0258" in dom
