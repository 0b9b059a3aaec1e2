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
    installed: bool = True
    """False: not asked for; the version that fits, should something bring it in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One requirement that goes into the environment."""

    requirement: str
    """`torch==2.14.1+cu126`."""
    index: str | None = None
    """Address of the index that has it; None = the default one."""


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
    """Lowest glibc; None where the platform has none."""
    targets: tuple[PlanTarget, ...]
    requirements: tuple[Wanted, ...]
    """What is installed, the framework first."""
    companions: tuple[Pin, ...]
    extras: tuple[str, ...]
    """As they were asked for."""
    base: str
    """Base image."""
    nvcc: str | None
    """CUDA version of the compiler that the base image brings; None without one."""
    driver_floor: str | None
    """Oldest NVIDIA driver for this build; None for the CPU."""
    archs: tuple[str, ...]
    """Device code in the build (`sm_90`, `compute_120`); () for the CPU or when not recorded."""
    derived: bool
    """The version is not in the tables; its row was read off the package's own metadata."""
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
