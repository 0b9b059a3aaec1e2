"""Values of `--apply`: what is offered, what is not, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.causes.change import EnvironmentChange, PipChange
from envkit.core.finding import Apply

Dialect = Literal["sh", "fish", "conf"]
"""How a start-up file is written: a POSIX-like shell's, fish's, or the NAME=VALUE lines of environment.d."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What decides whether packages of the target Python may be changed, asked of itself just now."""

    executable: str
    prefix: str
    kind: Literal["venv", "conda", "system"]
    externally_managed: bool
    """The distribution keeps pip out (PEP 668)."""
    writable: bool
    """Whether this user may write where packages are installed."""
    site: str
    """Where packages are installed."""
    owner: int
    """User id that owns the environment's folder."""
    pip: tuple[int, ...] | None
    """Version of its pip, (24, 0); None when it has none."""
    uv: str | None
    """Path of uv, where it is on PATH."""
    user: int
    """Effective user id of this process."""
    conda: tuple[str, ...] = ()
    """Normalised names of packages that conda installed there."""
    editable: tuple[str, ...] = ()
    """Normalised names of packages that are a checkout of somebody's source."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StartFile:
    """A file that sets variables when a shell or a session starts."""

    path: str
    """As it is named."""
    real: str
    """Where it really lies, links followed."""
    dialect: Dialect
    data: bytes
    problem: str | None = None
    """Why it is not to be written; None when it may be."""
    system: bool = False
    """Whether it is the administrator's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PipOffer:
    """Pip commands that mend one problem, in their order."""

    key: str
    title: str
    says: tuple[str, ...]
    changes: tuple[PipChange, ...]
    argvs: tuple[tuple[str, ...], ...]
    """What is run, one for each change."""
    prefix: str
    """The environment that is changed."""
    as_root: bool
    """Whether this process is root, and so is what it runs."""

    @property
    def identity(self) -> tuple[object, ...]:
        """The same for an offer that was made before."""
        return (self.key, self.argvs)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileOffer:
    """Lines of one start-up file, changed."""

    key: str
    title: str
    say: str
    change: EnvironmentChange
    file: StartFile
    after: bytes
    """The file's new content."""
    paste: str
    """The line that does the same in the shell that runs already."""

    @property
    def identity(self) -> tuple[object, ...]:
        """The same for an offer that was made before."""
        return (self.key, self.file.real, self.change)


Offer = PipOffer | FileOffer


@dataclass(frozen=True, kw_only=True, slots=True)
class Withheld:
    """A fix that is not offered, and why."""

    key: str
    kind: Apply
    command: str
    reason: str
    paste: str | None = None
    """A line for the shell that runs already, where that helps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """All that can be offered for a set of findings."""

    offers: tuple[Offer, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    left: tuple[str, ...] = ()
    """Keys of problems without a step that could ever be offered."""
