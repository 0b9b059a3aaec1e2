"""One command line of `envkit build`, and how its progress is told."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envkit.cli.options import Format

if TYPE_CHECKING:
    from envkit.build.ask import Ask


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One command line."""

    ask: Ask
    snapshots: tuple[str, ...]
    artefacts: tuple[str, ...]
    output: Path | None
    create: Path | None
    tag: str | None
    no_build: bool
    check: bool
    dry_run: bool
    explain: bool
    yes: bool
    requirements: Path | None
    apt: tuple[str, ...]
    base_image: str | None
    index_url: str | None
    channels: tuple[str, ...]
    extra_index_urls: tuple[str, ...]
    find_links: tuple[str, ...]
    ca_cert: Path | None
    network: str | None
    secrets: tuple[str, ...]
    format: Format
    verbose: bool
    quiet: bool = False
    framework_index: str | None = None
    pip_config: bool = True

    def say(self, line: str) -> None:
        """Progress, unless it is not wanted."""
        if not self.quiet:
            _say(line)


def _say(line: str) -> None:
    """Progress goes to standard error."""
    from envkit.core.redact import secrets

    sys.stderr.write(secrets(line) + "\n")
    sys.stderr.flush()
