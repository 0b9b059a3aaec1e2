"""The page in a real browser: it shows what it should, and complains of nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from envkit.core.report import Report
from envkit.report import Options, render
from tests.coverage_notes import require
from tests.report import samples
from tests.report.hostile import HOSTILE, poisoned
from tests.report.png import pixels

BROWSER = next(
    filter(
        None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))
    ),
    None,
)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--enable-logging=stderr", "--log-level=0",
)  # fmt: skip
LIMIT = 90
"""Seconds for one page."""


@pytest.fixture(autouse=True)
def _browser() -> None:
    require("browser", BROWSER is not None)


def browse(page: Path, *options: str) -> tuple[str, list[str]]:
    """What the browser prints, and what the page made it say on its console."""
    argv = [str(BROWSER), *QUIET, f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, err.decode(errors="replace")[-2000:]
    said = [line for line in err.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return out.decode(), said


def page_of(report: Report, folder: Path, options: Options = Options()) -> Path:  # noqa: B008
    page = folder / "report.html"
    page.write_text(render(report, "html", options), encoding="utf-8")
    return page


def test_the_findings_are_in_the_document(tmp_path: Path) -> None:
    dom, said = browse(page_of(samples.rich_report(), tmp_path), "--dump-dom")
    assert said == []
    for text in (
        "1 problem. Start with its fix.",
        "The learning rate is too high",
        "python train.py --lr 0.03",
        "4 checks could not be decided",
        "NaN in layer4.1.conv2",
        "bert-base 日本語",
    ):
        assert text in dom
    assert dom.count("<article") == 1
    assert dom.count('role="img"') == 2


def test_the_page_is_drawn(tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    _, said = browse(
        page_of(samples.rich_report(), tmp_path), "--window-size=480,640", f"--screenshot={shot}"
    )
    assert said == []
    width, height, found = pixels(shot.read_bytes())
    assert (width, height) == (480, 640)
    colors = Counter(found)
    ground = colors.most_common(1)[0][1]
    assert len(colors) > 50
    assert 0.2 < ground / len(found) < 0.98
    assert any(red > 150 and green < 80 and blue < 80 for red, green, blue, *_ in colors), (
        "no red of an error"
    )


@pytest.mark.parametrize("width", (360, 800))
@pytest.mark.parametrize("text", (None, "w" * 3_000, "日本語" * 300))
def test_nothing_sticks_out_of_a_narrow_page(tmp_path: Path, width: int, text: str | None) -> None:
    """A frame of that width tells how wide its content is."""
    report = samples.rich_report()
    page_of(poisoned(report, text) if text else report, tmp_path, Options(verbose=True))
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="report.html" style="width:{width}px;height:900px;border:0"></iframe><p>?</p><script>'
        "addEventListener('load', () => { const d = document.querySelector('iframe').contentDocument;"
        "document.querySelector('p').textContent = `width ${d.documentElement.scrollWidth}`; })</script>"
    )
    dom, _ = browse(frame, "--allow-file-access-from-files", "--dump-dom")
    assert f"<p>width {width}</p>" in dom


def test_hostile_text_does_nothing(tmp_path: Path) -> None:
    text = " ".join(one for one in HOSTILE if len(one) < 200).encode("utf-8", "replace").decode()
    page = page_of(poisoned(samples.rich_report(), text), tmp_path, Options(verbose=True))
    dom, said = browse(page, "--dump-dom")
    assert said == []
    assert "<script" not in dom
    assert "<img" not in dom
    assert "alert(1)" in dom


def test_a_complaint_would_have_been_seen(tmp_path: Path) -> None:
    """The control: the policy of the page stops an image and a script, and the console says so."""
    page = page_of(samples.healthy(), tmp_path)
    html = page.read_text(encoding="utf-8")
    page.write_text(html.replace("</main>", "<script>document.title='ran'</script></main>"), encoding="utf-8")
    dom, said = browse(page, "--dump-dom")
    assert any("Content Security Policy" in line for line in said)
    assert "<title>ran" not in dom
