"""Probes run together: each guarded, each with its limit, none able to hold the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from envkit import __version__
from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts.collect import collect
from envkit.facts.host_model import Cpu, Host, Memory
from envkit.facts.model import SCHEMA, Snapshot
from envkit.facts.probe import Probe, ProbeStop, stop_unless_done

LONG = 60.0
"""Seconds: a limit that no test reaches."""


@pytest.fixture
def machine(tmp_path):
    return Machine(root=tmp_path, env={}, run=lambda command: Result(state="absent"))


def probe(
    read: Callable[[Machine], Any],
    *,
    name: str = "test",
    field: str = "host",
    limit: float = LONG,
    patient: bool = False,
) -> Probe:
    return Probe(name=name, field=field, limit=limit, read=read, patient=patient)


class Sleeper:
    """A probe's work that does not end before it is told to."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.wake = threading.Event()
        self.ended = threading.Event()

    def __call__(self, machine: Machine) -> Host:
        self.started.set()
        self.wake.wait()
        self.ended.set()
        return Host(os_id="late")


@pytest.fixture
def sleeper():
    work = Sleeper()
    yield work
    work.wake.set()


def raising(error: BaseException) -> Callable[[Machine], Any]:
    def read(machine: Machine) -> Any:
        raise error

    return read


def test_a_value_goes_to_its_field(machine):
    snapshot = collect(machine, [probe(lambda seen: Host(os_id=seen.root.name))])
    assert snapshot.host == Host(os_id=machine.root.name)
    (status,) = snapshot.probes
    assert (status.name, status.state, status.detail) == ("test", "ok", "")
    assert status.seconds is not None
    assert (snapshot.schema, snapshot.envkit) == (SCHEMA, __version__)
    assert snapshot.taken is not None and snapshot.taken.endswith("+00:00")


def test_without_probes(machine):
    assert collect(machine, []).probes == ()


def test_nothing_given_is_not_read(machine):
    snapshot = collect(machine, [probe(lambda _: None)])
    assert snapshot.host is None
    assert snapshot.probes[0].state == "ok"


def test_read_and_none_found_is_kept(machine):
    assert collect(machine, [probe(lambda _: (), field="pci")]).pci == ()


def test_a_dict_goes_to_the_fields_that_it_names(machine):
    answer = {"cpu": Cpu(logical=2), "memory": Memory(total=1), "no_such_field": 1}
    snapshot = collect(machine, [probe(lambda _: answer, field="python")])
    assert (snapshot.cpu, snapshot.memory, snapshot.python) == (Cpu(logical=2), Memory(total=1), None)
    assert snapshot.probes[0].state == "ok"


@pytest.mark.parametrize("field", ["schema", "envkit", "taken", "probes"])
def test_a_dict_cannot_name_what_is_collect_s_own(machine, field):
    snapshot = collect(machine, [probe(lambda _: {field: "forged", "pci": ()}, field="python")])
    assert getattr(snapshot, field) != "forged"
    assert snapshot.pci == ()


class TestGuard:
    @pytest.mark.parametrize(
        "error, state, detail",
        [
            (ValueError("odd file"), "failed", "ValueError: odd file"),
            (KeyError("x"), "failed", "KeyError: 'x'"),
            (OSError(5, "Input/output error"), "failed", "OSError: [Errno 5] Input/output error"),
            (PermissionError(13, "Permission denied"), "denied", "[Errno 13] Permission denied"),
            (RecursionError("deep"), "failed", "RecursionError: deep"),
            (MemoryError(), "failed", "MemoryError"),
            (ProbeStop("skipped", "no such program"), "skipped", "no such program"),
            (ProbeStop("timeout", "did not answer"), "timeout", "did not answer"),
            (ProbeStop("denied", "only root may"), "denied", "only root may"),
            (ValueError("two\nlines \x1b[31mred"), "failed", "ValueError: two lines red"),
        ],
    )
    def test_an_error_is_told_and_harms_nobody_else(self, machine, error, state, detail):
        probes = [
            probe(raising(error), name="bad"),
            probe(lambda _: Cpu(logical=4), name="good", field="cpu"),
        ]
        snapshot = collect(machine, probes)
        bad, good = snapshot.probes
        assert (bad.name, bad.state) == ("bad", state)
        assert bad.detail.rstrip(": ") == detail
        assert good.state == "ok"
        assert (snapshot.host, snapshot.cpu) == (None, Cpu(logical=4))

    def test_a_probe_that_exits_is_no_reason_to_wait(self, machine):
        (status,) = collect(machine, [probe(raising(SystemExit(3)))], budget=LONG).probes
        assert status.state == "failed"
        assert "SystemExit" in status.detail

    def test_what_was_read_before_a_stop_is_kept(self, machine):
        stop = ProbeStop("timeout", "half of it", value=Host(os_id="debian"))
        snapshot = collect(machine, [probe(raising(stop))])
        assert snapshot.host == Host(os_id="debian")
        assert snapshot.probes[0].state == "timeout"

    def test_a_stop_may_carry_several_fields(self, machine):
        stop = ProbeStop("failed", "half of it", value={"pci": (), "xids": ()})
        snapshot = collect(machine, [probe(raising(stop), field="python")])
        assert (snapshot.pci, snapshot.xids, snapshot.python) == ((), (), None)


