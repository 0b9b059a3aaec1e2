"""A machine on which everything that can hang does: nvidia-smi, the Docker socket, a mount."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("slow_stat.c")


@dataclass(frozen=True, kw_only=True)
class Hanging:
    """How to run a program there."""

    env: dict[str, str]
    mount: Path
    """Every look below it sleeps for ever."""
    accepted: list[socket.socket]
    """Connections to the Docker socket that wait for an answer."""


@contextlib.contextmanager
def hanging(folder: Path) -> Iterator[Hanging]:
    """The environment of such a machine, as long as the block lasts. Needs a C compiler."""
    binaries = folder / "bin"
    binaries.mkdir()
    smi = binaries / "nvidia-smi"
    smi.write_text("#!/bin/sh\nexec sleep 3600\n")
    smi.chmod(0o755)
    library = folder / "slow_stat.so"
    compiler = shutil.which("cc") or shutil.which("gcc") or "cc"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    mount = folder / "mount"
    mount.mkdir()
    accepted: list[socket.socket] = []
    with _silent_socket(folder / "docker.sock", accepted) as address:
        env = {
            **os.environ,
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "DOCKER_HOST": f"unix://{address}",
            "HF_HOME": str(mount / "huggingface"),
            "LD_PRELOAD": str(library),
            "SLOW_PREFIX": str(mount),
        }
        yield Hanging(env=env, mount=mount, accepted=accepted)


@contextlib.contextmanager
def _silent_socket(path: Path, accepted: list[socket.socket]) -> Iterator[Path]:
    """A socket that accepts and never answers."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    accepted.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield path
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in accepted:
                connection.close()
