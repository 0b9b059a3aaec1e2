"""A case: a machine, a rule, and what the rule has to answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envkit.causes import catalogue
from envkit.compat import Compat
from envkit.doctor.judge import judge
from envkit.doctor.rules import Rule, key_of
from envkit.facts.model import Snapshot
from tests.doctor.build import healthy_container, healthy_laptop, healthy_server, healthy_workstation
from tests.doctor.change import WHY, changed

WORKSTATION = healthy_workstation()
SERVER = healthy_server()
LAPTOP = healthy_laptop()
CONTAINER = healthy_container()

_SLOT = re.compile(r"\{[a-z_]+\}")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a rule answers about a machine."""

    rule: Rule
    name: str
    snapshot: Snapshot
    status: str
    says: tuple[str, ...] = ()
    """Parts of the answer: the machine's own figures, or the reason."""
    severity: str | None = None
    fix: tuple[str, ...] = ()
    """Parts of the steps or their commands."""
    flips: int = 0
    """How many facts of a healthy machine were changed; 0 = the case is no mutation."""
    healthy: Snapshot | None = None
    """The machine before that."""
    because: str = ""
    """Why more than one fact had to change."""

    def __str__(self) -> str:
        return f"{key_of(self.rule)}: {self.status}: {self.name}"


def fine(rule: Rule, name: str, snapshot: Snapshot, *says: str) -> Case:
    """The rule looked, and is content."""
    return Case(rule=rule, name=name, snapshot=snapshot, status="ok", says=says)


def apart(rule: Rule, name: str, snapshot: Snapshot, *says: str) -> Case:
    """The rule's question does not arise."""
    return Case(rule=rule, name=name, snapshot=snapshot, status="not-applicable", says=says)


def unsure(rule: Rule, name: str, snapshot: Snapshot, *says: str) -> Case:
    """The rule could not look, and says what the probe said unless `says` is given."""
    return Case(rule=rule, name=name, snapshot=snapshot, status="unknown", says=says or (WHY,))


def ill(
    rule: Rule, name: str, snapshot: Snapshot, *says: str, severity: str = "error", fix: tuple[str, ...] = ()
) -> Case:
    """The rule finds its problem."""
    return Case(
        rule=rule, name=name, snapshot=snapshot, status="problem", says=says, severity=severity, fix=fix
    )


def flip(
    rule: Rule,
    healthy: Snapshot,
    *pairs: object,
    says: tuple[str, ...] = (),
    severity: str = "error",
    fix: tuple[str, ...] = (),
    because: str = "",
) -> Case:
    """A healthy machine in which one fact is changed (path, value): this problem appears, and no other."""
    return Case(
        rule=rule,
        name=" and ".join(map(str, pairs[::2])),
        snapshot=changed(healthy, *pairs),
        status="problem",
        says=says,
        severity=severity,
        fix=fix,
        flips=len(pairs) // 2,
        healthy=healthy,
        because=because,
    )


def check(case: Case, compat: Compat) -> None:
    """The rule answers as the case says; a problem has evidence with its source, and steps without gaps."""
    outcome = case.rule(case.snapshot, compat)
    assert outcome.status == case.status, outcome.why
    for part in case.says:
        assert part in outcome.why
    assert outcome.why and not outcome.why.endswith(".")
    if case.status == "problem":
        _check_problem(case, compat, dict(outcome.slots))


def _check_problem(case: Case, compat: Compat, slots: dict[str, str]) -> None:
    (finding,) = judge(case.snapshot, compat, (case.rule,))
    assert finding.severity == case.severity
    assert finding.confidence is not None and 0 < finding.confidence <= 1
    assert finding.evidence and all(fact.what and fact.value and fact.source for fact in finding.evidence)
    assert not {fact.value for fact in finding.evidence} & {"None", "()"}
    assert finding.verify and finding.title
    texts = [f"{step.say} {step.run or ''}" for step in finding.fix]
    assert texts, "a problem without a step to mend it"
    assert not [text for text in texts if _SLOT.search(text)]
    for part in case.fix:
        assert any(part in text for text in texts), texts
    unused = slots.keys() - catalogue()[finding.key].slots()
    assert not unused, f"no step of {finding.key} uses {unused}"
