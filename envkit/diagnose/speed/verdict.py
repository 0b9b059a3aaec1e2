"""One primary cause of slowness, from what all analyzers say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from envkit.causes import catalogue
from envkit.diagnose.model import Gain, Pace, Part, Slowness, Speed
from envkit.diagnose.speed import quiet, stragglers
from envkit.diagnose.speed.analyzers import ANALYZERS, rehearsed
from envkit.diagnose.speed.model import MachineCeiling, Slow
from envkit.diagnose.speed.view import NAMES, View
from envkit.diagnose.trace import Trace
from envkit.stats import median, quantile
from envkit.target.conditions import Conditions

PRIMARY = 0.10
"""Share of the time from which a cause is one: less than that no one would notice."""
OTHER = 0.04
"""Share from which a smaller one is told beside it."""
MEASURED = (
    "after the run, what this machine's matrix units give was measured for some seconds, and the run's own "
    "operations were done once more with the changes that are proposed"
)
_CONSEQUENCE = 0.5
"""A cause that explains another one takes its place when it has at least this part of its share."""


def speed(
    traces: Sequence[Trace],
    files: Mapping[str, str],
    conditions: Conditions | None = None,
    ceiling: MachineCeiling | None = None,
) -> Speed | None:
    """Where the time of a run went; None where nothing was trained."""
    trained = [one for one in traces if one.steps.ended]
    if not trained:
        return None
    ranks = stragglers.ranks(trained)
    trace = stragglers.culprit(trained) or trained[0]
    view = View(trace=trace, traces=traces, conditions=conditions, files=files, ceiling=ceiling)
    found = Speed(
        primary=None, parts=parts(view), pace=pace(view), ranks=ranks, blind=view.speed.blind,
        deeper=None if ceiling is None else MEASURED,
    )  # fmt: skip
    if not view.enough:
        seconds = f"{len(view.durations)} steps in {view.seconds:.1f} s after the first ones"
        return replace(found, why_unknown=f"too little to judge the speed by: {seconds}")
    noisy = quiet.why_not(view)
    if noisy is not None:
        return replace(found, why_unknown=noisy)
    slows: list[Slow] = []
    for look in ANALYZERS:
        try:
            slows += look(view)
        except Exception as error:  # a trace that nobody thought of costs one cause, not the report
            blind = f"a cause could not be judged: {look.__name__}: {type(error).__name__}: {error}"
            found = replace(found, blind=(*found.blind, blind))
    return judged(found, slows, view)


def with_tried(speed: Speed, tried: Sequence[Gain]) -> Speed:
    """With what was measured of changes: of those that are proposed, and of several together."""
    measured = {(one.change.name, one.change.value): one for one in tried if one.change is not None}
    gains = []
    for one in speed.gains:
        known = None if one.change is None else measured.pop((one.change.name, one.change.value), None)
        if known is not None:
            one = replace(one, measured=known.measured, same_losses=known.same_losses, how=known.how)
        gains.append(one)
    return replace(speed, gains=(*gains, *(one for one in measured.values() if one.measured is not None)))


def judged(found: Speed, slows: Sequence[Slow], view: View) -> Speed:
    """With the causes put in order."""
    kept = folded(slows)
    large = [one for one, _ in kept if one.share >= PRIMARY and one.key != "compute-bound"]
    told = [_slowness(one, under) for one, under in kept if one.share >= OTHER and one.key != "compute-bound"]
    bound = next((_slowness(one, under) for one, under in kept if one.key == "compute-bound"), None)
    primary = told[0] if large else bound
    others = tuple(one for one in told if one is not primary)
    gains = [
        gain for one, _ in kept for gain in _gains(one) if one.share >= OTHER or one.key == "compute-bound"
    ]
    return replace(found, primary=primary, others=others, gains=tuple(_once(rehearsed.told_in(view, gains))))


def folded(slows: Sequence[Slow]) -> list[tuple[Slow, tuple[str, ...]]]:
    """Each key once, the largest first, consequences under what explains them."""
    best: dict[str, Slow] = {}
    for one in slows:
        if one.key not in best or one.share * one.confidence > best[one.key].share * best[one.key].confidence:
            best[one.key] = one
    known = catalogue()
    order = sorted(best.values(), key=lambda one: -one.share * one.confidence)
    gone: dict[str, str] = {}
    for one in order:
        for key in (*known[one.key].explains, *one.folds):
            other = best.get(key)
            if other is not None and other is not one and one.share >= _CONSEQUENCE * other.share:
                gone.setdefault(key, one.key)
    kept = [one for one in order if one.key not in gone]
    under = {one.key: tuple(key for key, by in gone.items() if _root(by, gone) == one.key) for one in kept}
    # What explains something large is as large.
    raised = [
        (replace(one, share=max([one.share, *(best[key].share for key in under[one.key])])), under[one.key])
        for one in kept
    ]
    return sorted(raised, key=lambda pair: -pair[0].share * pair[0].confidence)


def _root(key: str, gone: Mapping[str, str]) -> str:
    seen = {key}
    while key in gone and gone[key] not in seen:
        key = gone[key]
        seen.add(key)
    return key


def _slowness(one: Slow, under: tuple[str, ...]) -> Slowness:
    return Slowness(
        key=one.key, share=round(min(1.0, one.share), 4), confidence=one.confidence, where=one.where,
        summary=one.summary, evidence=one.evidence, fix=(*one.fix, *catalogue()[one.key].steps({})),
        folded=under,
    )  # fmt: skip


def _gains(one: Slow) -> list[Gain]:
    return [gain if gain.key else replace(gain, key=one.key) for gain in one.gains]


def _once(gains: Sequence[Gain]) -> list[Gain]:
    """Each change once, the most promising first."""
    found: dict[tuple[str, str], Gain] = {}
    for one in gains:
        name = (one.change.name, one.change.value) if one.change is not None else ("", one.fix)
        found.setdefault(name, one)
    return sorted(found.values(), key=lambda one: -(one.predicted[0] if one.predicted else 0.0))


def parts(view: View) -> tuple[Part, ...]:
    """Where the time of a step goes, in the order of a step."""
    shares = view.shares
    return tuple(Part(what=NAMES[name], share=round(shares[name], 4)) for name in NAMES if name in shares)


def pace(view: View) -> Pace | None:
    """How fast it is."""
    if not view.durations:
        return None
    rows = (view.settings.batch or 0) * len(view.durations)
    return Pace(
        steps=len(view.durations),
        seconds=view.seconds,
        median=median(view.durations),
        p95=quantile(sorted(view.durations), 0.95),
        samples_per_second=rows / view.seconds if rows and view.seconds else None,
    )
