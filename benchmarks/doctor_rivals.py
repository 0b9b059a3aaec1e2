"""`envkit doctor` beside `env-doctor` on the same machines, faked for both at once.

    python benchmarks/doctor_rivals.py [--pairs 7] [--save FILE]

Both look at one virtual environment with the CPU build of torch. Run as root: each scenario then has a mount
namespace of its own in which the kernel, too, shows the GPU (see faked_machine.py).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faked_machine import DRIVER, prepare
from pairs import machine
from rival_scenarios import SCENARIOS, Said

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "envkit-benchmarks/env-doctor"
RIVAL, TORCH = "env-doctor==0.3.5", "torch==2.13.0"
LIMIT = 90.0
"""Seconds after which a program is ended."""


def ours(output: str, code: int | None) -> Said:
    """envkit's `doctor --json`."""
    found = json.loads(output)["findings"] if output.strip() else []
    wrong = tuple(f"{f['key']}: {f['summary']}" for f in found if f["outcome"] == "problem")
    return Said(problems=wrong, words=output, code=code)


def theirs(output: str, code: int | None, shown: str) -> Said:
    """env-doctor's `check --json`; `shown` is what `check` prints for people."""
    wrong: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            wrong.extend(map(str, value.get("issues") or ()))
            for item in value.values():
                look(item)

    try:
        look(json.loads(output)["checks"])
    except (ValueError, KeyError):  # ended before it printed
        pass
    # Lines marked as warnings and errors count as much as the issues of its JSON, except that tensorflow and
    # jax are not installed, which it says of every machine without them.
    marked = [
        line.strip("⚠❌️ ")
        for line in shown.splitlines()
        if line.startswith(("⚠", "❌")) and "NOT installed" not in line
    ]
    return Said(problems=tuple(dict.fromkeys([*marked, *wrong])), words=output + shown, code=code)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One program run to its end, or to the limit."""

    seconds: float
    code: int | None
    output: str
    error: str
    """The last line of standard error."""


def ran(command: Sequence[str], env: dict[str, str]) -> Ran:
    """Run a program; None as exit code when it had to be ended."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, text=True,
    ) as process:  # fmt: skip
        try:
            output, error = process.communicate(timeout=LIMIT)
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            output, error = process.communicate()
            code = None
    seconds = time.perf_counter() - start
    return Ran(seconds=seconds, code=code, output=output, error=error.strip().rpartition("\n")[2])


