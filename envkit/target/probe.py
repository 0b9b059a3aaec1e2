"""The probe that asks the target Python what it is."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.core.text import one_line
from envkit.facts.gpu_model import Library
from envkit.facts.probe import Probe, ProbeStop
from envkit.facts.python_model import TargetPython, TensorflowFacts, TorchFacts
from envkit.target import payload

LIMIT = 2.0
"""Seconds for the child; a healthy environment answers in 0.06 s."""
COMMAND = "python-facts"
"""What a recorded machine knows the child by."""


def python_probe(executable: str, why: str = "", *, limit: float = LIMIT) -> Probe:
    """A probe for `Snapshot.python` and `Snapshot.libraries`.

    executable, why: as `locate` found them. limit: seconds.

    What was read before a crash or a directory that does not answer is kept.
    """

    def read(machine: Machine) -> dict[str, Any]:
        call = payload.command(machine, executable, ("facts",), name=COMMAND, limit=limit)
        return _answer(machine, machine.run(call), executable, why)

    return Probe(name="python", field="python", limit=limit + 0.3, read=read)


def answered(result: Result, executable: str) -> TargetPython:
    """The target Python of a payload that ran elsewhere, as in a container. Raises ProbeStop."""
    python: TargetPython = _answer(Machine.here(), result, executable, "")["python"]
    return python


def _answer(machine: Machine, result: Result, executable: str, why: str) -> dict[str, Any]:
    """The value of the probe. Raises ProbeStop, with what there is, when it is not all."""
    found = _Found(result.stdout)
    python = found.python(executable, why)
    if found.unsupported:
        detail = f"Python {python.version} is older than {found.minimum}, the oldest that envkit looks into"
        raise ProbeStop("failed", detail, {"python": python})
    if not found.started:
        python = _unstarted(machine, python)
    value: dict[str, Any] = {"python": python}
    if found.libraries is not None:
        value["libraries"] = found.libraries
    ended = payload.how_it_ended(result)
    if ended is not None:
        state = {"timeout": "timeout", "denied": "denied"}.get(result.state, "failed")
        raise ProbeStop(state, _explained(found, python, ended), value)  # type: ignore[arg-type]
    if not found.started:
        raise ProbeStop("failed", "the program ran, and said nothing that a Python would", value)
    if found.errors:
        raise ProbeStop("failed", "; ".join(found.errors), value)
    return value


def _explained(found: _Found, python: TargetPython, ended: str) -> str:
    """One line; the path of the interpreter is in the value, and would push the cause out of the line."""
    if found.started:
        return f"the target Python {ended} while looking at {found.last}"
    if python.base_exists is False:
        return "the target Python cannot start: the Python that this environment was made from is gone"
    if python.base_prefix and python.base_exists is None:
        return f"the target Python cannot start: this user may not read {python.base_prefix}"
    return f"the target Python {ended}, before it ran any code of ours"


class _Found:
    """The lines of one run, put together."""

    def __init__(self, stdout: str) -> None:
        self.started = False
        self.unsupported = False
        self.minimum = ""
        self.last = "itself"
        self.errors: list[str] = []
        self.libraries: tuple[Library, ...] | None = None
        self._python: dict[str, Any] = {}
        self._parts: dict[str, dict[str, Any]] = {}
        for line in payload.lines(stdout):
            self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        kind, value = line["kind"], line.get("value")
        if kind == "start":
            self.started = True
        elif kind == "unsupported":
            self.unsupported = True
            self.minimum = str(line.get("minimum"))
            self._python["version"] = line.get("version")
        elif kind == "at":
            self.last = str(line.get("what"))
        elif kind == "error":
            self.errors.append(one_line(f"{line.get('section')}: {line.get('text')}"))
        elif kind == "python" and isinstance(value, dict):
            self._python.update(value)
        elif kind in ("torch", "tensorflow") and isinstance(value, dict):
            self._parts.setdefault(kind, {}).update(value)
        elif kind == "libraries":
            self.libraries = self._typed(value, tuple[Library, ...], "libraries")

    def python(self, executable: str, why: str) -> TargetPython:
        """The typed value; a part of the wrong type is named in `errors` and left out."""
        torch = self._parts.get("torch")
        tensorflow = self._parts.get("tensorflow")
        values = {
            **self._python,
            "executable": executable,
            "chosen_because": why,
            "read": self.started and bool(self._python),
            "torch": None if torch is None else self._typed(torch, TorchFacts, "torch"),
            "tensorflow": None
            if tensorflow is None
            else self._typed(tensorflow, TensorflowFacts, "tensorflow"),
        }
        typed = self._typed(values, TargetPython, "python")
        return typed if typed is not None else TargetPython(executable=executable, chosen_because=why)

    def _typed(self, value: Any, kind: Any, name: str) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self.errors.append(f"{name}: {error}")
            return None


def _unstarted(machine: Machine, python: TargetPython) -> TargetPython:
    """What pyvenv.cfg says of an environment whose interpreter did not start."""
    prefix = python.executable.rpartition("/bin/")[0]
    config = machine.read(f"{prefix}/pyvenv.cfg", 1 << 16) if prefix else None
    if config is None:
        return python
    pairs = dict(_pair(line) for line in config.splitlines())
    home = pairs.get("home", "")
    version = pairs.get("version") or pairs.get("version_info", "")
    bare = python.executable if machine.exists(python.executable) else f"{home}/{_name(version)}"
    return dataclasses.replace(
        python,
        version=".".join(version.split(".")[:3]) or None,
        prefix=prefix,
        base_prefix=home.rpartition("/bin")[0] or None,
        base_exists=machine.leads(bare) if home else False,
        kind="uv" if "uv" in pairs else "venv",
        system_site_packages=pairs.get("include-system-site-packages", "").lower() == "true",
    )


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition("=")
    return key.strip().lower(), value.strip()


def _name(version: str) -> str:
    """`python3.12` of `3.12.4`."""
    return "python" + ".".join(version.split(".")[:2])
