"""Error text, perhaps with a snapshot, to ranked causes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

from envkit.causes.advice import steps_for_text
from envkit.causes.catalogue import catalogue
from envkit.causes.signatures import Point, Signature, asides, hints, signatures
from envkit.compat.load import load_compat
from envkit.compat.model import Compat
from envkit.core.finding import Evidence
from envkit.facts.model import Snapshot
from envkit.match.facts import with_snapshot
from envkit.match.fix import fix_of
from envkit.match.hints import compared, read_hints
from envkit.match.lines import Line, as_bytes, candidates, prefilter
from envkit.match.model import Explanation, Match
from envkit.match.shape import ASIDE, CAUGHT, PRINTED, SURE, Shape, is_aside, is_error, is_warning, shape_of
from envkit.match.slots import slots_of

_FOR = 0.25
"""Of the doubt that remains when a hint speaks for a cause."""
_AGAINST = 0.3
"""Of the weight that remains when a hint speaks against it."""
_SECOND = 0.35
"""How much of its weight a further message adds to what the strongest says."""
_UNDER = 0.75
"""A consequence counts at most this much of what explains it."""
_SURE = 0.6
"""From here on a cause explains others."""
_LOUD = 0.7
"""From here on a line is the failure of its text."""
_LOOKED_AT = 5
"""Lines with a message that are looked at for one that is no aside."""
_LEAST = 0.15
_MOST_CAUSES = 8
_MOST_EVIDENCE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class _Hit:
    """One message found, and one cause that it points to."""

    point: Point
    signature: Signature
    line: Line
    weight: float
    open: bool
    """Whether opposite causes are possible and no hint spoke."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Score:
    key: str
    confidence: float
    hits: tuple[_Hit, ...]
    """Strongest first."""

    @property
    def first_line(self) -> int:
        return min(hit.line.number for hit in self.hits)


def explain_text(
    text: str | bytes, snapshot: Snapshot | None = None, compat: Compat | None = None
) -> Explanation:
    """The causes that a message, traceback or log points to, best first; () when nothing is recognised.

    Any length and any encoding. What the text itself says of GPU, driver, versions and platform decides
    between causes of the same message, and after it the facts of `snapshot`, taken where the text is from.
    """
    tables = compat if compat is not None else load_compat()
    lines = candidates(text, _wanted())
    machine = with_snapshot(read_hints(lines, tables), snapshot)
    said = compared(machine, tables)
    hits = _in_place(list(_hits(lines, said)), shape_of(as_bytes(text)))
    scores = [_score(key, found) for key, found in _by_cause(hits).items()]
    ranked = sorted(
        _folded_under(scores), key=lambda score: (-round(score.confidence * 50), score.first_line)
    )
    best = [score for score in ranked if score.confidence >= _LEAST][:_MOST_CAUSES]
    slots = slots_of(lines, machine, said, tables)
    return Explanation(causes=tuple(_match(score, slots) for score in best))


@cache
def _wanted() -> re.Pattern[bytes]:
    patterns = [*(entry.line for entry in signatures()), *(entry.line for entry in hints())]
    return prefilter(text for pattern in patterns for text in pattern.text)


def _hits(lines: Sequence[Line], said: frozenset[str]) -> Iterator[_Hit]:
    """Each signature at the line that says most."""
    everything = "\n".join(line.folded for line in lines)
    for signature in signatures():
        if not any(text in everything for text in signature.line.text):
            continue
        if signature.needs and not said.intersection(signature.needs):
            continue
        if said.intersection(signature.without):
            continue
        line = _telling(signature, lines)
        if line is None:
            continue
        decided = any(said.intersection(point.more) for point in signature.points)
        for point in signature.points:
            yield _Hit(
                point=point,
                signature=signature,
                line=line,
                weight=_weight(point, said),
                open=signature.decides is not None and not decided,
            )


def _telling(signature: Signature, lines: Sequence[Line]) -> Line | None:
    """The first line that has the message and is no aside, else the first that has it."""
    found = list(islice((line for line in lines if line.has(signature.line)), _LOOKED_AT))
    told = (line for line in found if not is_aside(line, asides()))
    return next(told, found[0] if found else None)


def _in_place(hits: list[_Hit], shape: Shape) -> list[_Hit]:
    """The hits, those that were only printed on the way to the failure weighing less."""
    aside = {hit.line.number: is_aside(hit.line, asides()) for hit in hits}
    told = [hit for hit in hits if not aside[hit.line.number]]
    last = len(shape.chains) - 1
    ended = {
        hit.point.cause for hit in told if hit.weight >= _LOUD and shape.chain_of(hit.line.number) == last
    }
    failed = {hit.point.cause for hit in told if hit.weight >= _LOUD and _fails(hit.line)}
    spoken = {hit.point.cause for hit in told if hit.weight >= SURE}

    def factor(hit: _Hit) -> float:
        other = {hit.point.cause}
        if aside[hit.line.number]:
            return ASIDE if spoken - other else 1.0
        if last > 0 and ended - other and (shape.chain_of(hit.line.number) or 0) < last:
            return CAUGHT if shape.chain_of(hit.line.number) is not None else 1.0
        return PRINTED if failed - other and is_warning(hit.line) else 1.0

    return [replace(hit, weight=hit.weight * factor(hit)) for hit in hits]


def _fails(line: Line) -> bool:
    return is_error(line) and not is_warning(line)


def _weight(point: Point, said: frozenset[str]) -> float:
    weight = point.weight
    if said.intersection(point.more):
        weight = 1 - (1 - weight) * _FOR
    if said.intersection(point.less):
        weight *= _AGAINST
    return weight


def _by_cause(hits: Iterable[_Hit]) -> dict[str, list[_Hit]]:
    found: dict[str, list[_Hit]] = {}
    for hit in hits:
        found.setdefault(hit.point.cause, []).append(hit)
    return found


def _score(key: str, hits: list[_Hit]) -> _Score:
    hits = sorted(hits, key=lambda hit: (-hit.weight, hit.line.number))
    doubt = 1 - hits[0].weight
    for hit in hits[1:]:
        doubt *= 1 - _SECOND * hit.weight
    return _Score(key=key, confidence=min(0.99, 1 - doubt), hits=tuple(hits))


def _folded_under(scores: list[_Score]) -> Iterator[_Score]:
    """A cause that a surer one explains is its consequence, and comes after it."""
    for score in scores:
        limit = score.confidence
        for other in scores:
            if (
                other.confidence >= max(_SURE, score.confidence - 0.1)
                and score.key in catalogue()[other.key].explains
            ):
                limit = min(limit, other.confidence * _UNDER)
        yield _Score(key=score.key, confidence=limit, hits=score.hits)


def _match(score: _Score, slots: dict[str, str]) -> Match:
    shown: dict[int, Evidence] = {}
    for hit in score.hits:
        value = hit.line.text
        shown.setdefault(
            hit.line.number, Evidence(what="message", value=value, source=f"line {hit.line.number}")
        )
    strongest = score.hits[0]
    return Match(
        key=score.key,
        confidence=round(score.confidence, 2),
        evidence=tuple(shown.values())[:_MOST_EVIDENCE],
        deciding_fact=strongest.signature.decides if strongest.open else None,
        fix=fix_of(steps_for_text(score.key), slots),
    )
