"""Compilation that repeats. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed.analyzers import source
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Compilation
from envkit.diagnose.speed.view import View
from envkit.stats import median

_LEAST = 2
"""Times that something was compiled again: once may be the last, shorter batch, or the evaluation."""
_SLOWER = 1.1
"""How much longer what was compiled for all sizes takes, at the most."""
_LIMIT = 8
"""Compilations of one function after which torch gives up and runs it uncompiled."""


def recompiles(view: View) -> Iterable[Slow]:
    """S13 of torch. TensorFlow's own words are in `keras`."""
    if view.trace.framework != "tensorflow":
        yield from compiled_again(view)


def compiled_again(view: View) -> Iterable[Slow]:
    """After the first steps something is compiled again and again."""
    last = len(view.trace.steps.ended)
    again = [one for one in view.speed.compilations if one.why and view.first <= one.step < last]
    if len(again) < _LEAST or not view.seconds:
        return
    seconds = sum(one.seconds for one in again)
    share = min(0.99, seconds / view.seconds)
    often = Counter(one.what for one in again).most_common(1)[0]
    why = Counter(one.why for one in again if one.what == often[0]).most_common(1)[0][0]
    name = often[0].rpartition(" ")[2] or "a function"
    yield Slow(
        key="recompiles",
        share=share,
        confidence=0.9,
        summary=f"{name} was compiled again {often[1]} times while it trained: {seconds:.1f} s of "
        f"{view.seconds:.1f} s, since {_short(why)}",
        evidence=(
            Evidence(
                what="compiled again", value=f"{len(again)} times, {seconds:.1f} s", source="the compiler"
            ),
            Evidence(what="why", value=_short(why), source="the compiler"),
            *_given_up(view, often),
        ),
        where=_asked_for(view) or _where(often[0]),
        fix=_fix(why),
        gains=(
            Gain(
                fix="torch.compile(..., dynamic=True)", predicted=_gain(view, again),
                change=Change(name="dynamic", value="1"),
            ),
        ),
    )  # fmt: skip


def _gain(view: View, again: list[Compilation]) -> tuple[float, float]:
    """Steps in which something was compiled again take what the others take.

    At the least, one compilation for all sizes stays, and what it makes is somewhat slower than what is made
    for one size.
    """
    start = max(1, view.first)
    places = {one.step - start for one in again}
    usual = median([one for place, one in enumerate(view.durations) if place not in places] or view.durations)
    after = sum(min(one, usual) if place in places else one for place, one in enumerate(view.durations))
    once = 2 * max(one.seconds for one in again)
    high = max(0.0, view.seconds / after - 1)
    return min(high, max(0.0, view.seconds / (_SLOWER * after + once) - 1)), high


def _given_up(view: View, often: tuple[str, int]) -> Iterable[Evidence]:
    if often[1] >= _LIMIT - 1:
        yield Evidence(
            what="limit", value=f"after {_LIMIT} compilations torch runs a function uncompiled",
            source="torch._dynamo.config.recompile_limit",
        )  # fmt: skip


def _short(why: str) -> str:
    text = " ".join(why.split())
    return text if len(text) <= 160 else text[:157] + "..."


def _asked_for(view: View) -> Where | None:
    """The person's line that has something compiled: that is the one to change."""
    for file, text in view.files.items():
        number = source.find_call(text, "torch.compile")
        if number is not None:
            return Where(file=file, line=number, phase="setup")
    return None


def _where(what: str) -> Where:
    """Of `file:line name`."""
    place = what.rpartition(" ")[0]
    file, _, line = place.rpartition(":")
    return (
        Where(file=file, line=int(line), phase="forward")
        if file and line.isdigit()
        else Where(phase="forward")
    )


def _fix(why: str) -> tuple[FixStep, ...]:
    text = why.lower()
    if (
        "size mismatch" in text
        or "stride" in text
        or ("expected" in text and "actual" in text)
        or "shape" in text
    ):
        return (
            FixStep(
                say="The sizes of the tensors change from step to step: torch.compile(..., dynamic=True), or "
                "pad to a few lengths and use drop_last=True"
            ),
        )  # fmt: skip
    return (
        FixStep(
            say="A Python value that the function reads changes from step to step: make it a tensor, or keep "
            "it out of what is compiled"
        ),
    )  # fmt: skip
