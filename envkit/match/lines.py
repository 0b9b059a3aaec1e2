"""The lines of a text, of any size and encoding, that can matter to a signature.

Bytes are reduced to their letters a to z, line by line. What differs between the lines of a log (times,
numbers, bars) is gone then, so each kind of line is looked at once, and a message is found whatever its case
or encoding.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

from envkit.causes.signatures import LinePattern, folded
from envkit.core.text import one_line, plain
from envkit.match.locales import in_english

LONGEST = 2_000
"""Characters of a line that are matched at once; a longer line is cut into overlapping pieces."""
_OVERLAP = 300
_CHUNK = 1 << 20
_KINDS = 200_000
"""Different lines that are remembered before forgetting starts."""
_KEPT = 3_000
"""Lines that are kept from the start, and as many from the end."""
_SMALL = 1 << 17
"""Texts up to this size are also read across line breaks, for terminals wrap what they print."""

_LOWER = bytes(range(256)).lower()
_NOT_LETTERS = bytes(c for c in range(256) if not chr(c).isascii() or not (chr(c).isalpha() or c == 10))
_ANSI = re.compile(rb"\x1b\[[0-9;?]{0,20}[A-Za-z]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line that passed the prefilter."""

    number: int
    """From 1."""
    text: str
    """Inert, for showing."""
    folded: str
    """For matching."""
    joint: int = 0
    """Where in `folded` two lines were joined; 0 for one line."""

    def has(self, pattern: LinePattern) -> bool:
        """Whether the pattern is on this line, or across the two that were joined."""
        return pattern.found(self.folded, self.joint)


def letters(text: str | bytes) -> bytes:
    """Only the letters a to z, in lower case, and line feeds."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return raw.translate(_LOWER, _NOT_LETTERS)


def prefilter(literals: Iterable[str]) -> re.Pattern[bytes]:
    """One expression, a trie, that finds any of the literals in what `letters` left."""
    words = sorted({word for literal in literals if len(word := letters(literal)) >= 3})
    return re.compile(_trie(words))


def candidates(text: str | bytes, wanted: re.Pattern[bytes]) -> list[Line]:
    """The lines that hold one of the literals, each kind of line once, in order."""
    original = as_bytes(text)
    data = in_english(original)
    first: list[tuple[int, bytes]] = []
    last: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)
    for numbered in _kinds(data, wanted):
        (first if len(first) < _KEPT else last).append(numbered)
    single = [line for number, raw in (*first, *last) for line in _decoded(number, raw)]
    found = [*single, *_wrapped(data, wanted)]
    return found if data is original else _as_written(found, original, data)


def _as_written(lines: list[Line], original: bytes, english: bytes) -> list[Line]:
    """The lines with the words that the text has, where those that were matched are a translation."""
    pairs = enumerate(zip(original.split(b"\n"), english.split(b"\n"), strict=True), 1)
    written = {number: raw for number, (raw, put) in pairs if raw != put}
    return [
        replace(line, text=_shown(written[line.number])) if line.number in written else line for line in lines
    ]


def _shown(raw: bytes) -> str:
    return one_line(plain(_ANSI.sub(b"", raw).decode("utf-8", "replace"), limit=LONGEST), limit=300)


def _kinds(data: bytes, wanted: re.Pattern[bytes]) -> Iterator[tuple[int, bytes]]:
    seen: set[bytes] = set()
    for number, raw in _lines(data):
        for start in range(0, max(1, len(raw)), LONGEST - _OVERLAP):
            piece = raw[start : start + LONGEST]
            kind = letters(piece)
            if kind in seen:
                continue
            if len(seen) >= _KINDS:
                seen.clear()
            seen.add(kind)
            if wanted.search(kind) is not None:
                yield number, piece
            if start + LONGEST >= len(raw):
                break


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbered lines; of a run of lines that are alike but for their numbers, the first."""
    number, start, total = 1, 0, len(data)
    while start < total:
        end = data.rfind(b"\n", start, start + _CHUNK) + 1 or data.find(b"\n", start + _CHUNK) + 1 or total
        chunk = data[start:end]
        if b"\x1b" in chunk:
            chunk = _ANSI.sub(b"", chunk)
        lines = chunk.split(b"\n")
        alike = letters(chunk).split(b"\n")
        first = dict(zip(reversed(alike), range(len(lines) - 1, -1, -1), strict=True))
        for offset in sorted(offset for kind, offset in first.items() if kind):
            yield number + offset, lines[offset]
        number += len(lines) - 1
        start = end


def _decoded(number: int, raw: bytes) -> Iterator[Line]:
    for part in plain(raw.decode("utf-8", "replace"), limit=LONGEST).splitlines():
        if part.strip():
            yield Line(number=number, text=one_line(part, limit=300), folded=folded(part))


def _wrapped(data: bytes, wanted: re.Pattern[bytes]) -> Iterator[Line]:
    """Neighbouring lines of a small text joined, for messages that a terminal or an author broke in two."""
    if len(data) > _SMALL:
        return
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    for number, (one, two) in enumerate(pairwise(lines), 1):
        if not one.strip() or not two.strip() or len(one) + len(two) > LONGEST:
            continue
        if wanted.search(letters(one + two)) is None:
            continue
        for start in _decoded(number, one):
            joined = folded(f"{start.folded} {_without_lead(one, two)}")
            yield Line(number=number, text=start.text, folded=joined, joint=len(start.folded))


def _without_lead(one: bytes, two: bytes) -> str:
    """The second of two lines without what both begin with: a time, a host, a rank, marks of a quotation."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))
    lead = max(two.rfind(b" ", 0, same + 1), two.rfind(b"]", 0, same), two.rfind(b"|", 0, same)) + 1
    return plain(two[lead:].decode("utf-8", "replace")).lstrip(" |>")


def as_bytes(text: str | bytes) -> bytes:
    """The text in UTF-8, whatever it came in."""
    if isinstance(text, str):
        return text.encode("utf-8", "replace")
    head = text[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16", "replace").encode("utf-8", "replace")
    # A file that begins with little but zeros was not written to its end, and is in no such encoding.
    if len(head) * 9 > head.count(b"\0") * 10 > len(head) * 4:
        little = head[1::2].count(b"\0") >= head[::2].count(b"\0")
        return text.decode("utf-16-le" if little else "utf-16-be", "replace").encode("utf-8", "replace")
    return text


def _trie(words: list[bytes]) -> bytes:
    """A regular expression for words, without alternatives that begin alike: nothing is tried twice."""
    if b"" in words:
        return b""
    groups: dict[bytes, list[bytes]] = {}
    for word in words:
        groups.setdefault(word[:1], []).append(word[1:])
    parts = []
    for letter, rests in groups.items():
        run = letter
        while b"" not in rests and len({rest[:1] for rest in rests}) == 1:
            run, rests = run + rests[0][:1], [rest[1:] for rest in rests]
        parts.append(run + _trie(rests))
    return parts[0] if len(parts) == 1 else b"(?:" + b"|".join(parts) + b")"
