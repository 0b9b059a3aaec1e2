"""What stands between this machine and others: names, interfaces, certificate authorities."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorityFile:
    """A file or folder of certificate authorities that a variable or a setting names."""

    setting: str
    """`SSL_CERT_FILE`, `PIP_CERT`, ..."""
    path: str
    there: bool | None = None
    """None when it could not be looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """The network as files and the kernel describe it; nothing is sent."""

    interfaces: tuple[str, ...] | None = None
    """Names of /sys/class/net."""
    own_name_is_loopback: bool | None = None
    """/etc/hosts gives the machine's own name an address of 127.0.0.0/8 or ::1, and no other."""
    local_authorities: int | None = None
    """Certificate authorities that were added to the system's list by hand."""
    authority_files: tuple[AuthorityFile, ...] | None = None
    master_port_taken: bool | None = None
    """Something listens on MASTER_PORT here; None when it is not set."""
