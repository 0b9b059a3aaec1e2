"""What an analyzer of slowness answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where

NOWHERE = Where()


@dataclass(frozen=True, kw_only=True, slots=True)
class Slow:
    """A cause that a view of the run points to."""

    key: str
    share: float
    """Of the time of training that would go if it were mended."""
    summary: str
    """One sentence with this run's own figures."""
    evidence: tuple[Evidence, ...]
    where: Where = NOWHERE
    confidence: float = 0.7
    """That it is one at all."""
    gains: tuple[Gain, ...] = ()
    fix: tuple[FixStep, ...] = ()
    """Steps for this very case, before those of the catalogue."""
    folds: tuple[str, ...] = ()
    """Keys that are consequences of this one here, beside those that the catalogue says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """The run's own operations, done once more after it with a change and without, by turns."""

    change: Change
    now: float
    """Seconds of a step's operations as they were."""
    then: float
    """The same with the change."""
    part: str
    """`model`: forward and backward; `update`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineCeiling:
    """What the machine gave right after the run: the same framework, device and number of threads."""

    rates: dict[str, float] = field(default_factory=dict)
    """FLOP/s of the best matrix product, by precision: `fp64`, `fp32`, `tf32`, `bf16`, `fp16`."""
    threads: int | None = None
    device: str | None = None
    """Its name: of a GPU as NVML prints it."""
    node: float | None = None
    """Seconds of an operation that computes next to nothing, forward and backward."""
    denormal: float | None = None
    """How many times longer a product of denormal numbers takes; 1 = no longer."""
    rehearsals: tuple[Rehearsal, ...] = ()
