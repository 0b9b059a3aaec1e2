"""The parts of tier 0 that know no framework: the doubt, the accounts, memory, page faults, lines."""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from pathlib import Path

import pytest

from envkit.diagnose.read import read

PAYLOAD = Path(__file__).parents[3] / "envkit" / "payload"


def part(name: str):
    """A module of the watcher; those asked for here import no framework."""
    sys.path.insert(0, str(PAYLOAD))
    try:
        return importlib.import_module(f"_envkit_payload.watch.{name}")
    finally:
        sys.path.remove(str(PAYLOAD))


# When a loss that is not finite is a fault.


def test_a_bad_loss_that_is_trained_on_is_a_fault_of_its_own_step():
    doubt = part("tier0.doubt").Doubt()
    assert doubt.loss(0.5, 0, False) is None
    assert doubt.update() is None
    assert doubt.loss(math.nan, 1, False) is None
    found = doubt.update()
    assert (found.what, found.step) == ("loss", 1)
    assert math.isnan(found.value)


def test_a_bad_loss_that_is_thrown_away_is_none():
    doubt = part("tier0.doubt").Doubt()
    doubt.loss(math.inf, 0, False)
    assert doubt.held is not None
    doubt.thrown()
    assert doubt.update() is None
    assert doubt.loss(1.0, 0, False) is None
    assert doubt.update() is None
    assert doubt.held is None
    assert doubt.end() is None


@pytest.mark.parametrize("gathers", [True, False])
def test_a_bad_loss_among_those_of_one_update_is_a_fault_if_its_gradients_are_kept(gathers):
    doubt = part("tier0.doubt").Doubt()
    doubt.loss(math.nan, 5, False)
    assert doubt.loss(1.0, 5, False, lambda: gathers) is None
    found = doubt.update()
    assert (found is not None) == gathers
    assert doubt.loss(1.0, 6, False) is None
    assert doubt.update() is None


@pytest.mark.parametrize(("hand", "count"), [(True, 4), (False, 16)])
def test_bad_losses_in_a_row_are_a_fault_even_when_no_update_is_seen(hand, count):
    doubt = part("tier0.doubt").Doubt()
    said = [doubt.loss(math.nan, 3, hand) for _ in range(count)]
    assert said[:-1] == [None] * (count - 1)
    assert said[-1].step == 3


def test_a_script_that_ends_with_a_bad_loss_ended_with_a_fault():
    doubt = part("tier0.doubt").Doubt()
    doubt.loss(-math.inf, 7, True)
    assert doubt.end().step == 7


def test_complex_losses_are_read():
    doubt = part("tier0.doubt").Doubt()
    assert doubt.loss(1 + 2j, 0, False) is None
    assert doubt.update() is None
    doubt.loss(complex(0, math.inf), 1, False)
    assert doubt.update() is not None


# Accounts.


def governed(step: float, fixed: float, look: float, steps: int = 400):
    """A governor after so many steps of given seconds, with fixed hooks and a look where it allows one."""
    governor = part("tier0.governor").Governor()
    governor.training()
    now, looks = governor._last, 0
    for number in range(steps):
        now += step
        looked = 0.0
        if governor.due("adam", number):
            looked, looks = look, looks + 1
            governor.looked(look)
        governor.spent(look if looked else 0.0)
        governor.steps_ended(now, 1, fixed, looked)
    return governor, looks


def test_gradients_are_looked_at_each_step_where_that_is_cheap():
    governor, looks = governed(step=0.1, fixed=1e-5, look=1e-4)
    assert governor.every == 1
    assert looks == 400


@pytest.mark.parametrize(
    ("step", "fixed", "look"), [(1e-3, 5e-6, 3e-5), (5e-3, 1e-5, 2e-3), (0.5, 1e-5, 0.2)]
)
def test_the_governor_keeps_looks_within_their_share(step, fixed, look):
    governor, looks = governed(step, fixed, look, steps=2000)
    assert 1 < governor.every <= 64
    fixed *= part("tier0.governor").COLD
    shared = (looks * look + 2000 * fixed) / (2000 * step)
    allowed = max(part("tier0.governor").LOOKS, fixed / step + part("tier0.governor").LEAST) + 2 * look / (
        2000 * step
    )
    # At most one step in 64 is looked at even where that is dear.
    assert shared <= max(allowed, look / step / 64 * 1.1 + fixed / step)
    assert governor.hooks == pytest.approx(looks * look + 2000 * fixed, rel=0.1)


def test_optimisers_that_take_turns_are_all_looked_at():
    governor = part("tier0.governor").Governor()
    governor.every = 8
    seen = {name: sum(governor.due(name, step) for step in range(at, 400, 2)) for at, name in enumerate("ab")}
    assert seen == {"a": 50, "b": 50}
    for turns in (1, 2, 3, 4):
        governor._step, governor._usual = 1e-4, 1e-5
        assert math.gcd(governor.stride(turns), turns) == 1
        assert 13 <= governor.stride(turns) <= 16
        governor._step = 1.0
        assert governor.stride(turns) == 1


