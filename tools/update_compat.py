"""Refreshes envkit/compat/data from package metadata: file names, Requires-Dist and, with --deep, single
members of wheels read by range requests.

python tools/update_compat.py            prints what differs
python tools/update_compat.py --check    exits 1 when the newest release of a package is in no table
python tools/update_compat.py --write    writes what metadata says; looks at the diff afterwards
python tools/update_compat.py --deep     reads architectures in the wheels, too (about 15 MB a wheel)

PyTorch's own index (the builds other than the default one) is read where it can be reached.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

from compat_diff import Seen, look  # noqa: E402
from compat_index import Index, IndexUnreachable, LiveIndex, RecordedIndex, newest  # noqa: E402
from compat_write import write  # noqa: E402
from packaging.version import Version  # noqa: E402

from envkit.compat import Compat, read_compat  # noqa: E402

DATA = ROOT / "envkit" / "compat" / "data"
FRAMEWORKS = ("torch", "tensorflow")
COMPANIONS = ("torchvision", "torchaudio", "torchcodec")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 = tables and index agree (or were written), 1 = they differ, 6 = the index could not be read."""
    options = _options().parse_args(arguments)
    compat = read_compat(options.data)
    index: Index = RecordedIndex(options.pages) if options.pages else LiveIndex()
    try:
        if options.check:
            return _check(index, compat)
        return _refresh(index, compat, options)
    except IndexUnreachable as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 6


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only: is the newest release in the tables?")
    parser.add_argument("--write", action="store_true", help="write what differs into the tables")
    parser.add_argument("--deep", action="store_true", help="read architectures in the wheels")
    parser.add_argument("--only", choices=FRAMEWORKS, help="one framework")
    parser.add_argument("--pages", type=Path, metavar="DIR", help="recorded pages instead of the network")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="the tables")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date to write")
    return parser


def _check(index: Index, compat: Compat) -> int:
    stale = False
    for project in (*FRAMEWORKS, *COMPANIONS, "uv"):
        there = newest(index.files(project))
        mine = _known(compat, project)
        if there is None:
            print(f"{project}: no release on the index")
        elif Version(there) > mine:
            stale = True
            print(f"{project}: {there} is on the index, the tables end at {mine}")
        else:
            print(f"{project}: {there} is in the tables")
    if stale:
        print("stale: run tools/update_compat.py, look at the diff, then again with --write")
    return int(stale)


def _known(compat: Compat, project: str) -> Version:
    """The newest version that the tables have."""
    catalog = compat.catalog
    tables = {
        "torch": [row.version for row in compat.torch],
        "tensorflow": [row.version for row in compat.tensorflow],
        "uv": [row.version for row in catalog.tools if row.name == "uv"],
    }
    found = tables.get(project) or [row.version for row in catalog.companions if row.name == project]
    return max(map(Version, found))


def _refresh(index: Index, compat: Compat, options: argparse.Namespace) -> int:
    seen = []
    for project in (options.only,) if options.only else FRAMEWORKS:
        found = look(index, compat, project, deep=options.deep, tags=_tags(compat), date=options.date)
        _print(found)
        seen.append(found)
    changes = sum(len(one.changes) for one in seen)
    if not changes:
        print("nothing differs")
        return 0
    if not options.write:
        print(f"{changes} differences; --write writes them")
        return 1
    for one in seen:
        for line in write(options.data, one, index, options.date):
            print(line)
    # Loading is the proof that what was written is a table.
    _ = read_compat(options.data).catalog
    return 0


def _tags(compat: Compat) -> tuple[str, ...]:
    """Variants of the newest three releases: what PyTorch's index may still change."""
    tags = {variant.tag for release in compat.torch[:3] for variant in release.variants}
    return tuple(sorted(tags))


def _print(seen: Seen) -> None:
    print(f"{seen.project}: {len(seen.changes)} differences")
    for change in seen.changes:
        print(f"  {change}")
    for note in dict.fromkeys(seen.notes):
        print(f"  {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
