"""Sentences about the speed of a run. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from envkit.causes import catalogue
from envkit.core.text import one_line
from envkit.diagnose.model import Gain, Pace, Slowness, Speed, Where

BOUND = "compute-bound"
"""The verdict that there is nothing to mend."""
_NOISY = "noisy-neighbour: "
_LITTLE = "too little"
_UNEVEN = 1.2
"""Times the median from which the mean of steps is another figure."""


def percent(share: float) -> str:
    """`41 %`."""
    return f"{share * 100:.0f} %" if share >= 0.01 or not share else f"{share * 100:.1f} %"


def spaced(text: str) -> str:
    """Per cent signs apart from their number, as everywhere in a report."""
    return re.sub(r"(?<=\d)%", " %", text)


def duration(seconds: float) -> str:
    """Of a step: `4.21 ms`, `38 ms`, `1.24 s`."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.0f} ms" if seconds >= 0.1 else f"{seconds * 1e3:.3g} ms"


def shortened(path: str, folder: str) -> str:
    """A path below a folder as it stands there."""
    return os.path.relpath(path, folder) if folder and path.startswith(folder.rstrip("/") + "/") else path


def place(where: Where, folder: str) -> str:
    """`train.py:31 in encoder (data)`; empty where no line is known."""
    if not where.file or not where.line:
        return f"in {where.module}" if where.module else ""
    found = f"{shortened(where.file, folder)}:{where.line}"
    return found + (f" in {where.module}" if where.module else "")


def short(speed: Speed) -> bool:
    """Whether the run was too short for any word about its speed."""
    return speed.why_unknown is not None and speed.why_unknown.startswith(_LITTLE)


def unjudged(speed: Speed) -> str:
    """Why nothing was concluded, and what to do."""
    why = spaced((speed.why_unknown or "").removeprefix(_NOISY)).rstrip(".")
    if short(speed):
        return f"only {why.partition(': ')[2] or why}"
    return why


def slow(speed: Speed | None) -> Slowness | None:
    """The primary cause, where it is one that can be mended."""
    if speed is None or speed.primary is None or speed.primary.key == BOUND:
        return None
    return speed.primary


def verdict(speed: Speed, folder: str) -> str:
    """`63 % of the time is lost: too-few-workers at train.py:44`; empty where nothing is concluded."""
    primary = speed.primary
    if speed.why_unknown is not None or not (primary or judged(speed)):
        return ""
    if primary is None:
        return "nothing to mend in its speed: no cause takes 10 % of the time"
    if primary.key == BOUND:
        return f"nothing to mend in its speed: {percent(primary.share)} of the time is the model's own work"
    where = place(primary.where, folder)
    return f"{percent(primary.share)} of the time is lost: {primary.key}" + (f" at {where}" if where else "")


def judged(speed: Speed) -> bool:
    """Whether enough was seen of its steps to say that nothing is wrong."""
    return speed.why_unknown is None and len(speed.parts) > 1


def told(primary: Slowness, folder: str) -> str:
    """What the cause did in this run, and where."""
    said = one_line(spaced(primary.summary), limit=600).rstrip(".")
    where, file = place(primary.where, folder), os.path.basename(primary.where.file or "")
    if where and not (file and f"{file}:{primary.where.line}" in said):
        said = f"{said}, {where}" if said else where
    share = percent(primary.share)
    if primary.key == BOUND or f"{share} of" in said:
        return said
    return f"{share} of the time is lost: {said}" if said else f"{share} of the time is lost"


def title(key: str) -> str:
    """Of a cause; the key itself where the catalogue has none."""
    entry = catalogue().get(key)
    return entry.title if entry is not None else key


def paced(pace: Pace | None) -> str:
    """`20.7 ms a step, 1550 samples a second`; the mean as well, where some steps are much longer."""
    if pace is None or not pace.median:
        return ""
    said = f"{duration(pace.median)} a step"
    mean = pace.seconds / max(pace.steps, 1)
    if mean > _UNEVEN * pace.median:
        said = f"{duration(mean)} a step, half of them below {duration(pace.median)}"
    if pace.samples_per_second:
        rate = pace.samples_per_second
        said += f", {rate:.0f} samples a second" if rate >= 100 else f", {rate:.3g} samples a second"
    return said


def factor(value: float) -> str:
    """Of a gain: `1.24`, `4.7`, `12`."""
    return f"{1 + value:.{2 if value < 1 else 1 if value < 9 else 0}f}"


def times(gain: tuple[float, float] | None) -> str | None:
    """`1.72 to 1.98`, `2.1`."""
    if gain is None:
        return None
    low, high = factor(gain[0]), factor(gain[1])
    return low if low == high else f"{low} to {high}"


def fix(gain: Gain) -> str:
    """What is changed; a change of what is trained is not sold as a mere matter of speed."""
    said = one_line(gain.fix, limit=160)
    return said if gain.free else f"{said} (changes what is trained)"


def measured(gain: Gain) -> str:
    """What a trial showed, or why there was none."""
    if gain.measured is not None:
        return times(gain.measured) or ""
    if gain.how:
        return one_line(spaced(gain.how), limit=160)
    return "not tried" if gain.change is not None else "not from outside"


def losses(gain: Gain) -> str:
    """Whether the losses of a trial followed the same path."""
    if gain.same_losses and "alike" in gain.how:
        return "alike"
    return {True: "the same", False: "another path", None: ""}[gain.same_losses]


def remark(gain: Gain) -> str:
    """What else is to be said of a trial that has a figure."""
    if gain.measured is None or not gain.how:
        return ""
    return f"{one_line(gain.fix, limit=80)}: {one_line(spaced(gain.how), limit=240)}"


def provable(gains: Sequence[Gain]) -> bool:
    """Whether `--try` could tell more than is known."""
    return any(one.change is not None and one.measured is None and not one.how for one in gains)


def smaller(others: Sequence[Slowness], folder: str) -> str:
    """`smaller causes of slowness: heavy-logging 6 % (train.py:50)`."""
    told = []
    for one in others:
        where = place(one.where, folder)
        told.append(f"{one.key} {percent(one.share)}" + (f" ({where})" if where else ""))
    return f"smaller {'cause' if len(told) == 1 else 'causes'} of slowness: {', '.join(told)}"
