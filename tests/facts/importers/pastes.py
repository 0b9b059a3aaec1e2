"""The sample pastes, and what of a value was read."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from envkit.compat import load_compat
from envkit.doctor.judge import judge
from envkit.facts.gpu_model import Gpu
from envkit.facts.importers.detect import import_text
from envkit.facts.model import Snapshot

SAMPLES = Path(__file__).parent / "samples"
NAMES = sorted(path.name for path in SAMPLES.iterdir())


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def imported(name: str) -> Snapshot:
    return import_text(sample(name), name)


def text(name: str) -> str:
    return sample(name).decode()


def known(value: Any) -> set[str]:
    """Names of the fields that say something."""
    return {
        field.name for field in fields(value) if getattr(value, field.name) not in (None, False, "", "ok")
    } | {
        field.name for field in fields(value) if getattr(value, field.name) is False and field.default is None
    }


def held(snapshot: Snapshot) -> set[str]:
    """The groups of facts that a snapshot holds."""
    return known(snapshot) - {"schema", "envkit", "probes"}


def gpus(snapshot: Snapshot) -> tuple[Gpu, ...]:
    assert snapshot.nvml is not None
    assert snapshot.nvml.gpus is not None
    return snapshot.nvml.gpus


def problems(snapshot: Snapshot) -> dict[str, str | None]:
    """Keys of the problems that doctor finds, with their severities."""
    found = judge(snapshot, load_compat())
    assert not any("itself failed" in (finding.why_unknown or "") for finding in found)
    return {finding.key: finding.severity for finding in found if finding.outcome == "problem"}


def outcome(snapshot: Snapshot, key: str) -> str:
    return next(one.outcome for one in judge(snapshot, load_compat()) if one.key == key)
