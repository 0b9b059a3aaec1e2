"""The answer of `envkit doctor --merge`: many nodes beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.core.finding import Finding, Severity
from envkit.doctor.answer import Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeVerdict:
    """One node."""

    name: str
    """Of its file, or what its line of a stream says."""
    verdict: Verdict
    group: int
    """Index into `groups`."""
    problems: tuple[str, ...]
    """Keys of the findings on this node that are problems, worst first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """The nodes of a group that agree where the group is divided."""

    nodes: tuple[str, ...]
    values: tuple[str, ...]
    """One for each fact of the split."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A group that is divided in parts too large to call one of them odd."""

    facts: tuple[str, ...]
    """The facts that divide it in this way, the weightiest first."""
    labels: tuple[str, ...]
    """What these facts are called."""
    sides: tuple[Side, ...]
    """Largest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Nodes of like hardware; only these are compared with each other."""

    label: str
    """`8 x NVIDIA H100 80GB HBM3, Intel Xeon Platinum 8480C, x86_64`, as most of its nodes have it."""
    nodes: tuple[str, ...]
    alike: int
    """Nodes that differ from the others in nothing."""
    splits: tuple[Split, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Deviation:
    """A fact in which a node is in a small minority."""

    fact: str
    """As in `Difference`."""
    label: str
    value: str
    instead: str
    """What most nodes of the group have."""
    weight: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Odd:
    """A node that differs from a clear majority of its group."""

    node: str
    group: int
    score: float
    """Sum of the weights of `because`."""
    because: tuple[Deviation, ...]
    """The weightiest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A value and the nodes that have it."""

    value: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A fact that is not the same on all nodes of a group."""

    fact: str
    """Its place in a snapshot: `nvml.gpus[NVIDIA H100 80GB HBM3].vbios`."""
    label: str
    group: int
    weight: float
    majority: str
    """The most common value."""
    share: float
    """Of the nodes on which it was read, 0..1."""
    others: tuple[Variant, ...]
    """The most common first; sets are told as what they lack or have beside the majority's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unread:
    """A fact that could be read on some nodes of a group, and not on these."""

    fact: str
    label: str
    group: int
    nodes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetFinding:
    """A cause, and the nodes on which its check found it or could not decide."""

    key: str
    outcome: Literal["problem", "unknown"]
    severity: Severity | None
    """The worst of all nodes; set when the outcome is `problem`."""
    nodes: tuple[str, ...]
    everywhere: bool
    """On every node."""
    example: str
    """The node that `finding` is of: the first with this severity."""
    finding: Finding
    """With that node's evidence and fix."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A file, line or host that gave no snapshot."""

    source: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """What `envkit doctor --merge --json` prints."""

    verdict: Verdict
    """The worst of all nodes."""
    nodes: tuple[NodeVerdict, ...]
    groups: tuple[Group, ...]
    """Largest first."""
    odd: tuple[Odd, ...]
    """The highest score first."""
    differences: tuple[Difference, ...]
    unread: tuple[Unread, ...]
    findings: tuple[FleetFinding, ...]
    """Worst first; among equals those on the fewest nodes."""
    ok: tuple[str, ...] = ()
    """Checks that found nothing wrong wherever they apply, and apply somewhere."""
    not_applicable: tuple[str, ...] = ()
    """Checks that apply on no node."""
    unreadable: tuple[Unreadable, ...] = ()
    schema: str = "envkit.fleet/1"
