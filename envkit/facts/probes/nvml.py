"""NVML, asked in a child process; here the child is started and its lines become values."""

from __future__ import annotations

import importlib.util
import re
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.core.text import one_line
from envkit.facts.gpu_model import Gpu, Nvml, NvmlState, P2p
from envkit.facts.probe import Probe, stop_unless_done

LIMIT = 10.0
"""Seconds for the child: without persistence mode a driver takes seconds to wake its first GPU."""
_LEAD = 0.4
"""Seconds before the limit at which the child gives up calls that hang and reports the rest."""
_CHILD = Path(__file__).parents[1] / "nvml_child.py"

T = TypeVar("T")


def read(machine: Machine) -> Nvml:
    """What NVML says. Raises ProbeStop only where the child could not be started."""
    return read_within(machine, LIMIT)


def read_within(machine: Machine, limit: float) -> Nvml:
    """`read` with another limit, in seconds."""
    result = machine.run(command(machine, limit))
    if result.state != "timeout":
        stop_unless_done(result, "NVML")
    return parse(result)


def command(machine: Machine, limit: float) -> Command:
    """The child's command line."""
    argv = child_argv(machine, _CHILD, str(max(limit - _LEAD, limit / 2)))
    return Command(name="nvml", argv=argv, limit=limit, env=dict(machine.env))


def child_argv(machine: Machine, child: Path, *args: str) -> tuple[str, ...]:
    """What starts a script that asks NVML: isolated (nothing of the working directory or of PYTHON* reaches
    sys.path), without `site`, with the tracebacks of crashes on. After its arguments come the folders that
    hold pynvml and envkit."""
    found = _parent(importlib.util.find_spec("pynvml"))
    folders = dict.fromkeys(
        machine.place(Path(folder)) for folder in (found, str(Path(__file__).parents[3])) if folder
    )
    options = ("-I", "-S", "-X", "faulthandler")
    return (machine.python, *options, machine.place(child), *args, *folders)


def _parent(spec: Any) -> str:
    """The directory of sys.path that a module was found in."""
    if spec is None or spec.origin is None:
        return ""
    path = Path(spec.origin)
    return str(path.parents[1] if spec.submodule_search_locations else path.parent)


def parse(result: Result) -> Nvml:
    """The child's lines, and how it ended, as one value; lines that are not its own are passed over."""
    system: dict[str, Any] = {}
    gpus: dict[int, Gpu] = {}
    pairs: list[P2p] | None = None
    unread: dict[str, None] = {}
    end: dict[str, Any] | None = None
    for line in _lines(result.stdout):
        unread.update(dict.fromkeys(map(str, line.get("unread") or ())))
        system.update({key: value for key, value in (line.get("system") or {}).items() if value is not None})
        if "gpu" in line:
            gpus.update((gpu.index, gpu) for gpu in _typed(Gpu, [line["gpu"]]))
        if "p2p" in line:
            pairs = [*_typed(P2p, line["p2p"])]
        end = line.get("end", end)
    state, detail = _state(system, result, end)
    known = state in ("ok", "no-devices") or bool(gpus)
    return Nvml(
        state=state,
        detail=one_line(detail),
        library=system.get("library"),
        driver_version=system.get("driver_version"),
        nvml_version=system.get("nvml_version"),
        cuda_version=system.get("cuda_version"),
        device_count=system.get("device_count"),
        gpus=tuple(gpus[index] for index in sorted(gpus)) if known else None,
        p2p=(() if state == "ok" and len(gpus) < 2 else None) if pairs is None else tuple(pairs),
        unread=tuple(unread),
    )


def _state(system: dict[str, Any], result: Result, end: dict[str, Any] | None) -> tuple[NvmlState, str]:
    """How it went. A child that said all it had to say and then could not be ended has still said it."""
    if end is not None:
        hung = end.get("hung") or ()
        if hung:
            return "hung", "did not answer: " + ", ".join(map(str, hung))
        if system.get("state") in get_args(NvmlState):
            return system["state"], str(system.get("detail", ""))
    if result.state == "timeout":
        return "hung", f"NVML did not answer in {result.seconds:.1f} s"
    if result.code is not None and result.code < 0:
        return "failed", f"the library crashed: {_signal(-result.code)}{_crash_place(result.stderr)}"
    last = result.stderr.strip().rpartition("\n")[2]
    return "failed", last or f"the child that asks NVML ended with code {result.code}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _crash_place(stderr: str) -> str:
    """` in nvmlX`: the innermost NVML function of faulthandler's traceback."""
    found = re.search(r"in (nvml\w{1,80})$", stderr, re.M)
    return f" in {found[1]}" if found else ""


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _typed(kind: type[T], values: Iterable[Any]) -> Iterator[T]:
    for value in values:
        try:
            yield msgspec.convert(_plain(value), kind)
        except msgspec.ValidationError:
            continue


def _plain(value: Any) -> Any:
    """The value with every string made inert: names come from a device."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


PROBE = Probe(name="nvml", field="nvml", limit=LIMIT + 0.4, read=read, patient=True)
