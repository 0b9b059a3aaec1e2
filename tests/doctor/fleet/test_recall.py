"""Answers that are recalled are those that the rules give."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from envkit.compat import load_compat
from envkit.doctor import views
from envkit.doctor.fleet.digest import Digester
from envkit.doctor.fleet.recall import _KINDS, Recall
from envkit.doctor.judge import ask, judge
from envkit.doctor.outcome import ok, problem
from envkit.doctor.rules import RULES
from envkit.facts.model import Snapshot
from envkit.facts.numbers import readable
from tests.doctor import machines
from tests.doctor.build import healthy_server, healthy_slurm, healthy_workstation
from tests.doctor.cases import WORKSTATION
from tests.doctor.change import changed
from tests.doctor.fleet.nodes import A100, node, noisy

COMPAT = load_compat()
KINDS = [
    healthy_workstation(),
    healthy_server(),
    healthy_slurm(),
    WORKSTATION,
    *(make() for name, make in vars(machines).items() if name.startswith("healthy_") and callable(make)),
    node(),
    node(A100, gpus=4),
    node(gpus=0),
    Snapshot(),
]


def recalled(rules, snapshots):
    """What the rules answer of the snapshots, by way of one memory."""
    digester, memory = Digester(compat=COMPAT, rules=rules), Recall(COMPAT, rules)
    return [memory.outcomes(readable(one), digester._parts(one)) for one in snapshots]


def asked(rules, snapshots):
    return [[ask(rule, readable(one), COMPAT) for rule in rules] for one in snapshots]


def spoilt(snapshot, chance):
    """A node of which something may be wrong, in what is compared or in what is its own."""
    spoils = {
        "nvml.gpus.*.temperature": 99.0,
        "nvml.driver_version": "470.82.01",
        "host.kernel": "5.4.0-1",
        "host.system": "Darwin",
        "python.version": "3.14.0",
        "python.executable": "/mnt/c/python",
        "containers": None,
        "storage": (),
        "env": (),
        "probes": (),
    }
    path, value = chance.choice(sorted(spoils.items(), key=str))
    group, *inner = path.split(".")
    if inner and not getattr(snapshot, group):
        return snapshot
    if path == "nvml.gpus.*.temperature":
        hot = tuple(replace(gpu, temperature=value) for gpu in snapshot.nvml.gpus or ())
        return replace(snapshot, nvml=replace(snapshot.nvml, gpus=hot))
    return changed(snapshot, path, value)


def test_every_rule_of_every_kind_of_node():
    chance = random.Random(1)
    nodes = [one for kind in KINDS for one in (kind, spoilt(kind, chance), kind, spoilt(kind, chance))]
    nodes += [noisy(node(), chance) for _ in range(_KINDS + 8)]
    nodes += [spoilt(noisy(node(), chance), chance) for _ in range(40)] + nodes[:40]
    for got, wanted, one in zip(recalled(RULES, nodes), asked(RULES, nodes), nodes, strict=True):
        assert got == wanted, one


def test_findings_are_those_of_the_judge():
    chance = random.Random(2)
    nodes = [spoilt(noisy(node(), chance), chance) for _ in range(60)]
    digester = Digester(compat=COMPAT)
    for number, one in enumerate(nodes):
        ended = digester.digest(f"node-{number:03}", "", one).ended
        assert ended == tuple((f.key, f.outcome, f.severity) for f in judge(one, COMPAT))
    for (key, outcome, severity), example in digester.examples.items():
        findings = [judge(one, COMPAT) for one in nodes]
        first = next(
            (number, finding)
            for number, found in enumerate(findings)
            for finding in found
            if (finding.key, finding.outcome, finding.severity) == (key, outcome, severity)
        )
        assert (example.node, example.finding) == (f"node-{first[0]:03}", first[1])


class Counted:
    """A rule that counts how often it is asked."""

    def __init__(self, rule):
        self.rule, self.times, self.__name__ = rule, 0, "driver_too_old"

    def __call__(self, snapshot, compat):
        self.times += 1
        return self.rule(snapshot, compat)


def like(number):
    """Nodes of one kind that share no object, each with another uptime and other temperatures."""
    chance = random.Random(number)
    return noisy(node(), chance)


def test_a_rule_of_what_is_alike_is_asked_once():
    rule = Counted(lambda snapshot, compat: ok(f"{views.system(snapshot)} {len(snapshot.nvml.gpus)}"))
    nodes = [like(number) for number in range(20)]
    assert recalled((rule,), nodes) == [[ok("Linux 8")]] * 20
    assert rule.times == 1


@pytest.mark.parametrize(
    "rule",
    [
        lambda snapshot, compat: ok(str(snapshot.nvml.gpus[0].temperature)),
        lambda snapshot, compat: ok(str(snapshot.host.uptime)),
        lambda snapshot, compat: ok(str(snapshot.host)),
        lambda snapshot, compat: ok(str(hash(snapshot.nvml.gpus[1]))),
        lambda snapshot, compat: ok(str(snapshot.nvml.gpus[0] == snapshot.nvml.gpus[1])),
        lambda snapshot, compat: ok(str(replace(snapshot.host, kernel="other").uptime)),
        lambda snapshot, compat: problem("hot") if snapshot.nvml.gpus[0].temperature > 40 else ok("cool"),
        lambda snapshot, compat: ok(str(1 / 0)),
        lambda snapshot, compat: ok(str([status.seconds for status in snapshot.probes])),
    ],
)
def test_a_rule_of_what_is_a_node_s_own(rule):
    rule.__name__ = "driver_too_old"
    nodes = [like(number) for number in range(_KINDS + 5)]
    assert recalled((rule,), nodes) == asked((rule,), nodes)


def test_a_rule_that_asks_for_more_only_sometimes():
    def rule(snapshot, compat):
        if snapshot.nvml.driver_version == "470.82.01":
            return ok(str(snapshot.host.uptime))
        return ok("new")

    other = [changed(like(number), "nvml.driver_version", "470.82.01") for number in range(4)]
    nodes = [like(10), *other[:2], like(11), *other[2:], like(12)]
    assert recalled((rule,), nodes) == asked((rule,), nodes)


def test_the_same_part_is_recalled_where_it_was_looked_at_closely():
    rule = Counted(lambda snapshot, compat: ok(snapshot.python.executable or "none"))
    base = node()
    nodes = [replace(noisy(base, random.Random(number)), python=base.python) for number in range(9)]
    assert recalled((rule,), nodes) == [[ok(base.python.executable or "none")]] * 9
    assert rule.times == 1
