"""What a person asks `envkit build` for, and the machines that it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.compat import Platform

Framework = Literal["torch", "tensorflow"]
Source = Literal["wheels", "conda-forge"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetGpu:
    """One kind of GPU of a target machine."""

    name: str
    cc: str | None
    """CUDA compute capability ("8.6"); None = not known."""
    vendor: Literal["nvidia", "amd", "other"] = "nvidia"


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A machine that the environment has to run on."""

    platform: Platform
    driver: str | None = None
    """NVIDIA driver version; None = not known."""
    gpus: tuple[TargetGpu, ...] | None = None
    """None = not known; () = it has none."""
    libc: Literal["glibc", "musl"] | None = "glibc"
    glibc: str | None = None
    """Version; None = not known."""
    wsl: bool = False
    """The driver is the one of Windows."""
    board: str | None = None
    """Name of an embedded board (Jetson)."""

    @property
    def driver_platform(self) -> str:
        """The platform whose driver numbers count here."""
        return "windows" if self.wsl else self.platform


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request, whole: `resolve` reads nothing else beside the tables."""

    framework: Framework
    hosts: tuple[Host, ...]
    """At least one; all of one platform."""
    versions: str = ""
    """PEP 440 specifiers of the framework (">=2.10,<2.12"); "" = any."""
    device: Literal["gpu", "cpu"] | None = None
    """None = what the hosts show."""
    cuda: str | None = None
    """Tag of the build that is asked for ("cu126"); None = any."""
    python: str | None = None
    """A minor ("3.12", "3.14t") or specifiers (">=3.10"); None = the newest that fits."""
    extras: tuple[str, ...] = ()
    """Names of `--with`."""
    nvcc: bool = False
    """The CUDA compiler, too."""
    source: Source = "wheels"
    own_libc: bool = False
    """The environment is an image only, which brings its own C library: the host's does not matter."""
    base_image: str | None = None
    """Takes the place of the image that a plan would start from."""
    base_python: str | None = None
    """The Python minor in `base_image`, where it was read; what is planned when `python` asks for none."""

    @property
    def wanted_python(self) -> str | None:
        """What `python` or else the base image asks for."""
        return self.python or self.base_python
