"""Lists of packages in reports: `[pip3] torch==2.6.0`, `[conda] pytorch 2.1.0 py3.10_cuda12.1_0 pytorch`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from envkit.facts.python_model import Distribution

_PIP = re.compile(r"\s*\[pip[23]?\] ([A-Za-z0-9][\w.-]{0,99})\s?(?:===?|@|\()\s?([^\s()]{1,200})\)?")
_CONDA = re.compile(
    r"\s*\[conda\] ([A-Za-z0-9_][\w.-]{0,99})\s+([^\s]{1,100})(?:\s+(\S{1,100}))?(?:\s+(\S{1,200}))?"
)
_VERSION = re.compile(r"\d[\w.+!-]{0,99}")
_MOST = 2000
"""Packages of one list."""
NOWHERE = "a directory that the report does not name"


def normalised(name: str) -> str:
    """As PEP 503 says: `Nvidia_CUDA.runtime` -> `nvidia-cuda-runtime`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution(name: str, version: str, *, installer: str | None = None) -> Distribution | None:
    """One package of a list; None where the version is none (`not installed`, a path)."""
    if not _VERSION.fullmatch(version):
        return None
    return Distribution(name=normalised(name), version=version, location=NOWHERE, installer=installer)


def of_lists(
    lines: Iterable[str],
) -> tuple[tuple[Distribution, ...] | None, tuple[Distribution, ...] | None]:
    """What pip and what conda list; None for a list that is not there or could not be made.

    conda lists pip's packages with the channel `pypi`: they tell who installed a package of pip's list.
    """
    pip: dict[str, Distribution] = {}
    conda: dict[str, Distribution] = {}
    from_pypi: dict[str, str] = {}
    for line in lines:
        if (entry := _PIP.match(line)) is not None:
            _add(pip, distribution(entry[1], entry[2]))
        elif (entry := _CONDA.match(line)) is not None:
            if entry[4] == "pypi" or (entry[3] or "").startswith("pypi"):
                from_pypi[normalised(entry[1])] = entry[2]
            else:
                _add(conda, distribution(entry[1], entry[2], installer="conda"))
    if not pip:
        # Without pip in the environment, conda's list is what tells of its packages.
        for name, version in from_pypi.items():
            _add(pip, distribution(name, version))
    installers = {**dict.fromkeys(from_pypi, "pip"), **_of_conda(conda, from_pypi)}
    return _with_installers(pip, installers), tuple(conda.values()) or None


def _add(found: dict[str, Distribution], one: Distribution | None) -> None:
    if one is not None and len(found) < _MOST:
        found.setdefault(one.name, one)


def _of_conda(conda: Mapping[str, Distribution], from_pypi: Mapping[str, str]) -> dict[str, str]:
    """Packages of pip's list that conda installed; its `pytorch` is pip's `torch`."""
    names = {"torch" if name == "pytorch" else name for name in conda}
    return dict.fromkeys(names - set(from_pypi), "conda")


def _with_installers(
    pip: Mapping[str, Distribution], installers: Mapping[str, str]
) -> tuple[Distribution, ...] | None:
    found = tuple(
        Distribution(
            name=one.name, version=one.version, location=one.location, installer=installers.get(one.name)
        )
        for one in pip.values()
    )
    return found or None
