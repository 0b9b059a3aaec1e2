"""How often `envkit diagnose` names what slows the corpus's programs: cause, line, gain, and no false cause.

    PYTHONPATH=. python benchmarks/diagnose_slow.py --seeds 3,4 --sizes 0.8,1.3 [--try 60] [--only PATTERN]
        [--healthy-too] [--framework torch] [--threads N] [--results FILE]

Each program of tests/scripts/slow*, one at a time, runs as a person would run it, on other seeds and sizes
than it was written with (the first seed with the first size, and so on); the healthy programs on the first
pair. --healthy-too runs the mended forms of the slow ones, too: there the cause that was put in is false, and
so is each other one. What was measured is kept in --results, the traces in a folder beside it; neither is
measured again. A run that envkit calls spoilt by other processes is tried again (--tries), and not kept.

Beside it, on the same traces, the threshold rules of three other systems (slow_rules.py), as far as they say
anything without a GPU.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from pairs import machine
from slow_rules import SYSTEMS, named

from tests.scripts.corpus import HERE, ROOT
from tests.scripts.slow_corpus import (
    Slowness,
    framework_of,
    healthy_programs,
    python_of,
    slow_programs,
)

LIMIT = 900
NOTHING = "-"
FINE = (None, "compute-bound")
"""Primary keys that are no cause."""
NOISE = "noisy-neighbour"

Case = dict[str, Any]
Row = dict[str, Any]


def main() -> None:
    """Measure what is missing, then print all."""
    chosen = options()
    done = {row["case"]: row for row in read(chosen.results)}
    traces = chosen.results.with_suffix(".traces")
    traces.mkdir(parents=True, exist_ok=True)
    wanted = list(cases(chosen))
    for number, case in enumerate(wanted, 1):
        name = json.dumps(case)
        if name in done:
            continue
        row = measure(case, traces, chosen.tries)
        print(f"{number}/{len(wanted)} {line(case, row)}", flush=True)
        if not spoilt(row):
            done[name] = row
            with chosen.results.open("a") as file:
                file.write(json.dumps({"case": name, **row}) + "\n")
    print(f"\non {machine()}\n")
    tell([(case, done[json.dumps(case)]) for case in wanted if json.dumps(case) in done], len(wanted), traces)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="3,4")
    parser.add_argument("--sizes", default="0.8,1.3", help="factors on what each program calls its size")
    parser.add_argument("--try", dest="seconds", type=float, default=None, help="seconds for trials")
    parser.add_argument("--only", default="*", help="programs by pattern, such as 'slow/double_*'")
    parser.add_argument("--framework", choices=("torch", "tensorflow"), default=None)
    parser.add_argument(
        "--healthy-too", action="store_true", help="the mended forms of the slow programs, too"
    )
    parser.add_argument("--threads", type=int, default=None, help="OMP_NUM_THREADS; as it is unless you say")
    parser.add_argument("--tries", type=int, default=2, help="runs that other processes may spoil")
    parser.add_argument("--results", type=Path, default=Path("diagnose-slow.jsonl"))
    return parser.parse_args()


def read(path: Path) -> list[Row]:
    """What was measured before."""
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


def cases(chosen: argparse.Namespace) -> Iterator[Case]:
    """What is to be run."""
    pairs = list(zip(chosen.seeds.split(","), chosen.sizes.split(","), strict=True))
    slow = [one.program for one in slow_programs()]
    wanted = [(name, "slow", pairs) for name in slow]
    wanted += [(name, "correct", pairs[:1]) for name in healthy_programs()]
    if chosen.healthy_too:
        wanted += [(name, "mended", pairs[:1]) for name in slow]
    for name, form, sizes in wanted:
        if not any(fnmatch.fnmatch(name, pattern) for pattern in (chosen.only, f"*/{chosen.only}")):
            continue
        if chosen.framework not in (None, framework_of(name)) or not python_of(framework_of(name)).exists():
            continue
        for seed, size in sizes:
            fixed = {"try": chosen.seconds, "threads": chosen.threads}
            yield {"program": name, "form": form, "seed": seed, "size": size, **fixed}


def measure(case: Case, traces: Path, tries: int) -> Row:
    """One program under envkit; the last of some runs, where others spoil it."""
    row: Row = {}
    for _ in range(max(1, tries)):
        row = diagnosed(case, traces / trace_name(case))
        if not spoilt(row):
            break
    return row


def trace_name(case: Case) -> str:
    """The file of a case's trace."""
    parts = (case["program"], case["form"], case["seed"], case["size"], case["try"], case["threads"])
    return "-".join(str(part).replace("/", "-") for part in parts) + ".json"


