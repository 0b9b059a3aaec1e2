"""Bytes that a person gives to the text in them: unpacked, decoded, without colours and quotation marks."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterator

from envkit.core.codec import MAX_BYTES
from envkit.core.errors import BadInputError
from envkit.core.text import plain

MAX_LINES = 1_000_000
"""More than any log that a report was pasted into."""
_LONGEST = 20_000
"""Characters of a line that are looked at; the CPU flags of a report are about 3000."""
_GZIP = b"\x1f\x8b"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_JUDGED, _SAMPLE = 4096, 1 << 14
"""Bytes from which on a file can be told to be binary, and of each place of it that is looked at."""
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\0\a\b\t\n\v\f\r\x1b"))
_QUOTE = re.compile(r"^(?:[ \t]{0,3}>[ \t]?)+", re.MULTILINE)


def unpacked(data: bytes, name: str) -> bytes:
    """The bytes, out of gzip where they are packed. Raises BadInputError, also for a gzip bomb."""
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    if not data.startswith(_GZIP):
        return data
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain_data = unpacker.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise BadInputError(
            f"{name} is a damaged gzip file: {error}", todo="give the report itself, as text"
        ) from error
    if len(plain_data) > MAX_BYTES:
        raise _too_large(name)
    return plain_data


def is_binary(data: bytes) -> bool:
    """Whether the bytes are no text: samples of them are full of control characters that texts do not have.

    Small files are not judged, and NUL bytes do not count: a file that was not written to its end has many.
    """
    if len(data) < _JUDGED or data.startswith(tuple(bom for bom, _ in _BOMS)) or _wide(data):
        return False
    step = max(_SAMPLE, len(data) // 8)
    sample = b"".join(data[start : start + _SAMPLE] for start in range(0, len(data), step)).replace(
        b"\0", b""
    )
    return len(sample) - len(sample.translate(None, _CONTROLS)) > 0.05 * len(sample)


def _too_large(name: str) -> BadInputError:
    return BadInputError(f"{name} is larger than {MAX_BYTES >> 20} MiB", todo="give the report alone")


def decoded(data: bytes) -> str:
    """The text of bytes in UTF-8, UTF-16, UTF-32 or, where they are none of these, in Latin-1."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    return data.decode(_encoding(data), "replace")


def _wide(data: bytes) -> str | None:
    """Which UTF-16 the bytes are without saying so: English text has a zero in every other byte then."""
    start = data[:4096]
    even, odd = start[0::2], start[1::2]
    for encoding, zeros, letters in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        # A file that begins with nothing but zeros is in no such encoding.
        if len(start) >= 8 and zeros.count(0) > 0.7 * len(zeros) >= letters.count(0):
            return encoding
    return None


def _encoding(data: bytes) -> str:
    if (wide := _wide(data)) is not None:
        return wide
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # A cut in the middle of a character is no other encoding.
        return "utf-8" if _only_cut(data) else "latin-1"
    return "utf-8"


def _only_cut(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=False)
    except UnicodeDecodeError:
        return False
    return True


def clean(text: str, name: str) -> str:
    """Text without colours, control characters and Markdown's quotation marks. Raises BadInputError."""
    text = plain(text.replace("\0", ""), limit=max(len(text), 1)).replace("\xa0", " ")
    if text.count("\n") > MAX_LINES:
        raise BadInputError(f"{name} has more than {MAX_LINES} lines", todo="give the report alone")
    return _QUOTE.sub("", text) if ">" in text else text


def lines(text: str) -> Iterator[str]:
    """Lines without their end, each cut to a length that a report can have."""
    for line in text.split("\n"):
        yield line[:_LONGEST].rstrip()


def spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Where each part of a text begins and ends that starts with a match of the pattern."""
    starts = [found.start() for found in pattern.finditer(text)]
    yield from zip(starts, starts[1:] + [len(text)] * bool(starts), strict=True)
