"""conda packages: solves for a machine that need not be this one, and makes environments, without conda."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from envkit.core import proc
from envkit.core.proc import Command, Result
from envkit.core.text import one_line, plain
from envkit.core.text import size as words
from envkit.engine.conda_model import CondaFailed, Failure, Package, Virtual

SOLVE_LIMIT = 900.0
"""Seconds for a solve: the index of a large channel over a slow line, then the search itself."""
INSTALL_LIMIT = 4 * 3600.0
"""Seconds for an installation: gigabytes over a slow line."""
MARK = "conda-meta"
"""The directory that makes a directory a conda environment."""

Say = Callable[[str], None]

_CHILD = Path(__file__).with_name("conda_child.py")
_KINDS: tuple[tuple[Failure, re.Pattern[str]], ...] = (
    (
        "disk",
        re.compile(
            r"no space left|disk quota|permission denied|read-only file system|failed to create directory|"
            r"os error (?:13|20|28|30|122)\b",
            re.IGNORECASE,
        ),
    ),
    ("hash", re.compile(r"hash mismatch|invalid checksum", re.IGNORECASE)),
    ("unsolvable", re.compile(r"cannot solve|no candidates were found|SolverError", re.IGNORECASE)),
    (
        "network",
        re.compile(
            r"error sending request|dns error|failed to lookup address|connection (?:refused|reset)|"
            r"timed out|tls|certificate|network is unreachable|http status|could not connect|50[0-9] ",
            re.IGNORECASE,
        ),
    ),
    (
        "channel",
        re.compile(r"could not find (?:subdir|noarch)|not found|404|no such file|channel", re.IGNORECASE),
    ),
)


def present() -> bool:
    """Whether py-rattler is installed."""
    return importlib.util.find_spec("rattler") is not None


def solve(
    specs: tuple[str, ...],
    *,
    channels: tuple[str, ...],
    platform: str,
    virtual: tuple[Virtual, ...],
    ca: str | None = None,
) -> tuple[Package, ...] | CondaFailed:
    """The packages that satisfy `specs` ("pytorch=2.13.0=cuda129*") on a machine with these virtual packages.

    channels: names, addresses or directories, the most important first. platform: "linux-64". ca: a file of
    certificates to trust. Sorted by name, so that two runs give the same.
    """
    request = {
        "do": "solve",
        "specs": specs,
        "platform": platform,
        "virtual": [asdict(each) for each in virtual],
    }
    answer = _ask(request, channels, limit=SOLVE_LIMIT, ca=ca, say=None)
    if isinstance(answer, CondaFailed):
        return answer
    found = [Package(**{**each, "url": bare(each["url"])}) for each in answer["packages"]]
    return tuple(sorted(found, key=lambda package: package.name))


def install(
    packages: tuple[Package, ...],
    prefix: Path,
    *,
    channels: tuple[str, ...],
    platform: str,
    say: Say,
    ca: str | None = None,
) -> CondaFailed | None:
    """Make an environment of exactly these packages at `prefix`; their hashes are checked.

    What ends this early (a failure, a limit, Ctrl-C) leaves a part of it.
    """
    request = {
        "do": "install",
        "packages": [{**asdict(package), "file": package.file} for package in packages],
        "platform": platform,
        "prefix": str(prefix),
    }
    answer = _ask(request, channels, limit=INSTALL_LIMIT, ca=ca, say=say)
    return answer if isinstance(answer, CondaFailed) else None


def bare(url: str) -> str:
    """An address without user, password and token (`/t/TOKEN/`)."""
    parts = urlsplit(url)
    path = re.sub(r"^/t/[^/]+", "", parts.path)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path))


def _channel(named: str) -> str:
    """As the library reads it: a directory becomes an address. It is told logins apart."""
    return Path(named).absolute().as_uri() if Path(named).is_dir() else bare(named)


def _ask(
    request: dict[str, Any],
    channels: tuple[str, ...],
    *,
    limit: float,
    ca: str | None,
    say: Say | None,
) -> dict[str, Any] | CondaFailed:
    if not present():
        return CondaFailed(kind="absent", message="py-rattler is not installed")
    request = {**request, "channels": [_channel(each) for each in channels]}
    with _logins(channels) as told:
        command = Command(
            name="conda",
            # -P: the files beside the child are no modules of its own.
            argv=(sys.executable, "-P", "-X", "faulthandler", str(_CHILD)),
            limit=limit,
            stdin=json.dumps(request).encode(),
            env={**os.environ, **({} if ca is None else {"SSL_CERT_FILE": ca}), **told},
        )
        result = proc.run(command, heard=_progress(say) if say is not None else None)
    return _answer(result)


@contextmanager
def _logins(channels: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The environment that tells the library the logins in some addresses.

    In an address, they would end in the records of the environment and of the cache.
    """
    found = {
        parts.hostname: {
            "BasicHTTP": {"username": unquote(parts.username), "password": unquote(parts.password or "")}
        }
        for parts in map(urlsplit, channels)
        if parts.hostname and parts.username
    }
    if not found:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="envkit-") as folder:
        path = Path(folder, "logins.json")
        path.touch(mode=0o600)
        path.write_text(json.dumps({**_own_logins(), **found}), encoding="utf-8")
        yield {"RATTLER_AUTH_FILE": str(path)}


def _own_logins() -> dict[str, Any]:
    """Those that the person keeps in the library's own file."""
    named = os.environ.get("RATTLER_AUTH_FILE")
    try:
        return _line(Path(named).read_bytes()) if named else {}
    except OSError:
        return {}


def _progress(say: Say) -> Callable[[bytes], None]:
    """Passes on what the child reports. Pieces of both streams come in; only whole lines of its own count."""
    held = bytearray()

    def heard(piece: bytes) -> None:
        held.extend(piece)
        *lines, rest = bytes(held).split(b"\n")
        held[:] = rest
        for line in lines:
            said = _line(line)
            if "progress" in said:
                say(_words(said))

    return heard


def _words(said: dict[str, Any]) -> str:
    text = one_line(str(said["progress"]))
    if said.get("so_far"):
        return f"{text}: {words(said['so_far'])} of {words(said.get('bytes'))}"
    return f"{text} ({words(said['bytes'])})" if said.get("bytes") else text


def _line(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _answer(result: Result) -> dict[str, Any] | CondaFailed:
    """What the child said last, or how it ended without."""
    for line in reversed(result.stdout.splitlines()):
        said = _line(line.encode())
        if "failed" in said:
            failed = said["failed"]
            return CondaFailed(kind=_kind(failed), message=one_line(str(failed.get("text")), limit=900))
        if "packages" in said or "done" in said:
            return said
    if result.state == "timeout":
        return CondaFailed(kind="network", message=f"no answer within {result.seconds:.0f} s")
    last = plain(result.stderr).strip().splitlines()[-1:]
    return CondaFailed(kind="other", message=one_line(" ".join(last)) or f"it ended with code {result.code}")


def _kind(failed: dict[str, Any]) -> Failure:
    name, text = str(failed.get("type")), str(failed.get("text"))
    if name == "Platform":
        return "platform"
    if name == "SolverError":
        return "unsolvable"
    if name == "Changed":
        return "hash"
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), "other")
