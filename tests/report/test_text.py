"""What a person at a terminal reads."""

from __future__ import annotations

import dataclasses
import re

import pytest
from rich.cells import cell_len

from envkit.core.finding import Finding, FixStep
from envkit.core.report import Bar, Bars, Column, KeyValues, Line, Pair, Report, Section, Series, Table, Text
from envkit.report import Options, render
from tests.report import samples

REPORTS = {"doctor": samples.doctor, "healthy": samples.healthy, "rich": samples.rich_report}
SGR = re.compile(r"\x1b\[[0-9;]+m")


def text(report: Report, **options: object) -> str:
    return render(report, "text", Options(**options))


def commands(report: Report) -> list[str]:
    runs = [step.run for finding in report.findings for step in finding.fix if step.run]
    return runs + [finding.verify for finding in report.findings if finding.verify]


def of(*blocks: object) -> Report:
    return Report(command="envkit bench", verdict="healthy", sections=(Section(title="S", blocks=blocks),))


def problem(key: str, severity: str = "error", **more: object) -> Finding:
    return Finding(key=key, outcome="problem", severity=severity, title=f"Title of {key}", **more)


def doctor(*findings: Finding) -> Report:
    return Report(command="envkit doctor", verdict="problems", findings=findings)


@pytest.mark.parametrize("width", (24, 60, 80, 100, 140))
@pytest.mark.parametrize("color", (False, True))
@pytest.mark.parametrize("name", REPORTS)
def test_a_command_stands_alone_on_a_line_whole_and_undecorated(name: str, color: bool, width: int) -> None:
    report = REPORTS[name]()
    lines = [line.strip() for line in text(report, width=width, color=color).splitlines()]
    for command in commands(report):
        assert command in lines


@pytest.mark.parametrize("width", (24, 40, 60, 80, 100, 140))
@pytest.mark.parametrize("verbose", (False, True))
@pytest.mark.parametrize("name", REPORTS)
def test_no_other_line_is_wider_than_the_terminal(name: str, verbose: bool, width: int) -> None:
    report = REPORTS[name]()
    whole = set(commands(report)) | set(DIFF.splitlines())
    for line in text(report, width=width, verbose=verbose).splitlines():
        assert cell_len(line) <= width or line.strip() in whole, line


DIFF = samples.rich_report().sections[2].blocks[1].text


def test_colour_changes_nothing_but_colour() -> None:
    for make in REPORTS.values():
        plain, coloured = (text(make(), color=color, verbose=True) for color in (False, True))
        assert SGR.sub("", coloured).split() == plain.split()
        assert "\x1b" not in plain


def test_a_long_path_breaks_after_a_separator_and_loses_nothing() -> None:
    path = "/data/" + "/".join(f"directory-{number}" for number in range(20))
    for width in (24, 40, 60):
        lines = text(of(Text(text=f"It is in {path} today.")), width=width).splitlines()
        assert path in "".join(line.strip() for line in lines)
        assert max(map(cell_len, lines)) <= width


def test_problems_come_in_the_order_of_severity() -> None:
    report = doctor(problem("c", "note"), problem("b", "warning"), problem("a"), problem("d", "warning"))
    found = re.findall(r"Title of (\w)", text(report))
    assert found == ["a", "b", "d", "c"]


def test_severity_is_a_word_and_the_key_is_there_to_type() -> None:
    written = text(samples.doctor())
    assert re.search(r"error: The NVIDIA driver is older than this PyTorch needs +driver-too-old\n", written)
    assert "warning: PyTorch starts 64" in written
    assert "note: The driver unloads" in written


def test_consequences_are_named_under_their_cause() -> None:
    written = text(doctor(problem("cause", "warning", explains=("effect", "elsewhere"))))
    assert "Because of it: effect, elsewhere" in written
    assert written.endswith("1 warning.\n")


def test_a_conclusion_stands_instead_of_the_verdict() -> None:
    written = text(Report(command="envkit explain", verdict="healthy", conclusion="Read on elsewhere."))
    assert written.rstrip().endswith("Read on elsewhere.")
    assert "Healthy" not in written


