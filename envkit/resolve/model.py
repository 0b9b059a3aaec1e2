"""The plan that `envkit build` makes, or the refusal that says what would work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanTarget:
    """The machine that a plan is for."""

    driver: str | None
    """None = not known: see the plan's assumptions."""
    gpus: tuple[str, ...]
    compute_capabilities: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """One distribution at one version."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A candidate that was not taken, and why."""

    candidate: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """How far the plan is locked."""

    kind: Literal["hashes", "versions", "none"]
    why: str
    """Why not hashes, and the command that locks it later; empty for hashes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One environment, resolved. Every artefact is rendered from it."""

    framework: Literal["torch", "tensorflow"]
    version: str
    cuda: str
    """`cu126` ... or `cpu`."""
    source: Literal["wheels", "conda-forge"]
    python: str
    platform: str
    glibc: str | None
    targets: tuple[PlanTarget, ...]
    companions: tuple[Pin, ...]
    base: str
    """Base image."""
    reasons: tuple[str, ...]
    assumptions: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    lock: Lock
    data_date: str
    """Newest date of the compatibility rows that were used."""
    hash: str
    schema: str = "envkit.plan/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """No environment fits the request."""

    reasons: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    nearest: tuple[str, ...]
    """What would make it work: a driver to install, a GPU to leave out, a version to ask for."""
    schema: str = "envkit.refusal/1"
