"""Names of nodes folded as SLURM writes them: `node[001-004,017]`."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from envkit.core.text import plural

_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})([^0-9]*)", re.DOTALL)
_UNCLEAR = re.compile(r"[\[\],\s\"]")
_PIECES = re.compile(r"([0-9]{1,18})")


def natural(name: str) -> tuple[tuple[str | int, ...], str]:
    """A key that sorts node9 before node10; names that differ have keys that differ."""
    pieces = _PIECES.split(name)
    return tuple(int(piece) if index % 2 else piece for index, piece in enumerate(pieces)), name


def folded(names: Iterable[str]) -> str:
    """`node[001-004,017],login`: the last number of each name folded, leading zeros kept.

    Names that hold brackets, commas or spaces are quoted, so that they cannot look like others.
    """
    return ",".join(_parts(names))


def shown(names: Sequence[str], *, limit: int = 60) -> str:
    """`folded`, cut to about `limit` characters with how many more there are."""
    parts = _parts(names)
    whole = ",".join(parts)
    if len(whole) <= limit or len(names) < 2:
        return whole
    return _cut(sorted(names, key=natural), limit)


def _cut(names: Sequence[str], limit: int) -> str:
    """As many of the first names as have room."""
    low, high = 1, len(names)
    while low < high:
        middle = (low + high + 1) // 2
        if len(folded(names[:middle])) <= limit:
            low = middle
        else:
            high = middle - 1
    rest = len(names) - low
    return folded(names[:low]) + (f" and {rest} more" if rest else "")


def counted(names: Sequence[str], *, limit: int = 60) -> str:
    """`3 nodes (node[001-003])`."""
    return f"{plural(len(names), 'node')} ({shown(names, limit=limit)})"


def _parts(names: Iterable[str]) -> list[str]:
    series: dict[tuple[str, str], list[str]] = defaultdict(list)
    single: list[str] = []
    for name in set(names):
        found = _NUMBERED.fullmatch(name)
        if found is None or _UNCLEAR.search(name):
            single.append(name)
        else:
            series[found[1], found[3]].append(found[2])
    parts = [(natural(name), json.dumps(name) if _UNCLEAR.search(name) else name) for name in single]
    for (before, after), digits in series.items():
        for numbers, width in _by_width(digits):
            ranges = _ranges(numbers, width)
            first = f"{before}{numbers[0]:0{width}d}{after}"
            alone = len(numbers) == 1
            parts.append((natural(first), first if alone else f"{before}[{ranges}]{after}"))
    return [part for _, part in sorted(parts)]


def _by_width(digits: Sequence[str]) -> list[tuple[list[int], int]]:
    """Numbers with the width that they are written in; 0 for those without leading zeros."""
    padded = {len(text) for text in digits if text.startswith("0") and len(text) > 1}
    widths: dict[int, list[int]] = defaultdict(list)
    for text in digits:
        widths[len(text) if len(text) in padded else 0].append(int(text))
    return [(sorted(numbers), width) for width, numbers in widths.items()]


def _ranges(numbers: Sequence[int], width: int) -> str:
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(
        f"{first:0{width}d}" if first == last else f"{first:0{width}d}-{last:0{width}d}"
        for first, last in spans
    )
