"""Inputs that are packed, that are no files, or that come several at once."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

from tests.fuzz import json_, text
from tests.fuzz.sources import Sources
from tests.fuzz.text import Damage
from tests.fuzz.words import ANSI, RICH

BOMB = 1_000_000_000
"""Bytes that a bomb unpacks to."""

Place = Literal["file", "stdin", "fifo", "denied", "folder", "loop", "socket", "literal"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """One input of a command line."""

    data: bytes = b""
    place: Place = "file"
    name: str = "input"
    """The name of the file, or with `literal` the whole path as it is given."""


def packed(chance: Random, of: Sources) -> bytes:
    """gzip and its like: whole, cut, damaged, followed by something, several in one."""
    data = gzip.compress(chance.choice(of.all), mtime=0)
    at = chance.randrange(1, len(data))
    forms = (
        lambda: data,
        lambda: data[:at],
        lambda: data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :],
        lambda: data + b"\0" * 1000,
        lambda: data + gzip.compress(chance.choice(of.all)),
        lambda: gzip.compress(data),
        lambda: gzip.compress(gzip.compress(data)),
        lambda: b"\x1f\x8b",
        lambda: b"\x1f\x8b\x08" + chance.randbytes(chance.choice((1, 50, 5000))),
        lambda: data[:3] + b"\x1f" + data[4:],
        lambda: zlib.compress(chance.choice(of.all)),
        lambda: bz2.compress(chance.choice(of.all)),
        lambda: lzma.compress(chance.choice(of.all), preset=0),
        lambda: b"\n" + data,
        lambda: gzip.compress(b""),
    )
    return chance.choice(forms)()


@cache
def _bomb(unit: bytes, size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    block = unit * (1_000_000 // len(unit))
    return b"".join([*(packer.compress(block) for _ in range(size // len(block))), packer.flush()])


def bomb(chance: Random, of: Sources) -> bytes:
    """A small gzip that unpacks to a gigabyte, or to just below the limit; also packed once more."""
    unit = chance.choice((b"\0", b"[", b" ", b"\n", b"NVIDIA-SMI 535\n", b'{"a":'))
    data = _bomb(unit, chance.choice((BOMB, 60_000_000)))
    return gzip.compress(data, mtime=0) if chance.random() < 0.3 else data


def _damage(chance: Random) -> Damage:
    return chance.choice(
        (text.truncated, text.overwritten, text.encoded, text.blank, json_.fields, json_.deep, text.binary)
    )


def several(chance: Random, of: Sources) -> tuple[Given, ...]:
    """Two to six inputs for one answer, some of them damaged, some the same."""
    count = chance.randint(2, 6)
    inputs = [chance.choice(of.reports) for _ in range(count)]
    if chance.random() < 0.5:
        inputs[0] = inputs[-1]
    if chance.random() < 0.5:
        inputs[1] = _damage(chance)(chance, of)
    return tuple(Given(data=data, name=f"input-{number}") for number, data in enumerate(inputs))


def standard_input(chance: Random, of: Sources) -> tuple[Given, ...]:
    """Through a pipe."""
    data = _damage(chance)(chance, of) if chance.random() < 0.5 else chance.choice(of.reports)
    return (Given(data=data, place="stdin"),)


def named_pipe(chance: Random, of: Sources) -> tuple[Given, ...]:
    """As `<(command)` gives it: a path that can be read once, and has no size."""
    return (Given(data=chance.choice(of.reports), place="fifo"),)


def names(chance: Random, of: Sources) -> tuple[Given, ...]:
    """Files whose names want to be more than names."""
    hostile = (*ANSI, *RICH, "a\nb", "-", "--help", "\udcff", "a" * 255, "日本", " ", "{x}", "%s")
    name = chance.choice(hostile).replace("/", "_").replace("\0", "_")
    data = chance.choice((b"garbage", b"", chance.choice(of.reports)))
    return (Given(data=data, name=name if name not in ("-", "--help") else f"{name}x"),)


def no_file(chance: Random, of: Sources) -> tuple[Given, ...]:
    """What is no file, cannot be read, or never ends."""
    paths = (
        "/dev/zero", "/dev/null", "/dev/urandom", "/dev/full", "/proc/self/mem", "/proc/self/environ",
        "/no/such/file", "", "x" * 5000, "a" * 300, "\x1b[31m/none", "file\nname", "/dev/stdin",
        "none/../none", "~",
        "-" * 3, "\udcff\udcfe", "/proc/1/mem", "/sys/power/state", "[red]x[/red]", "/proc/self/fd/99",
    )  # fmt: skip
    place: Place = chance.choice(("literal", "literal", "literal", "denied", "folder", "loop", "socket"))
    return (Given(place=place, name=chance.choice(paths) if place == "literal" else "input"),)
