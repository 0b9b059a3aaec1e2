"""Messages of the C library, shells and Windows in other languages, put into English."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

LARGEST = 4 << 20
"""Bytes of a text that is searched for other languages; what is longer is a log, not a message."""


def in_english(data: bytes) -> bytes:
    """The text with what is known of other languages in English; line breaks stay where they are."""
    if len(data) > LARGEST:
        return data
    for other, english in _phrases():
        if other in data:
            data = data.replace(other, english)
    return data


@cache
def _phrases() -> tuple[tuple[bytes, bytes], ...]:
    """Longest first, for some begin alike."""
    path = resources.files("envkit.causes") / "data" / "signatures" / "locales.toml"
    rows = tomllib.loads(path.read_text("utf-8"))["phrase"]
    pairs = [(other.encode(), row["english"].encode()) for row in rows for other in row["other"]]
    return tuple(sorted(pairs, key=lambda pair: -len(pair[0])))
