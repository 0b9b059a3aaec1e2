"""What goes to and comes from the conda engine: plain values, no machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Failure = Literal["network", "unsolvable", "hash", "disk", "absent", "platform", "channel", "other"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Virtual:
    """A virtual package: a fact of the machine that a solver takes for installed."""

    name: str
    """`__cuda`."""
    version: str
    build: str = "0"
    assumed: bool = False
    """Nobody said so; it is the least that the plan needs."""

    @property
    def text(self) -> str:
        """`__cuda=12.4`, or `__archspec=1=x86_64`."""
        return f"{self.name}={self.version}" + (f"={self.build}" if self.build != "0" else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One conda package, exactly."""

    name: str
    version: str
    build: str
    subdir: str
    """`linux-64` or `noarch`."""
    url: str
    """Without user, password and token."""
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    """Bytes to download."""

    @property
    def file(self) -> str:
        """`pytorch-2.13.0-cuda129_py314_0.conda`."""
        return self.url.rpartition("/")[2]

    @property
    def channel(self) -> str:
        """Address of the channel that has it."""
        return self.url.rpartition("/")[0].rpartition("/")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaFailed:
    """Why it was not done."""

    kind: Failure
    message: str
    """The library's own words, as plain text on one line."""
