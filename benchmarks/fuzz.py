"""Thousands of damaged inputs through the real command line: a report or a clear error, never a bug.

    python benchmarks/fuzz.py --count 2000 --seed 1 [--keep FOLDER] [--only NUMBER]

Each case goes through `doctor --from` in four formats, `explain --error`, `doctor --error --from` and
`doctor --merge` (those of tens of megabytes through two of these), each in a process of its own: a child of a
warm one, and for one case in 25 a fresh `envkit`. What is made and what is checked: tests/fuzz.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[1]))

from pairs import machine

from tests.cli.commands import FAULTY
from tests.fuzz.cases import FORMATS, Case, case
from tests.fuzz.check import Outcome, violations
from tests.fuzz.place import Placed, placed

MEMORY = 2 << 30
"""Bytes of address space that a command may have."""
PATIENCE = 60
"""Seconds after which a command is ended."""
FRESH = 25
"""One case in so many is run by fresh processes."""
_OVERRIDE = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: with them root may read everything."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One command line."""

    mutator: str
    number: int
    arguments: tuple[str, ...]
    code: int
    seconds: float
    cpu: float
    """Seconds of user and system time."""
    memory: int
    """Largest resident bytes."""
    wrong: tuple[str, ...]
    fresh: bool


def warm() -> None:
    """Import what commands import, and read the data that they read, by running some."""
    from envkit.cli.main import run

    file = str(FAULTY)
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        for form in FORMATS:
            run(["doctor", "--from", file, "--error", file, "--format", form])
            run(["doctor", "--merge", file, file, "--format", form])
        run(["explain", "--error", file])
        with contextlib.redirect_stderr(nowhere):
            run(["doctor", "--from", os.devnull])
    gc.freeze()  # a child that collects would copy all that it shares with us


def child(placed_: Placed, arguments: list[str], folder: Path, *, fresh: bool, denied: bool) -> NoReturn:
    """The command itself, in a process that was just forked. Does not return."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for number, name, flags in (
            (0, placed_.stdin or Path(os.devnull), os.O_RDONLY),
            (1, folder / "out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (2, folder / "err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ):
            os.dup2(os.open(name, flags, 0o600), number)
        if denied and os.geteuid() == 0:
            without_override()
        if fresh:
            os.execv(sys.executable, [sys.executable, "-m", "envkit.cli.main", *arguments])
        from envkit.cli.main import main

        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - the streams of the process
            for number, mode in enumerate("rww")
        )
        sys.argv = ["envkit", *arguments]
        main()
    finally:
        os._exit(99)


def without_override() -> None:
    """Root without its right to read what it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) == 0:
        sets[0] &= ~_OVERRIDE & 0xFFFFFFFF
        libc.capset(header, sets)


def ran(
    found: Case, where: Placed, command: tuple[str, ...], folder: Path, *, fresh: bool
) -> tuple[Run, bytes]:
    """Run one command line of a case; with it what it said on standard error."""
    arguments = where.arguments(command)
    denied = any(given.place == "denied" for given in found.given)
    with where.writer():
        start = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            child(where, arguments, folder, fresh=fresh, denied=denied)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
        signal.alarm(PATIENCE)
        _, status, used = os.wait4(pid, 0)
        signal.alarm(0)
        seconds = time.perf_counter() - start
    out, err = (folder / "out").read_bytes(), (folder / "err").read_bytes()
    code = os.waitstatus_to_exitcode(status)
    wrong = violations(Outcome(arguments=command, code=code, out=out, err=err))
    return (
        Run(
            mutator=found.mutator, number=found.number, arguments=command, code=code, seconds=seconds,
            cpu=used.ru_utime + used.ru_stime, memory=used.ru_maxrss * 1024, wrong=tuple(wrong), fresh=fresh,
        ),
        err,
    )  # fmt: skip


