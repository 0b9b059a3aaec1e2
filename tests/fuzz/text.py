"""Damage to bytes and lines, whatever they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from tests.fuzz.sources import Sources
from tests.fuzz.words import ANSI, HTML, RICH, UNICODE

Damage = Callable[[Random, Sources], bytes]
LARGE = 50_000_000
"""Bytes of a log that somebody gives whole."""
LONG = 10_000_000
"""Bytes of one line."""
ENCODINGS = (
    "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "latin-1", "cp1252", "utf-8-sig",
    "utf-7", "shift_jis", "cp037",
)  # fmt: skip


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def truncated(chance: Random, of: Sources) -> bytes:
    """The beginning alone, or the end alone."""
    data = chance.choice(of.all)
    at = chance.randrange(len(data))
    return data[:at] if chance.random() < 0.8 else data[at:]


def overwritten(chance: Random, of: Sources) -> bytes:
    """Single bytes changed."""
    data = bytearray(chance.choice(of.all))
    for _ in range(chance.choice((1, 1, 2, 10, 200))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def bits(chance: Random, of: Sources) -> bytes:
    """Single bits flipped."""
    data = bytearray(chance.choice(of.all))
    for _ in range(chance.choice((1, 3, 30))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def with_hole(chance: Random, of: Sources) -> bytes:
    """A part missing from the middle."""
    data = chance.choice(of.all)
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice((1, 10, 100, 1000)) :]


def with_zeros(chance: Random, of: Sources) -> bytes:
    """NUL bytes, as a file has that was not written to its end."""
    data = chance.choice(of.all)
    at = chance.randrange(len(data))
    return data[:at] + b"\0" * chance.choice((1, 8, 4096, 100_000)) + data[at:]


def with_words(words: Sequence[str]) -> Damage:
    """Words put into a text at random places."""

    def damage(chance: Random, of: Sources) -> bytes:
        text = _text(chance.choice(of.all))
        for _ in range(chance.choice((1, 5, 50))):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(words) + text[at:]
        return _bytes(text)

    return damage


with_ansi, with_rich, with_html, with_unicode = map(with_words, (ANSI, RICH, HTML, UNICODE))


def encoded(chance: Random, of: Sources) -> bytes:
    """Another encoding, with and without its mark."""
    text = _text(chance.choice(of.all)).replace("---", "–", 1)
    data = text.encode(chance.choice(ENCODINGS), "replace")
    return data if chance.random() < 0.7 else data[: chance.randrange(len(data))]


def mixed_encodings(chance: Random, of: Sources) -> bytes:
    """One encoding up to a place, another from there."""
    first, second = (_text(chance.choice(of.all)) for _ in range(2))
    cut = chance.randrange(len(first))
    one, two = chance.sample(ENCODINGS, 2)
    return first[:cut].encode(one, "replace") + second.encode(two, "replace")


def lines_again(chance: Random, of: Sources) -> bytes:
    """Lines duplicated, dropped or in another order."""
    lines = chance.choice(of.all).split(b"\n")
    how = chance.randrange(4)
    if how == 0:
        chance.shuffle(lines)
    elif how == 1:
        lines = [line for line in lines for _ in range(chance.choice((1, 1, 2, 20)))]
    elif how == 2:
        lines = [line for line in lines if chance.random() < 0.7]
    else:
        lines = lines[::-1]
    return b"\n".join(lines)


def line_ends(chance: Random, of: Sources) -> bytes:
    """Other ends of lines."""
    end = chance.choice(
        (b"\r\n", b"\r", b"\n\r", b"\x0b", b"\x0c", b"\x85", b"\xe2\x80\xa8", b"\n\n\n", b" ")
    )
    return chance.choice(of.all).replace(b"\n", end)


def quoted(chance: Random, of: Sources) -> bytes:
    """As mail and forges hand texts on."""
    before = chance.choice(
        (b"> ", b">>> > ", b"    ", b"\t", b"| ", b"2026-05-01T12:00:00Z stdout F ", b"[1,0]<stdout>: ")
    )
    lines = chance.choice(of.all).split(b"\n")
    return b"```\n" + b"\n".join(before + line for line in lines) + b"\n```\n"


def concatenated(chance: Random, of: Sources) -> bytes:
    """Several inputs in one file."""
    return chance.choice((b"", b"\n", b"\n\n\0")).join(chance.choices(of.all, k=chance.choice((2, 3, 40))))


def large(chance: Random, of: Sources) -> bytes:
    """One input over and over, to 50 MB."""
    data = chance.choice(of.all) + b"\n"
    return data * (LARGE // len(data))


def large_log(chance: Random, of: Sources) -> bytes:
    """An input somewhere in 50 MB of a log whose lines all differ."""
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(997)]
    block = b"".join(
        b"2026-05-01 12:00:00 INFO %b %b=%d %b %d\n"
        % (words[i * 7 % 997], words[i * 13 % 997], i, words[i % 997], i)
        for i in range(20_000)
    )
    blocks = [block.replace(b"INFO", word) for word in words[: LARGE // len(block)]]
    blocks.insert(chance.randrange(len(blocks)), b"\n" + chance.choice(of.all) + b"\n")
    return b"".join(blocks)


def large_binary(chance: Random, of: Sources) -> bytes:
    """A file that is no text at all, of up to the limit and beyond."""
    piece = chance.randbytes(1 << 20)
    return piece * chance.choice((1, 50, 63, 65))


def long_lines(chance: Random, of: Sources) -> bytes:
    """Lines of 10 MB, of what the readers look for."""
    unit = chance.choice(
        (b"a", b" ", b"|", b": ", b"> ", b"[pip3] ", b"GPU 0: ", b"NVIDIA-SMI ", b"(", b"9", b"\x1b[31m",
         b"-", b'{"a":', b"Driver Version: ", b"\\", b"RuntimeError: ", b"CUDA error ", b"<gpu>", b"\t", b"[",
         b"torch==")
    )  # fmt: skip
    line = unit * (chance.choice((100_000, 1_000_000, LONG)) // len(unit))
    data = chance.choice(of.all)
    at = data.find(b"\n", chance.randrange(len(data))) + 1
    return data[:at] + line + (b"\n" + data[at:] if chance.random() < 0.5 else data[at:])


def long_word(chance: Random, of: Sources) -> bytes:
    """A word of a real line drawn out to a megabyte: the readers' own patterns have much to try."""
    text = _text(chance.choice(of.all))
    words = text.split(" ")
    at = chance.choice([at for at, word in enumerate(words) if word])
    words[at] *= max(1, 1_000_000 // len(words[at]))
    return _bytes(" ".join(words))


def numbers(chance: Random, of: Sources) -> bytes:
    """Other numbers in the places of numbers."""
    words = _text(chance.choice(of.pastes)).split(" ")
    places = [at for at, word in enumerate(words) if any(letter.isdigit() for letter in word)]
    for at in chance.sample(places, min(len(places), 10)):
        words[at] = chance.choice(
            ("9" * 5000, "-1", "1e999", "NaN", "٣", "0x10", "", "∞", "\u202e12", "0", "1e-320")
        )
    return _bytes(" ".join(words))


def binary(chance: Random, of: Sources) -> bytes:
    """Files of other kinds."""
    heads = (
        b"", b"\x7fELF", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", b"BZh9", b"\xfd7zXZ\0",
        b"\x80\x04\x95",
        b"\x28\xb5\x2f\xfd", b"SQLite format 3\0", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\0\0\xfe\xff",
    )  # fmt: skip
    return chance.choice(heads) + chance.randbytes(chance.choice((0, 1, 7, 300, 100_000)))


def blank(chance: Random, of: Sources) -> bytes:
    """Nothing, or nothing that shows."""
    unit = chance.choice(
        (b"", b" ", b"\n", b"\t", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc2\xa0", b"\x0c")
    )
    return unit * chance.choice((1, 2, 1000, 1_000_000))
