"""Which lines of a text are its failure, and which were only printed on the way to it.

A log holds banners and warnings before the error, and several tracebacks when one of them was caught. The
last traceback, with what it is chained to, is what ended the program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from envkit.causes.signatures import LinePattern
from envkit.match.lines import Line

_LARGEST = 4 << 20
"""Bytes of a text whose tracebacks are looked for; in a longer one every line counts alike."""
_TRACEBACK = b"Traceback (most recent call last)"
_JOINS = (b"The above exception was the direct cause", b"During handling of the above exception")
_CHAINED = 5
"""Lines between two tracebacks of one chain, with the sentence that joins them."""
_DEEPEST = 400
"""Lines of one traceback that are followed."""
_WARNING = re.compile(
    r"\b\w*warning\b|(?:^|[\s|:\]])(?:w|i)(?:\d{4})? ?(?:\d\d:|tensorflow/|external/|\S+\.cc:)"
    r"|\[w[ \d]|\binfo\b|\[notice\]"
)
_ERROR = re.compile(
    r"\b\w*(?:error|exception|fault|fatal|assert\w*|killed|aborted)\b|\bfailed\b|\bcannot\b|\bfatal\b"
)

CAUGHT = 0.72
"""Of the weight of a line in a traceback that the program outlived."""
PRINTED = 0.85
"""Of the weight of a warning, where an error is recognised, too."""
ASIDE = 0.4
"""Of the weight of what is printed on healthy machines, too, where something else is recognised."""
SURE = 0.5
"""How much another line must say for asides and warnings to step back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """Where the tracebacks of a text are."""

    chains: tuple[tuple[int, int], ...] = ()
    """First and last line, from 1, of each chain of tracebacks, with the exceptions that they end with."""

    def chain_of(self, number: int) -> int | None:
        """The chain that a line lies in, from 0; None outside of all."""
        return next((n for n, (first, last) in enumerate(self.chains) if first <= number <= last), None)


def shape_of(data: bytes) -> Shape:
    """The tracebacks of a text; none are seen in a text of more than 4 MiB."""
    if len(data) > _LARGEST or _TRACEBACK not in data:
        return Shape()
    lines = data.split(b"\n")
    chains: list[tuple[int, int]] = []
    for start, raw in enumerate(lines):
        at = raw.find(_TRACEBACK)
        if at < 0:
            continue
        end = _end(lines, start, raw[:at])
        if chains and _joined(lines[chains[-1][1] : start]):
            chains[-1] = (chains[-1][0], end)
        else:
            chains.append((start + 1, end))
    return Shape(chains=tuple(chains))


def _joined(between: Sequence[bytes]) -> bool:
    return len(between) <= _CHAINED and any(join in raw for raw in between for join in _JOINS)


def _end(lines: Sequence[bytes], start: int, prefix: bytes) -> int:
    """The last line, from 1, of the exception that a traceback ends with."""
    seen = False
    for number in range(start + 1, min(len(lines), start + _DEEPEST)):
        rest = lines[number].removeprefix(prefix)
        if not rest.strip() or any(join in rest for join in _JOINS) or _TRACEBACK in rest:
            if seen:
                return number
        elif not rest.startswith((b" ", b"\t")):
            seen = True
    return min(len(lines), start + _DEEPEST)


def is_warning(line: Line) -> bool:
    """Whether a line says of itself that it is only a warning or a notice."""
    return _WARNING.search(line.folded[:200]) is not None


def is_error(line: Line) -> bool:
    """Whether a line speaks of a failure."""
    return _ERROR.search(line.folded) is not None


def is_aside(line: Line, asides: Sequence[LinePattern]) -> bool:
    """Whether healthy machines print such a line, too."""
    return any(aside.found(line.folded, line.joint) for aside in asides)
