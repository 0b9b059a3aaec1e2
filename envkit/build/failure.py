"""Why a build failed: which step, which package, and what to do. Pure; reads the log."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envkit.core.errors import BuildFailedError, DiskError, EngineError, EnvkitError, NetworkError
from envkit.core.text import one_line

_KEPT = 3
"""Last lines of the log that are told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """A message of a tool, and what it means."""

    pattern: re.Pattern[str]
    error: type[EnvkitError]
    what: str
    todo: str


def _known(pattern: str, error: type[EnvkitError], what: str, todo: str) -> _Known:
    return _Known(pattern=re.compile(pattern, re.IGNORECASE), error=error, what=what, todo=todo)


_KNOWN = (
    _known(
        r"no space left on device|disk quota exceeded", DiskError, "there is no space left",
        "make space where the engine keeps its data (docker system df, docker system prune)",
    ),
    _known(
        r"x509: certificate signed by unknown authority|certificate verify failed|invalid peer certificate|"
        r"self.signed certificate",
        NetworkError, "a certificate was not trusted: this network intercepts TLS",
        "give its certificate with --ca-cert FILE",
    ),
    _known(
        r"hash mismatch|do not match the hashes", BuildFailedError,
        "a file differs from the one that was locked",
        "an index or a cache gave another file: lock again (envkit build), and find out why it changed",
    ),
    _known(
        r"base image has Python (\S+), and the plan is for (\S+)", BuildFailedError,
        "the base image has Python {0}, and the plan is for {1}", "ask for it: --python {0}",
    ),
    _known(
        r"unable to locate package (\S+)", BuildFailedError, "Debian has no package {0}",
        "correct its name in --apt",
    ),
    _known(
        r"pull access denied for (\S+?),|manifest for (\S+) not found|manifest unknown", NetworkError,
        "the base image {0} cannot be pulled", "give one that can with --base-image",
    ),
    _known(
        r"because (\S+) was not found in the package registry|no matching distribution found for (\S+)",
        BuildFailedError, "no index has {0}", "correct it, or name the index that has it (--extra-index-url)",
    ),
    _known(
        r"failed to build `?([\w.=-]+)`?|building wheel for (\S+) .*did not run successfully",
        BuildFailedError,
        "{0} has no wheel for this Python and platform, and could not be built",
        "ask for a version that has one, or add a compiler: --apt build-essential",
    ),
    _known(
        r"no solution found", BuildFailedError, "no set of versions satisfies all requirements",
        "loosen the versions in --requirements",
    ),
    _known(
        r"dns error|temporary failure in name resolution|could not resolve host|failed to lookup address|"
        r"network is unreachable|connection refused|i/o timeout|connection timed out|no such host",
        NetworkError, "a server could not be reached",
        "check the network of builds (--network host), the proxy variables, and the index (--index-url)",
    ),
    _known(
        r"cannot connect to the docker daemon|error during connect", EngineError, "the engine went away",
        "start it again (sudo systemctl start docker)",
    ),
)  # fmt: skip

_STEP = re.compile(
    r"^#\d+ \[(?P<step>[^\]]+)\] (?P<command>.+)$|^Step (?P<number>\d+/\d+) : (?P<classic>.+)$", re.MULTILINE
)
_FAILED = re.compile(
    r"executor failed running \[(?P<command>.+)\]: exit code|ERROR: process \"(?P<other>.+)\" did not"
)


def failure(log: str, where: str) -> EnvkitError:
    """The error for a build that failed. where: the file that holds the whole log."""
    last = tuple(line for line in log.splitlines() if line.strip())[-_KEPT:]
    said = one_line(" | ".join(last), limit=300)
    step = _step(log)
    at = f" in step {step}" if step else ""
    for known in _KNOWN:
        found = known.pattern.search(log)
        if found:
            slots = [group for group in found.groups() if group] + ["", ""]
            what = known.what.format(*slots)
            return known.error(
                f"the build failed{at}: {what}", todo=f"{known.todo.format(*slots)}; the whole log: {where}"
            )
    return BuildFailedError(f"the build failed{at}: {said}", todo=f"read the whole log: {where}")


def _step(log: str) -> str:
    """The step that failed, as short as it can be told."""
    steps = list(_STEP.finditer(log))
    failed = _FAILED.search(log)
    if failed is not None:
        command = (failed["command"] or failed["other"] or "").removeprefix("/bin/sh -c ")
        for step in steps:
            if step["command"] and command and command[:40] in step["command"]:
                return f"{step['step']} ({one_line(step['command'], limit=60)})"
    if not steps:
        return ""
    last = steps[-1]
    if last["number"]:
        return f"{last['number']} ({one_line(last['classic'], limit=60)})"
    return f"{last['step']} ({one_line(last['command'], limit=60)})"
