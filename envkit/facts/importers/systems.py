"""Operating systems as reports name them: `Ubuntu 22.04.3 LTS (x86_64)`, `Linux-5.15.0-84-generic-x86_64`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from envkit.facts.host_model import Host
from envkit.facts.importers.values import present, version

_IDS = (
    ("ubuntu", "ubuntu"),
    ("debian", "debian"),
    ("linux mint", "linuxmint"),
    ("pop!_os", "pop"),
    ("fedora", "fedora"),
    ("red hat", "rhel"),
    ("centos", "centos"),
    ("rocky", "rocky"),
    ("almalinux", "almalinux"),
    ("oracle linux", "ol"),
    ("amazon linux", "amzn"),
    ("opensuse leap", "opensuse-leap"),
    ("opensuse tumbleweed", "opensuse-tumbleweed"),
    ("suse linux enterprise", "sles"),
    ("arch linux", "arch"),
    ("manjaro", "manjaro"),
    ("alpine", "alpine"),
    ("nixos", "nixos"),
    ("gentoo", "gentoo"),
    ("kali", "kali"),
)
"""Start of a name that people see, and the `ID` of os-release(5) that goes with it."""
_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_ARCHITECTURE = r"x86_64|amd64|aarch64|arm64|ppc64le|s390x|riscv64|armv7l|i[3-6]86"
_OS = re.compile(rf"(.{{1,200}}?)(?: \(({_ARCHITECTURE}|64-bit)\))?", re.IGNORECASE)
_PLATFORM = re.compile(
    rf"(Linux|Windows|macOS|Darwin)-(\S{{1,120}}?)(?:-({_ARCHITECTURE}))?(?:-with-\S*|-\S*bit)?",
    re.IGNORECASE,
)


def of_name(text: str | None) -> Host:
    """What the name of an operating system tells."""
    name = present(text)
    found = _OS.fullmatch(name or "")
    if name is None or found is None:
        return Host()
    shown, lower = found[1], found[1].lower()
    return Host(
        os_name=shown,
        os_id=next((kind for start, kind in _IDS if lower.startswith(start)), None),
        os_version=next(iter(re.findall(r"(?<![\w.])\d{1,6}(?:\.\d{1,6}){0,2}", shown)), None),
        system=_system(lower),
        machine=machine(found[2]),
    )


def _system(lower: str) -> str | None:
    if "windows" in lower:
        return "Windows"
    if lower.startswith(("macos", "mac os")):
        return "Darwin"
    return "Linux" if "linux" in lower or any(lower.startswith(start) for start, _ in _IDS) else None


def of_platform(text: str | None) -> Host:
    """What Python's `platform.platform()` tells."""
    found = _PLATFORM.fullmatch(present(text) or "")
    if found is None:
        return Host()
    system = {"macos": "Darwin"}.get(found[1].lower(), found[1])
    kernel = found[2] if system == "Linux" else None
    glibc = re.search(r"-with-glibc(\d{1,2}\.\d{1,3})", text or "")
    return Host(
        system=system,
        kernel=kernel,
        machine=machine(found[3]),
        libc="glibc" if glibc else None,
        libc_version=glibc[1] if glibc else None,
        wsl=_wsl(kernel or ""),
    )


def _wsl(kernel: str) -> Literal[1, 2] | None:
    if "microsoft-standard" in kernel.lower() or "WSL2" in kernel:
        return 2
    return 1 if kernel.endswith("-Microsoft") else None


def of_libc(text: str | None) -> Host:
    """`glibc-2.35`; other C libraries print nothing that can be told apart."""
    found = version(text) if (text or "").startswith("glibc-") else None
    return Host(libc="glibc", libc_version=found) if found else Host()


def machine(text: str | None) -> str | None:
    """An architecture as `uname -m` prints it."""
    lower = (text or "").lower()
    return _MACHINES.get(lower, lower) if re.fullmatch(_ARCHITECTURE, lower) else None


def joined(*hosts: Host) -> Host | None:
    """Several accounts of one system, the first that tells a thing first; None where none tells any."""
    known: dict[str, object] = {}
    for host in hosts:
        for name in Host.__dataclass_fields__:
            value = getattr(host, name)
            if value is not None and value is not False:
                known.setdefault(name, value)
    return replace(Host(), **known) if known else None  # type: ignore[arg-type]
