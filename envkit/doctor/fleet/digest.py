"""What is kept of one node: how its checks ended, its hardware, its facts. Little, where nodes are alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from envkit.compat import Compat
from envkit.core.finding import Finding, Outcome, Severity
from envkit.doctor.fleet.fields import PROBES
from envkit.doctor.fleet.flatten import Facts, flat
from envkit.doctor.fleet.forms import comparable, compared
from envkit.doctor.fleet.hardware import Hardware, hardware
from envkit.doctor.fleet.hostlist import natural
from envkit.doctor.fleet.recall import Recall
from envkit.doctor.judge import findings_of
from envkit.doctor.outcome import Outcome as Answer
from envkit.doctor.rules import RULES, Rule
from envkit.facts.model import Snapshot
from envkit.facts.numbers import readable

PARTS = compared(Snapshot)
_KEPT = 1024
"""Parts whose facts are remembered without looking into them."""

Ended = tuple[str, Outcome, Severity | None]
"""A check, how it ended, and how bad it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """One node. Digests of one `Digester` share what is equal."""

    name: str
    source: str
    """Its file, line or host; tells nodes of the same name apart."""
    ended: tuple[Ended, ...]
    hardware: Hardware
    parts: tuple[Facts, ...]
    """In the order of `PARTS`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A finding and the node that it is of."""

    node: str
    source: str
    finding: Finding


@dataclass(kw_only=True, slots=True)
class Digester:
    """Turns snapshots into digests, one after the other, and remembers what it has seen."""

    compat: Compat
    rules: tuple[Rule, ...] = RULES
    examples: dict[Ended, Example] = field(default_factory=dict)
    """Of every kind of problem and unknown the first node by name."""
    _seen: dict[Any, Any] = field(default_factory=dict)
    _kept: dict[tuple[str, int, bool], tuple[Any, Facts]] = field(default_factory=dict)
    _ends: dict[tuple[Any, ...], tuple[Ended, ...]] = field(default_factory=dict)
    _recall: Recall = field(init=False)

    def __post_init__(self) -> None:
        self._recall = Recall(self.compat, self.rules)

    def digest(self, name: str, source: str, snapshot: Snapshot) -> Digest:
        """Judge a snapshot and take its facts."""
        parts = self._parts(snapshot)
        return Digest(
            name=name,
            source=source,
            ended=self._ended(name, source, snapshot, parts),
            hardware=self._same(hardware(snapshot)),
            parts=parts,
        )

    def _ended(
        self, name: str, source: str, snapshot: Snapshot, parts: tuple[Facts, ...]
    ) -> tuple[Ended, ...]:
        """How the checks end, as `judge` says. Its findings are made only where one of them is to be kept."""
        snapshot = readable(snapshot)
        answers = self._recall.outcomes(snapshot, parts)
        # All that decides how findings are folded and ordered; their texts do not.
        kind = tuple([(one.status, one.severity, one.confidence) for one in answers])
        ended = self._ends.get(kind)
        if ended is None:
            findings = findings_of(answers, snapshot, self.rules)
            ended = self._ends[kind] = self._same(tuple((f.key, f.outcome, f.severity) for f in findings))
        self._offer(name, source, ended, answers, snapshot)
        return ended

    def _same(self, value: Any) -> Any:
        return self._seen.setdefault(value, value)

    def _parts(self, snapshot: Snapshot) -> tuple[Facts, ...]:
        states = {status.name: status.state for status in snapshot.probes}
        return tuple(
            self._facts(name, getattr(snapshot, name), states.get(PROBES.get(name, name)) == "ok")
            for name in PARTS
        )

    def _facts(self, name: str, part: Any, read: bool) -> Facts:
        """The facts of a part; those of the same object, or of a like one, are made once."""
        key = (name, id(part), read)
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            form = (name, comparable(name, part), read)
            facts = self._seen.get(form)
            if facts is None:
                facts = self._seen[form] = flat(name, form[1], read=read)
            # The part is kept with it: as long as it lives, no other object has its id.
            kept = self._kept[key] = (part, facts)
        return kept[1]

    def _offer(
        self, name: str, source: str, ended: Iterable[Ended], answers: Iterable[Answer], snapshot: Snapshot
    ) -> None:
        """Keep the findings of this node that are the first of their kind, or of the first node by name."""
        place = (natural(name), source)
        wanted = {
            one
            for one in ended
            if one[1] in ("problem", "unknown")
            and ((known := self.examples.get(one)) is None or place < _place(known))
        }
        if not wanted:
            return
        for finding in findings_of(answers, snapshot, self.rules):
            if (one := (finding.key, finding.outcome, finding.severity)) in wanted:
                self.examples[one] = Example(node=name, source=source, finding=finding)


def _place(example: Example) -> tuple[Any, str]:
    return natural(example.node), example.source


def first(one: Example, other: Example) -> Example:
    """The one whose node comes first by name."""
    return min(one, other, key=_place)
