"""Why a measuring process ended before its time, in words. Pure."""

from __future__ import annotations

import re

from envkit.bench.workers import first_failed, own_words
from envkit.core.text import duration, one_line
from envkit.target.bench_job import Told
from envkit.target.payload import signal_name

_NOISE = re.compile(r"^(?:  File |Extension modules:|\[?W\d{4} |\d{4}-\d\d-\d\d .*: [IW] )")
_SIGNALS = {
    4: "the CPU does not know an instruction that this build was compiled for (AVX2, AVX-512): "
    "`envkit doctor --deep` names it",
    6: "a native library gave up (abort): a failed assertion, a C++ exception, or broken memory",
    7: "memory that a file stands for could not be had: /dev/shm or the disk is full",
    8: "an arithmetic fault in native code",
    11: "a fault in native code: often libraries that do not fit together; `envkit doctor --deep` names them",
    24: "the limit on CPU time of this shell (ulimit -t)",
    25: "the limit on the size of files of this shell (ulimit -f)",
}


def explained(told: Told, at: str, limit: float) -> str:
    """One line: what it did last, how it ended and what that means, and the last that it said.

    at: what the payload was doing. limit: seconds that it had. Empty where it ended well.
    """
    if told.how == "done":
        return ""
    if told.how == "interrupted":
        return f"interrupted in {at}"
    if told.trouble:
        return one_line(f"could not be started: {told.trouble}", limit=500)
    fault = first_failed(told.stderr)
    last = last_lines(told.stderr if fault is None else own_words(told.stderr))
    said = f"; its last line: {last[-1]}" if last else ""
    if told.how == "timeout":
        text = f"hung in {at}: not at its end after {duration(limit)} and ended by envkit"
        return one_line(text + said, limit=500)
    if fault is not None:
        at = f"{at}, rank {fault.rank} first"
    number = signal_of(told)
    if number is None:
        code = told.code if fault is None else fault.code
        return one_line(f"failed in {at}, with exit code {code}{said}", limit=500)
    return one_line(f"crashed in {at}: {signal_name(number)}: {_meaning(number, told)}{said}", limit=500)


def signal_of(told: Told) -> int | None:
    """The signal that ended it, or one of its workers; None where none did."""
    fault = first_failed(told.stderr)
    code = told.code if fault is None else fault.code
    return -code if code is not None and code < 0 else None


def _meaning(number: int, told: Told) -> str:
    if number != 9:
        return _SIGNALS.get(number, "a signal from outside")
    if told.oom_kills:
        return "the kernel ended a process for lack of memory meanwhile: take a smaller --batch-size"
    return "something ended it from outside; the kernel does that when memory runs out (dmesg tells)"


def last_lines(stderr: str, count: int = 5) -> tuple[str, ...]:
    """The last lines that say something: not those of a stack or of a start-up log."""
    lines = (one_line(line) for line in stderr[-20_000:].splitlines() if not _NOISE.match(line))
    return tuple(line for line in lines if line)[-count:]
