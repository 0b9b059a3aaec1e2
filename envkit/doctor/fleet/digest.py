"""What is kept of one node: how its checks ended, its hardware, its facts. Little, where nodes are alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from envkit.compat import Compat
from envkit.core.finding import Finding, Outcome, Severity
from envkit.doctor.fleet.fields import PROBES
from envkit.doctor.fleet.flatten import Facts, flat
from envkit.doctor.fleet.forms import comparable, compared
from envkit.doctor.fleet.hardware import Hardware, hardware
from envkit.doctor.fleet.hostlist import natural
from envkit.doctor.judge import judge
from envkit.doctor.rules import RULES, Rule
from envkit.facts.model import Snapshot

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

    def digest(self, name: str, source: str, snapshot: Snapshot) -> Digest:
        """Judge a snapshot and take its facts."""
        findings = judge(snapshot, self.compat, self.rules)
        for finding in findings:
            if finding.outcome in ("problem", "unknown"):
                self._offer(name, source, finding)
        ended: tuple[Ended, ...] = tuple((f.key, f.outcome, f.severity) for f in findings)
        return Digest(
            name=name,
            source=source,
            ended=self._same(ended),
            hardware=self._same(hardware(snapshot)),
            parts=self._parts(snapshot),
        )

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

    def _offer(self, name: str, source: str, finding: Finding) -> None:
        ended = (finding.key, finding.outcome, finding.severity)
        offered = Example(node=name, source=source, finding=finding)
        known = self.examples.get(ended)
        self.examples[ended] = offered if known is None else first(known, offered)


def first(one: Example, other: Example) -> Example:
    """The one whose node comes first by name."""
    return min(one, other, key=lambda example: (natural(example.node), example.source))
