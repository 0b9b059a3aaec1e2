"""What a script held while it ran. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryUse:
    """Memory while the script ran, in bytes."""

    limit: int | None = None
    """What the script could have at most: the control group's limit, else the machine's memory."""
    available: int | None = None
    """Least that was left on the machine at any moment."""
    kills: int | None = None
    """Processes that the kernel ended meanwhile for lack of memory; None = not read."""
    resident: tuple[tuple[float, int], ...] = ()
    """Seconds since the start, and what the script with its children held then."""

    @property
    def most(self) -> int:
        """The largest of `resident`."""
        return max((held for _, held in self.resident), default=0)
