"""The command line of `envkit build`, checked and turned into a Request."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envkit.compat import Compat, extra_names, parse_cuda
from envkit.core.errors import UsageError
from envkit.resolve.hosts import TypedTarget, contained, snapshot_host, typed_host
from envkit.resolve.pythons import valid
from envkit.resolve.request import Framework, Host, Request, Source

FRAMEWORKS: dict[str, Framework] = {
    "torch": "torch",
    "pytorch": "torch",
    "tensorflow": "tensorflow",
    "tf": "tensorflow",
}
_NAMED = re.compile(r"([A-Za-z]+)\s*(.*)")
_VERSION = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What a person typed; None and () = not typed."""

    framework: str = "torch"
    """A name, perhaps with versions: `torch`, `torch==2.13.0`, `torch>=2.10,<2.12`, `tensorflow 2.20`."""
    gpu: bool = False
    cpu: bool = False
    cuda: str | None = None
    python: str | None = None
    extras: tuple[str, ...] = ()
    nvcc: bool = False
    source: Source = "wheels"
    own_libc: bool = False
    """Only images are asked for, which bring their own C library."""
    target: TypedTarget = TypedTarget()  # noqa: RUF009 - frozen


def request_of(ask: Ask, hosts: tuple[Host, ...], compat: Compat) -> Request:
    """The request. hosts: the machines that were looked at; a typed target takes their place.

    Raises UsageError for what makes no sense, with what would.
    """
    framework, versions, build = _framework(ask.framework)
    ask = replace(ask, cpu=ask.cpu or build == "cpu", cuda=ask.cuda or (None if build == "cpu" else build))
    if ask.gpu and ask.cpu:
        raise UsageError("--gpu and --cpu exclude each other", todo="leave one out")
    if ask.cpu and (ask.cuda or ask.nvcc or ask.target.gpus or ask.target.driver):
        raise UsageError("--cpu needs no CUDA, driver or GPU", todo="leave --cpu out, or the other flags")
    cuda = _cuda(ask.cuda)
    if ask.python is not None and not (ask.python.strip() and valid(ask.python)):
        raise UsageError(f"{ask.python!r} is no Python version", todo="give one like 3.12, or '>=3.10,<3.13'")
    if ask.target.given:
        hosts = (typed_host(ask.target, hosts[0], compat),)
    if ask.own_libc:
        hosts = tuple(map(contained, hosts))
    gpu = ask.gpu or cuda is not None or ask.nvcc or bool(ask.target.gpus or ask.target.driver)
    return Request(
        framework=framework,
        hosts=hosts,
        versions=versions,
        device="cpu" if ask.cpu else "gpu" if gpu else None,
        cuda=cuda,
        python=ask.python,
        extras=_extras(ask.extras, compat),
        nvcc=ask.nvcc,
        source=ask.source,
        own_libc=ask.own_libc,
    )


def _framework(text: str) -> tuple[Framework, str, str | None]:
    """(name, specifiers, build): `torch==2.14.1+cu126` names its build, too."""
    found = _NAMED.fullmatch(text.strip())
    name = FRAMEWORKS.get(found[1].lower()) if found else None
    if found is None or name is None:
        raise UsageError(
            f"{text!r} is no framework that envkit builds",
            todo="give torch or tensorflow, perhaps with versions: 'torch>=2.10,<2.12'",
        )
    versions, _, build = found[2].strip().partition("+")
    if _VERSION.fullmatch(versions):  # `torch 2.13`, `torch2.13`
        versions = f"=={versions}" if versions.count(".") > 1 else f"=={versions}.*"
    if re.fullmatch(r"==\s*\d+\.\d+", versions):
        versions += ".*"
    if build and (not versions.startswith("==") or not re.fullmatch(r"cpu|cu\d+", build)):
        raise UsageError(f"{text!r} is no version", todo="give one like torch==2.14.1+cu126")
    try:
        SpecifierSet(versions)
    except InvalidSpecifier as error:
        raise UsageError(
            f"{versions!r} is no version", todo="give one like ==2.13.0 or >=2.10,<2.12"
        ) from error
    return name, versions, build or None


def _cuda(text: str | None) -> str | None:
    if text is None:
        return None
    found = parse_cuda(text)
    if found is None:
        raise UsageError(f"{text!r} is no CUDA version", todo="give one like 12.6 or cu126")
    return f"cu{found[0]}{found[1]}"


def _extras(names: tuple[str, ...], compat: Compat) -> tuple[str, ...]:
    extras = extra_names(compat.catalog)
    known = {*extras, *FRAMEWORKS.values()}
    for name in names:
        if name not in known:
            raise UsageError(
                f"--with does not know {name!r}",
                todo=f"it knows {', '.join(extras)}; anything else goes into --requirements FILE",
            )
    return tuple(dict.fromkeys(names))


def hosts_of(snapshots: tuple[object, ...], compat: Compat) -> tuple[Host, ...]:
    """The machines of several Snapshots. Raises UsageError when they are of several platforms."""
    hosts = tuple(dict.fromkeys(snapshot_host(each, compat) for each in snapshots))  # type: ignore[arg-type]
    platforms = {host.platform for host in hosts}
    if len(platforms) > 1:
        raise UsageError(
            f"one environment cannot serve {' and '.join(sorted(platforms))}",
            todo="build once for each platform",
        )
    return hosts
