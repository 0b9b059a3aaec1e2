"""Names, interfaces and certificate authorities of this machine; nothing is sent anywhere."""

from __future__ import annotations

import re

from envkit.core.machine import Machine
from envkit.core.text import one_line
from envkit.facts.network_model import AuthorityFile, Network
from envkit.facts.probe import Probe
from envkit.facts.procfs import number
from envkit.facts.programs import spaces

_INTERFACES = "/sys/class/net"
_NO_INTERFACE = frozenset({"bonding_masters"})
_LOCAL_AUTHORITIES = (
    "/usr/local/share/ca-certificates",
    "/etc/pki/ca-trust/source/anchors",
    "/etc/ca-certificates/trust-source/anchors",
    "/etc/pki/trust/anchors",
)
"""Where update-ca-certificates (Debian), update-ca-trust (Fedora, Arch) and openSUSE take a person's own."""
_CERTIFICATE = re.compile(r"(?!mkcert).*\.(?:crt|pem|cer)", re.IGNORECASE)
"""mkcert's is for web development on this machine."""
_AUTHORITY_SETTINGS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_LISTEN = "0A"
"""TCP_LISTEN of include/net/tcp_states.h."""


def read(machine: Machine) -> Network:
    """The network as files and the kernel describe it."""
    names = machine.ls(_INTERFACES)
    return Network(
        interfaces=None
        if names is None
        else tuple(one_line(name) for name in names if name not in _NO_INTERFACE),
        own_name_is_loopback=_own_name(machine.line("/proc/sys/kernel/hostname"), machine.read("/etc/hosts")),
        local_authorities=_local_authorities(machine),
        authority_files=_authority_files(machine),
        master_port_taken=_taken(machine, number(machine.env.get("MASTER_PORT"))),
    )


def _own_name(name: str | None, hosts: str | None) -> bool | None:
    """Whether every line of hosts(5) for the machine's own name is a loopback; None where none names it."""
    addresses = []
    for line in (hosts or "").splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if name and name in names:
            addresses.append(address)
    return all(one.startswith("127.") or one == "::1" for one in addresses) if addresses else None


def _local_authorities(machine: Machine) -> int | None:
    if machine.ls("/etc") is None:
        return None
    return sum(
        _CERTIFICATE.fullmatch(name) is not None
        for folder in _LOCAL_AUTHORITIES
        for name in machine.ls(folder) or ()
    )


def _authority_files(machine: Machine) -> tuple[AuthorityFile, ...]:
    """What the variables name; the paths are a person's, so that a child looks at them."""
    named = _named(machine)
    if not named:
        return ()
    found = spaces(machine, list(named.values())) or {}
    states = {name: found[path].state if path in found else "failed" for name, path in named.items()}
    return tuple(
        AuthorityFile(
            setting=name,
            path=one_line(path),
            there=None if states[name] in ("failed", "timeout", "denied") else states[name] == "ok",
        )
        for name, path in named.items()
    )


def _named(machine: Machine) -> dict[str, str]:
    """Variables that name a file of certificates by its whole path."""
    return {name: path for name in _AUTHORITY_SETTINGS if (path := machine.env.get(name, "")).startswith("/")}


def _places(machine: Machine) -> list[str]:
    return list(_named(machine).values())


def _taken(machine: Machine, port: int | None) -> bool | None:
    """Whether some line of /proc/net/tcp (proc_pid_net(5)) listens on a port."""
    if port is None:  # the kernel walks all its sockets for these files
        return None
    texts = [machine.read(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    if texts[0] is None:
        return None
    for text in texts:
        for line in (text or "").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and fields[3] == _LISTEN and fields[1].endswith(f":{port:04X}"):
                return True
    return False


PROBE = Probe(name="network", field="network", limit=2.0, read=read, places=_places)
