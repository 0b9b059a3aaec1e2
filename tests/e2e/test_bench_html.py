"""The page of a bench and of its history in a real browser."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from envkit.bench import history
from envkit.bench.history_store import History
from envkit.bench.summary import report
from envkit.report import Options
from tests.bench import results
from tests.bench.test_history import at
from tests.coverage_notes import require
from tests.e2e.test_html_in_browser import BROWSER, browse, page_of
from tests.report.png import pixels


@pytest.fixture(autouse=True)
def _browser() -> None:
    require("browser", BROWSER is not None)


def test_the_figures_are_in_the_document(tmp_path: Path) -> None:
    dom, said = browse(page_of(report(results.h100()), tmp_path), "--dump-dom")
    assert said == []
    for text in (
        "5 workloads ran and learnt.",
        "NVIDIA H100 80GB HBM3 · torch 2.15.0+cu132 · bf16 · 5 processes",
        "412,300 tokens/s",
        "409,900 to 414,800",
        "gemm bf16: 771 TFLOP/s",
        "94 % of 2,790 samples/s",
        '<td class="number">1.67 mJ</td>',
    ):
        assert text in dom
    # A bar for the ceiling and one for each workload under it.
    assert dom.count("<rect") == 6


def test_a_comparison_is_drawn_on_both_sides_of_nothing(tmp_path: Path) -> None:
    """The bars have the colour of the chart left and right of the place of 0."""
    shot = tmp_path / "shot.png"
    page = page_of(report(results.compared()), tmp_path)
    _, said = browse(page, "--window-size=900,800", f"--screenshot={shot}")
    assert said == []
    width, height, found = pixels(shot.read_bytes())
    assert (width, height) == (900, 800)
    blue = Counter(
        place % width // 100
        for place, (red, _, b, *_) in enumerate(found)
        if b > 150 and red < 120 and b - red > 60
    )
    assert len([column for column, many in blue.items() if many > 200]) >= 3


@pytest.mark.parametrize("name", results.ALL)
@pytest.mark.parametrize("width", (360, 800))
def test_nothing_sticks_out_of_a_narrow_page(tmp_path: Path, width: int, name: str) -> None:
    page_of(report(results.ALL[name](), verbose=True), tmp_path, Options(verbose=True))
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="report.html" style="width:{width}px;height:900px;border:0"></iframe><p>?</p><script>'
        "addEventListener('load', () => { const d = document.querySelector('iframe').contentDocument;"
        "document.querySelector('p').textContent = `width ${d.documentElement.scrollWidth}`; })</script>"
    )
    dom, _ = browse(frame, "--allow-file-access-from-files", "--dump-dom")
    assert f"<p>width {width}</p>" in dom


def test_the_history_has_its_curve_and_its_mark(tmp_path: Path) -> None:
    factors = (1.00, 1.01, 0.99, 1.02, 1.0, 0.98, 0.86, 0.88, 0.87, 0.86, 0.85, 0.87)
    found = History(entries=tuple(at(day, factor) for day, factor in enumerate(factors)))
    made = history.report(found, place="bench.jsonl", workloads=("cnn",))
    dom, said = browse(page_of(made, tmp_path), "--dump-dom")
    assert said == []
    assert dom.count('role="img"') == 1
    assert dom.count('class="mark"') == 1
    assert "<b>bench 7</b>: 2026-01-07: -13." in dom
