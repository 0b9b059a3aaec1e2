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
        r"unable to locate package (\S+)|package '?(\S+?)'? has no installation candidate|"
        r"version '\S+' for '(\S+)' was not found",
        BuildFailedError, "the base image's distribution has no package {0}, or not in that version",
        "correct its name in --apt",
    ),
    _known(
        r"pull access denied for (\S+?),|manifest for (\S+) not found|manifest unknown|"
        r"(\S+): failed to resolve source metadata|failed to do request: \S+ \S+/v2/(\S+?)/manifests",
        NetworkError, "the base image {0} cannot be pulled", "give one that can with --base-image",
    ),
    _known(
        r"dns error|temporary failure in name resolution|could not resolve host|failed to lookup address|"
        r"network is unreachable|connection refused|i/o timeout|connection timed out|no such host|"
        r"error sending request for url|failed to fetch|could not connect to",
        NetworkError, "a server could not be reached",
        "check the network of builds (--network host), the proxy variables, and the index (--index-url)",
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
        r"cannot connect to the docker daemon|error during connect", EngineError, "the engine went away",
        "start it again (sudo systemctl start docker)",
    ),
)  # fmt: skip

_STEP = re.compile(
    r"^(?P<id>#\d+) \[(?P<step>[^\]]+)\] (?P<command>.+)$|^Step (?P<number>\d+/\d+) : (?P<classic>.+)$",
    re.MULTILINE,
)
_FAILED = re.compile(
    r"^(?P<id>#\d+) (?:\d+\.\d+ )?ERROR: (?!No |Could |Ignored |Cannot install)", re.MULTILINE
)
"""BuildKit's own word on the step that failed; pip's errors begin in the same way."""
_OPTIONS = re.compile(r"--(?:mount|network)=\S+ ")
_PREFIX = re.compile(r"^#\d+ (?:\d+\.\d+ )?", re.MULTILINE)


def failure(log: str, where: str) -> EnvkitError:
    """The error for a build that failed. where: the file that holds the whole log."""
    step, output = _failed_step(log)
    last = tuple(line for line in output.splitlines() if line.strip())[-_KEPT:]
    said = one_line(" | ".join(last), limit=300)
    at = f" in step {step}" if step else ""
    for known in _KNOWN:
        found = known.pattern.search(output)
        if found:
            slots = [group for group in found.groups() if group] + ["", ""]
            what = known.what.format(*slots)
            return known.error(
                f"the build failed{at}: {what}", todo=f"{known.todo.format(*slots)}; the whole log: {where}"
            )
    return BuildFailedError(f"the build failed{at}: {said}", todo=f"read the whole log: {where}")


def _failed_step(log: str) -> tuple[str, str]:
    """The step that failed, as short as it can be told, and what it and the end of the log say.

    Other steps run beside it and may have said what looks like an error and was none.
    """
    steps = list(_STEP.finditer(log))
    failed = _FAILED.search(log)
    if failed is not None:
        own = next((step for step in steps if step["id"] == failed["id"]), None)
        mine = [line for line in log.splitlines() if line.startswith(f"{failed['id']} ")]
        return _named(own) if own is not None else "", _PREFIX.sub("", "\n".join(mine))
    if not steps:
        return "", log
    return _named(steps[-1]), log[steps[-1].end() :]


def _named(step: re.Match[str]) -> str:
    number, command = step["number"] or step["step"], step["classic"] or step["command"]
    return f"{number} ({one_line(_OPTIONS.sub('', command), limit=90)})"
