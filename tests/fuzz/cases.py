"""A case: what was made, and the command lines that are given it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from tests.fuzz import files, json_, text
from tests.fuzz.files import Given
from tests.fuzz.sources import Sources, sources
from tests.fuzz.text import Damage

FORMATS = ("text", "json", "markdown", "html")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutator:
    """A way to damage inputs."""

    make: Callable[[Random, Sources], tuple[Given, ...]]
    share: float = 1.0
    """How often, beside the others."""
    heavy: bool = False
    """Tens of megabytes; only two command lines each, and none in the tests."""


def _file(damage: Damage) -> Callable[[Random, Sources], tuple[Given, ...]]:
    def make(chance: Random, of: Sources) -> tuple[Given, ...]:
        return (Given(data=damage(chance, of)),)

    return make


def _of(damage: Damage, share: float = 1.0, heavy: bool = False) -> Mutator:
    return Mutator(make=_file(damage), share=share, heavy=heavy)


MUTATORS: dict[str, Mutator] = {
    "truncated": _of(text.truncated, 2),
    "bytes overwritten": _of(text.overwritten, 2),
    "bits flipped": _of(text.bits),
    "part missing": _of(text.with_hole),
    "NUL bytes": _of(text.with_zeros),
    "ANSI sequences": _of(text.with_ansi, 2),
    "Rich markup": _of(text.with_rich),
    "HTML and Markdown": _of(text.with_html),
    "odd Unicode": _of(text.with_unicode, 2),
    "other encoding": _of(text.encoded, 2),
    "mixed encodings": _of(text.mixed_encodings),
    "lines again": _of(text.lines_again),
    "ends of lines": _of(text.line_ends),
    "quoted": _of(text.quoted),
    "concatenated": _of(text.concatenated),
    "long word": _of(text.long_word),
    "other numbers": _of(text.numbers),
    "binary": _of(text.binary),
    "blank": _of(text.blank, 0.5),
    "lines of 10 MB": _of(text.long_lines, 0.6, heavy=True),
    "50 MB, one input": _of(text.large, 0.3, heavy=True),
    "50 MB, a log": _of(text.large_log, 0.2, heavy=True),
    "50 MB, binary": _of(text.large_binary, 0.2, heavy=True),
    "JSON: fields": _of(json_.fields, 6),
    "JSON: words": _of(json_.words, 2),
    "JSON: figures": _of(json_.figures, 2),
    "JSON: types": _of(json_.types, 2),
    "JSON: long lists": _of(json_.many),
    "JSON: depth": _of(json_.deep),
    "JSON: literals": _of(json_.literals),
    "JSON: schema": _of(json_.schemas),
    "JSON: unknown fields": _of(json_.unknown_fields),
    "JSON: keys twice": _of(json_.duplicate_keys, 0.5),
    "JSON: syntax": _of(json_.syntax),
    "JSON: another value": _of(json_.other_json, 0.5),
    "gzip": _of(files.packed, 2),
    "gzip bomb": _of(files.bomb, 0.5, heavy=True),
    "several files": Mutator(make=files.several, share=2),
    "standard input": Mutator(make=files.standard_input),
    "named pipe": Mutator(make=files.named_pipe, share=0.5),
    "names of files": Mutator(make=files.names),
    "no file": Mutator(make=files.no_file, share=2),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Inputs, and the command lines to which they are given; `{0}` is the path of the first."""

    number: int
    mutator: str
    given: tuple[Given, ...]
    commands: tuple[tuple[str, ...], ...]


def case(seed: int, number: int, *, light: bool = False) -> Case:
    """Case `number` of a seed; the same for ever, as long as sources and mutators are.

    light: none that is heavy.
    """
    chance = Random(f"{seed}/{number}")
    chosen = {name: one for name, one in MUTATORS.items() if not (light and one.heavy)}
    shares = [*accumulate(one.share for one in chosen.values())]
    (name,) = chance.choices([*chosen], cum_weights=shares)
    given = chosen[name].make(chance, sources())
    lines = commands(chance, given)
    if chosen[name].heavy or len(max(given, key=lambda one: len(one.data)).data) > 5_000_000:
        lines = tuple(chance.sample(lines, 2))
    return Case(number=number, mutator=name, given=given, commands=lines)


def commands(chance: Random, given: tuple[Given, ...]) -> tuple[tuple[str, ...], ...]:
    """doctor in every format, explain, both at once, and many snapshots beside each other."""
    whole = tuple(word for number in range(len(given)) for word in ("--from", f"{{{number}}}"))
    more = chance.choice(((), (), ("-v",), ("-q",), ("--strict",)))
    form = chance.choice(FORMATS)
    # Standard input and a pipe can be read once.
    log = "{snapshot}" if given[0].place in ("stdin", "fifo") else "{0}"
    return (
        *(("doctor", *whole, "--format", one, *more) for one in FORMATS),
        ("explain", "--error", "{0}", "--format", form),
        ("doctor", *whole, "--error", log, "--format", form),
        ("doctor", "--merge", "--format", form, "{snapshot}", *whole[1::2]),
    )
