"""Values and wheels that several tests of builds need."""

from __future__ import annotations

import sys
from dataclasses import replace

from envkit.build.model import Indexes, Settings
from envkit.compat import Compat, load_compat
from envkit.resolve.model import Plan
from envkit.resolve.request import Host, Request, TargetGpu
from envkit.resolve.resolve import resolve
from tests.build.index import wheel

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The Python of these tests, which is on every machine that runs them."""

FAKE = '''\
"""Looks like torch as far as a few questions go."""
__version__ = {version!r}
class version:
    cuda = None
'''


def torch_wheel(
    version: str, *, requires: tuple[str, ...] = (), source: str | None = None, python: str = PYTHON
) -> tuple[str, bytes]:
    """A tiny wheel that is named like a real one. source: of torch/__init__.py."""
    files = {
        "torch/__init__.py": FAKE.format(version=version) if source is None else source,
        "torch/version.py": f"__version__ = {version!r}\ncuda = None\n",
    }
    tag = f"cp{python}-cp{python}-manylinux_2_28_x86_64".replace(".", "")
    return wheel("torch", version, requires=requires, files=files, tag=tag)


def compat() -> Compat:
    """The tables."""
    return load_compat()


LINUX = Host(platform="linux-x86_64", glibc="2.36", gpus=())
A100 = replace(LINUX, driver="580.65.06", gpus=(TargetGpu(name="A100", cc="8.0"),))


def plan(**changes: object) -> Plan:
    """A plan: torch 2.13.0 for the CPU on Python 3.12, unless told otherwise."""
    wanted = {
        "framework": "torch",
        "hosts": (LINUX,),
        "versions": "==2.13.0",
        "device": "cpu",
        "python": "3.12",
        **changes,
    }
    found = resolve(Request(**wanted), compat())  # type: ignore[arg-type]
    assert isinstance(found, Plan), found
    return found


def request(**changes: object) -> Request:
    """The request that `plan` answers."""
    wanted = {
        "framework": "torch",
        "hosts": (LINUX,),
        "versions": "==2.13.0",
        "device": "cpu",
        "python": "3.12",
        **changes,
    }
    return Request(**wanted)  # type: ignore[arg-type]


def settings(**indexes: object) -> Settings:
    """Settings with these indexes."""
    return Settings(indexes=Indexes(**indexes))  # type: ignore[arg-type]
