"""Sections about speed: where the time goes, the line, what each fix would gain, ranks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from envkit.core.report import Bar, Bars, Block, Cell, Code, Column, Diff, Section, Table, Text
from envkit.core.text import one_line
from envkit.diagnose.model import Gain, Speed
from envkit.diagnose.speed import words
from envkit.diagnose.speed.view import Line, View

_AROUND = 2
"""Lines of code shown before and after the one that is named."""
_MOST_GAINS = 6
_MOST_LINES = 12
_MOST_RANKS = 16
TOGETHER = "together"
"""The name of all changes that helped, at once."""
_LEAST = 0.005
"""Of the time, below which a line is not told."""


def breakdown(speed: Speed) -> Iterator[Section]:
    """The phases of a step."""
    bars = tuple(
        Bar(label=one.what, value=round(one.share * 100, 0 if one.share >= 0.01 else 1))
        for one in speed.parts
        if one.share >= _LEAST / 5
    )
    if bars:
        pace = words.paced(speed.pace)
        title = f"Where the time goes: {pace}" if pace else "Where the time goes"
        yield Section(title=title, blocks=(Bars(bars=bars, unit="%"),))


def line(speed: Speed, files: Mapping[str, str], folder: str) -> Iterator[Section]:
    """The person's line that the primary cause names."""
    where = None if speed.primary is None else speed.primary.where
    if where is None or where.file is None or where.line is None:
        return
    lines = files.get(where.file, "").splitlines()
    if 0 < where.line <= len(lines):
        first = max(1, where.line - _AROUND)
        part = tuple(lines[first - 1 : where.line + _AROUND])
        path = words.shortened(where.file, folder)
        code = Code(path=path, lines=part, first_line=first, marked=(where.line,))
        yield Section(title="The line", blocks=(code,))


def gains(speed: Speed, prove: str | None, *, page: bool) -> Iterator[Section]:
    """What each fix would gain, and how that is proved."""
    found = _ordered(speed)
    if not found:
        return
    blocks: list[Block] = []
    known = [one for one in found if one.predicted is not None or one.measured is not None]
    if page and known:
        blocks.append(_bars(known[:_MOST_GAINS]))
    blocks.append(_table(found[:_MOST_GAINS]))
    blocks += [Text(text=said) for one in found[:_MOST_GAINS] if (said := words.remark(one))]
    if prove is not None and words.provable(found):
        blocks += [
            Text(text="Predicted from the times of this run. To prove it, in turns with and without each:"),
            Code(path="", lines=(prove,)),
        ]
    bound = speed.primary is not None and speed.primary.key == words.BOUND
    yield Section(title="What is left to gain" if bound else "What each fix would gain", blocks=tuple(blocks))
    if len(found) > _MOST_GAINS:
        more = (_table(found[_MOST_GAINS:]),)
        yield Section(title="Fixes that would gain less", blocks=more, detail=True)


def _ordered(speed: Speed) -> list[Gain]:
    """All together first, then what mends the primary cause; of each, what changes the training last."""
    primary = speed.primary
    keys = () if primary is None else (primary.key, *primary.folded)
    return sorted(speed.gains, key=lambda one: (not _is_together(one), one.key not in keys, not one.free))


def _is_together(gain: Gain) -> bool:
    return gain.change is not None and gain.change.name == TOGETHER


def _table(found: Sequence[Gain]) -> Table:
    """A row a fix; causes and losses only where they differ or are known."""
    keys = len({one.key for one in found}) > 1
    losses = any(one.same_losses is not None for one in found)
    columns = [Column(title="fix"), Column(title="predicted"), Column(title="measured")]
    columns += [Column(title="losses")] if losses else []
    columns += [Column(title="mends")] if keys else []
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        row: list[Cell] = [words.fix(one), words.times(one.predicted), words.measured(one)]
        row += [words.losses(one)] if losses else []
        row += [one.key] if keys else []
        rows.append(tuple(row))
    return Table(columns=tuple(columns), rows=tuple(rows), caption="Times as fast as it is now")


