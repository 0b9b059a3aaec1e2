"""Compiles the stub of NVIDIA's library."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("stub.c")
SONAME = "libnvidia-ml.so.1"


def compiler() -> str | None:
    """A C compiler on PATH."""
    return shutil.which("gcc") or shutil.which("cc")


def build(folder: Path, *defines: str) -> Path:
    """Compile the library into a folder; the folder is for LD_LIBRARY_PATH.

    Args:
        folder: made if it is not there.
        defines: variants, see stub.c.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [compiler() or "cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    command += [f"-D{define}" for define in defines]
    command += [f"-Wl,-soname,{SONAME}", "-o", str(folder / SONAME), str(SOURCE)]
    subprocess.run(command, check=True, timeout=60)
    return folder