def rival() -> Path:
    """The virtual environment of env-doctor and torch, made if it is not there."""
    python = CACHE / "bin/python"
    if not (CACHE / ".ready").exists():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(CACHE, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", CACHE], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        torch = [f"{TORCH}+cpu", "numpy"]
        if subprocess.run([*pip, *torch], check=False, stderr=subprocess.DEVNULL).returncode:
            subprocess.run(
                [*pip, *torch, "--extra-index-url", "https://download.pytorch.org/whl/cpu"], check=True
            )
        subprocess.run([*pip, RIVAL], check=True)
        (CACHE / ".ready").touch()
    return python


def _home(folder: Path, python: Path) -> Path:
    """A home in which env-doctor finds its data fresh, so that it asks no network."""
    package = next(CACHE.glob("lib/python*/site-packages/env_doctor/data"))
    folder.mkdir()
    shutil.copy(package / "compatibility.json", folder / ".env_doctor_cache.json")
    if (package / "inference_engines.json").exists():
        shutil.copy(package / "inference_engines.json", folder / ".env_doctor_engines_cache.json")
    return folder


def inside(name: str, pairs: int, mounted: bool) -> None:
    """Run the pairs of a scenario, in the namespace that was made for it; prints JSON."""
    scenario, python = SCENARIOS[name], CACHE / "bin/python"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        env = {**os.environ, **prepare(scenario.faked, folder / "machine", mounted=mounted)}
        env["HOME"] = str(_home(folder / "home", python))
        envkit = [sys.executable, "-m", "envkit.cli.main", "doctor", "--json", "-v", "--python", str(python)]
        other = [str(python.with_name("env-doctor")), "check"]
        env["PYTHONPATH"] = str(Path(__file__).parents[1])
        their_env = {name: value for name, value in env.items() if name != "PYTHONPATH"}
        # What it prints for people, too; where it hangs, it would only hang once more.
        told = None if scenario.faked.smi_hangs else ran(other, their_env)
        shown = told.output if told is not None else ""
        both: list[tuple[Ran, Ran]] = []
        for number in range(scenario.pairs or pairs):
            if number % 2:
                second = ran([*other, "--json"], their_env)
                both.append((ran(envkit, env), second))
            else:
                first = ran(envkit, env)
                both.append((first, ran([*other, "--json"], their_env)))
    answers = ours(both[-1][0].output, both[-1][0].code), theirs(both[-1][1].output, both[-1][1].code, shown)
    print(
        json.dumps(
            {
                "said": [asdict(answer) for answer in answers],
                "seconds": [[run.seconds for run in runs] for runs in zip(*both, strict=True)],
                "right": [scenario.right(answer) for answer in answers],
                "errors": [[run.error for run in runs] for runs in zip(*both, strict=True)],
                "shown": shown,
                "shown_end": [told.code, told.error] if told is not None else None,
            }
        )
    )


def measured(name: str, pairs: int, mounted: bool) -> dict[str, Any]:
    """`inside` in a process of its own, with its own mounts where that is possible."""
    command = [sys.executable, __file__, "--inside", name, "--pairs", str(pairs)]
    if mounted:
        command = ["unshare", "--mount", "--propagation", "private", "--", *command, "--mounted"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(done.stdout))


def times(seconds: Sequence[float]) -> str:
    """`median (least to most)`."""
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def verdict(said: dict[str, Any], right: bool, known: Sequence[str] = ()) -> str:
    """A cell: right or not, how it ended, and its own words; those `known` from another row are counted."""
    ended = "ended at the limit" if said["code"] is None else f"exit {said['code']}"
    new = [text for text in said["problems"] if text not in known]
    # envkit's keys are its words
    keys = [re.sub(r"^([a-z0-9-]+): .*", r"\1", text, flags=re.S) for text in new]
    shown = [f"`{key}`" if re.fullmatch("[a-z0-9-]+", key) else f'"{key}"' for key in keys]
    if len(new) < len(said["problems"]):
        shown.append(f"{len(said['problems']) - len(new)} of the first row")
    told = "; ".join(shown) or ("nothing wrong" if said["code"] is not None else "nothing")
    return f"{'**right**' if right else 'wrong'}, {ended}: {told}".replace("|", "\\|")


def crash(result: dict[str, Any]) -> str:
    """How env-doctor's report for people ended, where that was with an error."""
    code, error = result["shown_end"] or (0, "")
    return f'; without --json "{error}"' if code and "Error" in error else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--save", type=Path, help="write all that was said and measured here")
    parser.add_argument("--only", choices=SCENARIOS, help="one scenario")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--mounted", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside, options.pairs, options.mounted)
        return
    mounted = os.geteuid() == 0 and shutil.which("unshare") is not None
    rival()
    results = {}
    rows = []
    for name in [options.only] if options.only else SCENARIOS:
        scenario = SCENARIOS[name]
        print(f"{name} ...", file=sys.stderr, flush=True)
        result = results[name] = measured(name, options.pairs, mounted)
        (one, other), (first, second) = result["said"], result["right"]
        known = results["none"]["said"][1]["problems"] if name != "none" and "none" in results else ()
        cells = verdict(one, first), verdict(other, second, known) + crash(result)
        seconds = [times(values) for values in result["seconds"]]
        rows.append(f"| {scenario.title} | {cells[0]} | {cells[1]} | {seconds[0]} | {seconds[1]} |")
    print(f"on {machine()}; driver {DRIVER}, {RIVAL}, {TORCH} (CPU), {options.pairs} pairs")
    if not mounted:
        print("the kernel's side (/proc, /sys, /dev) was left as it is: that takes root and unshare")
    print(
        "\n| scenario | envkit doctor | env-doctor check | envkit, s | env-doctor, s |\n|---|---|---|---|---|"
    )
    print("\n".join(rows) + "\n")
    for name in results:
        print(f"- {SCENARIOS[name].title}: right is {SCENARIOS[name].expected}")
    if options.save:
        options.save.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
