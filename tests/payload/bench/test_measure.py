"""The parts of measuring, with work that sleeps."""

from __future__ import annotations

import itertools
import sys
import time

import pytest

from tests.payload.targets import PAYLOAD

sys.path.append(str(PAYLOAD))
from _envkit_payload import measure
from _envkit_payload.steptimer import StepTimer


class Work:
    """Steps that take given seconds, the last for ever."""

    def __init__(self, *seconds: float) -> None:
        self._seconds = itertools.chain(seconds, itertools.repeat(seconds[-1]))
        self.steps = self.syncs = 0

    def step(self) -> None:
        time.sleep(next(self._seconds))
        self.steps += 1

    def sync(self) -> None:
        self.syncs += 1


class Asked:
    """An interrupt after so many steps."""

    def __init__(self, work: Work, after: int = 1 << 30) -> None:
        self._work, self._after = work, after

    @property
    def asked(self) -> bool:
        return self._work.steps >= self._after


class Device:
    """Events as a device has them. asked: what was done, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.clock = 0.0

    def event(self) -> Device.Event:
        return Device.Event(self)

    class Event:
        def __init__(self, device: Device) -> None:
            self.device, self.at = device, -1.0

        def record(self) -> None:
            self.at = self.device.clock
            self.device.asked.append(("record", round(self.at)))

        def synchronize(self) -> None:
            self.device.asked.append(("wait", round(self.at)))

        def elapsed_time(self, end: Device.Event) -> float:
            return (end.at - self.at) * 1000


def stretch(work: Work, asked: Asked, **options):
    told: list[dict] = []
    part = measure.Stretch(
        lambda kind, **fields: told.append({"kind": kind, **fields}),
        "work", work, StepTimer(), options.pop("step"), options.pop("seconds"), asked, **options,
    )  # fmt: skip
    return part, told


def test_the_first_step_is_alone():
    work, timer = Work(0.01), StepTimer()
    first = measure.First(work, timer)
    measure.run(work, first)
    assert (work.steps, work.syncs) == (1, 2)
    assert first.seconds >= 0.01
    assert timer.take() == ([], None)


def test_every_measured_step_is_told_once():
    work = Work(0.002)
    part, told = stretch(work, Asked(work), step=0.002, seconds=1.2)
    measure.run(work, part)
    measured = part.end()
    pieces = [line["host"] for line in told]
    assert len(pieces) >= 2
    assert sum(map(len, pieces)) == measured["steps"] == work.steps
    assert sum(map(sum, pieces)) <= measured["seconds"] <= measured["ended"] - measured["began"]
    assert measured["seconds"] >= 1.19


def test_steps_that_become_slow_do_not_make_a_long_piece():
    work = Work(0.6)  # a piece of 500 steps was planned
    part, told = stretch(work, Asked(work), step=0.001, seconds=1.0)
    measure.run(work, part)
    assert work.steps == part.end()["steps"] == 2
    assert [len(line["host"]) for line in told] == [2]


def test_an_interrupt_ends_after_the_step():
    work = Work(0.001)
    part, told = stretch(work, Asked(work, after=7), step=0.001, seconds=60.0)
    measure.run(work, part)
    assert part.end()["steps"] == work.steps == sum(len(line["host"]) for line in told) == 7


def test_a_stretch_that_was_cut_tells_its_steps():
    class Failing(Work):
        def step(self) -> None:
            if self.steps == 3:
                raise MemoryError
            super().step()

    work = Failing(0.001)
    part, told = stretch(work, Asked(work), step=0.001, seconds=60.0)
    with pytest.raises(MemoryError):
        measure.run(work, part)
    assert part.end()["steps"] == 3
    assert len(told[0]["host"]) == 3


def test_a_stretch_without_steps_measured_nothing():
    work = Work(0.001)
    part, told = stretch(work, Asked(work), step=0.001, seconds=1.0)
    assert part.end() is None
    part.before()
    assert part.end() is None and told == []


def test_several_processes_take_the_steps_of_the_first():
    def run(step: float, agree) -> int:
        work = Work(step)
        warm = measure.WarmUp(work, StepTimer(), 0.2, Asked(work), agree)
        measure.run(work, warm)
        part, _ = stretch(work, Asked(work), step=warm.step, seconds=0.3, agree=agree)
        measure.run(work, part)
        return work.steps

    said: list[int] = []

    def leads(number):
        said.append(int(number))
        return said[-1]

    steps = run(0.004, leads)
    replay = iter(said)
    assert run(0.011, lambda number: next(replay)) == steps
    assert next(replay, None) is None


def test_warm_up_ends_when_the_time_is_up():
    growing = Work(*(0.001 * 1.1**number for number in range(60)))
    warm = measure.WarmUp(growing, StepTimer(), 0.2, Asked(growing))
    measure.run(growing, warm)
    assert not warm.stable
    assert warm.steps == growing.steps
    assert warm.seconds >= 0.2


def test_warm_up_ends_when_asked():
    work = Work(0.001)
    measure.run(work, measure.WarmUp(work, StepTimer(), 60.0, Asked(work, after=3)))
    assert work.steps == 3


def test_a_loop_of_its_own_runs_the_same_parts():
    class Own(Work):
        step = None

        def run(self, before, after) -> None:
            before()
            while True:
                self.steps += 1
                if after():
                    return

    work = Own(0.0)
    part, _ = stretch(work, Asked(work, after=5), step=0.001, seconds=60.0)
    measure.run(work, part)
    assert part.end()["steps"] == 5


def test_device_events_are_read_one_step_late():
    device = Device()
    timer = StepTimer(device.event)
    timer.start()
    for _ in range(4):
        device.clock += 1
        timer.lap()
    timer.stop()
    order = [("record", 0), ("record", 1), ("record", 2), ("wait", 1)]
    order += [("record", 3), ("wait", 2), ("record", 4), ("wait", 3), ("wait", 4)]
    assert device.asked == order
    host, on_device = timer.take()
    assert on_device == pytest.approx([1.0] * 4) and len(host) == 4
    timer.start()
    device.clock += 2.5
    timer.lap()
    timer.stop()
    assert timer.take()[1] == pytest.approx([2.5])
