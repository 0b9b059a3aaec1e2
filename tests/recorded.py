"""Recorded machines: a tree of /proc, /sys, /etc and what commands printed there.

`tests/machines/<name>/` holds `root/` (the tree) and `machine.json`:
`{"env": {...}, "commands": {"<Command.name>": {"state": "done", "code": 0, "stdout": "...", "stderr": ""}}}`.
A command that was not recorded is absent. `"python"` is the target Python, whose answers are the command
`python-facts`.

A machine that is another one with some changes names it: `"base": ["ubuntu-desktop", "gpu-8x-healthy"]` are
laid one over the other, `"without"` are patterns of files taken away, then comes its own `root/`. Variables
and commands are those of the bases with its own over them.
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.facts.probe import Probe
from envkit.target import python_probe

MACHINES = Path(__file__).parent / "machines"


def recorded(name: str) -> Machine:
    """The recorded machine of that name."""
    described = _described(name)
    commands = described["commands"]

    def replay(command: Command) -> Result:
        answer = commands.get(command.name)
        if answer is None:
            return Result(state="absent", stderr=f"{command.argv[0]}: not found")
        return Result(**{"state": "done", "code": 0, **answer})

    return Machine(root=_root(name), env=described["env"], run=replay)


def python_of(name: str) -> tuple[Probe, ...]:
    """The probe of a recorded machine's target Python, if it has one."""
    executable = _described(name).get("python")
    return () if executable is None else (python_probe(executable, "VIRTUAL_ENV", limit=60),)


@functools.cache
def _described(name: str) -> dict[str, Any]:
    own = json.loads((MACHINES / name / "machine.json").read_text())
    layers = [*(_described(base) for base in own.get("base", ())), own]
    merged = {
        key: {k: v for layer in layers for k, v in layer.get(key, {}).items()} for key in ("env", "commands")
    }
    return {**own, **merged}


@functools.cache
def _root(name: str) -> Path:
    """The tree itself, or one laid out of the bases in a folder that is removed at the end."""
    own = _described(name)
    if "base" not in own:
        return MACHINES / name / "root"
    root = Path(tempfile.mkdtemp(prefix=f"machine-{name}-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    for base in own["base"]:
        _lay(_root(base), root)
    for pattern in own.get("without", ()):
        for path in list(root.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    _lay(MACHINES / name / "root", root)
    return root


def _lay(tree: Path, over: Path) -> None:
    """Copy a tree over another; links stay links."""
    for source in sorted(tree.rglob("*")):
        target = over / source.relative_to(tree)
        if source.is_symlink() or source.is_file():
            if target.is_symlink() or target.exists():
                shutil.rmtree(target) if target.is_dir() and not target.is_symlink() else target.unlink()
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
        else:
            target.mkdir(parents=True, exist_ok=True)
