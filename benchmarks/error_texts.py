"""How often `envkit explain --error` names an accepted cause first, and within its first three.

    python benchmarks/error_texts.py --cases FILE.jsonl [--facts] [--misses]

Each line of FILE is a JSON object with `error` (the text), `cause_key` and `alt_cause_keys`. With --facts,
what the case says of the machine (gpu, driver, os, container, framework_version) is put before the text, as
a person's report has it; without, the message stands alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from envkit.match.match import explain_text

_FACTS = {
    "gpu": "GPU: {}",
    "compute_capability": "compute capability: {}",
    "driver": "Driver Version: {}",
    "os": "OS: {}",
    "container": "runs in: {}",
    "framework": "framework: {}",
    "framework_version": "version: {}",
}
_NOTHING = (None, "", "none", "unknown", "other")


def text_of(case: dict[str, Any], facts: bool) -> str:
    """The text that a person would paste."""
    lines = [form.format(case[key]) for key, form in _FACTS.items() if case.get(key) not in _NOTHING]
    return "\n".join([*(lines if facts else ()), case["error"]])


def main() -> int:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--facts", action="store_true")
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    cases = [json.loads(line) for line in options.cases.read_text("utf-8").splitlines() if line.strip()]
    if not cases:
        print("no cases", file=sys.stderr)
        return 4
    tally: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    misses = []
    begin = time.perf_counter()
    for case in cases:
        found = [match.key for match in explain_text(text_of(case, options.facts)).causes]
        accepted = {case["cause_key"], *case.get("alt_cause_keys", ())}
        rank = next((place for place, key in enumerate(found) if key in accepted), 99)
        counts = tally[case["cause_key"]]
        counts[0] += 1
        counts[1] += rank == 0
        counts[2] += rank < 3
        if rank:
            misses.append((rank, case, found))
    seconds = time.perf_counter() - begin
    for key, (total, first, third) in sorted(tally.items()):
        print(f"{key:40} {first:3} first {third:3} within three of {total}")
    if options.misses:
        for rank, case, found in misses:
            print(f"\n{'miss' if rank > 2 else f'place {rank + 1}'} {case['cause_key']}: {found[:4]}")
            print("   " + case["error"][:300].replace("\n", "\n   "))
    total = len(cases)
    first, third = (sum(counts[place] for counts in tally.values()) for place in (1, 2))
    print(
        f"\n{first}/{total} ({first / total:.1%}) first, {third}/{total} ({third / total:.1%}) within three,",
        end=" ",
    )
    print(f"{seconds / total * 1000:.1f} ms a text")
    return 0


if __name__ == "__main__":
    sys.exit(main())
