"""The history: what is kept, what survives damage, and what is drawn."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from envkit.bench import history, history_store
from envkit.bench.history_store import Entry, History, entry, place, read, record
from envkit.bench.model import BenchResult
from envkit.core.errors import BadInputError, DiskError
from envkit.core.report import Report, Series, Text
from envkit.report import Options, render
from tests.bench import results

RECORD = """
import sys
from pathlib import Path
from dataclasses import replace
from envkit.bench.history_store import entry, record
from tests.bench import results
for number in range(int(sys.argv[2])):
    one = entry(replace(results.laptop(), date=f"{sys.argv[3]}-{number:04d}"))
    record(one, Path(sys.argv[1]))
"""


def kept(result: BenchResult) -> Entry:
    one = entry(result)
    assert one is not None
    return one


def at(day: int, factor: float, base: BenchResult | None = None, **fingerprint: str) -> Entry:
    """The bench of a day, all its speeds times a factor."""
    base = base or results.laptop()
    rows = tuple(
        replace(one, throughput=replace(one.throughput, median=one.throughput.median * factor))
        for one in base.results
    )
    date = f"2026-{1 + day // 28:02d}-{1 + day % 28:02d}T10:00:00Z"
    return kept(replace(base, results=rows, date=date, fingerprint={**base.fingerprint, **fingerprint}))


def drawn(report: Report) -> list[Series]:
    return [block for section in report.sections for block in section.blocks if isinstance(block, Series)]


def test_the_place_follows_xdg(tmp_path: Path) -> None:
    assert place({"XDG_DATA_HOME": "/data"}, tmp_path) == Path("/data/envkit/bench.jsonl")
    assert place({}, tmp_path) == tmp_path / ".local/share/envkit/bench.jsonl"
    assert place({"XDG_DATA_HOME": "data"}, tmp_path) == tmp_path / ".local/share/envkit/bench.jsonl"
    with pytest.raises(DiskError):
        place({}, None)


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "bench.jsonl"
    first, second = at(1, 1.0), at(2, 1.1)
    record(first, path)
    record(second, path)
    assert read(path) == History(entries=(first, second))
    assert path.read_bytes().count(b"\n") == 2


def test_the_same_result_recorded_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    for day in (1, 2, 1):
        record(at(day, 1.0), path)
    assert read(path).entries == (at(1, 1.0), at(2, 1.0))


def test_only_side_a_is_kept_and_nothing_of_nothing() -> None:
    one = kept(results.compared())
    assert [point.workload for point in one.results] == ["mlp", "cnn", "rnn", "transformer"]
    assert entry(results.nothing()) is None


def test_lines_that_are_damaged_are_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    for day in range(3):
        record(at(day, 1.0), path)
    lines = path.read_bytes().splitlines()
    broken = json.loads(lines[0])
    broken["results"][0]["throughput"]["median"] = -1
    lines[1:1] = [
        b"\xff\xfe{",
        b'{"schema": "envkit.bench-history/9"}',
        json.dumps(broken).encode(),
        b"",
        b"[1]",
    ]
    path.write_bytes(b"\n".join(lines) + b"\n" + b"x" * (2 << 20) + b"\n")
    found = read(path)
    assert len(found.entries) == 3
    assert found.damaged == (2, 3, 4, 6, 9)
    told = history.report(found, place=str(path)).notes[0]
    assert told == "5 lines could not be read and are left out: 2, 3, 4, 6, 9"


def test_a_line_that_was_cut_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    record(at(1, 1.0), path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 40)
    record(at(2, 1.0), path)
    found = read(path)
    assert [one.date[:10] for one in found.entries] == ["2026-01-03"]
    assert found.damaged == (1,)


def test_several_processes_record_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", RECORD, str(path), "25", f"2026-{number}"], cwd=Path.cwd())
        for number in range(4)
    ]
    assert [writer.wait(timeout=100) for writer in writers] == [0, 0, 0, 0]
    found = read(path)
    assert found.damaged == ()
    assert len({one.date for one in found.entries}) == 100


def test_the_size_is_bounded_and_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bench.jsonl"
    monkeypatch.setattr(history_store, "LARGEST", 20_000)
    for day in range(60):
        record(at(day, 1.0), path)
        assert path.stat().st_size <= 20_000
    found = read(path)
    assert found.damaged == ()
    assert found.entries[-1] == at(59, 1.0)
    assert 3 < len(found.entries) < 60
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bench.jsonl", "bench.jsonl.lock"]


def test_a_lock_that_is_held_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bench.jsonl"
    monkeypatch.setattr(history_store, "_PATIENCE", 0.1)
    record(at(1, 1.0), path)
    holder = os.open(tmp_path / "bench.jsonl.lock", os.O_RDWR)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(DiskError, match="cannot write"):
            record(at(2, 1.0), path)
    finally:
        os.close(holder)
    record(at(2, 1.0), path)
    assert len(read(path).entries) == 2


def test_what_cannot_be_written_or_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot write"):
        record(at(1, 1.0), tmp_path / "file" / "bench.jsonl")
    (tmp_path / "bench.jsonl").mkdir()
    with pytest.raises(BadInputError, match="is not a file"):
        read(tmp_path / "bench.jsonl")
    assert read(tmp_path / "absent.jsonl") == History(entries=())


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    os.symlink("/dev/full", tmp_path / "bench.jsonl")
    with pytest.raises(DiskError):
        record(at(1, 1.0), tmp_path / "bench.jsonl")


def test_a_change_of_level_is_marked_where_it_is() -> None:
    factors = [1.00, 1.01, 0.99, 1.02, 1.0, 0.98, 0.86, 0.88, 0.87, 0.86, 0.85, 0.87]
    found = History(entries=tuple(at(day, factor) for day, factor in enumerate(factors)))
    report = history.report(found, place="bench.jsonl", workloads=("cnn",))
    (chart,) = drawn(report)
    assert [mark.x for mark in chart.marks] == [7.0]
    assert chart.marks[0].label.startswith("2026-01-07: -13.")
    assert "from 2,765 samples/s to 2,3" in chart.marks[0].label
    assert report.verdict == "slower"
    assert report.conclusion.startswith("The last change: cnn, fp32 -13.")
    assert report.conclusion.endswith(" on 2026-01-07.")
    assert len(drawn(history.report(found, place="bench.jsonl"))) == 4


def test_a_steady_series_and_a_short_one_have_no_mark() -> None:
    steady = tuple(at(day, 1 + 0.01 * (day % 3)) for day in range(12))
    report = history.report(History(entries=steady), place="x")
    assert all(not chart.marks for chart in drawn(report))
    assert (report.verdict, report.conclusion) == ("same", "No change of level.")
    short = history.report(History(entries=steady[:3]), place="x")
    assert short.verdict == "unknown"
    assert "8 of one kind are needed" in short.conclusion


def test_fingerprints_and_options_are_not_mixed() -> None:
    old = [at(day, 2.0, framework="torch 2.5.0") for day in range(3)]
    new = [at(day + 10, 1.0) for day in range(3)]
    fewer = [
        at(14, 1.0, replace(results.laptop(), results=(replace(results.laptop().results[1], batch_size=50),)))
    ]
    report = history.report(History(entries=(*old, *new, *fewer)), place="x")
    first, second = report.sections
    assert not first.detail
    assert second.detail
    assert isinstance(second.blocks[0], Text)
    assert "framework: torch 2.5.0 and torch 2.13.0+cpu" in second.blocks[0].text
    assert all(len(chart.x) == 3 for chart in drawn(report))
    said = [block.text for block in first.blocks if isinstance(block, Text)]
    assert said == [
        "cnn, fp32, torch, cpu, batch 50, quick: 2,765 samples/s on 2026-01-15; nothing to draw yet."
    ]
    assert "1 older" in report.notes[0]


def test_nothing_recorded_says_how_to_record() -> None:
    report = history.report(History(entries=()), place="/home/x/bench.jsonl")
    text = render(report, "text", Options())
    assert "envkit bench --record" in text
    other = history.report(History(entries=(at(1, 1.0),)), place="x", workloads=("resnet50",))
    assert "Nothing is recorded of resnet50." in render(other, "text", Options())
