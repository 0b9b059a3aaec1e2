"""The C library and the architecture, from files where the running machine cannot be asked."""

from __future__ import annotations

import re

from envkit.core.machine import Machine
from envkit.core.proc import Command

_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_GLIBC = re.compile(rb"GNU C Library [^\n]{0,200}?release version (\d+\.\d+)")
_MUSL = re.compile(r"^Version (\d+(?:\.\d+)+)", re.M)
_LOADERS = {
    "ld-linux-x86-64.so.2": "x86_64",
    "ld-linux-aarch64.so.1": "aarch64",
    "ld64.so.2": "ppc64le",
    "ld64.so.1": "s390x",
    "ld-linux-riscv64-lp64d.so.1": "riscv64",
    "ld-linux-armhf.so.3": "armv7l",
    "ld-musl-x86_64.so.1": "x86_64",
    "ld-musl-aarch64.so.1": "aarch64",
}
"""Dynamic loaders, whose names are fixed by each architecture's ABI."""


def architecture(machine: Machine) -> str | None:
    """As `uname -m` prints it."""
    if machine.system is not None:
        return machine.system.arch
    # Since Linux 6.1.
    if arch := machine.line("/proc/sys/kernel/arch"):
        return arch
    for folder in _FOLDERS:
        for name in machine.ls(folder) or ():
            if name in _LOADERS:
                return _LOADERS[name]
    cpuinfo = machine.read("/proc/cpuinfo", 1 << 14) or ""
    if "CPU implementer" in cpuinfo:
        return "aarch64" if "asimd" in cpuinfo else "armv7l"
    return "x86_64" if re.search(r"^flags\s*:.*\blm\b", cpuinfo, re.M) else None


def libc(machine: Machine, arch: str | None) -> tuple[str | None, str | None]:
    """`glibc` or `musl`, and its version."""
    if machine.system is not None and machine.system.glibc is not None:
        return "glibc", machine.system.glibc
    glibc = _glibc_of_files(machine, arch)
    if glibc is not None:
        return "glibc", glibc
    loader = next((f"/lib/{name}" for name in machine.ls("/lib") or () if name.startswith("ld-musl-")), None)
    if loader is None:
        return None, None
    # musl tells its version nowhere else: without arguments the loader prints it, and how it is used.
    result = machine.run(Command(name="musl-version", argv=(loader,), limit=0.5))
    found = _MUSL.search(result.stderr)
    return "musl", found[1] if found else None


def _glibc_of_files(machine: Machine, arch: str | None) -> str | None:
    folders = [f"{folder}/{arch}-linux-gnu" for folder in _FOLDERS[::2]] if arch else []
    for folder in (*folders, "/lib64", "/usr/lib64", "/lib", "/usr/lib"):
        path = f"{folder}/libc.so.6"
        # Before glibc 2.34 the name is a link to libc-<version>.so.
        linked = re.search(r"libc-(\d+\.\d+)\.so$", machine.link(path) or "")
        if linked:
            return linked[1]
        try:
            found = _GLIBC.search(machine.read_bytes(path))
        except OSError:
            continue
        if found:
            return found[1].decode()
    return None
