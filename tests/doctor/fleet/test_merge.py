"""Which node is the odd one, and when there is none."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envkit.compat import load_compat
from envkit.core.codec import dumps, loads
from envkit.doctor.fleet import Fleet, Unreadable, merge, report
from envkit.doctor.judge import judge, verdict
from envkit.facts.model import EnvVar, ProbeStatus, Snapshot
from envkit.report import Options, render
from tests.doctor.change import changed, unread
from tests.doctor.fleet.nodes import (
    A100,
    H100,
    SPOILS,
    alike,
    ecc_off,
    fleet_of,
    lost_gpu,
    no_gpus,
    node,
    noisy,
    other_driver,
    other_kernel,
    variable_set,
)


def odd(fleet: Fleet) -> dict[str, str]:
    return {one.node: one.because[0].label for one in fleet.odd}


def text(fleet: Fleet, **options) -> str:
    return render(report(fleet), "text", Options(**options))


class TestOddOnes:
    def test_like_nodes_have_no_difference(self):
        fleet = fleet_of(alike(40))
        assert (fleet.odd, fleet.differences, fleet.unread, fleet.unreadable) == ((), (), (), ())
        assert [(len(group.nodes), group.alike, group.splits) for group in fleet.groups] == [(40, 40, ())]
        assert "40 nodes: all alike" in text(fleet)

    @pytest.mark.parametrize("spoil, label", SPOILS.items(), ids=lambda value: getattr(value, "__name__", ""))
    def test_each_way_to_be_odd(self, spoil, label):
        nodes = alike(30)
        nodes["node-017"] = spoil(nodes["node-017"])
        fleet = fleet_of(nodes)
        assert odd(fleet) == {"node-017": label}
        assert len(fleet.groups) == 1 and fleet.groups[0].alike == 29 and not fleet.groups[0].splits
        (variant,) = fleet.differences[0].others
        assert variant.nodes == ("node-017",)
        assert fleet.differences[0].share == round(29 / 30, 4)
        assert "node-017 (" in report(fleet).headline

    def test_three_of_a_kind_are_enough(self):
        nodes = alike(3)
        nodes["node-002"] = other_kernel(nodes["node-002"])
        assert odd(fleet_of(nodes)) == {"node-002": "kernel"}

    def test_of_two_none_is_the_odd_one(self):
        nodes = alike(2)
        nodes["node-002"] = other_kernel(nodes["node-002"])
        fleet = fleet_of(nodes)
        assert fleet.odd == () and [one.label for one in fleet.differences] == ["kernel"]

    def test_one_node_has_nothing_beside_it(self):
        fleet = fleet_of(alike(1))
        assert fleet.odd == fleet.differences == ()
        assert "nothing to compare it with" in text(fleet)

    def test_the_score_is_higher_for_more_and_for_weightier_facts(self):
        nodes = alike(30)
        nodes["node-003"] = other_kernel(other_driver(nodes["node-003"]))
        nodes["node-004"] = other_driver(nodes["node-004"])
        nodes["node-005"] = variable_set(nodes["node-005"])
        fleet = fleet_of(nodes)
        assert [one.node for one in fleet.odd] == ["node-003", "node-004", "node-005"]
        assert all(one.score == sum(why.weight for why in one.because) for one in fleet.odd)

    def test_values_of_many_kinds_make_nobody_odd(self):
        nodes = {
            name: changed(one, "host.kernel", f"6.{at}") for at, (name, one) in enumerate(alike(9).items())
        }
        fleet = fleet_of(nodes)
        assert fleet.odd == () and fleet.groups[0].splits == ()
        assert fleet.differences[0].label == "kernel" and len(fleet.differences[0].others) == 8

    def test_sets_are_told_by_what_they_lack(self):
        nodes = {name: changed(one, "cpu.flags", ("avx", "avx2", "fma")) for name, one in alike(10).items()}
        nodes["node-004"] = changed(nodes["node-004"], "cpu.flags", ("avx", "sse9"))
        (one,) = fleet_of(nodes).odd
        assert (one.because[0].value, one.because[0].instead) == (
            "without avx2, fma, with sse9",
            "avx, avx2, fma",
        )

    def test_memory_within_two_percent_is_the_same(self):
        nodes = alike(12)
        nodes["node-004"] = changed(nodes["node-004"], "memory.total", int(1.01 * 2**40))
        assert fleet_of(nodes).odd == ()
        nodes["node-004"] = changed(nodes["node-004"], "memory.total", 1 << 39)
        assert odd(fleet_of(nodes)) == {"node-004": "memory"}


class TestTwoGroups:
    def test_halves_are_two_groups_and_nobody_is_odd(self):
        nodes = alike(20)
        for name in list(nodes)[::2]:
            nodes[name] = other_driver(nodes[name])
        fleet = fleet_of(nodes)
        assert fleet.odd == ()
        (split,) = fleet.groups[0].splits
        assert [len(side.nodes) for side in split.sides] == [10, 10]
        assert split.labels == ("driver", "driver module")
        assert {side.values for side in split.sides} == {("550.54.15",) * 2, ("570.133.20",) * 2}
        assert "two groups, 10 with driver 550.54.15 and 10 with driver 570.133.20" in text(fleet)

    def test_an_odd_one_beside_two_groups(self):
        nodes = alike(21)
        for name in list(nodes)[:10]:
            nodes[name] = other_driver(nodes[name])
        nodes["node-021"] = ecc_off(changed(nodes["node-021"], "nvml.driver_version", "560.35"))
        fleet = fleet_of(nodes)
        assert [one.node for one in fleet.odd] == ["node-021"]
        assert {why.label for why in fleet.odd[0].because} == {"driver", "ECC"}
        assert [len(side.nodes) for side in fleet.groups[0].splits[0].sides] == [10, 10]

    def test_divided_in_two_ways(self):
        nodes = alike(20)
        for at, name in enumerate(nodes):
            nodes[name] = other_driver(nodes[name]) if at % 2 else nodes[name]
            nodes[name] = other_kernel(nodes[name]) if at < 10 else nodes[name]
        splits = fleet_of(nodes).groups[0].splits
        assert [split.labels[0] for split in splits] == ["driver", "kernel"]


class TestKinds:
    def test_login_node_and_two_gpu_types(self):
        nodes = {
            **alike(12, node(H100), "h"),
            **alike(6, node(A100, 4), "a"),
            "login": node(gpus=0, cpu="Xeon Silver"),
        }
        nodes["h-003"], nodes["a-002"] = lost_gpu(nodes["h-003"]), other_driver(nodes["a-002"])
        fleet = fleet_of(nodes)
        assert [len(group.nodes) for group in fleet.groups] == [12, 6, 1]
        assert [group.label.partition(",")[0] for group in fleet.groups] == [
            f"8 x {H100[0]}",
            f"4 x {A100[0]}",
            "no GPU",
        ]
        assert odd(fleet) == {"h-003": f"number of {H100[0]}", "a-002": "driver"}
        assert "19 nodes of 3 kinds" in text(fleet)

    def test_a_login_node_with_the_same_processor_is_a_kind_of_its_own(self):
        fleet = fleet_of({**alike(12), "login": node(gpus=0)})
        assert [len(group.nodes) for group in fleet.groups] == [12, 1] and fleet.odd == ()

    def test_a_node_that_lost_all_its_gpus_is_odd(self):
        nodes = alike(12)
        nodes["node-005"] = no_gpus(nodes["node-005"])
        fleet = fleet_of(nodes)
        assert len(fleet.groups) == 1
        assert "node-005" in odd(fleet) and fleet.odd[0].because[0].value == "absent"

    def test_half_the_nodes_with_half_the_gpus_are_a_kind(self):
        fleet = fleet_of({**alike(6, node(H100, 8), "big"), **alike(4, node(H100, 4), "small")})
        assert [len(group.nodes) for group in fleet.groups] == [6, 4] and fleet.odd == ()

    def test_a_dead_driver_is_known_by_the_bus(self):
        nodes = alike(10)
        dead = changed(nodes["node-004"], "nvml.gpus", None, "nvml.state", "driver-not-loaded")
        nodes["node-004"] = dead
        fleet = fleet_of(nodes)
        assert len(fleet.groups) == 1 and odd(fleet) == {"node-004": "NVML"}

    def test_another_machine_type_is_another_kind(self):
        arm = changed(node(), "host.machine", "aarch64")
        assert len(fleet_of({**alike(10), "arm": arm}).groups) == 2


class TestUnread:
    def test_not_read_is_not_another_value(self):
        nodes = alike(10)
        late = ProbeStatus(name="nvml", state="timeout")
        probes = (*(p for p in nodes["node-004"].probes if p.name != "nvml"), late)
        nodes["node-004"] = replace(nodes["node-004"], nvml=None, probes=probes)
        fleet = fleet_of(nodes)
        assert fleet.odd == fleet.differences == ()
        assert [(one.fact, one.nodes) for one in fleet.unread] == [("nvml", ("node-004",))]
        assert "Not read on some nodes" in text(fleet)

    def test_a_single_fact_is_told_in_detail(self):
        nodes = alike(10)
        nodes["node-004"] = unread(nodes["node-004"], "host.kernel")
        fleet = fleet_of(nodes)
        assert fleet.odd == () and [one.fact for one in fleet.unread] == ["host.kernel"]
        assert "Facts not read" not in text(fleet) and "Facts not read" in text(fleet, verbose=True)

    def test_nowhere_read_is_not_told(self):
        nodes = {name: changed(one, "host.kernel", None) for name, one in alike(5).items()}
        assert fleet_of(nodes).unread == ()

    def test_a_list_that_was_not_read_lacks_nothing(self):
        nodes = alike(10)
        nodes["node-004"] = replace(nodes["node-004"], env=None)
        fleet = fleet_of(nodes)
        assert fleet.odd == () and [one.fact for one in fleet.unread] == ["env"]

    def test_none_that_is_an_answer_is_a_value(self):
        nodes = alike(10)
        nodes["node-004"] = changed(nodes["node-004"], "cpu.quota", 4.0)
        (one,) = fleet_of(nodes).odd
        assert (one.because[0].value, one.because[0].instead) == ("4", "unlimited")

    def test_an_environment_without_torch(self):
        nodes = alike(10)
        bare = changed(nodes["node-004"], "python.torch", None, "python.distributions", ())
        nodes["node-004"] = bare
        because = {why.label: why.value for why in fleet_of(nodes).odd[0].because}
        assert because["torch"] == "not installed" and because["package torch"] == "absent"


class TestFindings:
    def test_they_are_those_of_judging_one_by_one(self):
        compat = load_compat()
        nodes = alike(12)
        nodes["node-003"] = changed(nodes["node-003"], "storage[0].free", 1 << 20)
        nodes["node-004"] = other_driver(nodes["node-004"])
        nodes["node-005"] = replace(nodes["node-005"], env=(EnvVar(name="CUDA_LAUNCH_BLOCKING", value="1"),))
        fleet = fleet_of(nodes)
        for told in fleet.nodes:
            alone = judge(nodes[told.name], compat)
            assert told.problems == tuple(f.key for f in alone if f.outcome == "problem")
            assert told.verdict == verdict(alone)
        for one in fleet.findings:
            alone = {f.key: f for f in judge(nodes[one.example], compat)}
            assert one.finding == alone[one.key] and one.example in one.nodes
            assert one.severity == alone[one.key].severity

    def test_everywhere_and_on_few_are_told_apart(self):
        nodes = {
            name: replace(one, env=(EnvVar(name="CUDA_LAUNCH_BLOCKING", value="1"),))
            for name, one in alike(12).items()
        }
        nodes["node-003"] = changed(nodes["node-003"], "storage[0].free", 1 << 20)
        found = {one.key: one for one in fleet_of(nodes).findings if one.outcome == "problem"}
        assert found["bad-env-var"].everywhere and len(found["bad-env-var"].nodes) == 12
        assert not found["disk-full"].everywhere and found["disk-full"].nodes == ("node-003",)
        shown = text(fleet_of(nodes))
        assert "(all 12 nodes)" in shown and "(1 of 12 nodes)" in shown

    def test_the_worst_severity_counts(self):
        nodes = alike(3)
        keys = {one.key: one for one in fleet_of(nodes).findings}
        assert all(one.severity is None for one in keys.values() if one.outcome == "unknown")


class TestNames:
    def test_names_that_come_twice_are_told_apart(self):
        fleet = merge([("a", node()), ("a", node()), ("b", node())], load_compat())
        assert [one.name for one in fleet.nodes] == ["a", "a #2", "b"]

    def test_unreadable_ones_are_listed(self):
        fleet = merge(
            alike(2).items(), load_compat(), unreadable=[Unreadable(source="x.json", why="is empty")]
        )
        assert "x.json" in text(fleet) and "is empty" in text(fleet)

    @pytest.mark.parametrize("kind", ["text", "markdown", "html"])
    def test_foreign_text_is_inert(self, kind):
        hostile = "[bold]<script>alert(1)</script>\x1b[31m`|x"
        nodes = alike(4)
        nodes[hostile] = changed(node(), "host.kernel", hostile)
        shown = render(report(fleet_of(nodes)), kind, Options(verbose=True))
        assert "\x1b" not in shown
        assert kind == "text" or "<script>alert(1)" not in shown

    def test_empty(self):
        fleet = merge([], load_compat())
        assert (fleet.nodes, fleet.groups) == ((), ())


def test_json_is_read_back():
    nodes = alike(5)
    nodes["node-002"] = ecc_off(nodes["node-002"])
    fleet = fleet_of(nodes)
    assert loads(Fleet, dumps(fleet).encode(), name="fleet", where="x").value == fleet


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_three_odd_nodes_of_five_hundred_are_found_and_nothing_else(chance):
    nodes = alike(500, seed=chance.randrange(1 << 30))
    spoiled = dict(zip(chance.sample(sorted(nodes), 3), chance.sample(list(SPOILS), 3), strict=True))
    for name, spoil in spoiled.items():
        nodes[name] = spoil(nodes[name])
    fleet = fleet_of(nodes)
    assert odd(fleet) == {name: SPOILS[spoil] for name, spoil in spoiled.items()}
    assert fleet.groups[0].alike == 497


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_order_makes_no_difference(chance: random.Random):
    nodes: list[tuple[str, Snapshot]] = [
        *alike(12, node(H100), "h").items(),
        *alike(7, node(A100, 4), "a").items(),
        *alike(6, node(H100, 4), "s").items(),
    ]
    nodes = [(name, chance.choice([*SPOILS, *[lambda one: one] * 8])(one)) for name, one in nodes]  # type: ignore[operator]
    first = merge(nodes, load_compat())
    chance.shuffle(nodes)
    assert merge(nodes, load_compat()) == first


def test_a_noisy_node_is_the_same_node():
    chance = random.Random(3)
    fleet = fleet_of({f"n{at}": noisy(node(), chance) for at in range(50)})
    assert fleet.differences == ()
