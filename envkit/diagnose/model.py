"""The JSON of `envkit diagnose`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.core.finding import Evidence, FixStep, Proof


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """The place of a fault."""

    file: str | None = None
    line: int | None = None
    module: str | None = None
    """Qualified name of the layer, `encoder.layers.3.attn`."""
    op: str | None = None
    phase: Literal["forward", "backward", "optimizer", "data", "setup"] | None = None
    samples: tuple[int, ...] = ()
    """Dataset indices."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DiagnosedCause:
    """One fault, how sure, and how far it was proved."""

    key: str
    confidence: float
    proof: Proof
    where: Where
    evidence: tuple[Evidence, ...]
    fix: tuple[FixStep, ...]
    summary: str = ""
    """What happened, in one sentence."""
    patch: str | None = None
    """The fix as a unified diff of the person's own file, where its line is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrimarySlowness:
    """Where the time goes."""

    key: str
    share: float
    """Of the step, 0..1."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """What a fix would speed up: factor minus one."""

    fix: str
    predicted: tuple[float, float]
    measured: tuple[float, float] | None = None
    """None = not tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """The speed half of the answer."""

    primary: PrimarySlowness | None
    gains: tuple[Gain, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptError:
    """The exception, or the fatal signal, that ended the script."""

    text: str
    """One line, as Python prints it last."""
    file: str | None = None
    """The person's innermost line."""
    line: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptEnd:
    """How the user's script ended."""

    exit_code: int | None
    signal: str | None
    error: ScriptError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overhead:
    """What watching cost, as a share of the step."""

    median: float
    low: float
    high: float
    hooks: float | None = None
    """Of that, what each step's hooks took."""
    copies: float | None = None
    """Of that, copies of the process and the faults of their pages."""
    start_seconds: float | None = None
    """Before the training, once."""
    replay_seconds: float | None = None
    """Repeating a step that failed, and trials; 0.0 when nothing was repeated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """What `envkit diagnose --json` prints."""

    verdict: Literal["healthy", "faulty", "unknown"]
    causes: tuple[DiagnosedCause, ...]
    """Faults only; () when healthy."""
    tripped: bool = False
    """Whether a loss, a gradient or a weight was not finite."""
    speed: Speed | None
    script: ScriptEnd
    overhead: Overhead | None
    schema: str = "envkit.diagnosis/1"
