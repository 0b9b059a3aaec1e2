"""The same command once more: the same seeds, and a working directory of its own to write to."""

from __future__ import annotations

import getpass
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envkit.core import proc
from envkit.diagnose import audit
from envkit.diagnose.launch import INJECT
from envkit.diagnose.read import read
from envkit.diagnose.scratch import Scratch, Written, changed
from envkit.diagnose.trace import Trace

FENCE = INJECT.parent / "_envkit_payload" / "fence.py"
_CACHES = ("~/.cache", "~/.nv", "~/.triton", "~/.keras", "~/.config/matplotlib")
_CACHE_VARIABLES = ("XDG_CACHE_HOME", "HF_HOME", "TORCH_HOME", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
_OFFLINE = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "NEPTUNE_MODE": "offline",
    "CLEARML_OFFLINE_MODE": "1",
    "COMET_START_ONLINE": "0",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstRun:
    """What was run, and where."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: str
    began: float
    """`time.time()` before it."""
    tried: bool = False
    """Whether it may be run again."""
    seconds: float | None = None
    """For all repetitions; None = as long as they take."""
    anyway: bool = False
    """Also where a second run could do harm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Second:
    """How a repetition went."""

    traces: tuple[Trace, ...]
    result: proc.Result


def repeat(run: FirstRun, traces: Sequence[Trace], what: Mapping[str, Any], limit: float) -> Second:
    """Run it again.

    traces: of the first run. what: the step to look at (`arm_at`) or the change to try (`trial`), as the
    payload's `again` reads it. limit: seconds. Raises OSError where no working directory can be made.
    """
    with tempfile.TemporaryDirectory(prefix="envkit-again-", ignore_cleanup_errors=True) as folder:
        scratch = Scratch(Path(folder), run.cwd, written(run, traces, unseen(run, traces)))
        return _repeat(run, traces, scratch, what, limit)


def _repeat(
    run: FirstRun, traces: Sequence[Trace], scratch: Scratch, what: Mapping[str, Any], limit: float
) -> Second:
    command, folder = prepared(run, traces, scratch, what, limit)
    result = proc.run(command)
    return Second(traces=tuple(_original(trace, scratch) for trace in read(folder)), result=result)


def prepared(
    run: FirstRun, traces: Sequence[Trace], scratch: Scratch, what: Mapping[str, Any], limit: float
) -> tuple[proc.Command, str]:
    """The command of a repetition, and the folder that its traces go to. Raises OSError."""
    folder = os.path.join(scratch.home, "trace")
    os.mkdir(folder)
    processes = [
        {"rank": None if one.rank is None else str(one.rank), "argv": one.argv, "seed": one.seed}
        for one in sorted(traces, key=lambda one: one.began or 0.0)
        if one.seed is not None
    ]
    plan = {**what, "processes": processes, "root": scratch.root, "folders": scratch.folders}
    path = os.path.join(folder, "plan.json")
    Path(path).write_text(json.dumps(plan), encoding="utf-8")
    writable = (scratch.home, "/dev", "/proc", *caches(run.environment))
    command = proc.Command(
        name="script again",
        argv=(sys.executable, "-I", str(FENCE), scratch.cwd, *writable, "--", *run.argv),
        limit=limit,
        env={**_environment(run, scratch), "ENVKIT_WATCH_DIR": folder, "ENVKIT_AGAIN": path},
        grace=1.0,
    )
    return command, folder


def _environment(run: FirstRun, scratch: Scratch) -> dict[str, str]:
    """The first run's, with trackers offline and temporary files in the scratch folder."""
    path = run.environment.get("PYTHONPATH")
    return {
        **{name: value for name, value in run.environment.items() if name != "ENVKIT_TRY"},
        **_OFFLINE,
        "MLFLOW_TRACKING_URI": f"file://{scratch.home}/mlruns",
        "TMPDIR": scratch.temporary,
        "PYTHONPATH": f"{INJECT}{os.pathsep}{path}" if path else str(INJECT),
    }


def _original(trace: Trace, scratch: Scratch) -> Trace:
    """A trace whose files are those that the stand-ins stand for."""
    events = tuple(
        replace(event, stack=tuple((scratch.original(file), line, name) for file, line, name in event.stack))
        for event in trace.events
    )
    changes = tuple(
        {**one, "with": {name: _named(value, scratch) for name, value in one.get("with", {}).items()}}
        for one in trace.candidates
    )
    return replace(trace, events=events, candidates=changes)


def _named(value: Any, scratch: Scratch) -> Any:
    return scratch.original(value) if isinstance(value, str) else value


def caches(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Folders that a repetition may write to as well: their content can be made again."""
    home = environ.get("HOME", "")
    known = [path.replace("~", home, 1) for path in _CACHES] if home else []
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    known.append(os.path.join(environ.get("TMPDIR") or "/tmp", f"torchinductor_{user}"))
    return (*known, *(environ[name] for name in _CACHE_VARIABLES if environ.get(name)))


def unseen(run: FirstRun, traces: Sequence[Trace]) -> frozenset[str]:
    """Files of the working directory that were written from outside of Python."""
    return changed(run.cwd, run.began, {one.name for one in audit.written(traces)})


def written(run: FirstRun, traces: Sequence[Trace], more: frozenset[str]) -> Written:
    """What is still there of what was written; temporary files are gone."""
    made = {one.name: one for one in reversed(audit.written(traces)) if one.what == "write"}
    ours = {name for name in made if audit.below(name, (run.cwd,)) or os.path.isfile(name)}
    new = {name for name in ours if made[name].new}
    old = {name for name in ours - new if os.path.isfile(name)}
    return Written(new=frozenset(new) | more, old=frozenset(old))


def fenced() -> bool:
    """Whether the kernel keeps a repetition from writing elsewhere."""
    asked = proc.run(
        proc.Command(
            name="landlock",
            argv=(
                sys.executable, "-I", "-c",
                "import runpy, sys; raise SystemExit(not runpy.run_path(sys.argv[1])['version']())",
                str(FENCE),
            ),
            limit=20.0,
        )
    )  # fmt: skip
    return asked.ok