def diagnosed(case: Case, trace: Path) -> Row:
    """What `envkit diagnose --json` prints, shortened, and the seconds that it took."""
    python = python_of(framework_of(case["program"]))
    command = [sys.executable, "-m", "envkit.cli.main", "diagnose", "--only", "speed", "--json"]
    command += ["--python", str(python), "--save", str(trace.resolve())]
    if case["try"] is not None:
        command += [f"--try={case['try']:g}"]
    command += [
        "--",
        str(python),
        str(HERE / case["program"]),
        "--seed",
        case["seed"],
        "--size",
        case["size"],
    ]
    if case["form"] == "mended":
        command.append("--healthy")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    if case["threads"] is not None:
        environ["OMP_NUM_THREADS"] = str(case["threads"])
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="envkit-bench-") as folder:
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, timeout=LIMIT, env=environ, cwd=folder
            )
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired as error:
            return {"error": f"no answer after {error.timeout:.0f} s", "seconds": LIMIT}
        except ValueError:
            return {"error": done.stderr.decode(errors="replace")[-300:], "seconds": 0}
    speed = answer["speed"] or {}
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "exit_code": answer["script"]["exit_code"],
        "primary": speed.get("primary"),
        "others": [one["key"] for one in speed.get("others") or ()],
        "gains": speed.get("gains") or [],
        "why_unknown": speed.get("why_unknown"),
    }


def spoilt(row: Row) -> bool:
    """Whether envkit refused to judge, because of other processes, or had no answer."""
    primary = row.get("primary")
    noisy = NOISE in (row.get("why_unknown") or "") or (primary is not None and primary["key"] == NOISE)
    return "error" in row or noisy


def truth_of(program: str) -> Slowness:
    """Its row."""
    return next(one for one in slow_programs() if one.program == program)


def verdict(row: Row) -> str | None:
    """The primary cause's key."""
    return row["primary"]["key"] if row.get("primary") else None


def line_right(row: Row, truth: Slowness) -> bool | None:
    """Whether the line that is named is a guilty one; None = there is none."""
    if not truth.line:
        return None
    place = (row.get("primary") or {}).get("where") or {}
    file = place.get("file")
    return bool(file) and (str(Path(file).resolve()), place.get("line")) in truth.lines()


def line(case: Case, row: Row) -> str:
    """One row of the table."""
    name = f"{case['program']} {case['seed']}/{case['size']}" + (
        " mended" if case["form"] == "mended" else ""
    )
    if spoilt(row):
        return f"{name:50} SPOILT {row.get('error') or row.get('why_unknown') or NOISE}"
    said, place = verdict(row), (row["primary"] or {}).get("where") or {}
    at = f"{Path(place['file']).name}:{place['line']}" if place.get("file") else ""
    share = f"{100 * row['primary']['share']:.0f} %" if row["primary"] else ""
    text = f"{said or row.get('why_unknown') or 'nothing'} {share} {at}"
    if case["form"] != "slow":
        return f"{name:50} {row['seconds']:6.1f} s  {'fine' if said in FINE else 'FALSE CAUSE'}  {text}"
    truth = truth_of(case["program"])
    right = "yes" if said == truth.key else "also" if said in truth.keys else "NO"
    at_line = {None: "-", True: "yes", False: "NO"}[line_right(row, truth)]
    return f"{name:50} {row['seconds']:6.1f} s  cause:{right:4} line:{at_line:3}  {text}"


