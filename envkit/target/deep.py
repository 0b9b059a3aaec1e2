"""The deep check: each framework imported and made to compute, in a child of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.core.text import one_line, plain
from envkit.facts.probe import Probe
from envkit.facts.python_model import DeepCheck
from envkit.target import payload

Framework = Literal["torch", "tensorflow", "jax"]
FRAMEWORKS: tuple[Framework, ...] = get_args(Framework)
LIMIT = 60.0
"""Seconds for one framework: importing a GPU build from a cold disk takes tens of them."""


def deep_probe(
    executable: str, frameworks: Sequence[Framework] | None = None, *, limit: float = LIMIT
) -> Probe:
    """A probe for `Snapshot.deep`.

    Args:
        executable: the target Python.
        frameworks: which ones; None = all that are installed. One that was named and is not installed is
            reported as absent.
        limit: seconds for each. The probe is patient: its limit is their sum.
    """
    wanted = FRAMEWORKS if frameworks is None else tuple(frameworks)

    def read(machine: Machine) -> tuple[DeepCheck, ...]:
        checks = tuple(check(machine, executable, framework, limit=limit) for framework in wanted)
        return tuple(one for one in checks if frameworks is not None or one.state != "absent")

    return Probe(name="deep", field="deep", limit=limit * len(wanted) + 5, read=read, patient=True)


def check(machine: Machine, executable: str, framework: Framework, *, limit: float = LIMIT) -> DeepCheck:
    """Import one framework and compute with it. A crash or a hang is a result, not an error."""
    call = payload.command(
        machine, executable, ("deep", "--framework", framework), name=f"deep-{framework}", limit=limit
    )
    return judged(machine.run(call), framework)


def judged(result: Result, framework: Framework) -> DeepCheck:
    """A DeepCheck from what the child wrote and how it ended."""
    values: dict[str, Any] = {"framework": framework, "seconds": round(result.seconds, 3)}
    smoke: list[Any] = []
    last, ended = "the start of Python", False
    for line in payload.lines(result.stdout):
        kind = line.pop("kind")
        if kind == "at":
            last = str(line.get("what"))
        elif kind == "end":
            ended = True
        elif kind == "smoke":
            smoke.append(line)
        elif kind == "unsupported":
            values["error"] = f"Python {line.get('version')} is older than {line.get('minimum')}"
        elif kind in ("imported", "devices", "libraries", "absent", "exception"):
            values.update(line)
    if smoke:
        values["smoke"] = smoke
    values.update(_outcome(result, values, last, ended))
    try:
        return msgspec.convert(values, DeepCheck)
    except msgspec.ValidationError as error:
        return DeepCheck(framework=framework, state="crashed", error=f"its answer cannot be read: {error}")


def _outcome(result: Result, values: dict[str, Any], last: str, ended: bool) -> dict[str, Any]:
    """`state`, and `error` when the child could not say it itself."""
    if values.get("state") == "absent":
        return {}
    if ended:
        failed = "import_seconds" not in values
        return {"state": "import-failed" if failed else "crashed" if "error" in values else "ok"}
    how = payload.how_it_ended(result) or "ended early"
    if result.state == "done" and values.get("error"):
        return {"state": "crashed"}
    return {
        "state": "timeout" if result.state == "timeout" else "crashed",
        "error": one_line(f"{how}, in {last}", limit=500),
        # faulthandler's Python stack of a fatal signal.
        "traceback": plain(result.stderr[-8000:], limit=4000) or None,
    }
