"""Fixes tried: the script with a change beside the script as it is, by turns, for some seconds."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from envkit.diagnose.attend import available
from envkit.diagnose.model import Change, Gain, Speed
from envkit.diagnose.repeat import FirstRun
from envkit.diagnose.rerun import refusals
from envkit.diagnose.speed.arms import Arm, Field, Seen
from envkit.diagnose.speed.others import Others
from envkit.diagnose.speed.patches import HELPED
from envkit.diagnose.speed.paths import path
from envkit.diagnose.speed.slices import gain
from envkit.diagnose.trace import Trace
from envkit.stats import median

BUDGET = 60.0
"""Seconds, where the person gave none."""
NOTHING = "nothing to change"
NO_TIME = "no time was left: --try=SECONDS gives more"
UNEVEN = "its rounds differ too much for a figure: --try=SECONDS gives more of them"
_VAGUE = 4.0
"""Ratio of an interval's ends from which it says nothing."""
_MOST = 4
"""Changes tried at once; each is a whole repetition that waits in memory."""
_WARM = 5
"""Steps that a run makes before it is measured."""
_EACH = 3.0
"""Seconds that a run should be measured for."""
_START, _TOGETHER = 0.5, 0.25
"""Of the budget: what the start of a run may take; what is kept for all changes that helped, together."""
_SLICE, _SLOWEST = 0.4, 5.0
"""Seconds of a slice, at least and at most; a longer step has longer ones."""
_STEPS = 4
"""Of a slice, as far as there is time."""
_ROUNDS, _SHARP = 8, 0.015
"""Rounds after which it is enough where the intervals are no wider than this, to both sides."""
_MEMORY = 0.9
"""Of the free memory, what repetitions may take."""
_PORTS = ("--master-port", "--master_port", "--rdzv-endpoint", "--rdzv_endpoint", "--standalone")

Say = Callable[[str], None]


def tried(run: FirstRun, traces: Sequence[Trace], speed: Speed, budget: float, say: Say) -> Speed:
    """The speed with what its fixes gained where they can be made from outside, and what they gain together.

    traces: of the first run, which had `ENVKIT_TRY` set: what it wrote and opened is known. budget: seconds
    for all, with the start of every run. Never raises for what a repetition does.
    """
    wanted = [one for one in speed.gains if one.change is not None]
    if not wanted:
        return speed
    why = _refused(run, traces)
    if why:
        return _all(speed, why)
    contest = Contest(speed=speed, budget=budget, say=say)
    try:
        with Field(run, traces, limit=2.0 * budget + 60.0) as where:
            contest.hold(where)
    except KeyboardInterrupt:
        contest.rest("interrupted")
    except OSError as error:
        contest.rest(f"it could not be run again: {error}")
    return contest.speed


def _refused(run: FirstRun, traces: Sequence[Trace]) -> str:
    """Why nothing is tried; empty where it is."""
    if not os.path.isdir("/proc/self"):
        return "runs take turns on Linux only"
    reasons = refusals(run, traces)
    if reasons and not run.anyway:
        return f"not tried, since {'; '.join(reasons)}: --try-anyway does so all the same"
    if any((one.world or 1) > 1 for one in traces) and not _launched(run.argv):
        return "not tried: its processes meet at a port that is given, which two runs cannot share"
    return ""


def _launched(argv: Sequence[str]) -> bool:
    """Whether a launcher starts the processes, and the port they meet at can be another one."""
    names = [os.path.basename(one) for one in argv[:4]]
    known = "torchrun" in names or any(one.startswith("torch.distributed.") for one in argv[:4])
    given = [one for one in argv if one.startswith(_PORTS) and not one.startswith("--standalone")]
    return known and not given


def _all(speed: Speed, why: str) -> Speed:
    gains = tuple(one if one.change is None else replace(one, how=why) for one in speed.gains)
    return replace(speed, gains=gains)


@dataclass(slots=True)
class Entry:
    """A change, or several, in the contest."""

    changes: tuple[Change, ...]
    arms: list[Arm] = field(default_factory=list)
    """Repetitions: the next one begins where the one before came to its end."""
    why: str = ""
    """What went wrong with it."""
    over: bool = False
    """Whether it takes no part any more."""

    @property
    def arm(self) -> Arm:
        """The one that goes on."""
        return self.arms[-1]

    def measured(self, control: Entry) -> tuple[float, float] | None:
        """How much faster than the control, factor minus one."""
        both = [{n: pace for arm in one.arms for n, pace in arm.paces.items()} for one in (control, self)]
        return gain(both[0], both[1], scale=self.arms[0].scale)


