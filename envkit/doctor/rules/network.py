"""What stands between this machine and the servers it downloads from: clock, proxies, authorities.

Nothing is sent: these rules judge settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, ok, problem, unknown
from envkit.facts.model import Snapshot

_BEFORE_ENVKIT = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
"""No snapshot is older: a clock that says so has lost its time (an empty battery says 1970 or 2000)."""
_PROXIES = ("https_proxy", "http_proxy", "all_proxy")
_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_OWN_LIST = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
"""What turns Requests (huggingface_hub, conda) from the list that it brings to the system's."""


def clock_skew(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The clock is wrong, or nothing keeps it right."""
    host = snapshot.host
    if host is None or (host.clock is None and host.clock_synchronized is None):
        return unknown(views.because(snapshot, "host"))
    inside = views.in_container(snapshot)
    if host.clock is not None and host.clock < _BEFORE_ENVKIT:
        shown = datetime.fromtimestamp(max(0, host.clock), UTC).date().isoformat()
        return problem(
            f"the clock says {shown}: no certificate is valid then, and no download works",
            fact("date of this machine", shown, "/proc/stat, /proc/uptime"),
            severity="error",
            container="yes" if inside else None,
            host=None if inside or views.is_wsl(snapshot) else "yes",
            wsl="yes" if views.is_wsl(snapshot) else None,
        )
    if inside:
        return ok("the clock, which is that of the host of this container, says a plausible date")
    if host.clock_synchronized is False:
        return problem(
            "no time service keeps the clock right; it may be off, and will be in time",
            fact("synchronised", "no", "timedatectl"),
            severity="note",
            confidence=0.5,
            host=None if views.is_wsl(snapshot) else "yes",
            wsl="yes" if views.is_wsl(snapshot) else None,
        )
    return ok("a time service keeps the clock right" if host.clock_synchronized else "the date is plausible")


def proxy_broken(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A proxy setting that cannot work as it is written."""
    if snapshot.env is None:
        return unknown(views.because(snapshot, "environment"))
    settings = tuple(_proxies(snapshot))
    if not settings:
        return ok("no proxy is set")
    for name, value in settings:
        if reason := _malformed(value):
            return problem(
                f"{name} is no address of a proxy: {reason}",
                fact(name, value, "environment"),
                severity="error",
                wrong=name,
            )
    return _incomplete(snapshot, dict(settings)) or ok("the proxy settings are well formed")


def _proxies(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """The settings in force: programs take the small letters first."""
    for name in _PROXIES:
        for spelling in (name, name.upper()):
            if value := (views.env(snapshot, spelling) or "").strip():
                yield spelling, value
                break
    config = snapshot.python.pip if snapshot.python is not None else None
    if config is not None and config.proxy:
        yield "pip's proxy", config.proxy


def _malformed(value: str) -> str | None:
    """Why a value cannot be a proxy's address; `host:3128` without a scheme is read as http."""
    if value[:1] in "\"'":
        return "it is in quotes, which are part of the value"
    scheme, mark, _ = value.partition("://")
    if mark and scheme.lower() not in _SCHEMES:
        return f"{scheme!r} is no kind of proxy"
    try:
        address = urlsplit(value if mark else f"http://{value}")
        port = address.port
    except ValueError as error:
        return str(error)
    if not address.hostname:
        return "it names no host"
    return "port 0 is none" if port == 0 else None


def _incomplete(snapshot: Snapshot, settings: dict[str, str]) -> Outcome | None:
    """Well formed, and yet not what programs need."""
    small = {name.lower(): (name, value) for name, value in settings.items()}
    evidence = tuple(fact(name, value, "environment") for name, value in settings.items())
    socks = [name for name, value in settings.items() if value.lower().startswith("socks")]
    packages = snapshot.python.distributions if snapshot.python is not None else None
    names = {package.name for package in packages or ()}
    if socks and packages is not None and "requests" in names and "pysocks" not in names:
        return problem(
            f"{socks[0]} is a SOCKS proxy, and Requests in the target Python lacks PySocks to speak to it",
            *evidence,
            severity="warning",
            confidence=0.8,
            socks=snapshot.python.executable if snapshot.python is not None else "python",
        )
    if "http_proxy" in small and not small.keys() & {"https_proxy", "all_proxy", "pip's proxy"}:
        name, value = small["http_proxy"]
        return problem(
            f"{name} is set and https_proxy is not: what is downloaded over https goes past the proxy",
            *evidence,
            severity="note",
            confidence=0.5,
            proxy=value if "@" not in value else None,
            secret=None if "@" not in value else "yes",
        )
    return None


def tls_intercepted(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Authorities of this network that programs are not told of."""
    network = snapshot.network
    if network is None or network.authority_files is None or network.local_authorities is None:
        return unknown(views.because(snapshot, "network"))
    gone = [one for one in network.authority_files if one.there is False]
    if gone:
        return problem(
            f"{gone[0].setting} names {gone[0].path}, which is not there: "
            "programs that read it connect to nothing",
            *(fact(one.setting, f"{one.path} (absent)", "environment") for one in gone),
            gone=gone[0].setting,
        )
    if snapshot.env is None:
        return unknown(views.because(snapshot, "environment"))
    told = {var.name for var in snapshot.env if var.value} & set(_OWN_LIST)
    proxied = any(name.lower() in _PROXIES for name, _ in _proxies(snapshot))
    # A local authority alone may be for anything; behind a proxy it mostly signs what comes from outside.
    if not network.local_authorities or not proxied or told:
        return ok("nothing says that TLS is intercepted without programs knowing")
    count = network.local_authorities
    return problem(
        "behind this proxy the system trusts authorities of its own, "
        "and Python's tools bring lists without them",
        fact("authorities added to the system", count, "ca-certificates"),
        fact(", ".join(_OWN_LIST), "not set", "environment"),
        severity="note",
        confidence=0.5,
        bundle=_bundle(snapshot),
    )


def _bundle(snapshot: Snapshot) -> str:
    """The system's list in one file, as distributions name it."""
    name = (snapshot.host.os_id if snapshot.host is not None else None) or ""
    fedora = re.fullmatch("fedora|rhel|centos|rocky|almalinux|ol|amzn", name)
    return "/etc/pki/tls/certs/ca-bundle.crt" if fedora else "/etc/ssl/certs/ca-certificates.crt"


RULES = (
    clock_skew,
    proxy_broken,
    tls_intercepted,
)