def test_repetitions_are_an_account_of_their_own():
    governor, _ = governed(1e-3, 5e-6, 3e-5)
    before = governor.hooks
    governor.repeated(3.0)
    governor.spent(1e-5)
    governor.steps_ended(governor._last + 3.1, 1, 1e-5, 0.0)
    assert governor.replay == 3.0
    assert 0 <= governor.hooks - before < 1e-3
    said = governor.report()
    assert said["replay"] == 3.0
    assert said["own_seconds"] == pytest.approx(said["hooks"] + said["copies"])


def test_wide_steps_come_as_often_as_their_time_allows():
    governor = part("tier0.governor").Governor()
    assert not governor.wide_due(1)
    assert governor.wide_due(2)
    governor.wide_done(2, seconds=1e-9)
    assert not governor.wide_due(21)
    assert governor.wide_due(22)
    governor, _ = governed(1e-3, 5e-6, 3e-5)
    governor.wide_done(400, seconds=0.001)
    assert not governor.wide_due(400 + 499)
    assert governor.wide_due(400 + 502)
    assert governor.trained == pytest.approx(0.4)


# Memory and page faults.


@pytest.fixture
def groups(tmp_path):
    """A tree of cgroups, version 2, and the file that says where in it a process is."""
    root = tmp_path / "cgroup"
    inner = root / "jobs" / "mine"
    inner.mkdir(parents=True)
    (root / "jobs" / "memory.max").write_text("1000000\n")
    (root / "jobs" / "memory.current").write_text("900000\n")
    (root / "jobs" / "memory.stat").write_text("anon 5\ninactive_file 300000\n")
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("800000\n")
    own = tmp_path / "own"
    own.write_text("0::/jobs/mine\n")
    return str(own), str(root)


def test_what_a_cgroup_leaves_counts_the_files_that_can_go(groups):
    assert list(part("copies.memory")._groups(*groups)) == [400000]


def test_groups_of_version_one_and_paths_of_the_host_are_read(tmp_path):
    root = tmp_path / "cgroup"
    (root / "memory").mkdir(parents=True)
    (root / "memory" / "memory.limit_in_bytes").write_text("500000\n")
    (root / "memory" / "memory.usage_in_bytes").write_text("100000\n")
    own = tmp_path / "own"
    own.write_text("9:name=systemd:/\n4:memory:/not/here\n2:cpu,cpuacct:/\n")
    assert list(part("copies.memory")._groups(str(own), str(root))) == [400000]
    assert list(part("copies.memory")._groups(str(tmp_path / "none"), str(tmp_path / "none"))) == []


def test_there_is_memory_for_a_copy_of_a_small_process_and_not_for_a_million():
    memory = part("copies.memory")
    assert memory.enough_memory(1e-6)
    assert not memory.enough_memory(1e9)


def test_a_page_fault_has_a_price_and_a_copy_a_cost():
    faults = part("copies.faults")
    assert 0 < faults.price() < 1e-3
    counter = faults.Faults()
    assert counter.cost() == 0.0
    space = bytearray(8 << 20)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    counter.made()
    for place in range(0, len(space), 4096):
        space[place] = 1
    counter.steps(4)
    counter.steps(100)
    cost = counter.cost()
    os.waitpid(pid, 0)
    assert 0 <= cost < 1.0


# Lines.


def test_what_came_late_from_a_device_is_put_where_it_belongs(tmp_path):
    rows = [
        {
            "kind": "steps",
            "first": 0,
            "loss": [None, None],
            "grad": [None, None],
            "lr": [0.1, 0.1],
            "ended": [1, 2],
        },
        {
            "kind": "steps",
            "first": 2,
            "loss": [None],
            "grad": [None],
            "lr": [0.1],
            "ended": [3],
            "scale": [8.0],
        },
        {
            "kind": "late",
            "values": [[1, "loss", 0.5], [2, "loss", "nan"], [0, "gradient", 3.0], [9, "loss", 1.0]],
        },
        {"kind": "copies", "step": 2, "enough_memory": False},
    ]
    (tmp_path / "7.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (seen,) = read(str(tmp_path))
    assert seen.steps.loss[:2] == (None, 0.5)
    assert math.isnan(seen.steps.loss[2])
    assert seen.steps.gradient == (3.0, None, None)
    assert seen.steps.scale == (None, None, 8.0)
    assert seen.steps.skipped == ()
    assert not seen.copies


def test_a_course_is_written_in_columns_and_rare_ones_only_where_they_are():
    said = []
    course = part("tier0.steps").Course(lambda kind, **fields: said.append(dict(fields, kind=kind)))
    course.kept.append((0.5, None, 0.1, 1.0, None, None, None, (0.5, 0.25, 0.0)))
    course.flush()
    course.kept.append((math.inf, 2.0, object(), 2.0, 1024.0, None, True, (0.0, 0.0, 1e-6)))
    course.flush()
    course.flush()
    assert said[0] == {
        "kind": "steps", "first": 0, "loss": [0.5], "grad": [None], "lr": [0.1], "ended": [1.0],
        "times": [[500000], [250000], [0]],
    }  # fmt: skip
    assert said[1] == {
        "kind": "steps", "first": 1, "loss": ["inf"], "grad": [2.0], "lr": [None], "ended": [2.0],
        "scale": [1024.0], "skipped": [True], "times": [[0], [0], [1]],
    }  # fmt: skip
    assert len(said) == 2