class TestLimits:
    def test_one_that_hangs_is_left_behind(self, machine, sleeper):
        probes = [
            probe(sleeper, name="hangs", limit=0.2),
            probe(lambda _: Cpu(), name="good", field="cpu"),
        ]
        snapshot = collect(machine, probes)
        assert sleeper.started.is_set() and not sleeper.ended.is_set(), "we returned while it sleeps"
        hangs, good = snapshot.probes
        assert (hangs.state, hangs.seconds) == ("timeout", None)
        assert "hangs" in hangs.detail
        assert (good.state, snapshot.cpu, snapshot.host) == ("ok", Cpu(), None)

    def test_the_budget_cuts_every_limit(self, machine, sleeper):
        snapshot = collect(machine, [probe(sleeper, limit=LONG)], budget=0.2)
        assert not sleeper.ended.is_set()
        assert snapshot.probes[0].state == "timeout"

    def test_many_that_hang_share_the_budget(self, machine, sleeper):
        probes = [probe(sleeper, name=str(number)) for number in range(50)]
        snapshot = collect(machine, probes, budget=0.2)
        assert not sleeper.ended.is_set()
        assert {status.state for status in snapshot.probes} == {"timeout"}

    def test_a_patient_one_may_outlast_the_budget(self, machine, sleeper):
        def slow(machine: Machine) -> Cpu:
            sleeper.wake.wait(0.5)
            return Cpu(logical=8)

        probes = [probe(sleeper, name="hangs"), probe(slow, name="slow", field="cpu", patient=True)]
        snapshot = collect(machine, probes, budget=0.1)
        assert [status.state for status in snapshot.probes] == ["timeout", "ok"]
        assert snapshot.cpu == Cpu(logical=8)
        assert not sleeper.ended.is_set()

    def test_a_patient_one_has_a_limit_all_the_same(self, machine, sleeper):
        snapshot = collect(machine, [probe(sleeper, limit=0.2, patient=True)], budget=0.1)
        assert not sleeper.ended.is_set()
        assert snapshot.probes[0].state == "timeout"

    def test_what_comes_too_late_changes_nothing(self, machine, sleeper):
        snapshot = collect(machine, [probe(sleeper, limit=0.1)])
        sleeper.wake.set()
        assert sleeper.ended.wait(LONG)
        assert snapshot.host is None

    def test_statuses_come_in_the_order_of_the_probes(self, machine, sleeper):
        first = threading.Event()

        def waits(machine: Machine) -> None:
            first.wait(LONG)

        def goes_first(machine: Machine) -> None:
            first.set()

        probes = [
            probe(waits, name="b"),
            probe(sleeper, name="a", limit=0.2),
            probe(goes_first, name="d"),
            probe(raising(ValueError()), name="c"),
        ]
        snapshot = collect(machine, probes)
        assert [status.name for status in snapshot.probes] == ["b", "a", "d", "c"]
        assert [status.state for status in snapshot.probes] == ["ok", "timeout", "ok", "failed"]


class TestCallbacks:
    def test_meanwhile_runs_in_this_thread_while_the_probes_do(self, machine):
        begun, seen = threading.Event(), threading.Event()

        def waits(machine: Machine) -> Host:
            begun.set()
            return Host(os_id="met") if seen.wait(LONG) else Host()

        threads = []

        def meanwhile() -> None:
            threads.append(threading.current_thread())
            assert begun.wait(LONG)
            seen.set()

        snapshot = collect(machine, [probe(waits)], budget=LONG, meanwhile=meanwhile)
        assert snapshot.host == Host(os_id="met")
        assert threads == [threading.current_thread()]

    def test_an_error_of_meanwhile_is_the_caller_s(self, machine):
        def meanwhile() -> None:
            raise ValueError("of the caller")

        with pytest.raises(ValueError, match="of the caller"):
            collect(machine, [probe(lambda _: None)], meanwhile=meanwhile)

    def test_waiting_is_told_once_what_is_awaited(self, machine, sleeper):
        told: list[tuple[str, ...]] = []

        def waiting(names: tuple[str, ...]) -> None:
            told.append(names)
            sleeper.wake.set()

        probes = [
            probe(sleeper, name="slow"),
            probe(sleeper, name="slow, too"),
            probe(lambda _: None, name="quick"),
        ]
        snapshot = collect(machine, probes, budget=LONG, waiting=waiting)
        assert told == [("slow", "slow, too")]
        assert [status.state for status in snapshot.probes] == ["ok", "ok", "ok"]

    def test_waiting_is_not_told_of_what_is_quick(self, machine):
        told: list[tuple[str, ...]] = []
        collect(machine, [probe(lambda _: None)], waiting=told.append)
        assert told == []


class TestStopUnlessDone:
    @pytest.mark.parametrize("code", [0, 1, -9])
    def test_done_is_done_whatever_the_exit_code(self, code):
        stop_unless_done(Result(state="done", code=code), "nvidia-smi")

    @pytest.mark.parametrize(
        "result, state, detail",
        [
            (Result(state="timeout", seconds=1.5), "timeout", "nvcc did not answer in 1.5 s"),
            (Result(state="denied", stderr="Permission denied: nvcc"), "denied", "Permission denied: nvcc"),
            (Result(state="absent", stderr="nvcc: not found"), "skipped", "nvcc: not found"),
            (Result(state="failed", stderr="Exec format error"), "failed", "Exec format error"),
            (Result(state="failed"), "failed", "nvcc: failed"),
        ],
    )
    def test_the_rest_stops_the_probe(self, result, state, detail):
        with pytest.raises(ProbeStop) as caught:
            stop_unless_done(result, "nvcc")
        assert (caught.value.state, caught.value.detail) == (state, detail)


def test_two_runs_at_once_do_not_mix(machine):
    snapshots: dict[int, Snapshot] = {}

    def one(number: int) -> None:
        snapshots[number] = collect(machine, [probe(lambda _: Cpu(logical=number), field="cpu")])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: shot.cpu for number, shot in snapshots.items()} == {n: Cpu(logical=n) for n in range(8)}
