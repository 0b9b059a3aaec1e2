"""What `--check` needs to make a plan again: the request, the settings, and what came of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from envkit.build.model import Artefact, Settings
from envkit.resolve.model import Lock, Plan
from envkit.resolve.request import Request

NAME = "envkit-plan.json"
"""The file in the output directory; that it is there says that the directory is ours to write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One build, as it was asked for and planned."""

    envkit: str
    """Version that made it."""
    request: Request
    plan: Plan
    artefacts: tuple[Artefact, ...]
    settings: Settings
    lock: Lock
    lock_hash: str
    """SHA-256 of the locked requirements."""
    locked_on: str
    """ISO date on which the indexes were asked; empty when they were not."""
    digests: tuple[tuple[str, str], ...] = ()
    """(path, SHA-256) of every file that was written as text."""
    schema: str = "envkit.build/1"


def digest(text: str) -> str:
    """SHA-256 of a file's text."""
    return hashlib.sha256(text.encode()).hexdigest()
