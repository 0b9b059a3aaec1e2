"""How often `envkit diagnose` names the fault of the corpus's programs: cause, line, operation, samples.

    PYTHONPATH=. python benchmarks/diagnose_nan.py --seeds 3,4 --sizes 600,900 [--try 30] [--only PATTERN]
        [--healthy] [--correct] [--framework torch] [--results FILE]

Each program of tests/scripts runs as a person would run it, on other seeds and sizes than it was written
with (the first seed with the first size, and so on). Before, it runs without envkit: where its fault does not
strike at that seed and size, the row says so and counts nothing. --healthy takes the mended form of each
program, --correct the correct ones: there, each cause that is named is a false alarm. What was measured is
kept in --results, and not measured again.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from pairs import machine

from tests.scripts.corpus import HERE, ROOT, Fault, Runner, faults, framework, programs

PROVED = ("replayed", "survived", "better")
LIMIT = 300


def main() -> None:
    """Measure what is missing, then print all."""
    chosen = options()
    done = {row["case"]: row for row in read(chosen.results)}
    wanted = list(cases(chosen))
    with tempfile.TemporaryDirectory(prefix="envkit-bench-") as scratch:
        runners: dict[str, Runner] = {}
        for case in wanted:
            name = json.dumps(case)
            if name in done:
                continue
            kind = framework(case["program"])
            if kind not in runners:
                (Path(scratch) / kind).mkdir()
                runners[kind] = Runner(kind, Path(scratch) / kind)
            row = done[name] = {"case": name, **measure(case, runners[kind])}
            print(line(case, row), flush=True)
            with chosen.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
        for runner in runners.values():
            runner.close()
    print(f"\non {machine()}")
    tell(chosen.mode, [(case, done[json.dumps(case)]) for case in wanted])


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="3,4")
    parser.add_argument("--sizes", default="600,900")
    parser.add_argument("--try", dest="seconds", type=float, default=None, help="seconds for trials")
    parser.add_argument("--only", default="*", help="programs by pattern, such as 'faults/half_*'")
    parser.add_argument("--framework", choices=("torch", "tensorflow"), default=None)
    parser.add_argument("--healthy", dest="mode", action="store_const", const="healthy", default="faulty")
    parser.add_argument("--correct", dest="mode", action="store_const", const="correct")
    parser.add_argument("--results", type=Path, default=Path("diagnose-nan.jsonl"))
    return parser.parse_args()


def read(path: Path) -> list[dict[str, Any]]:
    """What was measured before."""
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


def cases(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What is to be run."""
    names = (
        programs("healthy") + programs("healthy_keras")
        if chosen.mode == "correct"
        else [fault.program for fault in faults()]
    )
    pairs = list(zip(chosen.seeds.split(","), chosen.sizes.split(","), strict=True))
    for name in names:
        if not fnmatch.fnmatch(name, chosen.only) and not fnmatch.fnmatch(name, f"*/{chosen.only}"):
            continue
        if chosen.framework not in (None, framework(name)):
            continue
        if not (ROOT / f".venv-{framework(name)}").exists():
            continue
        for seed, size in pairs if chosen.mode != "correct" else [(seed, None) for seed, _ in pairs]:
            yield {"program": name, "mode": chosen.mode, "seed": seed, "size": size, "try": chosen.seconds}


def measure(case: dict[str, Any], runner: Runner) -> dict[str, Any]:
    """One program under envkit, and what was right."""
    argv = ["--seed", case["seed"]]
    if case["size"] is not None:
        argv += ["--size", case["size"]]
    if case["mode"] == "healthy":
        argv.append("--healthy")
    fault = None
    if case["mode"] == "faulty":
        fault = next(one for one in faults() if one.program == case["program"])
        plain = runner.run(case["program"], *argv, "--log-every", "1")
        if plain.first_bad() is None and plain.code == 0:
            return {"strikes": False}
    answer, seconds = diagnosed(case, argv)
    row: dict[str, Any] = {"seconds": seconds, "strikes": True, "answer": answer}
    if "error" in answer or fault is None:
        return row
    found = runner.guilty([(fault.program, int(case["size"]), int(case["seed"]))]) if fault.samples else []
    return row | judged(answer, fault, set(found[0]) if found else None)


