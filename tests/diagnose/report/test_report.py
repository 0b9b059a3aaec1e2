"""The report: the cause first, then the change, the line, what was tried, the curves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.core.report import Report
from envkit.diagnose.memory import MemoryUse
from envkit.diagnose.model import ScriptEnd
from envkit.diagnose.trace import Optimizer, Steps, Trace
from envkit.diagnose.trace_crash import Crash, CrashFrame
from envkit.report import Options, render
from tests.diagnose.report.made import FILE, HEALTHY, NAN, told

GIB = 1 << 30
KILLED = ScriptEnd(exit_code=None, signal="SIGKILL")


def text(report: Report, *, verbose: bool = False, quiet: bool = False) -> str:
    return render(report, "text", Options(color=False, width=80, unicode=True, verbose=verbose, quiet=quiet))


def conclusion(report: Report) -> str:
    return " ".join(text(report, quiet=True).split("\n\n")[-1].split())


def test_what_a_reader_wants_first_comes_first() -> None:
    shown = text(told(NAN))
    order = (
        "✗ error: The logarithm of zero or of a negative number",
        "train.py:5 (forward)",
        "Fix:",
        "The change that mends it",
        "+    return -(y * torch.log(p.clamp_min(1e-6))",
        "The line",
        "> 5 │     return -(y * torch.log(p)",
        "What was tried",
        "nothing (as it was)",
        "learning rate times 0.1",
        "Loss and gradient",
        "▲ 100 not finite",
        "the step was repeated in a copy",
        "The loss of step 100 became nan. Cause: log-of-zero at train.py:5;",
    )
    places = [shown.find(part) for part in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert "Suspected" not in shown


@pytest.mark.parametrize("verbose", (False, True))
def test_nothing_is_wider_than_the_terminal_but_code(verbose: bool) -> None:
    shown = text(told(NAN), verbose=verbose)
    wide = [line for line in shown.splitlines() if len(line) > 80]
    assert all("torch.log" in line for line in wide)
    assert ("The batch of that step" in shown) == verbose


def test_how_far_a_cause_is_proved_is_said() -> None:
    assert conclusion(told(NAN)).endswith("tried: with the fix all went on finite.")
    short = replace(NAN, trials=(replace(NAN.trials[0], steps=10),))
    assert conclusion(told(short)).endswith("tried: with the fix the failing step is finite.")
    assert conclusion(told(replace(NAN, trials=()))).endswith("not tried.")


def test_a_cause_that_cannot_be_told_is_said_to_be_so() -> None:
    blind = replace(NAN, events=(), trials=(), replay="no-copy", batches=())
    assert conclusion(told(blind)) == (
        "✗ The loss of step 100 became nan. The cause could not be told: the step could not be repeated "
        "(there was no copy of the process from before it)."
    )


def test_a_healthy_run_is_short() -> None:
    shown = text(told(HEALTHY))
    assert shown.split("\n\n")[0].startswith("envkit diagnose · python train.py")
    assert conclusion(told(HEALTHY)) == (
        "✓ Healthy: 100 steps, loss 0.7 to 0.0258; watching took 0.9 % of the time."
    )
    assert len(shown.splitlines()) == 3
    assert "Loss and gradient" in text(told(HEALTHY), verbose=True)


def test_a_short_run_has_no_share() -> None:
    short = replace(HEALTHY, seconds=0.5, own_seconds=0.1)
    assert conclusion(told(short)).endswith("watching took 100 ms of its 0.5 s of CPU time.")


def test_an_interrupt_is_no_fault() -> None:
    ended = ScriptEnd(exit_code=None, signal="SIGINT")
    assert conclusion(told(HEALTHY, script=ended)).endswith(
        "it was interrupted, and until then nothing was wrong."
    )


@pytest.mark.parametrize(
    ("traces", "command", "says"),
    [
        ((), "python -E train.py", "-E makes Python leave PYTHONPATH alone"),
        ((), "sudo python train.py", "started without its environment"),
        ((Trace(),), "python x.py", "no framework that is watched was imported"),
        ((Trace(framework="torch", version="2.9"),), "x", "PyTorch 2.9 was imported, and no optimizer"),
        (
            (Trace(framework="torch", version="2.9", optimizers=(Optimizer(name="SGD"),)),),
            "x",
            "an optimizer made, but no step of it was seen",
        ),
        ((Trace(framework="torch", faults=("install: boom",)),), "x", "switched itself off (install: boom)"),
    ],
)  # fmt: skip
def test_why_nothing_was_seen(traces: tuple[Trace, ...], command: str, says: str) -> None:
    report = told(*traces, command=command)
    assert report.verdict == "unknown"
    assert says in conclusion(report)


def test_an_error_of_the_persons_own() -> None:
    crashed = Crash(
        type="ValueError",
        text="my own [red]trouble[/]",
        frames=(CrashFrame(file=FILE, line=5, function="bce", users=True),),
    )
    trace = replace(HEALTHY, crash=crashed)
    from envkit.diagnose.judge import ended

    report = told(trace, script=ended(1, None, (trace,)))
    assert report.verdict == "faulty"
    assert conclusion(report) == (
        "✗ The script crashed: ValueError: my own [red]trouble[/] (train.py:5). None of the causes that "
        "envkit knows fits it."
    )
    assert "> 5 │     return" in text(report)


def test_an_error_after_a_nan_is_its_consequence() -> None:
    from envkit.diagnose.judge import ended

    crashed = Crash(type="RuntimeError", text="mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)")
    trace = replace(NAN, crash=crashed)
    report = told(trace, script=ended(1, None, (trace,)))
    assert [one.key for one in report.findings] == ["log-of-zero"]
    assert "then ended with RuntimeError" in text(report)


def test_an_error_that_the_script_survived_is_none() -> None:
    trace = replace(
        HEALTHY, crash=Crash(type="RuntimeError", text="CUDA out of memory. Tried to allocate 2 GiB")
    )
    assert told(trace).verdict == "healthy"


MEMORY = MemoryUse(
    limit=8 * GIB, available=GIB, kills=1, resident=tuple((float(n), (1 + n) * GIB // 2) for n in range(16))
)


def test_killed_for_lack_of_memory() -> None:
    report = told(HEALTHY, script=KILLED, memory=MEMORY)
    (finding,) = report.findings
    assert (finding.key, finding.severity) == ("oom-host", "error")
    assert "held 8.0 GiB of 8.0 GiB" in finding.summary
    assert "Memory grew from 2.0 GiB to 8.0 GiB" in finding.fix[0].say
    assert "Memory\n" in text(report)


def test_killed_by_somebody() -> None:
    calm = MemoryUse(limit=64 * GIB, available=32 * GIB, kills=0, resident=((0.0, GIB), (1.0, GIB)))
    report = told(HEALTHY, script=KILLED, memory=calm)
    assert report.findings == ()
    assert "Nothing shows that memory ran out" in conclusion(report)
    full = replace(calm, resident=((0.0, GIB), (1.0, 62 * GIB)))
    assert [one.key for one in told(HEALTHY, script=KILLED, memory=full).findings] == ["oom-host"]


def test_the_process_that_went_wrong_is_told_of() -> None:
    longer = replace(HEALTHY, steps=Steps(loss=(0.1,) * 500, ended=(0.0,) * 500))
    report = told(longer, NAN)
    assert "The loss of step 100 became nan" in conclusion(report)
    assert "2 processes trained" in text(report)


@pytest.mark.parametrize("name", ("markdown", "html", "json"))
def test_every_format_has_the_cause_the_line_and_the_change(name: str) -> None:
    shown = render(told(NAN), name, Options())
    for part in ("log-of-zero", "train.py", "clamp_min(1e-6)"):
        assert part in shown
