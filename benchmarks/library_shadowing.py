"""Who wins when several files could be loaded for one name, and why: every order of LD_PRELOAD, a dlopen by
path, RPATH, RPATH of a parent, LD_LIBRARY_PATH, RUNPATH, ld.so.cache and a default directory, beside what the
dynamic loader itself says (LD_DEBUG=libs,files) in the same process.

    python benchmarks/library_shadowing.py [--quick] [--only-wrong]

Needs gcc, ldconfig and a mount namespace (`unshare -rm`); nothing outside a temporary folder is written.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.payload.shadowing import Lab, Loaded, Verdict, orders, permutations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every subset once, not every order")
    parser.add_argument("--only-wrong", action="store_true", help="print only where the two differ")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder).resolve())
        if not lab.namespace():
            sys.exit("no mount namespace here: run it as root, or where `unshare -rm` works")
        cases = [*permutations(), *orders(full=not chosen.quick)]
        lab.build(cases)
        totals: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        print("order -> loaded file (reason)")
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for verdict in pool.map(lab.verdict, cases):
                count(verdict, totals, reasons)
                if not (chosen.only_wrong and verdict.agree):
                    print(shown(verdict, lab))
    print()
    for name, number in totals.items():
        print(f"{number:6d} {name}")
    print("loaded files by reason:", ", ".join(f"{name} {number}" for name, number in reasons.most_common()))


def count(verdict: Verdict, totals: Counter[str], reasons: Counter[str]) -> None:
    """Add one order to the totals."""
    totals["orders"] += 1
    totals["agree: the same files, and the same reason for each"] += verdict.agree
    totals["  of these, a directory in two lists, which LD_DEBUG names after the first"] += (
        verdict.agree and verdict.twice
    )
    totals["  of these, nothing to load"] += verdict.agree and not verdict.judge
    totals["  of these, two files of one SONAME"] += verdict.agree and len(verdict.judge) > 1
    totals["envkit cannot tell"] += verdict.unknown
    totals["differ"] += not verdict.agree and not verdict.unknown
    for one in verdict.ours:
        reasons[one.reason.partition(" from ")[0]] += 1
        totals["loaded files"] += 1
        totals["  of these, by dlopen of a name"] += one.how == "dlopen" and one.reason != "path"
        totals["  of those, with the caller known"] += (
            one.how == "dlopen" and one.reason != "path" and one.by is not None
        )


def shown(verdict: Verdict, lab: Lab) -> str:
    """One line of the table."""

    def one(loaded: Loaded) -> str:
        name = next((key for key, path in lab.stubs.items() if str(path) == loaded.path), loaded.path)
        return f"{name} ({loaded.reason.replace(str(lab.folder), '')})"

    ours = ", ".join(map(one, verdict.ours)) or "nothing"
    judge = ", ".join(map(one, verdict.judge)) or "nothing"
    return f"{verdict.order} -> {ours}; LD_DEBUG {'agrees' if verdict.agree else 'says ' + judge}"


if __name__ == "__main__":
    main()
