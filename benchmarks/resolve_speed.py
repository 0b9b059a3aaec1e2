"""How long `resolve` takes on the whole data: every machine of the golden table, and requests at random.

python benchmarks/resolve_speed.py [--requests 500] [--rounds 20]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from pairs import machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from envkit.compat import Compat, load_compat
from envkit.resolve.model import Plan
from envkit.resolve.request import Request
from envkit.resolve.resolve import resolve


def main() -> None:
    """Print the time to load the data, the first answer after that, and the spread of all others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    chosen = parser.parse_args()
    started = time.perf_counter()
    compat = load_compat()
    _ = compat.catalog
    loaded = time.perf_counter()
    from tests.resolve.golden import typed_rows

    golden = [row.request(compat) for row in typed_rows()]
    first = timed(golden[0], compat)
    print(f"on {machine()}")
    print(f"load the tables: {(loaded - started) * 1e3:.0f} ms; first answer: {first * 1e3:.1f} ms")
    tell("golden table", golden, chosen.rounds, compat)
    tell("at random", drawn(chosen.requests), chosen.rounds, compat)


def tell(title: str, requests: list[Request], rounds: int, compat: Compat) -> None:
    """The spread of the median time of each request, plans and refusals apart."""
    spent: dict[str, list[float]] = {"plans": [], "refusals": []}
    for request in requests:
        kind = "plans" if isinstance(resolve(request, compat), Plan) else "refusals"
        spent[kind].append(statistics.median(timed(request, compat) for _ in range(rounds)))
    for kind, times in spent.items():
        ordered = sorted(times)
        p99 = ordered[int(len(ordered) * 0.99)]
        print(
            f"{title}, {len(ordered)} {kind}: median {statistics.median(ordered) * 1e3:.2f} ms, "
            f"99 % {p99 * 1e3:.1f} ms, most {ordered[-1] * 1e3:.1f} ms"
        )


def timed(request: Request, compat: Compat) -> float:
    """Seconds for one answer."""
    started = time.perf_counter()
    resolve(request, compat)
    return time.perf_counter() - started


def drawn(count: int) -> list[Request]:
    """Requests as the property tests draw them."""
    from hypothesis import given, settings

    from tests.resolve.requests import requests

    found: list[Request] = []

    @settings(max_examples=count, deadline=None, database=None, derandomize=True)
    @given(requests())
    def draw(request: Request) -> None:
        found.append(request)

    draw()
    return found


if __name__ == "__main__":
    main()
