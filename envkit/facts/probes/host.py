"""The operating system and what it runs in."""

from __future__ import annotations

import re

from envkit.core.machine import Machine
from envkit.core.proc import Command
from envkit.core.text import one_line, plain
from envkit.facts.host_model import ContainerKind, Host
from envkit.facts.probe import Probe
from envkit.facts.probes import clock
from envkit.facts.probes.libc import architecture, libc
from envkit.facts.probes.surroundings import container, hosted_notebook, virtualization, wsl
from envkit.facts.procfs import pairs
from envkit.facts.programs import which

_SECURE_BOOT = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""UEFI specification, EFI_GLOBAL_VARIABLE; four bytes of attributes, then the value."""
_REBOOT_FLAGS = ("/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed")
"""Of update-notifier and unattended-upgrades (Debian, Ubuntu) and of libzypp (SUSE)."""
_REBOOT_FLAG_SYSTEMS = frozenset(("debian", "ubuntu", "suse", "opensuse"))
_CMDLINE_WORDS = (
    "iommu", "intel_iommu", "amd_iommu", "arm-smmu", "nomodeset", "nouveau.", "nvidia", "modprobe.blacklist",
    "module_blacklist", "rd.driver.blacklist", "rdblacklist", "initcall_blacklist", "pci=", "pcie_", "vfio",
    "video=", "amdgpu.", "i915.", "xe.",
)  # fmt: skip
_COMPILERS = ("cc", "gcc", "clang")
_TEGRA = re.compile(r"R(\d+) \(release\), REVISION: (\d+(?:\.\d+)*)")
_SHARES_KERNEL_FILES: frozenset[ContainerKind | None] = frozenset((None, "wsl", "lxc"))
"""Surroundings whose /run and /lib/modules are the machine's own; in a container they are an image's."""


def read(machine: Machine) -> Host:
    """The host as its kernel, firmware and files tell it."""
    live = machine.system
    release = _os_release(machine)
    arch = architecture(machine)
    kind = container(machine)
    library, library_version = libc(machine, arch)
    compiler, compiler_version = _compiler(machine)
    own = kind in _SHARES_KERNEL_FILES
    reboot = _reboot_required(machine, release) if own else None
    return Host(
        os_id=release.get("ID"),
        os_name=release.get("PRETTY_NAME") or release.get("NAME"),
        os_version=release.get("VERSION_ID"),
        system=machine.line("/proc/sys/kernel/ostype") or (live.name if live else None),
        kernel=machine.line("/proc/sys/kernel/osrelease") or (live.release if live else None),
        machine=arch,
        libc=library,
        libc_version=library_version,
        virtualization=virtualization(machine),
        container=kind,
        container_read=machine.exists("/proc/self/cgroup") or machine.exists("/proc/self/mountinfo"),
        hosted_notebook=hosted_notebook(machine),
        wsl=wsl(machine),
        board=_board(machine),
        l4t=_l4t(machine),
        secure_boot=_secure_boot(machine),
        uptime=_uptime(machine),
        reboot_required=reboot,
        reboot_packages=_reboot_packages(machine) if reboot else (() if reboot is False else None),
        kernels_installed=_kernels(machine) if own else None,
        boot_id=machine.line("/proc/sys/kernel/random/boot_id"),
        clock=clock.clock(machine),
        clock_synchronized=clock.synchronized(machine) if own else None,
        suspends=clock.suspends(machine),
        cmdline=_cmdline(machine),
        iommu_groups=None if (groups := machine.ls("/sys/kernel/iommu_groups")) is None else len(groups),
        compiler=compiler,
        compiler_version=compiler_version,
    )


def _os_release(machine: Machine) -> dict[str, str]:
    """os-release(5): shell assignments, whose quotes and backslashes are taken off."""
    text = machine.read("/etc/os-release", 1 << 16) or machine.read("/usr/lib/os-release", 1 << 16)
    return {
        key: one_line(re.sub(r"\\(.)", r"\1", value.strip("\"'"))) for key, value in pairs(text, "=").items()
    }


def _board(machine: Machine) -> str | None:
    model = (machine.line("/proc/device-tree/model") or "").rstrip("\0")
    return one_line(model) or None


def _l4t(machine: Machine) -> str | None:
    """`# R36 (release), REVISION: 4.0, ...` is R36.4.0."""
    found = _TEGRA.search(machine.line("/etc/nv_tegra_release") or "")
    return f"R{found[1]}.{found[2]}" if found else None


def _secure_boot(machine: Machine) -> bool | None:
    """False on a machine without EFI; None where the firmware's variables cannot be seen."""
    firmware = machine.ls("/sys/firmware")
    if not firmware:
        return None  # container engines lay an empty folder over it
    if "efi" not in firmware:
        return False
    variables = machine.ls("/sys/firmware/efi/efivars")
    if not variables:
        return None
    if _SECURE_BOOT not in variables:
        return False
    try:
        data = machine.read_bytes(f"/sys/firmware/efi/efivars/{_SECURE_BOOT}", 64)
    except OSError:
        return None
    return data[-1] == 1 if len(data) == 5 else None


def _uptime(machine: Machine) -> float | None:
    try:
        return float((machine.line("/proc/uptime") or "").split()[0])
    except (ValueError, IndexError):
        return None


def _reboot_required(machine: Machine, release: dict[str, str]) -> bool | None:
    """False only where the distribution would have left a flag."""
    if any(machine.exists(flag) for flag in _REBOOT_FLAGS):
        return True
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    return False if machine.exists("/run") and family & _REBOOT_FLAG_SYSTEMS else None


def _reboot_packages(machine: Machine) -> tuple[str, ...] | None:
    for flag in _REBOOT_FLAGS:
        if (text := machine.read(f"{flag}.pkgs", 1 << 16)) is not None:
            return tuple(sorted({one_line(line) for line in text.splitlines() if line.strip()}))
    return None


def _kernels(machine: Machine) -> tuple[str, ...] | None:
    """Oldest first. A folder that only holds modules built for a kernel since removed is none."""
    names = machine.ls("/lib/modules")
    if names is None:
        return None if machine.exists("/lib/modules") or not machine.exists("/lib") else ()
    installed = [
        name
        for name in names
        if any(machine.exists(f"/lib/modules/{name}/{part}") for part in ("modules.builtin", "kernel"))
    ]
    return tuple(sorted(installed, key=_version_key))


def _version_key(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def _cmdline(machine: Machine) -> str | None:
    line = machine.line("/proc/cmdline")
    if line is None:
        return None
    return plain(" ".join(word for word in line.split() if word.startswith(_CMDLINE_WORDS)), limit=2000)


def _compiler(machine: Machine) -> tuple[str | None, str | None]:
    """The C compiler that a just-in-time compiler would find, an empty string when there is none."""
    found = which(machine, _COMPILERS)
    if found is None:
        return None, None
    name = next((name for name in _COMPILERS if found[name]), None)
    if name is None:
        return (None if None in found.values() else ""), None
    path = found[name] or name
    # gcc since 7 prints only its major version for -dumpversion; clang and older gcc know no other option.
    for options in (("-dumpfullversion", "-dumpversion"), ("-dumpversion",)):
        result = machine.run(Command(name="cc-version", argv=(path, *options), limit=0.5))
        if result.ok and re.fullmatch(r"\d+(\.\d+)*", result.stdout.strip()):
            return name, result.stdout.strip()
    return name, None


PROBE = Probe(name="host", field="host", limit=2.4, read=read, programs=_COMPILERS)
