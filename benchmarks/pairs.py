"""Timing whole commands in interleaved pairs: on a shared machine only neighbours in time compare."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Wall seconds of two commands run one after the other."""

    ours: float
    theirs: float


def wall(command: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """Seconds that a command takes; its output is thrown away, its exit code is the caller's business."""
    start = time.perf_counter()
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def measure(ours: Sequence[str], theirs: Sequence[str], count: int) -> list[Pair]:
    """`count` pairs; which of the two goes first alternates."""
    pairs = []
    for number in range(count):
        if number % 2:
            second = wall(theirs)
            pairs.append(Pair(ours=wall(ours), theirs=second))
        else:
            first = wall(ours)
            pairs.append(Pair(ours=first, theirs=wall(theirs)))
        print(f"pair {number + 1}: {pairs[-1].ours:.2f} s and {pairs[-1].theirs:.2f} s", flush=True)
    return pairs


def spread(values: Sequence[float]) -> str:
    """`median (quartiles, range)`."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    ends = f"range {min(values):.3f} to {max(values):.3f}"
    return f"median {middle:.3f} (quartiles {low:.3f} to {high:.3f}, {ends})"


def machine() -> str:
    """What the figures were taken on."""
    system = f"{platform.machine()}, Linux {platform.release()}"
    return f"{os.cpu_count()} CPUs, {system}, Python {platform.python_version()}"


def save(pairs: Sequence[Pair], target: Path | None) -> None:
    """Keep the raw seconds."""
    if target is not None:
        target.write_text(json.dumps([asdict(pair) for pair in pairs], indent=1) + "\n")


def options(description: str) -> argparse.ArgumentParser:
    """Options that the scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--pairs", type=int, default=15, help="how many pairs (at least 10 for a report)")
    parser.add_argument("--save", type=Path, help="write the raw seconds here")
    return parser