class Contest:
    """Runs that take turns. `speed` holds what is known so far."""

    def __init__(self, *, speed: Speed, budget: float, say: Say) -> None:
        self.speed = self._first = speed
        self._others = Others()
        self._say = say
        self._began = time.monotonic()
        self._until = self._began + budget
        self._budget = budget
        self._round = 0
        self._step = self._took = 0.0
        """Seconds of a step of the control; of the slowest start."""

    def hold(self, where: Field) -> None:
        """All of it. Raises OSError."""
        wanted = sorted(
            (one for one in self.speed.gains if one.change is not None),
            key=lambda one: -(one.predicted[0] if one.predicted else 0.0),
        )
        control = Entry(changes=())
        self._say(f"trying {_some(len(wanted))} for {self._budget:.0f} s, by turns with the run as it is")
        self._start(where, control)
        if control.why:
            self.rest(f"the run could not be repeated: {control.why}")
            return
        number = min(len(wanted), self._places(control))
        rows = _rows(where.traces)
        entries = {
            id(one): Entry(changes=(_asked(one.change, rows),))
            for one in wanted[:number]
            if one.change is not None
        }
        for entry in entries.values():
            self._start(where, entry)
        going = sum(not one.why for one in entries.values())
        keep = _TOGETHER * self._budget if going > 1 else 0.0
        self._take_turns(where, control, list(entries.values()), self._until - keep)
        self._note(wanted, entries, control)
        if len(_helped(self.speed.gains)) > 1:
            self.rest(NO_TIME)
            self._together(where, control)
        elif keep:
            self._take_turns(where, control, list(entries.values()), self._until)
            self._note(wanted, entries, control)
        self.rest(NO_TIME)

    def _start(self, where: Field, entry: Entry) -> None:
        """Begin a repetition and stop it once it is warm."""
        began = time.monotonic()
        arm = where.arm(entry.changes, _environment(entry.changes, where.run))
        entry.arms.append(arm)
        arm.begin()
        limit = min(max(_START * self._budget, 2.0), self._until - began)
        ready = arm.wait(limit, lambda seen: len(seen.ended) >= _WARM)
        if not arm.over:
            arm.stop()
        if arm.failed:
            entry.why = arm.failed
        elif not ready:
            entry.why = "it ended before its steps" if arm.over else f"its start took more than {limit:.0f} s"
        elif entry.changes and not any(arm.counts.values()):
            entry.why = NOTHING
        if entry.why:
            entry.over = True
            arm.end()
        elif not self._step and len(arm.seen.ended) > 2:
            self._step = _usual(arm.seen)
        self._took = max(self._took, time.monotonic() - began)

    def _places(self, control: Entry) -> int:
        """How many changes there are time and memory for."""
        held, free = control.arm.family.resident(), available()
        memory = _MOST if free is None or not held else int(_MEMORY * free / held)
        left = (1 - _TOGETHER) * (self._until - time.monotonic())
        seconds = int((left - _EACH) / (self._took + _EACH))
        return max(1, min(_MOST, memory, seconds))

    def _take_turns(self, where: Field, control: Entry, entries: Sequence[Entry], until: float) -> None:
        """Rounds of slices, every second one the other way round, until the time is over or it is enough."""
        first = self._round
        while not control.over:
            going = [control, *(one for one in entries if not one.over)]
            left = until - time.monotonic()
            length = self._slice(left, len(going), self._round - first)
            if len(going) < 2 or left < len(going) * length:
                return
            for one in going if self._round % 2 == 0 else reversed(going):
                if not one.over:
                    self._turn(where, one, length)
            self._round += 1
            if self._round - first >= _ROUNDS and _sharp(going[1:], control):
                return

    def _slice(self, left: float, count: int, done: int) -> float:
        """Seconds of the next slice: some steps, and short enough for three rounds."""
        wanted = min(_SLOWEST, max(_SLICE, _STEPS * self._step))
        return max(min(wanted, left / (count * max(1, 4 - done))), min(_SLICE, 3 * self._step))

    def _turn(self, where: Field, entry: Entry, length: float) -> None:
        """A slice. A run that came to its end begins anew, where there is time."""
        if entry.arm.over and not self._anew(where, entry):
            return
        with self._others.beside(entry.arm.family.seconds):
            entry.arm.slice(self._round, length)
        if entry.arm.over and entry.arm.failed:
            entry.why, entry.over = entry.arm.failed, True

    def _anew(self, where: Field, entry: Entry) -> bool:
        """Begin once more, after a good end. Whether that went well, and in time."""
        entry.over = self._until - time.monotonic() < self._took + _SLICE
        if not entry.over:
            self._start(where, entry)
            entry.why = entry.arm.failed  # that it was slow this time spoils nothing
        return not entry.over

    def _result(self, one: Gain, entry: Entry, control: Entry) -> Gain:
        """A gain with what was measured."""
        measured = entry.measured(control) if len(entry.arms[0].windows) > 1 else None
        if measured is None:
            return replace(one, how=entry.why or NO_TIME)
        if 1 + measured[1] > _VAGUE * (1 + measured[0]):
            return replace(one, how=UNEVEN)
        if not any(entry.arms[0].counts.values()):
            return replace(one, how=NOTHING)
        same, how = _followed(control, entry)
        said = "; ".join(words for words in (entry.why, how, self._others.said()) if words)
        return replace(one, measured=_rounded(measured), same_losses=same, how=said)

    def _together(self, where: Field, control: Entry) -> None:
        """All changes that helped and left the training as it is, at once."""
        helped = _helped(self.speed.gains)
        if control.over or self._until - time.monotonic() < self._took + _EACH:
            return
        changes = tuple(one.change for one in helped if one.change is not None)
        entry = Entry(changes=changes)
        self._say("trying what helped, all together")
        self._start(where, entry)
        self._take_turns(where, control, [entry], self._until)
        value = ", ".join(f"{one.name}={one.value}" if one.value else one.name for one in changes)
        fix = f"all together: {'; '.join(one.fix for one in helped)}"
        whole = Gain(fix=fix, change=Change(name="together", value=value))
        self.speed = replace(self.speed, gains=(*self.speed.gains, self._result(whole, entry, control)))

    def _note(self, wanted: Sequence[Gain], entries: Mapping[int, Entry], control: Entry) -> None:
        """Write down what is known of each change that took part."""
        found = {one: self._result(one, entries[id(one)], control) for one in wanted if id(one) in entries}
        self.speed = replace(self._first, gains=tuple(found.get(one, one) for one in self._first.gains))

    def rest(self, why: str) -> None:
        """What was not tried, and why."""
        self.speed = replace(
            self.speed,
            gains=tuple(
                one if one.change is None or one.measured is not None or one.how else replace(one, how=why)
                for one in self.speed.gains
            ),
        )


