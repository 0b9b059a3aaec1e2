"""The speed half of a diagnosis as parts of a Report. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from envkit.core.finding import Finding
from envkit.core.report import Section
from envkit.diagnose.model import Speed
from envkit.diagnose.speed import sections, stragglers, words
from envkit.diagnose.speed.timeline import timeline
from envkit.diagnose.speed.view import View
from envkit.diagnose.trace import Trace
from envkit.target.conditions import Conditions


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """How a report is to tell it."""

    folder: str = ""
    """Paths below it are shown from it."""
    page: bool = False
    """There is room for charts: a page, and not a terminal."""
    aside: bool = False
    """Something worse was found, which comes first."""
    alone: bool = False
    """Only speed was asked for."""
    prove: str | None = None
    """The command that tries the fixes."""


def viewed(
    traces: Sequence[Trace], files: Mapping[str, str], conditions: Conditions | None = None
) -> View | None:
    """What the verdict was made from; None where nothing was trained."""
    trained = [one for one in traces if one.steps.ended]
    if not trained:
        return None
    trace = stragglers.culprit(trained) or trained[0]
    return View(trace=trace, traces=traces, conditions=conditions, files=files)


def finding(speed: Speed | None, how: Telling) -> Finding | None:
    """The primary cause: a warning, a note beside a fault or where there is nothing to mend."""
    if speed is None or speed.primary is None:
        return None
    primary = speed.primary
    made = Finding(
        key=primary.key,
        outcome="problem",
        title=words.title(primary.key),
        severity="note" if how.aside or primary.key == words.BOUND else "warning",
        confidence=primary.confidence,
        summary=words.told(primary, how.folder),
        evidence=tuple(replace(one, value=words.spaced(one.value)) for one in primary.evidence),
        explains=primary.folded,
        fix=() if primary.key == words.BOUND and speed.gains else primary.fix,
    )
    if how.aside:
        return replace(made, summary=f"Besides, it is slow. {made.summary}", evidence=(), explains=(), fix=())
    return made


def parts(speed: Speed | None, view: View | None, how: Telling) -> list[Section]:
    """The most useful first; those that only -v shows are marked so."""
    if speed is None or view is None or words.short(speed):
        return []
    if len(speed.parts) < 2 and speed.primary is None and not how.alone:
        return []  # none of its phases could be told apart
    hidden = how.aside or (speed.primary is None and not how.alone)
    found = list(sections.breakdown(speed))
    gains = sections.gains(speed, how.prove, page=how.page)
    changed = list(sections.change(speed))
    line = [] if sections.changes_line(speed, view) else list(sections.line(speed, view.files, how.folder))
    found += [*gains, *line, *changed] if how.page else [*line, *changed, *gains]
    found += sections.ranks(speed)
    shown = how.page and not hidden
    extra = [
        *timeline(view, how.folder, page=how.page, detail=not shown),
        *sections.lines(view, how.folder, detail=not shown),
        *sections.others(speed, how.folder, detail=not shown),
    ]
    return [replace(one, detail=True) for one in found] + extra if hidden else found + extra


def notes(speed: Speed | None, how: Telling) -> Iterator[str]:
    """What else is to be known of it, where it matters."""
    if speed is None or how.aside:
        return
    if speed.why_unknown is not None and not how.alone:
        yield f"its speed was not judged: {words.unjudged(speed)}"
    if words.short(speed):
        return
    if speed.deeper is not None:
        yield speed.deeper
    yield from (f"could not be seen: {one}" for one in speed.blind)
    if speed.others and not how.page:
        yield words.smaller(speed.others, how.folder)
