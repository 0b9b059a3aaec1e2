"""The command line that is run, and what cannot be one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from envkit.core.errors import TargetAbsentError, UsageError

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?$")
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_BLIND = re.compile(r"-[a-zA-Z]*[IE]")
_EXAMPLE = "envkit diagnose -- python train.py"


def command(
    arguments: Sequence[str], python: Callable[[], str], *, asked: bool = False, elsewhere: bool = False
) -> tuple[str, ...]:
    """The command line: `train.py ...` and `-m module ...` get the target's Python before them.

    python: finds the target, where it is needed. asked: it was named, so `python` in the command means it,
    and programs that are installed beside it (`accelerate`, `torchrun`) come first. elsewhere: it runs in a
    container, whose programs and whole paths are not those of this machine.
    Raises UsageError when nothing is to be run, TargetAbsentError when there is no such script.
    """
    if not arguments:
        raise UsageError("there is no script to run", todo=f"give the command after --: {_EXAMPLE}")
    first = arguments[0]
    if is_python(first) and "/" not in first and asked:
        arguments = (python(), *arguments[1:])
    elif first.startswith("-") or _is_script(first):
        arguments = (python(), *arguments)
    elif not elsewhere and asked and "/" not in first and (program := _beside(python(), first)) is not None:
        arguments = (program, *arguments[1:])
    path = script(arguments)
    if not elsewhere or (path is not None and not os.path.isabs(path)):
        _check(arguments)
    return tuple(arguments)


def _beside(python: str, program: str) -> str | None:
    """A program in the folder of a Python; None where there is none of that name."""
    path = os.path.join(os.path.dirname(python), program)
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else None


def is_python(program: str) -> bool:
    """Whether it is called as a Python is."""
    return _PYTHON.match(os.path.basename(program)) is not None


def script(argv: Sequence[str]) -> str | None:
    """The file that a Python is to run; None for `-m`, `-c`, standard input, and other programs."""
    if not argv or not is_python(argv[0]):
        return None
    words = iter(argv[1:])
    for word in words:
        if word in ("-m", "-c", "-") or word.startswith(("-m", "-c")):
            return None
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def blind(argv: Sequence[str]) -> str | None:
    """The option that makes Python leave PYTHONPATH, and with it the watcher, alone; None without one."""
    if not argv or not is_python(argv[0]):
        return None
    for word in argv[1:]:
        if not word.startswith("-") or word in ("-m", "-c", "-"):
            return None
        if _BLIND.match(word) and not word.startswith("--"):
            return word
    return None


def _is_script(first: str) -> bool:
    """Python code that is given without a Python: also where it does not exist, to say so."""
    return first.endswith((".py", ".ipynb")) and not (os.path.isfile(first) and os.access(first, os.X_OK))


def _check(argv: Sequence[str]) -> None:
    path = script(argv)
    if path is None:
        _check_program(argv[0])
        return
    if path.endswith(".ipynb"):
        plain = shlex.quote(Path(path).with_suffix(".py").name)
        raise UsageError(
            f"{path} is a notebook, and no script",
            todo=f"jupyter nbconvert --to script {shlex.quote(path)}, then envkit diagnose -- python {plain}"
            "; or watch in the notebook itself: with envkit.watch(): ...",
        )
    if not os.path.exists(path):
        raise TargetAbsentError(
            f"there is no script {path}", todo=f"check the path, from {_folder()}: {_EXAMPLE}"
        )
    if os.path.isdir(path) and not os.path.exists(os.path.join(path, "__main__.py")):
        raise TargetAbsentError(
            f"{path} is a folder without __main__.py", todo=f"name the script in it: {_EXAMPLE}"
        )


def _check_program(program: str) -> None:
    """What the system would refuse with fewer words."""
    if not os.path.exists(program) or ("/" not in program and shutil.which(program) is not None):
        return
    if os.path.isdir(program):
        raise TargetAbsentError(f"{program} is a folder", todo=f"give the command: {_EXAMPLE}")
    if "/" not in program or not os.access(program, os.X_OK):
        raise TargetAbsentError(
            f"{program} is a file, and no program that can be run",
            todo=f"put the program before it that runs it, as {_EXAMPLE}",
        )


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed meanwhile
        return "a folder that is there"
