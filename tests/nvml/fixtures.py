"""Machines with NVIDIA GPUs that are not here: a stub of the driver's library that the real pynvml reads.

`nvml_scenario("thermal")` is what to add to a child's environment; `nvml_machine("thermal")` is this machine
with those GPUs. A scenario is a file in `scenarios/`: comments, of which `expect`, `library` and plain text
are read here, then facts (see scenario.h and stub.c).
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from envkit.core import proc
from envkit.core.machine import Machine
from tests.coverage_notes import require
from tests.nvml.build import build, compiler

FOLDER = Path(__file__).with_name("scenarios")
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))

_DEFINES = {"new": (), "old-driver": ("OLD_DRIVER",), "long-process": ("LONG_PROCESS_V3",)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """What a scenario file says of itself."""

    name: str
    path: Path
    expect: str
    """The cause that doctor must find in the hardware; `none`: it must find none; `unknown`: NVML
    alone cannot tell."""
    library: str = "new"
    """The build of the stub: `new`, `old-driver`, `long-process`."""
    about: str = ""


def scenario(name: str) -> Scenario:
    """The scenario of that name."""
    path = FOLDER / f"{name}.txt"
    comments = [line[1:].strip() for line in path.read_text().splitlines() if line.startswith("#")]
    facts = dict(found.groups() for line in comments if (found := re.fullmatch(r"(\w+) = (\S+)", line)))
    about = " ".join(line for line in comments if " = " not in line)
    return Scenario(
        name=name, path=path, expect=facts["expect"], library=facts.get("library", "new"), about=about
    )


@functools.cache
def stub_folder(library: str = "new") -> Path:
    """The folder with a libnvidia-ml.so.1, compiled once a process; skips the test without a compiler."""
    require("C compiler", compiler() is not None)
    folder = Path(tempfile.mkdtemp(prefix="envkit-nvml-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build(folder, *_DEFINES[library])


def nvml_scenario(name: str | Path) -> dict[str, str]:
    """The environment variables that put a scenario's GPUs into a machine, by name or by a file's path."""
    if isinstance(name, Path):
        path, library = name, "new"
    else:
        path, library = scenario(name).path, scenario(name).library
    return {"LD_LIBRARY_PATH": str(stub_folder(library)), "NVML_STUB_SCENARIO": str(path)}


def nvml_machine(name: str | Path, **env: str) -> Machine:
    """This machine, real in everything, with a scenario's GPUs."""
    return Machine(root=Path("/"), env={**os.environ, **nvml_scenario(name), **env}, run=proc.run)
