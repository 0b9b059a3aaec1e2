"""The page of a slow run in a real browser."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from envkit.report import Options
from tests.coverage_notes import require
from tests.diagnose.speed.reports import RANKS, speed, told
from tests.e2e.test_html_in_browser import BROWSER, browse, page_of
from tests.report.png import pixels


@pytest.fixture(autouse=True)
def _browser() -> None:
    require("browser", BROWSER is not None)


def test_the_cause_the_parts_the_gains_and_the_steps_are_in_the_document(tmp_path: Path) -> None:
    dom, said = browse(page_of(told(speed(ranks=RANKS), page=True), tmp_path), "--dump-dom")
    assert said == []
    for part in (
        "Healthy, but 55 % of the time is lost: too-few-workers at train.py:44.",
        "Too few data workers for the CPUs that are there",
        "Where the time goes: 68 ms a step",
        "num_workers=4: predicted",
        "num_workers=2: measured",
        "[1.8, 1.9]",
        "epoch 2 begins",
        "8 steps took more than 3 times a usual one",
        "heavy-logging",
        "Ranks",
    ):
        assert part in dom
    assert dom.count('class="row hit"') == 1
    assert dom.count('class="layer c0"') == 2  # the area, and its key


@pytest.mark.parametrize("width", (390, 1280))
def test_the_primary_cause_is_seen_without_scrolling(tmp_path: Path, width: int) -> None:
    """Its title and its sentence; and nothing sticks out of the page."""
    page_of(told(speed(ranks=RANKS), page=True), tmp_path, Options(verbose=True))
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="report.html" style="width:{width}px;height:800px;border:0"></iframe><p>?</p><script>'
        "addEventListener('load', () => { const d = document.querySelector('iframe').contentDocument;"
        "const low = d.querySelector('article h2 + p').getBoundingClientRect().bottom;"
        "document.querySelector('p').textContent = "
        "`${d.documentElement.scrollWidth} ${low < 600}`; })</script>"
    )
    dom, _ = browse(frame, "--allow-file-access-from-files", "--dump-dom")
    assert f"<p>{width} true</p>" in dom


def test_the_steps_are_drawn_in_the_colours_of_their_phases(tmp_path: Path) -> None:
    """The control of a picture: four colours, the one of the wait the most."""
    shot = tmp_path / "shot.png"
    page = page_of(told(speed(), page=True), tmp_path)
    page.write_text(page.read_text().replace("</style>", "section:not(:has(.layer)){display:none}</style>"))
    _, said = browse(page, "--window-size=900,1100", f"--screenshot={shot}")
    assert said == []
    width, height, found = pixels(shot.read_bytes())
    assert (width, height) == (900, 1100)
    colors = Counter((red, green, blue) for red, green, blue, *_ in found)
    blue, orange = (
        max((count for (red, _, other), count in colors.items() if told(red, other)), default=0)
        for told in (lambda red, other: other - red > 90, lambda red, other: red - other > 90)
    )
    assert blue > orange > 500