def whole(task: tuple[int, int, Path | None]) -> list[Run]:
    """All command lines of one case; inputs that went wrong are kept."""
    seed, number, keep = task
    found = case(seed, number)
    runs = []
    with tempfile.TemporaryDirectory(prefix="envkit-fuzz-") as temporary:
        inputs, outputs = Path(temporary, "inputs"), Path(temporary, "outputs")
        inputs.mkdir()
        outputs.mkdir()
        where = placed(found, inputs)
        # What is on disk is not held in memory, too: the children would begin with it.
        found = Case(
            number=number, mutator=found.mutator, commands=found.commands,
            given=tuple(type(one)(place=one.place, name=one.name) for one in found.given),
        )  # fmt: skip
        for command in found.commands:
            one, err = ran(found, where, command, outputs, fresh=number % FRESH == 0)
            runs.append(one)
            if one.wrong and keep is not None:
                target = keep / f"{seed}-{number}"
                shutil.copytree(
                    inputs, target, dirs_exist_ok=True, ignore=lambda folder, names: odd(folder, names)
                )
                told = {
                    "command": where.arguments(command),
                    "wrong": one.wrong,
                    "err": err.decode("utf-8", "replace"),
                }
                with (target / "runs.jsonl").open("a") as file:
                    file.write(json.dumps(told) + "\n")
    return runs


def note(text: str) -> None:
    """Tell how it goes."""
    print(text, file=sys.stderr, flush=True)


def odd(folder: str, names: Iterable[str]) -> list[str]:
    """What cannot be copied: pipes, sockets, loops."""
    return [name for name in names if not Path(folder, name).is_file()]


def told(runs: list[Run], limit: float) -> str:
    """The summary as a Markdown table."""
    groups: defaultdict[str, list[Run]] = defaultdict(list)
    for one in runs:
        groups[one.mutator].append(one)
    titles = ("damage", "cases", "runs", "exit codes", "slowest, s", "most CPU, s", "memory, MB")
    titles = (*titles, f"over {limit:g} s", "of these by CPU", "violations")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, of in [*sorted(groups.items()), ("**all**", runs)]:
        codes = Counter(one.code for one in of)
        shown = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
        cells = (
            name,
            len({one.number for one in of}),
            len(of),
            shown,
            f"{max(one.seconds for one in of):.2f}",
            f"{max(one.cpu for one in of):.2f}",
            f"{max(one.memory for one in of) / 1e6:.0f}",
            sum(one.seconds > limit for one in of),
            sum(one.cpu > limit for one in of),
            sum(bool(one.wrong) for one in of),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=float, default=5.0, help="seconds that a command may take")
    parser.add_argument("--keep", type=Path, help="keep what went wrong here, to run it again")
    parser.add_argument("--only", type=int, help="this one case")
    parser.add_argument("--slowest", type=int, default=5, help="how many of the slowest to name")
    options = parser.parse_args()
    warm()
    numbers = range(options.count) if options.only is None else [options.only]
    tasks = [(options.seed, number, options.keep) for number in numbers]
    runs: list[Run] = []
    start = time.perf_counter()
    # Not a Pool: its workers may not have children, and a command may want some.
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("fork")) as pool:
        for number, done in enumerate(as_completed([pool.submit(whole, task) for task in tasks]), 1):
            some = done.result()
            runs += some
            for one in some:
                for wrong in one.wrong:
                    note(f"case {one.number} ({one.mutator}) {one.arguments}: {wrong}")
            if number % 100 == 0:
                note(f"{number} of {len(tasks)}, {time.perf_counter() - start:.0f} s")
    spent = time.perf_counter() - start
    print(f"on {machine()}; seed {options.seed}, {spent:.0f} s in all, {options.jobs} at once,")
    print(f"{sum(one.fresh for one in runs)} of {len(runs)} runs by fresh processes\n")
    print(told(runs, options.limit) + "\n")
    for one in sorted(runs, key=lambda one: -one.cpu)[: options.slowest]:
        shown = " ".join(one.arguments)
        print(f"- {one.seconds:.2f} s (CPU {one.cpu:.2f}): case {one.number}, {one.mutator}, `{shown}`")
    return 1 if any(one.wrong for one in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
