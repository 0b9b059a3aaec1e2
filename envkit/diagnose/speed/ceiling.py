"""A short measurement after the run: what the machine gives, as a process of its own in the run's Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from envkit.core.machine import Machine
from envkit.core.proc import run
from envkit.diagnose.model import Gain
from envkit.diagnose.speed import quiet
from envkit.diagnose.speed.analyzers import rehearsed
from envkit.diagnose.speed.analyzers.ceilings import precision
from envkit.diagnose.speed.analyzers.compute import HALF
from envkit.diagnose.speed.model import MachineCeiling
from envkit.diagnose.speed.verdict import speed
from envkit.diagnose.speed.view import View
from envkit.diagnose.trace import Trace
from envkit.target import payload
from envkit.target.conditions import Conditions

_LIMIT = 30.0
"""Seconds, with the start of Python and the import of the framework."""
_WORK = 0.5
"""Share of the time in the model's own work from which it matters."""
_DENORMAL = 0.01
"""Share of denormal values from which it is worth asking what they cost."""
_BESIDE = {"fp64": ("fp32",), "fp32": ("bf16",), "tf32": ("bf16", "fp32"), "bf16": (), "fp16": ()}
"""What else is measured, by the run's own precision: what it might change to."""


def job(traces: Sequence[Trace], conditions: Conditions | None) -> dict[str, Any] | None:
    """What to measure for a run, as the payload takes it; None where it would say nothing. Pure."""
    trained = [one for one in traces if one.steps.ended]
    if not trained:
        return None
    view = View(trace=trained[0], traces=traces, conditions=conditions)
    settings, kind, framework = view.settings, precision(view), view.trace.framework
    share = sum(view.shares.get(name, 0.0) for name in ("forward", "backward", "optimizer", "own"))
    if framework not in ("torch", "tensorflow") or not view.enough or kind is None or share < _WORK:
        return None
    asked = settings.flops is not None or kind == "fp64" or (settings.denormals or 0.0) >= _DENORMAL
    if not asked or quiet.why_not(view) is not None:
        return None
    beside = _BESIDE[kind] if not (view.gpu and kind == "fp32") else ("tf32", "bf16")
    device = "cuda" if view.gpu and settings.device is not None else "cpu"
    if view.gpu and settings.device != "cuda":
        return None
    return {
        "framework": framework,
        "device": device,
        "threads": settings.threads or None,
        "precisions": [kind, *beside],
        "rehearse": rehearsed.job(view, _proposed(view, kind)),
    }


def _proposed(view: View, kind: str) -> list[Gain]:
    """What the verdict proposes without a measurement, and half precision."""
    found = speed(view.traces, view.files, view.conditions)
    gains = [] if found is None else list(found.gains)
    if kind in ("fp32", "tf32"):
        gains.append(Gain(fix="", change=HALF))
    return gains


def measure(machine: Machine, python: str, asked: Mapping[str, Any]) -> MachineCeiling | None:
    """Run it; None where nothing was measured. python: the interpreter that ran the script."""
    text = msgspec.json.encode(asked).decode()
    call = payload.command(machine, python, ("ceiling", "--job", text), name="ceiling", limit=_LIMIT)
    if asked.get("threads"):
        env = {**(call.env or {}), "OMP_NUM_THREADS": str(asked["threads"])}
        call = replace(call, env=env)
    for line in payload.lines(run(call).stdout):
        if line["kind"] == "ceiling":
            try:
                found = msgspec.convert(line, MachineCeiling)
                seconds = line.get("rehearsed", {}).get("seconds", {})
                done = msgspec.convert(seconds, dict[str, dict[str, float]])
            except msgspec.ValidationError:
                return None
            return replace(found, rehearsals=rehearsed.told(done)) if found.rates else None
    return None


def after(
    machine: Machine, python: str, traces: Sequence[Trace], conditions: Conditions | None
) -> MachineCeiling | None:
    """Measured where the run asks for it, else None."""
    asked = job(traces, conditions)
    return None if asked is None else measure(machine, python, asked)
