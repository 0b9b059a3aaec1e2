"""The docker programs on PATH, which of them has BuildKit, and what builds are told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from envkit.core import proc
from envkit.core.proc import Command

ANSWER = 10
"""Seconds that an engine or a program has to answer a question."""
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
_THIS_MACHINE = ("//127.", "//localhost", "//[::1]")


def with_buildkit() -> str | None:
    """The first docker client on PATH whose `build` speaks BuildKit; the first of all may not."""
    if os.environ.get("DOCKER_BUILDKIT") == "0":  # the person's own word, as docker takes it
        return None
    return next((program for program in _clients() if _has_buildx(program) or _inside(program)), None)


def _has_buildx(program: str) -> bool:
    return proc.run(Command(name="docker-buildx", argv=(program, "buildx", "version"), limit=ANSWER)).ok


def _clients() -> Iterator[str]:
    """Every docker program on PATH, first to last."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which("docker", path=folder)
        if found:
            yield found


def _inside(program: str) -> bool:
    """Docker clients before 23 have BuildKit inside; later ones need the buildx plugin."""
    done = proc.run(Command(name="docker-version", argv=(program, "--version"), limit=ANSWER))
    words = done.stdout.split()
    major = words[2].partition(".")[0] if len(words) > 2 else ""
    return done.ok and major.isdigit() and 18 < int(major) < 23


def proxies() -> dict[str, str]:
    """The proxies of this machine as build arguments, which docker leaves out of the image's history.

    One that listens on this machine alone cannot be reached from a build.
    """
    names = [each for name in _PROXIES for each in (name, name.upper())]
    found = {name: os.environ[name] for name in names if os.environ.get(name)}
    return {name: url for name, url in found.items() if not any(own in url for own in _THIS_MACHINE)}


def reference(image: str) -> tuple[str, str]:
    """Repository, and tag or digest, as the engine's API takes them."""
    name, mark, digest = image.partition("@")
    if mark:
        return name, digest
    repository, colon, tag = image.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (image, "latest")