def tell(rows: Sequence[tuple[Case, Row]], wanted: int, traces: Path) -> None:
    """The tables, and the totals."""
    for case, row in rows:
        print(line(case, row))
    slow = [(truth_of(case["program"]), row) for case, row in rows if case["form"] == "slow"]
    print(f"\n{len(rows)} of {wanted} runs judged")
    if slow:
        tell_slow(slow)
    for form in ("correct", "mended"):
        some = [row for case, row in rows if case["form"] == form]
        if some:
            false = Counter(verdict(row) for row in some if verdict(row) not in FINE)
            print(
                f"false causes on {form} programs: {sum(false.values())} of {len(some)} {dict(false) or ''}"
            )
    tell_gains([row for _, row in rows])
    tell_rules(rows, traces)


def tell_slow(slow: Sequence[tuple[Slowness, Row]]) -> None:
    """The confusion matrix; how often cause and line are right."""
    print("\ninjected cause (rows) and primary verdict")
    found = Counter((truth.key, verdict(row) or NOTHING) for truth, row in slow)
    for key in sorted({truth.key for truth, _ in slow}):
        said = {verdict: count for (one, verdict), count in found.items() if one == key}
        print(f"  {key:26} {', '.join(f'{verdict} {count}' for verdict, count in sorted(said.items()))}")
    share("exact primary cause", [verdict(row) == truth.key for truth, row in slow])
    share("right primary cause", [verdict(row) in truth.keys for truth, row in slow])
    programs = {truth.program for truth, _ in slow}
    always = [all(verdict(row) in one.keys for one, row in slow if one.program == name) for name in programs]
    share("programs right in all runs", always)
    share("right line", [right for truth, row in slow if (right := line_right(row, truth)) is not None])


def share(name: str, values: Sequence[bool]) -> None:
    """`name  n of m  %`."""
    if values:
        print(f"{name:28} {sum(values):3} of {len(values):3}  {100 * sum(values) / len(values):.1f} %")


def tell_gains(rows: Sequence[Row]) -> None:
    """Predicted against measured, for the fixes that were tried and predicted."""
    pairs = [
        (gain["predicted"], gain["measured"])
        for row in rows
        for gain in row["gains"]
        if gain.get("predicted") and gain.get("measured")
    ]
    if not pairs:
        print("gains: none was both predicted and measured")
        return
    middles = [(1 + sum(a) / 2, 1 + sum(b) / 2) for a, b in pairs]
    errors = sorted(a / b - 1 for a, b in middles)
    spread = ", ".join(f"{100 * errors[round(q * (len(errors) - 1))]:+.0f} %" for q in (0, 0.1, 0.5, 0.9, 1))
    print(f"\n{len(pairs)} gains predicted and measured; error of the factor (0/10/50/90/100 %): {spread}")
    print(f"median absolute error {100 * statistics.median(abs(one) for one in errors):.1f} %")
    share("within 15 %", [abs(one) <= 0.15 for one in errors])
    share(
        "measured middle in interval",
        [a[0] <= m - 1 <= a[1] for (a, _), (_, m) in zip(pairs, middles, strict=True)],
    )
    share("intervals overlap", [a[0] <= b[1] and b[0] <= a[1] for a, b in pairs])


def tell_rules(rows: Sequence[tuple[Case, Row]], traces: Path) -> None:
    """What the rules of other systems name on the same traces. Right: any of the keys that they name is."""
    print("\nother systems' thresholds on the same traces")
    for system in SYSTEMS:
        right = wrong = silent = false = healthy = 0
        for case, _ in rows:
            path = traces / trace_name(case)
            if not path.exists():
                continue
            keys = named(system, path)
            if case["form"] != "slow":
                healthy += 1
                false += bool(keys)
            elif keys & set(truth_of(case["program"]).keys):
                right += 1
            elif keys:
                wrong += 1
            else:
                silent += 1
        total = right + wrong + silent
        print(
            f"  {system:10} right {right} of {total}, something else {wrong}, nothing {silent};"
            f" on healthy ones false {false} of {healthy}"
        )


if __name__ == "__main__":
    main()
