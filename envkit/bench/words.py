"""Figures of a bench as people read them."""

from __future__ import annotations

import math

from envkit.bench.model import Ceiling, Interval

_SI = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SCALED = ("FLOP/s", "B/s")
"""Units that people read with a prefix; samples and tokens are counted out."""
_LIMITS = {
    "memory-bandwidth": "memory",
    "h2d": "host to device, pinned",
    "d2h": "device to host, pinned",
    "h2d-pageable": "host to device, pageable",
    "d2h-pageable": "device to host, pageable",
    "allreduce": "all-reduce",
}


def rate(value: float, unit: str) -> str:
    """`2,765 samples/s`, `771 TFLOP/s`: three or four significant digits."""
    if unit not in _SCALED or not math.isfinite(value):
        return f"{number(value)} {unit}"
    size, letter = _prefix(value)
    return f"{_digits(value / size)} {letter}{unit}"


def span(low: float | None, high: float | None, unit: str, *, of: float) -> str | None:
    """`2,751 to 2,780`, with the prefix that `rate` gives `of`; None where there is no interval."""
    if low is None or high is None:
        return None
    if unit not in _SCALED or not math.isfinite(of):
        return f"{number(low)} to {number(high)}"
    size, _ = _prefix(of)
    return f"{_digits(low / size)} to {_digits(high / size)}"


def interval(value: Interval) -> str:
    """`771 TFLOP/s [768 to 774]`, or the median alone."""
    known = span(value.low, value.high, value.unit, of=value.median)
    return rate(value.median, value.unit) + (f" [{known}]" if known else "")


def number(value: float) -> str:
    """Four significant digits, thousands set off."""
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    rounded = round(value, 3 - math.floor(math.log10(abs(value))))
    written = f"{rounded:,.{min(digits, 12)}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _prefix(value: float) -> tuple[float, str]:
    # Half a digit below the border is already the next prefix when rounded.
    return next(((size, letter) for size, letter in _SI if abs(value) >= size * 0.9995), (1.0, ""))


def _digits(value: float) -> str:
    """Three significant digits, more before the point."""
    if not math.isfinite(value):
        return "not finite"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def seconds(value: float | None) -> str | None:
    """`540 µs`, `36.2 ms`, `4.20 s`: three digits."""
    if value is None:
        return None
    return _small(value, "s") if abs(value) < 1 else f"{_digits(value)} s"


def joules(value: float | None) -> str | None:
    """`1.67 mJ`."""
    if value is None:
        return None
    return _small(value, "J") if abs(value) < 1 else f"{_digits(value)} J"


def _small(value: float, unit: str) -> str:
    for size, letter in ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")):
        if abs(value) >= size * 0.9995:
            return f"{_digits(value / size)} {letter}{unit}"
    return f"{value:.3g} {unit}"


def item(unit: str) -> str:
    """`sample` of `samples/s` and of `samples`."""
    return unit.removesuffix("/s").removesuffix("s")


def share(value: float | None) -> str | None:
    """`68 %`, `1.1 %`; never 100 where it is below."""
    if value is None or not math.isfinite(value):
        return None
    percent = value * 100
    if abs(percent) < 10:
        return f"{percent:.1f} %"
    return f"{math.floor(percent) if 99 <= percent < 100 else round(percent)} %"


def change(ratio: float | None) -> str | None:
    """A ratio as a change: `-12.7 %`, `+31.2 %`; from threefold on `3.4 times`."""
    if ratio is None or not math.isfinite(ratio):
        return None
    return f"{ratio:.3g} times" if ratio >= 3 else f"{(ratio - 1) * 100:+.1f} %"


def limit(ceiling: Ceiling) -> str:
    """`gemm bf16`."""
    name = _LIMITS.get(ceiling.what, ceiling.what)
    return f"{name} {ceiling.precision}" if ceiling.precision else name
