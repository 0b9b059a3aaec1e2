"""`envkit bench history`: what was recorded, by fingerprint and workload, with changes of level."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from envkit.bench import history_store, words
from envkit.bench.fingerprint import differences
from envkit.bench.history_store import Entry, History, Point
from envkit.bench.model import BenchResult
from envkit.core import text
from envkit.core.report import Block, Line, Mark, Report, Section, Series, Text, Verdict
from envkit.stats.change import Change, changes

COMMAND = "envkit bench history"
ENOUGH = 8
"""Results below which no change can be told from luck at 5 %."""


def record(result: BenchResult) -> Path | None:
    """Adds a result to the history of this user: its file, None where nothing was measured.

    Raises DiskError.
    """
    one = history_store.entry(result)
    if one is None:
        return None
    path = _place()
    history_store.record(one, path)
    return path


def recorded(workloads: tuple[str, ...] = ()) -> Report:
    """The report of this user's history. workloads: only these. Raises BadInputError."""
    path = _place()
    return report(history_store.read(path), place=str(path), workloads=workloads)


def _place() -> Path:
    home = os.path.expanduser("~")
    return history_store.place(os.environ, Path(home) if home.startswith("/") else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """Results that may be drawn in one line: the same fingerprint, workload and options."""

    name: str
    points: tuple[tuple[str, Point], ...]
    """Dates and results, oldest first."""
    changes: tuple[Change, ...]

    @property
    def unit(self) -> str:
        return self.points[-1][1].throughput.unit


def report(history: History, *, place: str, workloads: tuple[str, ...] = ()) -> Report:
    """The newest fingerprint drawn, the older ones in sections of detail.

    place: the file, for the person. workloads: only these; () = all.
    """
    groups = _groups(history.entries)
    sections: list[Section] = []
    newest: tuple[Track, ...] = ()
    for age, (fingerprint, entries) in enumerate(groups):
        tracks = _tracks(entries, workloads)
        newest = newest or tracks
        if tracks:
            other = ", ".join(differences(fingerprint, groups[0][0])) if age else ""
            said = f"Other than in the newest: {other}." if age else ""
            title = _title(fingerprint, len(entries))
            sections.append(_section(title, tracks, said, detail=bool(age)))
    return Report(
        command=COMMAND,
        verdict=_verdict(newest),
        headline=f"{text.plural(len(history.entries), 'bench', 'benches')} in {place}",
        conclusion=_conclusion(newest, history, workloads),
        sections=tuple(sections),
        notes=_notes(history, len(groups)),
    )


def _groups(entries: tuple[Entry, ...]) -> list[tuple[dict[str, str], list[Entry]]]:
    """By fingerprint, the one that was recorded last first."""
    found: dict[str, list[Entry]] = {}
    for one in entries:
        found.setdefault(json.dumps(one.fingerprint, sort_keys=True), []).append(one)
    groups = [(ones[-1].fingerprint, ones) for ones in found.values()]
    return sorted(groups, key=lambda group: group[1][-1].date, reverse=True)


def _tracks(entries: list[Entry], workloads: tuple[str, ...]) -> tuple[Track, ...]:
    found: dict[tuple[object, ...], list[tuple[str, Point]]] = {}
    for entry in entries:
        for point in entry.results:
            if not workloads or point.workload in workloads:
                found.setdefault(_key(point), []).append((entry.date, point))
    several = len({_plain(points[-1][1]) for points in found.values()}) < len(found)
    return tuple(
        Track(
            name=_named(points[-1][1]) if several else _plain(points[-1][1]),
            points=tuple(points),
            changes=changes([point.throughput.median for _, point in points]),
        )
        for points in found.values()
    )


def _key(point: Point) -> tuple[object, ...]:
    return (point.workload, point.framework, point.device, point.precision, point.nproc, point.batch_size,
            point.how, point.throughput.unit)  # fmt: skip


def _plain(point: Point) -> str:
    return f"{point.workload}, {point.precision}" + (f", {point.nproc} processes" if point.nproc > 1 else "")


def _named(point: Point) -> str:
    batch = f"batch {point.batch_size}" if point.batch_size is not None else ""
    return ", ".join(filter(None, (_plain(point), point.framework, point.device, batch, point.how)))


def _title(fingerprint: dict[str, str], many: int) -> str:
    parts = [fingerprint.get("gpus") or fingerprint.get("cpu", ""), fingerprint.get("framework", "")]
    named = " · ".join(part for part in parts if part) or "unknown machine"
    return f"{named}: {text.plural(many, 'bench', 'benches')}"


def _section(title: str, tracks: tuple[Track, ...], said: str, *, detail: bool) -> Section:
    blocks: list[Block] = [Text(text=said)] if said else []
    for track in tracks:
        if len(track.points) < 2:
            date, point = track.points[0]
            figure = words.interval(point.throughput)
            blocks.append(Text(text=f"{track.name}: {figure} on {date[:10]}; nothing to draw yet."))
        else:
            blocks.append(_series(track))
    return Section(title=title, blocks=tuple(blocks), detail=detail)


def _series(track: Track) -> Series:
    speeds = [point.throughput for _, point in track.points]
    sure = any(speed.low is not None for speed in speeds)
    line = Line(
        name=track.name,
        y=tuple(speed.median for speed in speeds),
        low=tuple(speed.low for speed in speeds) if sure else (),
        high=tuple(speed.high for speed in speeds) if sure else (),
    )
    return Series(
        x=tuple(float(number) for number in range(1, len(speeds) + 1)),
        ys=(line,),
        x_label="bench",
        y_label=track.unit,
        marks=tuple(Mark(x=float(change.at + 1), label=_told(track, change)) for change in track.changes),
    )


def _told(track: Track, change: Change) -> str:
    before, after = words.rate(change.before, track.unit), words.rate(change.after, track.unit)
    return f"{track.points[change.at][0][:10]}: {words.change(change.ratio)}, from {before} to {after}"


def _verdict(tracks: tuple[Track, ...]) -> Verdict:
    """Of the last change of each line."""
    last = [track.changes[-1].ratio for track in tracks if track.changes]
    if any(ratio < 1 for ratio in last):
        return "slower"
    if last:
        return "faster"
    return "same" if any(len(track.points) >= ENOUGH for track in tracks) else "unknown"


def _conclusion(tracks: tuple[Track, ...], history: History, workloads: tuple[str, ...]) -> str:
    if not history.entries:
        return "Nothing is recorded yet: envkit bench --record adds a result."
    if not tracks:
        return f"Nothing is recorded of {', '.join(workloads)}." if workloads else "No result could be read."
    changed = [track for track in tracks if track.changes]
    if changed:
        return f"The last change: {'; '.join(map(_last, changed))}."
    if any(len(track.points) >= ENOUGH for track in tracks):
        return "No change of level."
    return f"Too few results to tell a change from luck: {ENOUGH} of one kind are needed."


def _last(track: Track) -> str:
    """`cnn, fp32 -13.5 % on 2026-01-12`."""
    change = track.changes[-1]
    return f"{track.name} {words.change(change.ratio)} on {track.points[change.at][0][:10]}"


def _notes(history: History, groups: int) -> tuple[str, ...]:
    notes = []
    if history.damaged:
        lines = ", ".join(map(str, history.damaged[:5])) + (", ..." if len(history.damaged) > 5 else "")
        many = text.plural(len(history.damaged), "line")
        notes.append(f"{many} could not be read and {'is' if many[:2] == '1 ' else 'are'} left out: {lines}")
    if groups > 1:
        older = text.plural(groups - 1, "older fingerprint")
        notes.append(f"{older} of machine and software: -v shows what was recorded there")
    return tuple(notes)
