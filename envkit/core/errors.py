"""Every error that a person can meet, each with the exit code that scripts can rely on."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """One table for all commands."""

    OK = 0
    """No problem of severity error; notes, warnings and unknowns stay 0."""
    PROBLEM = 1
    """A problem, refusal, drift or slowdown was found."""
    USAGE = 2
    TARGET_ABSENT = 3
    """The target Python, image or framework does not exist."""
    BAD_INPUT = 4
    """A file given as input is unreadable or is not what it should be."""
    ENGINE = 5
    """The container engine is absent or refuses."""
    NETWORK = 6
    DISK = 7
    """No space, or no permission to write."""
    BUILD_FAILED = 8
    PROOF_FAILED = 9
    """Built, and then failed its own check."""
    CHILD_FAILED = 10
    """A child process crashed or hung."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM or SIGHUP, as a job's end or a closed terminal sends them."""


class EnvkitError(Exception):
    """A failure that is told to the person in two lines: what happened, and what to do.

    message: one sentence without a trailing full stop.
    todo: what the person can do about it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.PROBLEM

    def __init__(self, message: str, *, todo: str) -> None:
        super().__init__(message)
        self.message = message
        self.todo = todo


class UsageError(EnvkitError):
    """The command line does not make sense."""

    exit_code = ExitCode.USAGE


class TargetAbsentError(EnvkitError):
    """The interpreter, image or framework that was asked for is not there."""

    exit_code = ExitCode.TARGET_ABSENT


class BadInputError(EnvkitError):
    """An input file is missing, unreadable, too large, or not of the expected kind."""

    exit_code = ExitCode.BAD_INPUT


class EngineError(EnvkitError):
    """No container engine answers, or it refuses."""

    exit_code = ExitCode.ENGINE


class NetworkError(EnvkitError):
    """The network or a package index cannot be reached."""

    exit_code = ExitCode.NETWORK


class DiskError(EnvkitError):
    """An output cannot be written: no space or no permission."""

    exit_code = ExitCode.DISK


class BuildFailedError(EnvkitError):
    """A build step, or a command of `doctor --apply`, failed."""

    exit_code = ExitCode.BUILD_FAILED


class ProofFailedError(EnvkitError):
    """What was built does not pass its own check."""

    exit_code = ExitCode.PROOF_FAILED


class ChildFailedError(EnvkitError):
    """A child process crashed or did not end within its limit."""

    exit_code = ExitCode.CHILD_FAILED


ERRORS: tuple[type[EnvkitError], ...] = (
    UsageError,
    TargetAbsentError,
    BadInputError,
    EngineError,
    NetworkError,
    DiskError,
    BuildFailedError,
    ProofFailedError,
    ChildFailedError,
)
