"""Channels of conda packages as a person names them: by name, address or directory. No login stays in one."""

from __future__ import annotations

import re
from pathlib import Path

from envkit.build.access import Access, public
from envkit.build.model import Settings
from envkit.core.errors import BadInputError, UsageError

DEFAULT = "conda-forge"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


def channel(named: str) -> str:
    """A channel as it is written to files: a directory in full, an address without its login.

    Raises UsageError for what is none, BadInputError for a directory that is not there.
    """
    if "://" in named:
        if re.search(r"/t/[^/]+", named):
            raise UsageError(
                "--channel holds a token (/t/...), which would end in files",
                todo="leave it out of the address, and give it in RATTLER_AUTH_FILE",
            )
        if not re.match(r"(https?|file|oci|s3)://\S+$", named):
            raise UsageError(
                f"--channel {public(named)!r} is no address", todo="give one like https://HOST/CHANNEL"
            )
        return public(named).rstrip("/")
    if named and Path(named).is_dir():
        return str(Path(named).resolve())
    if named.startswith((".", "/", "~")):
        raise BadInputError(
            f"--channel {named} is no directory", todo="give a directory with linux-64/ and noarch/, or a URL"
        )
    if not _NAME.fullmatch(named):
        raise UsageError(f"--channel {named!r} is no channel", todo="give a name, an address or a directory")
    return named


def channels(settings: Settings) -> tuple[str, ...]:
    """The channels of a build, the most important first."""
    return settings.indexes.channels or (DEFAULT,)


def reachable(settings: Settings, access: Access) -> tuple[str, ...]:
    """The same with their logins, for an installer on this machine."""
    return tuple(access.inside(each) for each in channels(settings))
