"""The inputs of a case on disk, and a command line with their paths."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cli.commands import FAULTY
from tests.fuzz.cases import Case
from tests.fuzz.files import Given


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """Where a case's inputs are."""

    paths: tuple[str, ...]
    stdin: Path | None
    """What standard input reads; None: nothing."""
    pipe: tuple[Path, Path] | None
    """A named pipe, and the file that somebody writes into it."""

    def arguments(self, command: tuple[str, ...]) -> list[str]:
        """A command line of the case."""
        known = {f"{{{number}}}": path for number, path in enumerate(self.paths)}
        known["{snapshot}"] = str(FAULTY)
        return [known.get(word, word) for word in command]

    @contextlib.contextmanager
    def writer(self) -> Iterator[None]:
        """Somebody writes into the pipe, where there is one, as long as the block lasts."""
        if self.pipe is None:
            yield
            return
        script = 'exec cat "$2" > "$1"'
        with subprocess.Popen(["sh", "-c", script, "sh", *self.pipe], stderr=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.kill()


def placed(case: Case, folder: Path) -> Placed:
    """Make the inputs of a case in a folder."""
    stdin, pipe, paths = None, None, []
    for given in case.given:
        path = folder / given.name
        if given.place == "literal":
            paths.append(given.name)
        elif given.place == "stdin":
            stdin = folder / "stdin"
            stdin.write_bytes(given.data)
            paths.append("-")
        else:
            _make(path, given)
            if given.place == "fifo":
                pipe = path, folder / "piped"
                pipe[1].write_bytes(given.data)
            paths.append(str(path))
    return Placed(paths=tuple(paths), stdin=stdin, pipe=pipe)


def _make(path: Path, given: Given) -> None:
    if given.place == "fifo":
        os.mkfifo(path)
    elif given.place == "folder":
        path.mkdir()
    elif given.place == "loop":
        path.symlink_to(path.name)
    elif given.place == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.write_bytes(given.data)
        if given.place == "denied":
            path.chmod(0)
