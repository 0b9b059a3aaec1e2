"""S18: steps that get slower as the run goes on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import Line, View
from envkit.stats import median

_LEAST = 48
"""Steps."""
_BLOCKS = 16
_FASTER = 0.8
"""The pace of the last quarter by that of the first one, at most (run-medic's rule: below 0.8 with rho <
-0.6)."""
_PART = 0.08
"""Of the growth, that each quarter adds: a jump, as when layers are unfrozen, is no decay."""
_RHO = 0.8
"""Rank correlation of the blocks' medians with their order, at least. Of 16 blocks without a trend it goes
beyond that once in ten thousand runs."""
_FOLDS = (
    *("python-overhead", "heavy-logging", "gc-pauses", "memory-pressure", "launch-bound", "dataloader-bound"),
    *("too-few-workers", "periodic-stall", "compute-bound"),
)
"""What grows is of some kind; that it grows is what must be mended."""
_SOURCE = "steps, timed"


def decay(view: View) -> Iterable[Slow]:
    """S18."""
    v = view.durations
    if len(v) < _LEAST:
        return
    blocks = _medians(v)
    quarter = len(blocks) // 4
    first, last = median(blocks[:quarter]), median(blocks[-quarter:])
    rho = spearman(blocks)
    grows = all(two - one >= _PART * (last - first) for one, two in pairwise(_quarters(blocks)))
    if first <= 0 or first / last > _FASTER or rho < _RHO or not grows or not _its_own(view, last / first):
        return
    after = [min(one, _base(first, last)) for one in v]
    share = 1 - sum(after) / sum(v)
    line, early, late = _growing(view)
    phase = _phase(view)
    rss = _grows(view)
    place = own.named(line)
    summary = f"steps get slower: {first:.2g} s in the first quarter of the run, {last:.2g} s in the last one"
    if place:
        summary += f"; what grows is {place}"
    elif phase:
        summary += f"; what grows is the {phase} part"
    yield Slow(
        key="throughput-decay",
        share=share,
        summary=summary,
        evidence=(
            Evidence(
                what="a step, first and last quarter", value=f"{first:.3g} s, {last:.3g} s", source=_SOURCE
            ),
            Evidence(what="rank correlation with time", value=f"{rho:.2f}", source=_SOURCE),
            *(
                (
                    Evidence(
                        what=place,
                        value=f"{early:.2g} s a step at first, {late:.2g} s at last",
                        source="looks at the stack",
                    ),
                )
                if place
                else ()
            ),
            *(
                (
                    Evidence(
                        what="memory", value=f"grows by {rss / 1e6:.1f} MB a second", source="/proc/self/stat"
                    ),
                )
                if rss
                else ()
            ),
        ),
        where=own.at(line),
        confidence=0.85,
        gains=(Gain(fix="steps as fast as the first ones", predicted=_gain(v, first, after)),),
        fix=_steps(phase, place),
        folds=_FOLDS,
    )


def _steps(phase: str | None, place: str) -> tuple[FixStep, ...]:
    if phase == "backward":
        say = (
            "The graph of the backward pass grows: keep losses as numbers (loss.item()), detach() what is "
            "carried from step to step, and leave out retain_graph=True"
        )
    elif place:
        say = f"{place}: go through new entries only, keep running sums, or bound its length (maxlen)"
    else:
        say = "See what is kept from step to step: lists that are appended to, hooks set in the loop, caches"
    return (FixStep(say=say),)


def _quarters(blocks: Sequence[float]) -> list[float]:
    quarter = len(blocks) // 4
    return [median(blocks[place * quarter : (place + 1) * quarter]) for place in range(4)]


def _base(first: float, last: float) -> float:
    """Seconds of a step before anything grew, if it grows evenly: the medians of the first and last quarter
    lie an eighth of the run after its begin and before its end."""
    return max(first - (last - first) / 6, 0.4 * first)


def _gain(v: Sequence[float], first: float, after: Sequence[float]) -> tuple[float, float]:
    return whatif.gain(v, [min(one, first) for one in v])[0], whatif.gain(v, after, slack=0.1)[1]


def _medians(v: Sequence[float]) -> list[float]:
    size = len(v) / _BLOCKS
    return [median(v[int(place * size) : int((place + 1) * size)]) for place in range(_BLOCKS)]


def spearman(values: Sequence[float]) -> float:
    """Rank correlation of values with their order; ties share their ranks. 0.0 where all are the same."""
    order = sorted(values)
    ranks = [order.index(one) + (order.count(one) - 1) / 2 for one in values]
    middle = (len(values) - 1) / 2
    products = sum((rank - middle) * (place - middle) for place, rank in enumerate(ranks))
    squares = sum((rank - middle) ** 2 for rank in ranks) * sum(
        (place - middle) ** 2 for place in range(len(ranks))
    )
    return products / sqrt(squares) if squares else 0.0


def _its_own(view: View, factor: float) -> bool:
    """Whether it is the script that does more, and not the machine that gives less: CPU time and waiting
    for data grow too."""
    moments = [one for one in view.moments if one.ran is not None and one.queued is not None]
    if len(moments) < 4:
        return True
    middle = len(moments) // 2
    early, late = _queued(moments[0], moments[middle]), _queued(moments[middle], moments[-1])
    return late is None or early is None or late < 0.25 or late - early < 0.5 * (1 - 1 / factor)


def _queued(one: object, two: object) -> float | None:
    passed = two.at - one.at  # type: ignore[attr-defined]
    return (two.queued - one.queued) / passed if passed > 0 else None  # type: ignore[attr-defined]


def _phase(view: View) -> str | None:
    """The timed part that grew most, where that is most of the growth."""
    v = view.durations
    quarter = len(v) // 4
    whole = sum(v[-quarter:]) - sum(v[:quarter])
    grown = {
        name: sum(column[-quarter:]) - sum(column[:quarter])
        for name in ("wait", "backward", "optimizer")
        if (column := view.column(name))
    }
    if not grown or whole <= 0:
        return None
    name = max(grown, key=grown.__getitem__)
    return name if grown[name] > 0.5 * whole else None


def _growing(view: View) -> tuple[Line | None, float, float]:
    """The person's innermost line whose time for a step grew most, where looks show it, with that time in the
    first and in the last third."""
    v, start = view.durations, max(1, view.first)
    third = len(v) // 3
    sums: dict[tuple[str, int, str], list[float]] = {}
    number = [0, 0]
    for one in view.samples:
        place = one.step - start
        part = 0 if place < third else 1 if place >= len(v) - third else None
        mine = own.users(view.stack(one))
        if part is None or not mine:
            continue
        number[part] += 1
        key = mine[0].file, mine[0].line, mine[0].function
        sums.setdefault(key, [0.0, 0.0])[part] += one.seconds / third
    if not sums or min(number) < 5:
        return None, 0.0, 0.0
    key, (early, late) = max(sums.items(), key=lambda pair: pair[1][1] - pair[1][0])
    whole = (sum(v[-third:]) - sum(v[:third])) / third
    if late - early < 0.3 * whole:
        return None, 0.0, 0.0
    return own.line(view, key, 0.0), early, late


def _grows(view: View) -> float | None:
    """Bytes a second by which the process grew over the steady steps, where that is much."""
    known = [(one.at, one.rss) for one in view.moments if one.rss is not None]
    if len(known) < 3 or known[-1][0] <= known[0][0]:
        return None
    more = (known[-1][1] or 0) - (known[0][1] or 0)
    return more / (known[-1][0] - known[0][0]) if more > 0.1 * (known[0][1] or 1) else None
