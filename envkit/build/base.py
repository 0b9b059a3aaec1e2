"""The image that a build starts from: its Python, its digest, and room for what is built on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from envkit.build.model import Settings
from envkit.compat import DownloadSize
from envkit.core.errors import DiskError, UsageError
from envkit.core.text import one_line, size
from envkit.engine.docker import Engine
from envkit.resolve.model import Plan
from envkit.resolve.request import Request

_COMPILERS = frozenset(("gcc", "g++", "clang", "build-essential"))
_SPARE = 200_000_000
"""Bytes for the packages beside the framework, and for the base image."""


def following(
    request: Request, image: str, engine: Engine | None, *, pull: Callable[[str], None] | None
) -> Request:
    """The request for an image that was named: its Python is taken, where it can be read.

    pull: told before an image that is not here is fetched; None = it is not. Raises UsageError where another
    Python was asked for, NetworkError where the image cannot be had.
    """
    request = replace(request, base_image=image)
    if engine is None:
        return request
    if engine.image(image) is None:
        if pull is None:
            return request
        pull(image)
        engine.pull(image)
    return _with_python(request, image, engine.python(image))


def _with_python(request: Request, image: str, python: str | None) -> Request:
    if python is None:
        if request.nvcc:  # NVIDIA's images have none, and get the one of their Ubuntu
            return request
        raise UsageError(
            f"the base image {image} has no python3",
            todo="give one that has (python:3.12-slim), or leave --base-image out",
        )
    asked = request.python
    if asked is not None and asked[:1].isdigit() and ".".join(asked.rstrip("t").split(".")[:2]) != python:
        raise UsageError(
            f"--python {asked} was asked for, and the base image {image} has Python {one_line(python)}",
            todo=f"leave --python out, or give --base-image python:{asked}-slim",
        )
    return replace(request, base_python=python)


def pinned(settings: Settings, plan: Plan, engine: Engine) -> Settings:
    """The settings with the digest of the base image, where its registry or the engine tells it."""
    image = settings.base_image or plan.base
    return settings if "@" in image else replace(settings, base_digest=engine.digest(image))


def notes(plan: Plan, settings: Settings) -> Iterator[str]:
    """What is good to know of an image before it is used."""
    image = settings.base_image or plan.base
    if settings.base_digest is None and "@" not in image:
        yield (
            f"the base is not pinned: {image} has no digest here (it was made on this machine, or its "
            "registry is out of reach), so a later build may start from another image of that name"
        )
    if plan.framework == "torch" and plan.nvcc is None and not _COMPILERS & set(settings.apt):
        packages = "gcc,libc6-dev" if plan.driver_floor else "g++"
        yield f"torch.compile needs a C compiler, which slim images lack: --apt {packages}"


def enough_room(engine: Engine, expected: DownloadSize | None) -> None:
    """Raises DiskError where the engine has less room than the build takes; passes where nobody can tell.

    The environment is stored twice, in the stage that makes it and in the image, and its wheels once.
    """
    room = engine.room()
    if room is None or expected is None:
        return
    folder, free = room
    needed = 2 * expected.installed_bytes + expected.download_bytes + _SPARE
    if free < needed:
        raise DiskError(
            f"the build takes about {size(needed)} where the engine keeps its data ({folder}), and "
            f"{size(free)} are free",
            todo="make space there (docker system df, docker system prune), or use another engine "
            "(DOCKER_HOST)",
        )
