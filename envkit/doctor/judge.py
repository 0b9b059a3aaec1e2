"""Snapshot to findings: every rule asked, consequences folded under their cause, worst first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from envkit.causes import catalogue
from envkit.compat import Compat
from envkit.core.errors import UsageError
from envkit.core.finding import SEVERITIES, Finding
from envkit.doctor import views
from envkit.doctor.answer import Verdict
from envkit.doctor.outcome import Outcome, not_applicable, unknown
from envkit.doctor.rules import ANY_SYSTEM, RULES, Rule, key_of
from envkit.facts.model import Snapshot
from envkit.facts.numbers import readable

_APT = frozenset({"ubuntu", "debian", "linuxmint", "pop", "raspbian", "kali"})
_DNF = frozenset({"fedora", "rhel", "centos", "rocky", "almalinux", "ol", "amzn"})


def select(only: Iterable[str], skip: Iterable[str]) -> tuple[Rule, ...]:
    """The rules that `--only` and `--skip` leave, each a key or a family.

    Raises UsageError for a name that is neither, and when nothing is left.
    """
    only, skip = tuple(only), tuple(skip)
    if not only and not skip:
        return RULES
    wanted = {name: _expand(name) for name in (*only, *skip)}
    chosen = {key for name in only for key in wanted[name]} or {key_of(rule) for rule in RULES}
    dropped = {key for name in skip for key in wanted[name]}
    left = tuple(rule for rule in RULES if key_of(rule) in chosen - dropped)
    if not left:
        raise UsageError("no check is left", todo="leave out what --only and --skip name both")
    return left


def _expand(name: str) -> frozenset[str]:
    """Keys of rules that a key, alias or family stands for."""
    ruled = {key_of(rule) for rule in RULES}
    causes = [entry for key, entry in catalogue().items() if key in ruled]
    keys = frozenset(e.key for e in causes if name in (e.key, e.family) or name in e.aliases)
    if not keys:
        families = ", ".join(dict.fromkeys(entry.family for entry in causes))
        raise UsageError(
            f"there is no check {name!r}",
            todo=f"take a key of `envkit doctor --list`, or a family: {families}",
        )
    return keys


def judge(snapshot: Snapshot, compat: Compat, rules: tuple[Rule, ...] = RULES) -> tuple[Finding, ...]:
    """Findings of all rules: problems by severity, then unknowns, then what is fine or does not apply."""
    snapshot = readable(snapshot)
    return findings_of([ask(rule, snapshot, compat) for rule in rules], snapshot, rules)


def findings_of(
    outcomes: Iterable[Outcome], snapshot: Snapshot, rules: tuple[Rule, ...]
) -> tuple[Finding, ...]:
    """`judge` of what the rules answered, in their order. Only texts of a finding come from the snapshot."""
    findings = [
        _finding(key_of(rule), outcome, snapshot) for rule, outcome in zip(rules, outcomes, strict=True)
    ]
    return tuple(sorted(_folded(findings), key=_rank))


def verdict(findings: Iterable[Finding]) -> Verdict:
    """`problems` for an error or a warning, `unknown` when nothing is wrong and something is undecided."""
    findings = tuple(findings)
    if any(f.outcome == "problem" and f.severity != "note" for f in findings):
        return "problems"
    return "unknown" if any(f.outcome == "unknown" for f in findings) else "healthy"


def fails(findings: Iterable[Finding], *, strict: bool) -> bool:
    """Whether the findings make the exit code 1."""
    counted = ("error", "warning") if strict else ("error",)
    return any(f.outcome == "problem" and f.severity in counted for f in findings)


def answer(rule: Rule, snapshot: Snapshot, compat: Compat) -> Outcome:
    """What a rule says of a readable snapshot; raises what the rule trips over."""
    if views.system(snapshot) != "Linux" and rule not in ANY_SYSTEM:
        name = {"Darwin": "macOS"}.get(views.system(snapshot), views.system(snapshot))
        return not_applicable(f"a question of Linux, and this is {name}")
    return rule(snapshot, compat)


def ask(rule: Rule, snapshot: Snapshot, compat: Compat) -> Outcome:
    """`answer`, and never an error."""
    try:
        return answer(rule, snapshot, compat)
    except Exception as error:  # a rule that trips over odd facts must not take the others with it
        return unknown(f"this check itself failed ({type(error).__name__}: {error}); please report it")


@lru_cache(maxsize=4096)
def _no_problem(key: str, status: Literal["ok", "unknown", "not-applicable"], why: str) -> Finding:
    return Finding(key=key, outcome=status, why_unknown=why)


def _finding(key: str, outcome: Outcome, snapshot: Snapshot) -> Finding:
    if outcome.status != "problem":
        return _no_problem(key, outcome.status, outcome.why)
    entry = catalogue()[key]
    return Finding(
        key=key,
        outcome="problem",
        title=entry.title,
        severity=outcome.severity or entry.severity,
        confidence=outcome.confidence,
        summary=outcome.why,
        evidence=outcome.evidence,
        fix=entry.steps({**_os_slots(snapshot), **dict(outcome.slots)}),
        verify=entry.verify,
    )


def _os_slots(snapshot: Snapshot) -> dict[str, str]:
    """Which package manager's commands a fix may show."""
    name = (snapshot.host.os_id if snapshot.host is not None else None) or ""
    slots = {"os_ubuntu": "yes"} if name in ("ubuntu", "linuxmint", "pop") else {"os_not_ubuntu": "yes"}
    slots["os_apt" if name in _APT else "os_not_apt"] = "yes"
    if name == "debian":
        slots["os_debian"] = "yes"
    if name in _DNF:
        slots["os_fedora"] = "yes"
    if name not in _APT | _DNF:
        slots["os_other"] = "yes"
    return slots


def _folded(findings: list[Finding]) -> list[Finding]:
    """Problems that another problem explains go into that one's `explains`, which is as bad as the worst."""
    problems = {f.key: f for f in findings if f.outcome == "problem"}
    if len(problems) < 2:
        return findings
    parents = _parents(problems)
    roots = {key: _root(key, parents) for key in problems}
    kept = []
    for finding in findings:
        if finding.key not in problems:
            kept.append(finding)
        elif roots[finding.key] == finding.key:
            children = sorted(key for key, root in roots.items() if root == finding.key != key)
            worst = min((problems[key] for key in (finding.key, *children)), key=_severity).severity
            kept.append(replace(finding, explains=tuple(children), severity=worst))
    return kept


def _parents(problems: dict[str, Finding]) -> dict[str, str]:
    """What explains each problem, the worst of several; what is worth a note only explains only such."""
    parents: dict[str, str] = {}
    for parent in sorted(problems.values(), key=_rank):
        for child in catalogue()[parent.key].explains:
            if child in problems and (parent.severity != "note" or problems[child].severity == "note"):
                parents.setdefault(child, parent.key)
    return parents


def _root(key: str, parents: dict[str, str]) -> str:
    seen = {key}
    while key in parents and parents[key] not in seen:
        key = parents[key]
        seen.add(key)
    return key


def _rank(finding: Finding) -> tuple[int, int, float]:
    outcomes = ("problem", "unknown", "ok", "not-applicable")
    return outcomes.index(finding.outcome), _severity(finding), -(finding.confidence or 0.0)


def _severity(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity) if finding.severity else len(SEVERITIES)