def _bars(found: Sequence[Gain]) -> Bars:
    """Speeds, so that a bar of twice the length is twice as fast."""
    bars = [Bar(label="as it is", value=1.0)]
    for one in found:
        for kind, gain in (("predicted", one.predicted), ("measured", one.measured)):
            if gain is not None:
                low, high = 1 + gain[0], 1 + gain[1]
                bars.append(_bar(f"{words.fix(one)}: {kind}", low, high))
    return Bars(bars=tuple(bars), unit="×")


def _bar(label: str, low: float, high: float) -> Bar:
    middle, low, high = (float(f"{one:.3g}") for one in ((low + high) / 2, low, high))
    return Bar(label=label, value=middle, low=low, high=high)


def change(speed: Speed) -> Iterator[Section]:
    """The person's own file with the fix in it, where that is known."""
    found = best(_ordered(speed))
    if found is not None and found.patch is not None:
        title = f"The change: {one_line(found.fix, limit=100)}"
        yield Section(title=title, blocks=(Diff(text=found.patch),))


def best(found: Sequence[Gain]) -> Gain | None:
    """Of the changes whose place is known and which leave the training as it is: what gained most, else what
    promises most. One that was tried and gained nothing is none.
    """
    known = [one for one in found if one.patch is not None and one.free and one.same_losses is not False]
    tried = [one for one in known if one.measured is not None and one.measured[0] > 0]
    if tried:
        return max(tried, key=lambda one: (_is_together(one), one.measured))
    return next((one for one in known if one.measured is None and (one.predicted or (0.0,))[0] > 0), None)


def changes_line(speed: Speed, view: View) -> bool:
    """Whether the line that the primary cause names is seen in the change that is shown."""
    found, primary = best(_ordered(speed)), speed.primary
    if found is None or found.patch is None or primary is None:
        return False
    text = view.text(primary.where.file or "", primary.where.line or 0)
    removed = (row[1:].strip() for row in found.patch.splitlines() if row.startswith("-"))
    return bool(text) and text in removed


def ranks(speed: Speed) -> Iterator[Section]:
    """One row a process: what it did itself, and its phases."""
    if len(speed.ranks) < 2:
        return
    names = list(dict.fromkeys(part.what for one in speed.ranks for part in one.parts))
    columns = [Column(title="rank", align="right"), Column(title="own work in a step", align="right")]
    columns += [Column(title=name, align="right") for name in names]
    rows = []
    for one in sorted(speed.ranks, key=lambda one: -one.own)[:_MOST_RANKS]:
        shares = {part.what: words.percent(part.share) for part in one.parts}
        rows.append((one.rank, words.duration(one.own), *(shares.get(name) for name in names)))
    left = len(speed.ranks) - len(rows)
    caption = "The slowest first" + (f"; {left} more are not shown" if left > 0 else "")
    yield Section(title="Ranks", blocks=(Table(columns=tuple(columns), rows=tuple(rows), caption=caption),))


def lines(view: View, folder: str, *, detail: bool) -> Iterator[Section]:
    """The person's lines that the time goes to."""
    blocks: list[Block] = []
    for caption, found in (
        ("with what they call, of the time of training", view.lines()),
        ("in data workers, of their time", view.worker_lines()),
    ):
        bars = tuple(_line_bar(one, folder) for one in found[:_MOST_LINES] if one.share >= _LEAST)
        if bars:
            blocks += [Text(text=caption), Bars(bars=bars, unit="%")]
    if blocks:
        yield Section(title="Your lines", blocks=tuple(blocks), detail=detail)


def _line_bar(one: Line, folder: str) -> Bar:
    place = f"{words.shortened(one.file, folder)}:{one.line}"
    label = f"{place} {one_line(one.text, limit=60)}" if one.text else f"{place} {one.function}"
    return Bar(label=label, value=round(one.share * 100, 1))


def others(speed: Speed, folder: str, *, detail: bool) -> Iterator[Section]:
    """Smaller causes."""
    if not speed.others:
        return
    columns = (
        Column(title="cause"), Column(title="lost", align="right"), Column(title="what was seen"),
        Column(title="where"),
    )  # fmt: skip
    rows = tuple(
        (
            one.key, words.percent(one.share), one_line(words.spaced(one.summary), limit=300),
            words.place(one.where, folder),
        )
        for one in speed.others
    )  # fmt: skip
    yield Section(title="Smaller causes", blocks=(Table(columns=columns, rows=rows),), detail=detail)
