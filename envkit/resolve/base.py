"""The base image of a plan, and the Python that comes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from envkit.compat import Compat, base_image, python_image, system_image
from envkit.resolve.candidates import Candidate
from envkit.resolve.fit import Misfit
from envkit.resolve.request import Request


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """Where an image starts."""

    image: str
    python: str
    nvcc: str | None
    """CUDA version of the compiler in it."""


def base_for(
    candidate: Candidate, pythons: tuple[str, ...], request: Request, compat: Compat
) -> Base | Misfit:
    """The image to start from, for the newest of `pythons` that it has.

    Without a compiler: a slim image of that Python, since the wheels bring all of CUDA that is needed. With
    one: NVIDIA's devel image of the same CUDA, whose Ubuntu has one Python.
    """
    if candidate.conda is not None:
        # No image: conda-forge has the compiler, and every Python, as packages.
        nvcc = candidate.conda.cuda if request.nvcc else None
        return Base(image="", python=pythons[0], nvcc=nvcc)
    if request.base_image is None:
        return _usual(candidate, pythons, request, compat)
    toolkit = request.nvcc and candidate.gpu
    if request.base_python is None and toolkit:
        # Most likely a copy of NVIDIA's.
        usual = _usual(candidate, pythons, request, compat)
        return usual if isinstance(usual, Misfit) else replace(usual, image=request.base_image)
    devel = base_image(compat, candidate.tag) if toolkit else None
    return Base(image=request.base_image, python=pythons[0], nvcc=devel.cuda if devel is not None else None)


def _usual(candidate: Candidate, pythons: tuple[str, ...], request: Request, compat: Compat) -> Base | Misfit:
    if not request.nvcc or not candidate.gpu:
        row = python_image(compat.catalog, pythons[0].rstrip("t"))
        debian = f"-{row.debian[0]}" if row is not None else ""
        return Base(image=f"python:{pythons[0].rstrip('t')}-slim{debian}", python=pythons[0], nvcc=None)
    devel = base_image(compat, candidate.tag)
    if devel is None or devel.patch is None:
        return Misfit(cause="base", reason=f"has no devel image recorded for {candidate.tag}")
    for release in devel.ubuntu:
        python = _python(compat, release)
        if python in pythons:
            image = f"nvidia/cuda:{devel.patch}-devel-ubuntu{release}"
            return Base(image=image, python=python, nvcc=devel.cuda)
    has = ", ".join(f"{_python(compat, release)} (Ubuntu {release})" for release in devel.ubuntu)
    return Misfit(cause="python", reason=f"has no devel image with a Python that fits; the images have {has}")


def _python(compat: Compat, ubuntu: str) -> str:
    """The python3 of an Ubuntu release."""
    system = system_image(compat.catalog, f"ubuntu:{ubuntu}")
    return system.python if system is not None else "?"