def diagnosed(case: dict[str, Any], argv: list[str]) -> tuple[dict[str, Any], float]:
    """What `envkit diagnose --json` prints, shortened, and the seconds that it took."""
    python = ROOT / f".venv-{framework(case['program'])}" / "bin" / "python"
    command = [sys.executable, "-m", "envkit.cli.main", "diagnose", "--json", "--python", str(python)]
    if case["try"] is not None:
        command += ["--try", str(case["try"])]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [*command, "--", str(python), str(HERE / case["program"]), *argv],
            capture_output=True, check=False, timeout=LIMIT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        return {"error": f"{type(error).__name__}: {str(error)[-200:]}"}, time.perf_counter() - start
    kept = ("key", "confidence", "proof", "where", "summary", "patch")
    causes = [{name: cause[name] for name in kept} for cause in answer["causes"]]
    return {"verdict": answer["verdict"], "causes": causes}, round(time.perf_counter() - start, 1)


def judged(answer: dict[str, Any], fault: Fault, guilty: set[int] | None) -> dict[str, Any]:
    """Which parts of an answer are right; None = this program has no such part."""
    causes = answer["causes"]
    if not causes:
        return {"detected": answer["verdict"] == "faulty"}
    first, where = causes[0], causes[0]["where"]
    lines = {(str(path.resolve()), number) for path, number in fault.lines()}
    named = set(where["samples"])
    right = first["key"] in (fault.key, *fault.accept)
    return {
        "detected": answer["verdict"] == "faulty",
        "cause": right,
        "any": any(one["key"] in (fault.key, *fault.accept) for one in causes),
        "line": (where["file"], where["line"]) in lines,
        "op": same(where["op"], fault.ops) if fault.ops else None,
        "sample": None if guilty is None else bool(named) and named <= guilty,
        "sample_recall": None if guilty is None else len(named & guilty) / max(1, len(guilty)),
        "proved": right and first["proof"] in PROVED,
        "patched": first["patch"] is not None,
    }


def same(op: str | None, ops: tuple[str, ...]) -> bool:
    """Whether an operation is one of some, by the name that people use."""
    said = (op or "").replace(".", "_").strip("_")
    return any(said == one or said.removeprefix("linalg_") == one for one in ops)


def line(case: dict[str, Any], row: dict[str, Any]) -> str:
    """One row of the table."""
    name = f"{case['program']} {case['seed']}/{case['size']}"
    if not row["strikes"]:
        return f"{name:46} (does not strike)"
    if "error" in row["answer"]:
        return f"{name:46} ERROR {row['answer']['error']}"
    causes = row["answer"]["causes"]
    first = causes[0] if causes else None
    said = "nothing" if first is None else f"{first['key']} {where(first)}"
    if case["mode"] != "faulty":
        return f"{name:46} {row['seconds']:6.1f} s  {'fine' if not causes else 'FALSE ALARM ' + said}"
    marks = " ".join(
        f"{part}:{'-' if row.get(part) is None else 'yes' if row[part] else 'NO'}"
        for part in ("detected", "cause", "line", "op", "sample", "proved")
    )
    return f"{name:46} {row['seconds']:6.1f} s  {marks}  {said}"


def where(cause: dict[str, Any]) -> str:
    """The place that a cause names."""
    place = cause["where"]
    samples = place["samples"]
    shown = f" samples {samples[:4]}{'...' if len(samples) > 4 else ''}" if samples else ""
    return f"{Path(place['file'] or '?').name}:{place['line']} {place['op']} {place['phase']}{shown}"


def tell(mode: str, rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """The table, and the totals."""
    for case, row in rows:
        print(line(case, row))
    known = [row for _, row in rows if row["strikes"] and "error" not in row["answer"]]
    failed = sum("error" in row.get("answer", {}) for _, row in rows)
    idle = sum(not row["strikes"] for _, row in rows)
    print(f"\n{len(known)} runs, {idle} where no fault struck, {failed} errors")
    if not known:
        return
    print(f"seconds: median {statistics.median(row['seconds'] for row in known):.1f}")
    if mode != "faulty":
        alarms = sum(bool(row["answer"]["causes"]) for row in known)
        print(f"false alarms: {alarms} of {len(known)}")
        return
    for part in ("detected", "cause", "any", "line", "op", "sample", "proved", "patched"):
        values = [bool(row.get(part, False)) for row in known if row.get(part, False) is not None]
        if values:
            share = math.floor(1000 * sum(values) / len(values)) / 10
            print(f"{part:10} {sum(values):3} of {len(values):3}  {share} %")


if __name__ == "__main__":
    main()
