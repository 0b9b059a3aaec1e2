"""A plan in conda's words: what is asked of the solver, and the machine that it is told of. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name

from envkit.compat import Compat, parse_cuda, version_key
from envkit.engine.conda_model import Virtual
from envkit.resolve.candidates import CONDA_PLATFORMS
from envkit.resolve.model import Plan
from envkit.resolve.request import Host

LOCK = "conda-lock.txt"
"""The lock, in the output directory."""
_NAMES = {"torch-geometric": "pytorch_geometric"}
"""Packages that conda-forge calls otherwise than the wheels' index."""
_DISTRIBUTIONS = {"pytorch": "torch"}
"""What Python calls them when they are installed."""
_GLIBC = "2.28"
"""Taken for a machine of which nothing is known: the oldest that conda-forge's CUDA 13 builds run on."""
_OSX = "11.0"
"""Likewise: the oldest macOS of the Macs with Apple's processor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """One package that is asked for."""

    name: str
    version: str = ""
    """As conda writes it: "==2.13.0", "3.14.*", ">=4.48,<5"; "" = any."""
    build: str = ""
    """Glob of the build string ("cuda129*")."""

    @property
    def match(self) -> str:
        """For a solver: `pytorch ==2.13.0 cuda129*`."""
        return " ".join(part for part in (self.name, self.version, self.build) if part)

    @property
    def line(self) -> str:
        """For environment.yml: `pytorch=2.13.0=cuda129*`."""
        if self.build:
            return f"{self.name}={self.version.removeprefix('==')}={self.build}"
        if self.version.endswith(".*"):
            return f"{self.name}={self.version.removesuffix('.*')}"
        return f"{self.name}{self.version}"


def platform(plan: Plan) -> str:
    """`linux-64`."""
    return next(name for platform, name in CONDA_PLATFORMS.items() if platform == plan.platform)


def distribution(requirement: Requirement) -> str:
    """The name of what a requirement installs, as Python's metadata has it."""
    name = canonicalize_name(requirement.name)
    return _DISTRIBUTIONS.get(name, name)


def specs(plan: Plan, *, pip: bool) -> tuple[Spec, ...]:
    """What is asked for, the framework first. pip: something is installed with it afterwards."""
    return tuple(_specs(plan, pip))


def _specs(plan: Plan, pip: bool) -> Iterator[Spec]:
    framework, *beside = (Requirement(wanted.requirement) for wanted in plan.requirements)
    cuda = parse_cuda(plan.cuda)
    build = "cpu*" if cuda is None else f"cuda{cuda[0]}{cuda[1]}*"
    yield Spec(name=framework.name, version=f"=={plan.version}", build=build)
    yield Spec(name="python", version=f"{plan.python}.*")
    if cuda is not None:
        yield Spec(name="cuda-version", version=f"{cuda[0]}.{cuda[1]}.*")
        if plan.platform == "linux-aarch64":
            # Else a solver may take the build for Jetson boards (conda-forge's arm-variant package).
            yield Spec(name="arm-variant", version="*", build="sbsa")
    if plan.nvcc is not None:
        yield Spec(name="cuda-nvcc")
    for requirement in beside:
        name = canonicalize_name(requirement.name)
        version = ",".join(sorted((_version(each) for each in requirement.specifier), reverse=True))
        yield Spec(name=_NAMES.get(name, name), version=version)
    if pip:
        yield Spec(name="pip")


def _version(specifier: Specifier) -> str:
    """`==0.28.*` is `0.28.*` for conda; all else is written the same."""
    text = str(specifier)
    return text.removeprefix("==") if text.endswith(".*") else text


def virtual_packages(plan: Plan, hosts: tuple[Host, ...], compat: Compat) -> tuple[Virtual, ...]:
    """The facts that a solver gets of the machines that the plan is for, whatever machine it runs on."""
    return tuple(_virtual(plan, hosts, compat))


def _virtual(plan: Plan, hosts: tuple[Host, ...], compat: Compat) -> Iterator[Virtual]:
    if plan.platform == "windows":
        yield Virtual(name="__win", version="0")
    else:
        yield Virtual(name="__unix", version="0")
    if plan.platform.startswith("macos"):
        yield Virtual(name="__osx", version=_OSX, assumed=True)
    elif plan.platform.startswith("linux"):
        # Version 0: the kernel is not known (CEP 30).
        yield Virtual(name="__linux", version="0")
        yield _glibc(plan, hosts)
    machine = {"linux-aarch64": "aarch64", "macos-arm64": "m1"}.get(plan.platform, "x86_64")
    yield Virtual(name="__archspec", version="1", build=machine)
    if plan.cuda != "cpu":
        yield _cuda(plan, hosts, compat)


def _glibc(plan: Plan, hosts: tuple[Host, ...]) -> Virtual:
    known = [host.glibc for host in hosts if host.glibc]
    assumed = len(known) < len(hosts)
    if assumed:
        known.append(max(plan.glibc or _GLIBC, _GLIBC, key=version_key))
    return Virtual(name="__glibc", version=min(known, key=version_key), assumed=assumed)


def _cuda(plan: Plan, hosts: tuple[Host, ...], compat: Compat) -> Virtual:
    """The CUDA version that the oldest driver reports; where one is not known, the least that runs the build.

    `cuda-version` holds `__cuda` to the major only (NVIDIA's minor-version compatibility).
    """
    major = (parse_cuda(plan.cuda) or (0, 0))[0]
    least = f"{major}.0"
    reported = [_reported(host.driver, compat) for host in hosts]
    versions = [version for version in reported if version is not None]
    if not versions or len(versions) < len(hosts):
        return Virtual(name="__cuda", version=least, assumed=True)
    return Virtual(name="__cuda", version=min(versions, key=version_key))


def _reported(driver: str | None, compat: Compat) -> str | None:
    """The CUDA version of a driver's branch, or of the newest older branch that is in the tables."""
    if driver is None:
        return None
    number = version_key(driver)[0]
    rows = [row for row in compat.branches if row.number <= number and row.cuda is not None]
    newest = max(rows, key=lambda row: row.number, default=None)
    return newest.cuda if newest is not None else None