def test_unknowns_are_grouped_by_why() -> None:
    written = text(samples.doctor())
    assert "? 4 checks could not be decided" in written
    assert written.count("/dev/kmsg: Operation not permitted") == 1
    joined = " ".join(written.split())
    assert "(gpu-xid, gpu-fell-off-bus, oom-killed)" in joined
    assert "timedatectl did not answer within 2 s (clock-skew)" in joined


def test_what_is_fine_takes_one_line() -> None:
    lines = text(samples.doctor()).splitlines()
    assert [line for line in lines if "41 checks" in line] == [
        "✓ 41 checks found nothing wrong · 12 do not apply here"
    ]
    assert not any("check-7" in line for line in lines)


@pytest.mark.parametrize(
    "report, last",
    (
        (samples.doctor(), "✗ 2 problems, 1 warning, 1 note. Start with the first."),
        (samples.healthy(), "✓ Healthy."),
        (samples.rich_report(), "✗ 1 problem. Start with its fix."),
        (
            Report(command="x", verdict="healthy", findings=(problem("w", "warning"),)),
            "✓ Healthy, with 1 warning.",
        ),
        (
            Report(command="x", verdict="healthy", findings=(Finding(key="u", outcome="unknown"),)),
            "✓ Healthy. 1 check could not be decided.",
        ),
        (Report(command="x", verdict="faster"), "✓ Faster."),
        (Report(command="x", verdict="slower"), "! Slower."),
        # A verdict that belittles an error does not hide it.
        (Report(command="x", verdict="healthy", findings=(problem("e"),)), "✗ 1 problem."),
    ),
)
def test_the_last_line_says_how_it_stands(report: Report, last: str) -> None:
    assert text(report).splitlines()[-1] == last


def test_quiet_leaves_titles_and_the_verdict() -> None:
    lines = text(samples.doctor(), quiet=True).splitlines()
    assert len(lines) == 6
    assert all(re.match(r"[✗!i] (error|warning|note): ", line) for line in lines[:4])
    assert lines[-1].endswith("Start with the first.")
    assert text(samples.healthy(), quiet=True) == "✓ Healthy.\n"


def test_verbose_adds_every_check_with_its_reason_and_the_sections_of_detail() -> None:
    brief, full = (text(samples.doctor(), verbose=verbose) for verbose in (False, True))
    assert "Where the time went" not in brief
    assert "Where the time went" in full
    for finding in samples.doctor().findings:
        assert re.search(rf"^  \S {finding.key}\s", full, re.M), finding.key
    assert "Figure 7 is within its limit." in full
    assert "does not apply: this is not WSL" in full


def test_doubt_is_told_and_certainty_is_not() -> None:
    written = text(samples.doctor())
    assert "(90 % sure)" in written
    assert "100 %" not in written


def test_without_unicode_it_is_ascii() -> None:
    for make in REPORTS.values():
        for verbose in (False, True):
            written = text(make(), unicode=False, verbose=verbose).replace("日本語", "")
            assert written.isascii(), [c for c in written if not c.isascii()]


def test_wide_characters_stay_in_their_columns() -> None:
    table = Table(
        columns=(Column(title="name"), Column(title="n")), rows=(("日本語", 1), ("ab", 22), ("é", 333))
    )
    lines = text(of(table)).splitlines()
    rows = lines[lines.index("S") + 3 :][:3] if "S" in lines else []
    assert len({cell_len(row) for row in rows}) == 1


def test_a_table_has_units_dashes_for_nothing_and_numbers_flush_right() -> None:
    table = Table(
        columns=(Column(title="workload"), Column(title="throughput", unit="img/s")),
        rows=(("a", 2512.25), ("b", None), ("c", 1e-5), ("d", 10**30), ("e", float("nan"))),
    )
    written = text(of(table))
    assert "throughput (img/s)" in written
    ends = [line for line in written.splitlines() if re.match(r"  [a-e] ", line)]
    assert len({len(line) for line in ends}) == 1
    assert [line.split()[-1] for line in ends] == ["2512", "–", "1e-05", "1.000e+30", "NaN"]


