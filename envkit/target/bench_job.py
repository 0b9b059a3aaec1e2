"""One measuring process: the payload's `bench` in a Python of this machine or of an image, or under torchrun.

What it told is kept whatever its end: lines come as they are written, and an interrupt gives the process time
to say what it has measured.
"""

from __future__ import annotations

import codecs
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from envkit.core.errors import DiskError
from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.core.proc import run as run_here
from envkit.target import payload

if TYPE_CHECKING:
    from envkit.engine.docker import Engine

Ended = Literal["done", "interrupted", "crashed", "timeout"]
GRACE = 8.0
"""Seconds that an interrupted process has to tell what it measured and to leave its device."""
TORCHRUN = {"OMP_NUM_THREADS": "1", "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "5"}
"""What torchrun is started with where the person says nothing. The payload sets the number of threads itself,
and without this one torchrun would warn. A worker that does not end is waited for less long than torchrun is.
"""
_OOM = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """Processes that train together, started by torchrun."""

    nproc: int = 1
    nnodes: int = 1
    node_rank: int = 0
    rendezvous: str | None = None
    """host:port of the first node."""

    @property
    def alone(self) -> bool:
        """Whether it is one process, which needs no torchrun."""
        return self.nproc == 1 and self.nnodes == 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """What to start."""

    python: str
    """The interpreter, on this machine or in the image."""
    job: Mapping[str, Any]
    """As the payload's `bench` takes it."""
    limit: float
    """Seconds for all of it."""
    env: Mapping[str, str]
    """Variables set beside the machine's own."""
    workers: Workers = Workers()
    image: str | None = None
    gpus: bool = False
    """Whether a container is given the machine's GPUs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a process said, and how it ended."""

    began: float
    """time.monotonic(), as `ended`."""
    ended: float
    how: Ended
    ranks: tuple[tuple[dict[str, Any], ...], ...]
    """The payload's lines, of each worker."""
    code: int | None = None
    """Exit code; negative = ended by that signal."""
    stderr: str = ""
    trouble: str = ""
    """Why it could not be started; empty when it was."""
    oom_kills: int | None = None
    """Processes of this machine that the kernel ended for lack of memory meanwhile; None = not read."""


Said = Callable[[dict[str, Any]], None]
"""Told each line of the payload as it comes."""
Started = Callable[[int], None]
"""Told the process id."""


def arguments(launch: Launch, main: str, out: str | None) -> tuple[str, ...]:
    """The command line. main: the payload's file there. out: the folder for one file a worker."""
    told = ("bench", "--job", json.dumps(dict(launch.job)), *(("--out", out) if out else ()))
    if launch.workers.alone:
        return (launch.python, main, *told)
    return (launch.python, "-m", "torch.distributed.run", *_rendezvous(launch.workers), main, *told)


def environment(launch: Launch, own: Mapping[str, str]) -> dict[str, str]:
    """All variables of the process. own: those of the machine that it runs on."""
    defaults = {} if launch.workers.alone else TORCHRUN
    # Nothing of ours stays in a person's environment: no bytecode.
    return {**defaults, **own, **launch.env, "PYTHONDONTWRITEBYTECODE": "1"}


def _rendezvous(workers: Workers) -> tuple[str, ...]:
    each = f"--nproc-per-node={workers.nproc}"
    if workers.nnodes == 1:
        # A host name need not resolve to an address that works.
        return ("--standalone", "--local-addr=127.0.0.1", each)
    return (
        *(f"--nnodes={workers.nnodes}", f"--node-rank={workers.node_rank}", each),
        *("--rdzv-backend=c10d", f"--rdzv-endpoint={workers.rendezvous}", "--rdzv-id=envkit-bench"),
    )


def here(machine: Machine, launch: Launch, *, said: Said, started: Started) -> Told:
    """Run it on this machine, to its end, its limit, or an interrupt (which is a result, and not raised)."""
    scratch = _scratch(launch)
    folder = None if launch.workers.alone else scratch
    if launch.job.get("dir") is None:
        # What a process leaves that could not end by itself goes with the folder.
        launch = replace(launch, job={**launch.job, "dir": scratch})
    try:
        call = Command(
            name="bench",
            argv=arguments(launch, machine.place(payload.MAIN), folder),
            limit=launch.limit,
            env=environment(launch, machine.env),
            grace=GRACE,
        )
        lines = Lines(said)
        result, told = _attended(machine, lambda: run_here(call, out=lines.feed, started=started))
        ranks = (tuple(lines.found),) if folder is None else _files(Path(folder))
        return replace(told, ranks=ranks) if result is None else _judged(result, told, ranks)
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _scratch(launch: Launch) -> str | None:
    """A new folder; None where none can be made. Raises DiskError where workers need one."""
    try:
        return tempfile.mkdtemp(prefix="envkit-bench-")
    except OSError as error:
        if launch.workers.alone:
            return None
        raise DiskError(
            f"there is no folder for what the workers tell: {error}",
            todo="make room in /tmp, or name another folder: TMPDIR=FOLDER",
        ) from None


def in_image(machine: Machine, engine: Engine, launch: Launch, *, said: Said, started: Started) -> Told:
    """As `here`, in a new container of an image.

    The payload is copied in: a bind mount would fail on a remote engine.
    """
    from envkit.engine.attended import Attended
    from envkit.target.inside import payload_files, payload_main

    assert launch.image is not None
    folder = None if launch.workers.alone else "/tmp/envkit-bench"
    files = payload_files()
    if folder is not None:
        files[f"{folder}/README"] = b"One file a worker.\n"
    lines = Lines(said)
    fetched: list[bytes] = []
    what = Attended(
        image=launch.image,
        argv=arguments(launch, payload_main(), folder),
        limit=launch.limit,
        files=files,
        env=environment(launch, {}),
        gpus=launch.gpus,
        grace=GRACE,
        out=lines.feed,
        started=started,
        fetch=folder,
        fetched=fetched.append,
    )
    result, told = _attended(machine, lambda: engine.attend(what))
    ranks = (tuple(lines.found),) if folder is None else _archived(fetched)
    return replace(told, ranks=ranks) if result is None else _judged(result, told, ranks)


def _attended(machine: Machine, run: Callable[[], Result]) -> tuple[Result | None, Told]:
    """Run it; None when the person interrupted."""
    kills = _oom_kills(machine)
    began = time.monotonic()
    result: Result | None = None
    try:
        result = run()
    except KeyboardInterrupt:
        pass
    after = _oom_kills(machine)
    return result, Told(
        began=began,
        ended=time.monotonic(),
        how="interrupted",
        ranks=(),
        oom_kills=None if kills is None or after is None else after - kills,
    )


def _judged(result: Result, told: Told, ranks: tuple[tuple[dict[str, Any], ...], ...]) -> Told:
    how: Ended = "done" if result.ok else "crashed"
    if result.state == "timeout":
        how = "timeout"
    elif result.code == 130 and any(line["kind"] == "interrupted" for lines in ranks for line in lines):
        how = "interrupted"
    return replace(
        told,
        how=how,
        ranks=ranks,
        code=result.code,
        stderr=result.stderr,
        trouble="" if result.state in ("done", "timeout") else result.stderr.strip() or result.state,
    )


def _oom_kills(machine: Machine) -> int | None:
    found = _OOM.search(machine.read("/proc/vmstat", 1 << 16) or "")
    return None if found is None else int(found[1])


class Lines:
    """The payload's lines out of pieces of its standard output."""

    def __init__(self, said: Said) -> None:
        self.found: list[dict[str, Any]] = []
        self._said = said
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, chunk: bytes) -> None:
        """One piece, as it was read."""
        text = self._rest + self._decoder.decode(chunk)
        whole, newline, self._rest = text.rpartition("\n")
        for line in payload.lines(whole) if newline else ():
            self.found.append(line)
            self._said(line)


def _files(folder: Path) -> tuple[tuple[dict[str, Any], ...], ...]:
    """The lines of each worker's file, in the order of their ranks."""
    texts = {path.stem: _text(path) for path in folder.glob("*.jsonl")}
    return _in_order(texts)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _archived(fetched: Sequence[bytes]) -> tuple[tuple[dict[str, Any], ...], ...]:
    """As `_files`, out of the tar that the engine gave."""
    import io
    import tarfile

    texts: dict[str, str] = {}
    for data in filter(None, fetched):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for entry in archive:
                name = Path(entry.name)
                if entry.isfile() and name.suffix == ".jsonl" and (file := archive.extractfile(entry)):
                    texts[name.stem] = file.read().decode("utf-8", "replace")
    return _in_order(texts)


def _in_order(texts: Mapping[str, str]) -> tuple[tuple[dict[str, Any], ...], ...]:
    names = sorted(texts, key=lambda name: (int(name) if name.isdigit() else 1 << 30, name))
    return tuple(tuple(payload.lines(texts[name])) for name in names)
