"""Error text, perhaps with a snapshot, to ranked causes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from envkit.causes.catalogue import catalogue
from envkit.causes.signatures import Point, Signature, hints, signatures
from envkit.compat.load import load_compat
from envkit.compat.model import Compat
from envkit.core.finding import Evidence
from envkit.facts.model import Snapshot
from envkit.match.facts import with_snapshot
from envkit.match.hints import compared, read_hints
from envkit.match.lines import Line, candidates, prefilter
from envkit.match.model import Explanation, Match

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
    scores = [_score(key, hits) for key, hits in _by_cause(_hits(lines, said)).items()]
    ranked = sorted(
        _folded_under(scores), key=lambda score: (-round(score.confidence * 50), score.first_line)
    )
    best = [score for score in ranked if score.confidence >= _LEAST][:_MOST_CAUSES]
    return Explanation(causes=tuple(_match(score) for score in best))


@cache
def _wanted() -> re.Pattern[bytes]:
    patterns = [*(entry.line for entry in signatures()), *(entry.line for entry in hints())]
    return prefilter(text for pattern in patterns for text in pattern.text)


def _hits(lines: Sequence[Line], said: frozenset[str]) -> Iterator[_Hit]:
    """Each signature at the first line that has it."""
    everything = "\n".join(line.folded for line in lines)
    for signature in signatures():
        if not any(text in everything for text in signature.line.text):
            continue
        if signature.needs and not said.intersection(signature.needs):
            continue
        if said.intersection(signature.without):
            continue
        line = next((line for line in lines if line.has(signature.line)), None)
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


def _weight(point: Point, said: frozenset[str]) -> float:
    weight = point.weight
    if said.intersection(point.more):
        weight = 1 - (1 - weight) * _FOR
    if said.intersection(point.less):
        weight *= _AGAINST
    return weight


def _by_cause(hits: Iterator[_Hit]) -> dict[str, list[_Hit]]:
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


def _match(score: _Score) -> Match:
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
    )