def test_a_table_that_is_too_wide_wraps_its_text_and_then_becomes_records() -> None:
    words = " ".join(["word"] * 40)
    table = Table(columns=(Column(title="a"), Column(title="b")), rows=((words, 1),))
    lines = text(of(table), width=40).splitlines()
    assert max(map(len, lines)) <= 40
    many = Table(columns=tuple(Column(title=f"column{n}") for n in range(12)), rows=(tuple(range(12)),))
    written = text(of(many), width=40)
    assert max(map(len, written.splitlines())) <= 40
    assert re.search(r"column11 +11", written)


def test_rows_of_uneven_length_do_not_matter() -> None:
    table = Table(columns=(Column(title="a"), Column(title="b")), rows=((1,), (1, 2, 3), ()))
    assert "–" in text(of(table))


def test_keys_and_values_are_aligned() -> None:
    block = KeyValues(pairs=(Pair(key="a", value="x"), Pair(key="long key", value="y", note="z")))
    assert "  a         x\n  long key  y  z" in text(of(block))


@pytest.mark.parametrize("unicode", (True, False))
def test_charts_take_anything(unicode: bool) -> None:
    nan, inf = float("nan"), float("inf")
    for series in (
        Series(x=(), ys=()),
        Series(x=(1.0,), ys=(Line(name="one", y=(2.0,)),)),
        Series(x=(1.0, 2.0), ys=(Line(name="none", y=(None, nan)),)),
        Series(x=(1.0, nan, inf), ys=(Line(name="odd", y=(1.0, inf, 2.0)),)),
        Series(x=(1.0, 2.0), ys=(Line(name="log", y=(0.0, -1.0)),), log_y=True),
        Series(x=(-1e308, 1e308), ys=(Line(name="far", y=(-1e308, 1e308)),)),
        Series(x=(0.0, 5e-324), ys=(Line(name="near", y=(5e-324, 1e308)),), log_y=True),
    ):
        for width in (24, 80, 200):
            for name in ("text", "html", "markdown"):
                render(of(series), name, Options(width=width, unicode=unicode))
    bars = Bars(bars=(Bar(label="a", value=nan), Bar(label="b", value=-2.0, low=-inf, high=3.0)), unit="ms")
    assert "NaN ms" in text(of(bars), unicode=unicode)


def test_a_chart_shows_spikes_gaps_and_marks() -> None:
    steps = tuple(float(step) for step in range(2_000))
    y = tuple(50.0 if step == 777 else None if 1_000 <= step < 1_200 else 1.0 for step in range(2_000))
    written = text(of(Series(x=steps, ys=(Line(name="loss", y=y),))))
    top = next(line for line in written.splitlines() if line.lstrip().startswith("50 "))
    assert top.count("█") == 1
    assert "200 values missing" in written
    bottom = next(line for line in written.splitlines() if re.match(r" +0 │", line))
    assert "       " in bottom.partition("│")[2]


def test_bars_are_as_long_as_their_values() -> None:
    bars = Bars(
        bars=(Bar(label="a", value=4.0), Bar(label="b", value=2.0), Bar(label="c", value=0.0)), unit="ms"
    )
    lengths = [line.count("█") for line in text(of(bars)).splitlines() if " ms" in line]
    assert lengths[0] == 2 * lengths[1] > 0 == lengths[2]


def test_code_numbers_its_lines_and_marks_some() -> None:
    written = text(samples.rich_report())
    assert re.search(r"^  > 100 │     loss\.backward\(\)$", written, re.M)
    assert re.search(r"^     98 │     optimizer", written, re.M)


def test_a_diff_stays_one_that_can_be_applied() -> None:
    written = text(samples.rich_report())
    assert "\n".join(f"  {line}" for line in DIFF.splitlines()) in written


def test_a_command_of_several_lines_keeps_them() -> None:
    report = doctor(problem("a", fix=(FixStep(say="Do.", run="cat <<EOF\n  x\nEOF"),)))
    assert "      cat <<EOF\n        x\n      EOF\n" in text(report)


def test_a_command_is_never_cut() -> None:
    command = "echo " + "x" * 50_000
    report = doctor(problem("a", fix=(FixStep(say="Do.", run=command),)))
    assert f"      {command}\n" in text(report)


def test_a_finding_without_a_title_goes_by_its_key() -> None:
    bare = dataclasses.replace(problem("some-key"), title="")
    assert "✗ error: some-key\n" in text(doctor(bare))
