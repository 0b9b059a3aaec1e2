"""What ended a process, and what was at hand then."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A tensor or array that a name of the script stood for when it ended."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    device: str | None = None
    least: int | None = None
    """Of whole numbers on the CPU."""
    most: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CrashLayer:
    """The module that was computing when the script ended."""

    type: str
    name: str = ""
    """In the model, `encoder.fc1`."""
    settings: str = ""
    """As it prints itself: `in_features=256, out_features=120, bias=True`."""
    users: bool = False
    """Whether its forward is the person's own code."""
    given: tuple[Held, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryHeld:
    """Bytes of a process that ran out of memory, as its objects say."""

    parameters: int = 0
    gradients: int = 0
    optimizer: int = 0
    """States of optimisers."""
    others: int = 0
    graphs: int = 0
    """Numbers that hold the graph that they were computed by, as losses kept in a list."""
    largest: tuple[tuple[int, tuple[int, ...], str], ...] = ()
    """Bytes, shape and type of the largest of the others."""
    allocated: int | None = None
    """Of the GPU, by the framework's allocator; what is more than the above are mostly activations."""
    reserved: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CrashFrame:
    """A line of the traceback."""

    file: str
    line: int
    function: str
    users: bool
    """Whether it is the person's own code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Crash:
    """The exception, or the fatal signal, that ended a process."""

    type: str
    text: str = ""
    frames: tuple[CrashFrame, ...] = ()
    """Outermost first."""
    tensors: tuple[Held, ...] = ()
    """Of the person's innermost function."""
    layer: CrashLayer | None = None
    memory: MemoryHeld | None = None
