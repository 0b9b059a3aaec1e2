"""Foreign text made inert, and sizes and times as people read them."""

from __future__ import annotations

import re
import shlex

# CSI, OSC (ended by BEL or ST), and two-byte escapes, then what is left of C0, DEL and C1.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
# Direction overrides and invisible separators can make a terminal show something other than the text.
_BIDI = re.compile("[\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def plain(text: str, *, limit: int = 10_000) -> str:
    """Text without ANSI sequences, control characters and direction overrides, cut to `limit` characters.

    Tabs and newlines stay. Lone surrogates (a path that is not UTF-8) become `?`.
    """
    text = text[: limit * 2].replace("\r\n", "\n").replace("\r", "\n")
    text = _ESCAPES.sub("", encodable(text))
    text = text if text.isascii() else _BIDI.sub("", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def encodable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, replaced by `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def one_line(text: str, *, limit: int = 200) -> str:
    """`plain` on one line."""
    return plain(" ".join(plain(text, limit=limit * 4).split()), limit=limit)


def size(count: float | None) -> str:
    """Bytes as people write them: 24.0 GiB."""
    if count is None:
        return "unknown"
    value = _bounded(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def duration(seconds: float | None) -> str:
    """Seconds as people write them: 84 ms, 2.1 s, 3 min, 5 h, 12 days."""
    if seconds is None:
        return "unknown"
    seconds = _bounded(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def count(number: float) -> str:
    """A CPU count: 2, 1.5."""
    number = _bounded(number)
    return f"{number:g}" if number.is_integer() else f"{number:.1f}"


def _bounded(number: float) -> float:
    """As a float, also an int of a file that is beyond all floats."""
    return float(min(max(number, -1e300), 1e300))


def plural(number: int, word: str, many: str | None = None) -> str:
    """`1 check`, `3 checks`."""
    return f"{number} {word if number == 1 else many or word + 's'}"


def shell_word(value: str) -> str:
    """A value as one word of a POSIX shell. A path below ~ keeps its tilde where the shell expands it."""
    home = "~/" if value.startswith("~/") else ""
    return home + (shlex.quote(rest) if (rest := value.removeprefix(home)) or not home else "")
