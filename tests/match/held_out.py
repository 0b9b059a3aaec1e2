"""Messages as the sources of programs print them, with the causes that would be right.

A file holds a block a message: `== key` or `== key|other key`, then the text. Each file was written before
the signatures were touched for it. On the first run 403 of the 470 of the first two files were named first
(409 within three; 30 had causes that the catalogue did not know), and 100 of the 108 of the third (101).
Five expectations that two causes share were widened afterwards, one text that says nothing was removed.
`python -m tests.match.held_out [FILE...]` prints which are missed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from envkit.match.match import explain_text

HERE = Path(__file__).parent
FILES = (HERE / "held_out.txt", HERE / "held_out_forms.txt", HERE / "held_out_more.txt")
"""One list a round; the forms hold wrapped, prefixed and translated messages, and long logs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One message."""

    name: str
    accepted: frozenset[str]
    text: str


def cases(path: Path) -> tuple[Case, ...]:
    """All messages of the file, in its order."""
    found = []
    for number, block in enumerate(("\n" + path.read_text("utf-8")).split("\n== ")[1:], 1):
        header, _, text = block.partition("\n")
        found.append(
            Case(name=f"{number}-{header}", accepted=frozenset(header.split("|")), text=text.rstrip("\n"))
        )
    return tuple(found)


def main() -> None:
    """Print what is missed."""
    places = []
    for case in (case for path in map(Path, sys.argv[1:] or FILES) for case in cases(path)):
        found = [match.key for match in explain_text(case.text).causes]
        place = next((number for number, key in enumerate(found) if key in case.accepted), 99)
        places.append(place)
        if place:
            print(f"{place:2} {case.name}: {found[:4]}\n     {case.text[:400]!r}")
    first, third = sum(place == 0 for place in places), sum(place < 3 for place in places)
    print(f"{first} first, {third} within three of {len(places)}")


if __name__ == "__main__":
    main()
