"""Installed packages of Debian and its descendants, from dpkg's own status file."""

from __future__ import annotations

from collections.abc import Sequence

from envkit.core.machine import Machine

_STATUS = "/var/lib/dpkg/status"
_LIMIT = 64 << 20
"""Bytes; a desktop's file has 5 to 10 MiB."""
_START = b"\nPackage: "


def installed(machine: Machine, prefixes: Sequence[str]) -> dict[str, str] | None:
    """Name to version of the installed packages whose names start with one of `prefixes`.

    None when this machine has no dpkg. One pass over the bytes: no stanza is decoded that is not asked for.
    """
    try:
        data = machine.stanzas(_STATUS, _START, prefixes, _LIMIT)
    except OSError:
        return None
    wanted = tuple(prefix.encode() for prefix in prefixes)
    found: dict[str, str] = {}
    for stanza in (b"\n" + data).split(_START)[1:]:
        if stanza.startswith(wanted):
            name, version = _name_version(stanza.decode("utf-8", "replace"))
            if name and version:
                found[name] = version
    return dict(sorted(found.items()))


def _name_version(stanza: str) -> tuple[str, str]:
    """Of one stanza without its `Package: `; ("", "") unless the package is installed."""
    name, _, rest = stanza.partition("\n")
    version, state = "", ""
    for line in rest.split("\n"):
        if line.startswith("Version: "):
            version = line[9:].strip()
        elif line.startswith("Status: "):
            state = line[8:].strip()
    # "want flag state"; a removed package whose configuration stays is "deinstall ok config-files"
    return (name.strip(), version) if state.endswith(" installed") else ("", "")


def upstream(version: str) -> str:
    """A package version without epoch and distribution revision: `1:550.54.14-1ubuntu1` -> `550.54.14`."""
    without_epoch = version.partition(":")[2] or version
    return without_epoch.rpartition("-")[0] or without_epoch
