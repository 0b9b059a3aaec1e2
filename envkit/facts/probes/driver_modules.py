"""The NVIDIA kernel module on disk: its files, DKMS, the headers to build it, what keeps it from loading."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envkit.core.machine import Machine
from envkit.facts.gpu_model import DkmsModule
from envkit.facts.probes.links import target

_MODULES = ("/lib/modules", "/run/booted-system/kernel-modules/lib/modules")
"""The second is NixOS."""
_MAX_KERNELS = 32
_FOLDERS: tuple[tuple[str, int], ...] = (
    ("kernel/drivers/video", 1),
    ("updates", 1),
    ("extra", 2),
    ("weak-updates", 2),
    ("extramodules", 0),
    ("misc", 0),
)
"""Where drivers from outside the kernel go, and how many folders down: the .run installer
(kernel/drivers/video), DKMS of Debian (updates/dkms) and of Fedora (extra), RHEL's kABI links (weak-updates),
Arch (extramodules), NixOS (misc). Ubuntu's ready-built packages lie in kernel/nvidia-<branch>."""
_FILE = re.compile(r"nvidia(?:-current(?:-open)?|-tesla(?:-\d+)?|-legacy-\w{1,20})?\.ko(?:\.(?:xz|zst|gz))?")
"""Debian renames the module to nvidia-current, nvidia-tesla-470, nvidia-legacy-390xx."""
_MODULE = re.compile(r"nvidia(?:_current(?:_open)?|_tesla(?:_\d+)?|_legacy_\w{1,20})?")

_CONFIG = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
"""modprobe.d(5): a file hides those of the same name in later folders."""
_NOTHING = ("/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true", "/sbin/nologin", ":")
_CMDLINE_KEYS = ("modprobe.blacklist", "module_blacklist", "rd.driver.blacklist")


def running_kernel(machine: Machine) -> str | None:
    """`uname -r`."""
    return machine.line("/proc/sys/kernel/osrelease") or None


def module_files(machine: Machine) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Files of the running kernel's `nvidia` module, and the kernels that have one.

    (None, None) where there is no /lib/modules, as in a container: the host's may well exist.
    """
    running = running_kernel(machine)
    by_kernel: dict[str, list[str]] = {}
    seen = False
    for root in _MODULES:
        kernels = machine.ls(root)
        if kernels is None:
            continue
        seen = True
        # the newest names sort last; the running kernel is looked at whatever the number
        for kernel in {*kernels[-_MAX_KERNELS:], *(name for name in kernels if name == running)}:
            by_kernel.setdefault(kernel, []).extend(_files(machine, f"{root}/{kernel}"))
    if not seen:
        return None, None
    files = None if running is None else tuple(sorted(by_kernel.get(running, ())))
    return files, tuple(sorted(kernel for kernel, found in by_kernel.items() if found))


def _files(machine: Machine, folder: str) -> Iterator[str]:
    for name, depth in _FOLDERS:
        for path in machine.walk_names(f"{folder}/{name}", depth):
            if _FILE.fullmatch(path.rpartition("/")[2]):
                yield path
    for name in machine.ls(f"{folder}/kernel") or ():
        if name.startswith("nvidia-"):
            for file in machine.ls(f"{folder}/kernel/{name}") or ():
                if _FILE.fullmatch(file):
                    yield f"{folder}/kernel/{name}/{file}"


def headers(machine: Machine) -> bool | None:
    """Whether modules can be built for the running kernel; None when /lib/modules is not there."""
    running = running_kernel(machine)
    if running is None or machine.ls("/lib/modules") is None:
        return None
    tree = target(machine, f"/lib/modules/{running}/build")
    return tree is not None and machine.exists(f"{tree}/Makefile")


def dkms(machine: Machine) -> tuple[DkmsModule, ...] | None:
    """What DKMS has of the driver: /var/lib/dkms/<name>/<version>/<kernel>/<arch>/module (dkms(8))."""
    names = machine.ls("/var/lib/dkms")
    if names is None:
        return None if machine.exists("/var/lib/dkms") else ()
    found: list[DkmsModule] = []
    for name in names:
        # nvidia-fs is GPUDirect Storage, a driver of its own
        if not name.startswith("nvidia") or name == "nvidia-fs":
            continue
        for version in machine.ls(f"/var/lib/dkms/{name}") or ():
            # kernel-<version>-<arch> are links to what is installed
            if version[:1].isdigit():
                kernels = _built_for(machine, f"/var/lib/dkms/{name}/{version}")
                found += [
                    DkmsModule(name=name, version=version, kernel=kernel) for kernel in kernels or (None,)
                ]
    return tuple(found)


def _built_for(machine: Machine, folder: str) -> tuple[str, ...]:
    return tuple(
        kernel
        for kernel in machine.ls(folder) or ()
        if kernel not in ("build", "source")
        and any(
            machine.ls(f"{folder}/{kernel}/{arch}/module") for arch in machine.ls(f"{folder}/{kernel}") or ()
        )
    )


def blacklisted(machine: Machine) -> tuple[str, ...] | None:
    """Files that keep the `nvidia` module itself from loading; /proc/cmdline when the command line does.

    Lines that blacklist nouveau are right, and those of nvidia_drm alone leave CUDA working.
    """
    seen: set[str] = set()
    found: list[str] = []
    looked = False
    for folder in _CONFIG:
        names = machine.ls(folder)
        looked = looked or names is not None
        for name in names or ():
            if name.endswith(".conf") and name not in seen:
                seen.add(name)
                if bars_nvidia(machine.read(f"{folder}/{name}", 1 << 18) or ""):
                    found.append(f"{folder}/{name}")
    cmdline = machine.line("/proc/cmdline")
    if cmdline is not None and _cmdline_bars(cmdline):
        found.append("/proc/cmdline")
    return tuple(found) if looked or cmdline is not None else None


def bars_nvidia(config: str) -> bool:
    """Whether the text of a modprobe.d file keeps `nvidia` from loading."""
    for line in config.replace("\\\n", " ").splitlines():
        words = line.split()
        if len(words) < 2 or not _MODULE.fullmatch(words[1].replace("-", "_")):
            continue
        if words[0] == "blacklist" or (words[0] == "alias" and words[2:] == ["off"]):
            return True
        if words[0] == "install" and words[2:3] and words[2] in _NOTHING:
            return True
    return False


def _cmdline_bars(cmdline: str) -> bool:
    for word in cmdline.split():
        key, _, value = word.partition("=")
        # the kernel and kmod take - and _ in module names alike
        if key in _CMDLINE_KEYS and "nvidia" in value.split(","):
            return True
    return False
