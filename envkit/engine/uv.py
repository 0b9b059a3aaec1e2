"""uv: the only door to it. It resolves, locks and installs Python packages."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from envkit.core import proc
from envkit.core.proc import Command, Result
from envkit.core.text import one_line, plain

LIMIT = 900.0
"""Seconds for a resolution: metadata of a hundred packages over a slow line."""

Failure = Literal[
    "network", "certificate", "login", "missing", "unsolvable", "hash", "disk", "absent", "other"
]
"""`missing`: an index has no package of that name."""

_NETWORK = re.compile(
    r"error sending request|dns error|failed to lookup address|connection refused|connection reset|"
    r"timed out|tls handshake|certificate|network is unreachable|http status (?:client|server) error|"
    r"request failed after|failed to fetch",
    re.IGNORECASE,
)
_UNSOLVABLE = re.compile(r"no solution found|unsatisfiable", re.IGNORECASE)
_MISSING = re.compile(r"was not found in the (?:package registry|provided package locations)", re.IGNORECASE)
_LOGIN = re.compile(r"401 Unauthorized|403 Forbidden|missing credentials", re.IGNORECASE)
_CERTIFICATE = re.compile(
    r"invalid peer certificate|certificate verify failed|UnknownIssuer|self.signed certificate", re.IGNORECASE
)
_HASH = re.compile(r"hash mismatch|hashes? (?:are|is) required|In `--require-hashes` mode", re.IGNORECASE)
_DISK = re.compile(r"no space left|disk quota|permission denied|read-only file system", re.IGNORECASE)

_NOTHING: Mapping[str, str] = {}
_OURS = frozenset(
    (
        *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
        *("UV_INDEX_STRATEGY", "UV_TORCH_BACKEND", "UV_PROJECT", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY"),
        # One that is not the project's only makes uv warn.
        "VIRTUAL_ENV",
    )
)
"""Variables that we set ourselves: what is locked must be what the files name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UvFailed:
    """Why uv did not do it."""

    kind: Failure
    message: str
    """Its own last words, as plain text."""


def find() -> str | None:
    """The uv on PATH, else that of the `build` extra."""
    on_path = shutil.which("uv")
    if on_path:
        return on_path
    try:
        from uv import find_uv_bin  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    try:
        return str(find_uv_bin())
    except FileNotFoundError:
        return None


def compile_(
    folder: Path,
    *,
    python: str,
    platform: str,
    hashes: bool,
    ca: str | None,
    env: Mapping[str, str] = _NOTHING,
) -> str | UvFailed:
    """The packages of `folder/pyproject.toml` for one Python and platform, pinned: requirements.txt lines.

    python: "3.12". platform: as `uv pip compile --python-platform` takes it. ca: certificates to trust.
    env: indexes and their logins.
    """
    options = ["--generate-hashes"] if hashes else []
    arguments = (
        *("pip", "compile", "pyproject.toml", "--no-header", "--quiet"),
        *("--python-version", python, "--python-platform", platform),
        *options,
    )
    result = run(folder, arguments, ca=ca, env=env)
    return result.stdout if result.ok else failed(result)


def lock(folder: Path, *, ca: str | None, env: Mapping[str, str] = _NOTHING) -> str | UvFailed:
    """uv.lock of `folder/pyproject.toml`."""
    result = run(folder, ("lock", "--quiet"), ca=ca, env=env)
    if not result.ok:
        return failed(result)
    return (folder / "uv.lock").read_text(encoding="utf-8")


def run(
    folder: Path,
    arguments: tuple[str, ...],
    *,
    ca: str | None,
    limit: float = LIMIT,
    env: Mapping[str, str] = _NOTHING,
) -> Result:
    """Run uv in a directory. env: what it is told beside this process's environment."""
    program = find()
    if program is None:
        return Result(state="absent", stderr="uv: not found")
    command = Command(
        name="uv",
        argv=(program, "--directory", str(folder), *arguments),
        limit=limit,
        env={**environment(dict(os.environ), ca), **env},
    )
    return proc.run(command)


def environment(env: Mapping[str, str], ca: str | None) -> dict[str, str]:
    """The environment for uv: the person's own, with the certificates that were named."""
    kept = {name: value for name, value in env.items() if name not in _OURS}
    kept.update(
        NO_COLOR="1", UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS=env.get("UV_PYTHON_DOWNLOADS", "automatic")
    )
    if ca is not None:
        kept["SSL_CERT_FILE"] = ca
    return kept


def failed(result: Result) -> UvFailed:
    """What a run of uv that did not succeed says."""
    if result.state == "absent":
        return UvFailed(kind="absent", message="uv is not installed")
    if result.state == "timeout":
        return UvFailed(kind="network", message=f"uv gave no answer within {result.seconds:.0f} s")
    text = plain(result.stderr, limit=4000)
    kinds: tuple[tuple[Failure, re.Pattern[str]], ...] = (
        ("hash", _HASH),
        ("disk", _DISK),
        ("certificate", _CERTIFICATE),
        ("login", _LOGIN),
        ("missing", _MISSING),
        ("unsolvable", _UNSOLVABLE),
        ("network", _NETWORK),
    )
    kind: Failure = next((kind for kind, pattern in kinds if pattern.search(text)), "other")
    return UvFailed(kind=kind, message=one_line(_words(text), limit=400))


def _words(text: str) -> str:
    """What uv says without its labels and hints: the first sentence and the cause below all others."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [re.sub(r"^(?:[×╰─▶├│ ]*)(?:error|cause|Caused by): ?|^[×╰─▶├│]+ *", "", line) for line in lines]
    hint = next((n for n, line in enumerate(lines) if line.startswith("hint:")), len(lines))
    first, *causes = [line for line in said[:hint] if line] or [""]
    if first.startswith(("No solution found", "Request failed after")):
        first, *causes = causes or [first]
    if first.startswith("Because"):
        return " ".join((first, *causes))
    return f"{first}: {causes[-1]}" if causes else first
