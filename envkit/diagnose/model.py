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
class Slowness:
    """A cause that costs time."""

    key: str
    share: float
    """Of the time of training, 0..1, that would go if it were mended; of `compute-bound`: that goes into the
    work itself."""
    confidence: float = 1.0
    where: Where = Where()
    summary: str = ""
    """One sentence with this run's own figures."""
    evidence: tuple[Evidence, ...] = ()
    fix: tuple[FixStep, ...] = ()
    folded: tuple[str, ...] = ()
    """Keys of causes that are consequences of this one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A fix that can be applied from outside, without a change of any file."""

    name: str
    """As the payload's interventions call it: `workers`, `threads`, ..."""
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """What a fix would speed up: factor minus one, lowest and highest."""

    fix: str
    predicted: tuple[float, float] | None = None
    """None = a model of this run cannot tell."""
    measured: tuple[float, float] | None = None
    """None = not tried."""
    key: str = ""
    """The cause that it mends."""
    change: Change | None = None
    """How it is tried; None = only the person can do it."""
    free: bool = True
    """False: it changes what is trained, too (precision, batch size): no mere matter of speed."""
    same_losses: bool | None = None
    """Of a trial: whether the losses followed the same path; None = not tried."""
    how: str = ""
    """Of a trial that has no figure: why."""
    patch: str | None = None
    """The change of the person's own file, as a unified diff, where it is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of the time."""

    what: str
    """A phase: `waiting for data`, `forward`, `backward`, `optimizer`, `own code`."""
    share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """The speed of a run, of its steps after the first ones."""

    steps: int
    """That were looked at."""
    seconds: float
    """That they took together."""
    median: float
    """Seconds of a step."""
    p95: float
    samples_per_second: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RankPace:
    """One process of a distributed run."""

    rank: int
    own: float
    """Seconds of a step that it spent on its own work: not waiting for the other ranks."""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """The speed half of the answer."""

    primary: Slowness | None
    """None = no single cause, or nothing can be concluded (`why_unknown`)."""
    others: tuple[Slowness, ...] = ()
    """Smaller ones, the largest first."""
    gains: tuple[Gain, ...] = ()
    parts: tuple[Part, ...] = ()
    """Where the time of a step goes; together 1."""
    pace: Pace | None = None
    ranks: tuple[RankPace, ...] = ()
    why_unknown: str | None = None
    blind: tuple[str, ...] = ()
    """What could not be seen."""
    deeper: str | None = None
    """A deeper look that was taken, and why."""


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