def _rows(traces: Sequence[Trace]) -> int | None:
    """Of the model's input in the first run."""
    found = (one.speed.settings.batch for one in traces if one.speed.settings is not None)
    return next((one for one in found if one), None)


def _asked(change: Change, rows: int | None) -> Change:
    """As the script is asked for it: a loader's samples may be several rows of the model's input."""
    if change.name != "batch" or not rows or not change.value.isdigit():
        return change
    return replace(change, value=f"x{int(change.value) / rows:.6g}")


def _helped(gains: Iterable[Gain]) -> list[Gain]:
    """Those to be taken together: free, faster beyond doubt, with the same losses; one of each name."""
    found: dict[str, Gain] = {}
    for one in gains:
        if one.change is None or one.measured is None or not one.free or one.same_losses is False:
            continue
        before = found.get(one.change.name)
        if one.measured[0] > HELPED and (before is None or one.measured > (before.measured or (0.0, 0.0))):
            found[one.change.name] = one
    return list(found.values())


def _followed(control: Entry, entry: Entry) -> tuple[bool | None, str]:
    """Whether the losses took the same path, with a word where that is so on average only."""
    if any(change.name == "batch" for change in entry.changes):
        return None, ""
    found = path(control.arms[0].seen.losses, entry.arms[0].seen.losses)
    drawn = any(change.name == "dtype" for change in entry.changes)  # other types, other random numbers
    if found == "unknown" or (drawn and found == "other"):
        return None, ""
    return found != "other", "losses alike on average, not step by step" if found == "alike" else ""


def _sharp(entries: Sequence[Entry], control: Entry) -> bool:
    found = [one.measured(control) for one in entries if not one.over]
    return all(one is not None and one[1] - one[0] < 2 * _SHARP * (1 + one[0]) for one in found)


def _environment(changes: Iterable[Change], run: FirstRun) -> Mapping[str, str]:
    """Variables that a repetition has beside those of the first run."""
    found = {}
    if _launched(run.argv) and "--standalone" not in run.argv:
        found["PET_MASTER_PORT"] = str(_port())
    for one in changes:
        if one.name == "threads":
            found["OMP_NUM_THREADS"] = one.value
    return found


def _port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _usual(seen: Seen) -> float:
    """Seconds of a step."""
    ended = seen.ended
    return median([two - one for one, two in pairwise(ended)])


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 4), round(pair[1], 4)


def _some(count: int) -> str:
    return "a change" if count == 1 else f"{count} changes"
