"""How often rules of comparison are wrong, and what they find, over made noise: where `envkit/stats` was
chosen.

    python benchmarks/stats_rules.py --runs 2000 --per-side 5,6,8

Every model makes the logarithms of rates of consecutive processes, taken as A B B A. Nothing differs for
"wrong"; B is 10 % slower for "found". No measured time is used here.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement

from envkit.stats import MARGIN, Comparison, compare, percentiles, resampled_medians

Noise = Callable[[random.Random, int], list[float]]
SLOWER = 0.9


def _gauss(spread: float) -> Noise:
    return lambda rng, size: [rng.gauss(0, spread) for _ in range(size)]


def _student(freedom: int, spread: float) -> Noise:
    def one(rng: random.Random) -> float:
        return spread * rng.gauss(0, 1) / math.sqrt(rng.gammavariate(freedom / 2, 2) / freedom)

    return lambda rng, size: [one(rng) for _ in range(size)]


def _outliers(rng: random.Random, size: int) -> list[float]:
    return [
        rng.gauss(0, 0.015) - (rng.expovariate(1 / 0.4) if rng.random() < 0.2 else 0) for _ in range(size)
    ]


def _two_kinds(rng: random.Random, size: int) -> list[float]:
    return [rng.gauss(0, 0.015) + (math.log(0.75) if rng.random() < 0.35 else 0) for _ in range(size)]


def _states(leave: float) -> Noise:
    """The machine is now fast, now half as fast, and stays so for 1 / leave processes."""

    def make(rng: random.Random, size: int) -> list[float]:
        slow, values = rng.random() < 0.5, []
        for _ in range(size):
            slow ^= rng.random() < leave
            values.append(rng.gauss(0, 0.02) + (math.log(0.5) if slow else 0))
        return values

    return make


def _drift(rng: random.Random, size: int) -> list[float]:
    slope = rng.gauss(0, 0.02)
    return [rng.gauss(0, 0.02) + slope * place for place in range(size)]


def _walk(rng: random.Random, size: int) -> list[float]:
    at, values = 0.0, []
    for _ in range(size):
        at += rng.gauss(0, 0.06)
        values.append(at + rng.gauss(0, 0.02))
    return values


def _remembers(rng: random.Random, size: int) -> list[float]:
    at, values = rng.gauss(0, 0.2), []
    for _ in range(size):
        at = 0.8 * at + rng.gauss(0, 0.12)
        values.append(at + rng.gauss(0, 0.02))
    return values


def _all(rng: random.Random, size: int) -> list[float]:
    parts = (_states(0.1), _drift, _student(2, 0.03))
    return [sum(each) for each in zip(*(part(rng, size) for part in parts), strict=True)]


NOISE: tuple[tuple[str, Noise], ...] = (
    ("quiet, 1 %", _gauss(0.01)),
    ("normal, 5 %", _gauss(0.05)),
    ("heavy tails (t, 2 degrees)", _student(2, 0.04)),
    ("Cauchy", _student(1, 0.03)),
    ("a fifth much slower", _outliers),
    ("two kinds of processes", _two_kinds),
    ("fast and slow states of 10", _states(0.1)),
    ("fast and slow states of 25", _states(0.04)),
    ("drift", _drift),
    ("random walk", _walk),
    ("autoregressive, 20 %", _remembers),
    ("states, drift, heavy tails", _all),
    ("wild, 70 %", _gauss(0.7)),
)

Interval = tuple[float, float]
"""Of the logarithm of B over A."""
Rule = Callable[[Sequence[float], Sequence[float]], Interval]


def _ours(a: Sequence[float], b: Sequence[float]) -> Interval:
    return _logarithms(compare(_rates(a), _rates(b), paired=True))


def _apart(a: Sequence[float], b: Sequence[float]) -> Interval:
    return _logarithms(compare(_rates(a), _rates(b)))


def _bootstrap(a: Sequence[float], b: Sequence[float]) -> Interval:
    rng = random.Random(0)
    pair = zip(resampled_medians(a, rng, 500), resampled_medians(b, rng, 500), strict=True)
    return percentiles([y - x for x, y in pair], 0.95)


def _pair_bootstrap(a: Sequence[float], b: Sequence[float]) -> Interval:
    shifts = [y - x for x, y in zip(a, b, strict=True)]
    return percentiles(resampled_medians(shifts, random.Random(0), 500), 0.95)


def _signed_rank(a: Sequence[float], b: Sequence[float]) -> Interval:
    shifts = [y - x for x, y in zip(a, b, strict=True)]
    means = sorted((x + y) / 2 for x, y in combinations_with_replacement(shifts, 2))
    outside = _SIGNED_RANK[len(shifts)]
    return (means[outside - 1], means[-outside]) if outside else (-math.inf, math.inf)


_SIGNED_RANK = {5: 0, 6: 1, 7: 3, 8: 4, 9: 6, 10: 9, 11: 11, 12: 14}
"""Walsh averages outside a 95 % interval on each side: Wilcoxon's critical value and one."""
RULES: tuple[tuple[str, Rule], ...] = (
    ("blocks (ours)", _ours),
    ("apart (ours)", _apart),
    ("bootstrap", _bootstrap),
    ("of pairs", _pair_bootstrap),
    ("signed rank", _signed_rank),
)


def _logarithms(found: Comparison) -> Interval:
    if found.low is None or found.high is None:
        return -math.inf, math.inf
    return math.log(found.low), math.log(found.high)


def _rates(logarithms: Sequence[float]) -> list[float]:
    return [math.exp(value) for value in logarithms]


def _different(interval: Interval) -> bool:
    """With the margin of ours for all rules."""
    low, high = interval
    same = -math.log1p(MARGIN) < low and high < math.log1p(MARGIN)
    return not same and (low > 0 or high < 0)


def _turns(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """A B B A A B B A ..."""
    pairs = [values[place : place + 2] for place in range(0, len(values), 2)]
    turned = [pair[::-1] if turn % 2 else pair for turn, pair in enumerate(pairs)]
    return [pair[0] for pair in turned], [pair[1] for pair in turned]


def row(noise: Noise, per_side: int, runs: int) -> list[tuple[float, float]]:
    """For each rule: the share of equal runs called different, and of B 10 % slower called slower."""
    rng = random.Random(1)
    counts = [[0, 0] for _ in RULES]
    for _ in range(runs):
        a, b = _turns(noise(rng, 2 * per_side))
        for count, (_, rule) in zip(counts, RULES, strict=True):
            low, high = rule(a, b)
            slower = (low + math.log(SLOWER), high + math.log(SLOWER))
            count[0] += _different((low, high))
            count[1] += _different(slower) and slower[1] < 0
    return [(wrong / runs, found / runs) for wrong, found in counts]


def main() -> None:
    """Print one table for each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--per-side", default="5,6,8", help="processes a side, with commas")
    options = parser.parse_args()
    for per_side in map(int, options.per_side.split(",")):
        print(f"\n{per_side} processes a side, {options.runs} runs: wrong / found, %")
        print(f"{'':28}" + "".join(f"{name:>15}" for name, _ in RULES))
        for name, noise in NOISE:
            cells = row(noise, per_side, options.runs)
            print(f"{name:28}" + "".join(f"{wrong:>8.1%}{found:>7.0%}" for wrong, found in cells), flush=True)


if __name__ == "__main__":
    main()
