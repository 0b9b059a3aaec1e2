"""One bench at a time on a GPU: a lock for each, which tells who holds it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from envkit.core.errors import EnvkitError

if TYPE_CHECKING:
    from envkit.bench.plan import Ask
    from envkit.core.machine import Machine
    from envkit.facts.model import Snapshot

_HOLDER = re.compile(r"(\d{1,10}) (\d{1,15})")


class BusyError(EnvkitError):
    """Another bench holds a GPU: a refusal."""


@contextmanager
def turn(ask: Ask, machine: Machine, snapshot: Snapshot, *, anyway: bool) -> Iterator[None]:
    """Hold every GPU that the sides may use, and the CPU, while the bench runs.

    Two on one GPU would measure each other: raises BusyError, unless `anyway`. On the CPU that is only
    told.
    """
    with ExitStack() as stack:
        for name in devices(ask, machine, snapshot):
            holder = _take(name, stack)
            if holder is None:
                continue
            if name == "cpu" or anyway:
                what = "on this machine" if name == "cpu" else f"on {name}"
                sys.stderr.write(f"another bench runs {what} ({holder}): each slows the other\n")
                continue
            raise BusyError(
                f"another bench runs on {name} ({holder}), and each would measure the other",
                todo="wait for it, take another GPU (--device cuda:1), or measure nevertheless: --anyway",
            )
        yield


def devices(ask: Ask, machine: Machine, snapshot: Snapshot) -> tuple[str, ...]:
    """Names of the locks: `GPU 0` or `GPU GPU-1234...` as the driver counts them, and `cpu`."""
    from envkit.doctor.views import has_nvidia

    found: list[str] = []
    visible = [
        word.strip() for word in machine.env.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()
    ]
    for side in ask.sides:
        kind, _, number = side.options.device.partition(":")
        if kind == "cpu" or (kind == "auto" and not has_nvidia(snapshot)):
            continue
        if kind in ("mps", "xpu"):
            found.append(f"{kind.upper()} {number or 0}")
            continue
        first = int(number or 0)
        for index in range(first, first + max(ask.nproc)):
            found.append(f"GPU {visible[index] if index < len(visible) else index}")
    # Last: a refusal comes before a remark.
    return (*dict.fromkeys(found), "cpu")


def folder(machine: Machine) -> Path:
    """Where the locks lie: of this user alone."""
    runtime = machine.env.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime) and os.access(runtime, os.W_OK):
        return Path(runtime) / "envkit"
    return Path(tempfile.gettempdir()) / f"envkit-{os.getuid()}"


def _take(name: str, stack: ExitStack) -> str | None:
    """Who holds it, or None when we do now, or where no lock can be had."""
    from envkit.core.machine import Machine

    place = folder(Machine.here())
    path = place / f"bench-{re.sub(r'[^A-Za-z0-9-]', '-', name).lower()}.lock"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        about = os.lstat(place)
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
            return None  # somebody else's, in a directory for all
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            os.close(fd)
            return None
        said = _said(os.read(fd, 100).decode("ascii", "replace"))
        os.close(fd)
        return said
    stack.callback(os.close, fd)
    os.ftruncate(fd, 0)
    os.write(fd, f"{os.getpid()} {int(time.time())}\n".encode())
    return None


def _said(text: str) -> str:
    """`process 1234, since 12:01`."""
    found = _HOLDER.match(text)
    if found is None:
        return "it has just begun"
    since = time.strftime("%H:%M", time.localtime(int(found[2])))
    return f"process {found[1]}, since {since}"
