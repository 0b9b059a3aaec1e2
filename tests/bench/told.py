"""What a measuring process says, as the payload writes it."""

from __future__ import annotations

from typing import Any

from envkit.target.bench_job import Told

ENVIRONMENT = {
    "kind": "environment",
    "framework": "torch",
    "version": "2.13.0+cpu",
    "python": "3.11.7",
    "device": {"kind": "cpu", "name": "AMD EPYC"},
    "threads": 2,
    "rank": 0,
    "world": 1,
}
OPTIONS = {"device": "cpu", "precision": "fp32", "batch_size": 64}


def workload(name: str = "mlp", batch: int = 64, **more: Any) -> dict[str, Any]:
    """The line that begins a workload."""
    facts = {"batch_size": batch, "items": batch, "unit": "samples", "flops": 1e6, "parameters": 10}
    return {"kind": "workload", "workload": name, **facts, "options": OPTIONS, "notes": [], **more}


def run(name: str = "mlp", *, step: float = 0.01, steps: int = 10, batch: int = 64) -> list[dict[str, Any]]:
    """All lines of one workload that ends well."""
    return [
        {"kind": "at", "what": f"{name}: building"},
        workload(name, batch),
        {"kind": "check", "workload": name, "data": "made", "steps": 30, "first": 2.3, "last": 0.1,
         "demanded": 0.5, "ok": True, "seconds": 0.4},
        {"kind": "at", "what": f"{name}: first step"},
        {"kind": "first-step", "workload": name, "seconds": 0.5},
        {"kind": "at", "what": f"{name}: warm-up"},
        {"kind": "warm", "workload": name, "steps": 20, "seconds": 0.2, "stable": True},
        {"kind": "at", "what": f"{name}: measuring"},
        {"kind": "steps", "workload": name, "host": [step] * (steps // 2), "device": None},
        {"kind": "steps", "workload": name, "host": [step] * (steps - steps // 2), "device": None},
        {"kind": "measured", "workload": name, "steps": steps, "seconds": step * steps, "began": 100.0,
         "ended": 100.0 + step * steps, "rss": 1 << 30, "device_memory": None},
    ]  # fmt: skip


def told(
    *lines: dict[str, Any], how: str = "done", more: tuple[list[dict[str, Any]], ...] = (), **fields: Any
) -> Told:
    """The end of a process that said these lines. more: those of the other workers."""
    values = {"began": 99.0, "ended": 110.0, "code": 0 if how == "done" else None, **fields}
    return Told(how=how, ranks=(lines, *(tuple(each) for each in more)), **values)  # type: ignore[arg-type]


START = {"kind": "start", "version": "3.11.7"}
END = {"kind": "end"}


def whole(*names: str, **more: Any) -> Told:
    """A process that measured these workloads and ended well."""
    return told(START, ENVIRONMENT, *(line for name in names for line in run(name, **more)), END)
