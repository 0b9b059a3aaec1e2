"""Clock, proxies and authorities."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import network
from envkit.facts.network_model import AuthorityFile
from envkit.facts.python_model import PipConfig
from tests.doctor.cases import CONTAINER, WORKSTATION, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_env, with_packages
from tests.doctor.machines import healthy_wsl
from tests.doctor.parts import package

WSL = healthy_wsl()
GONE = (AuthorityFile(setting="REQUESTS_CA_BUNDLE", path="/opt/old/ca.pem", there=False),)
THERE = (AuthorityFile(setting="SSL_CERT_FILE", path="/etc/ssl/certs/ca-certificates.crt", there=True),)
UNSEEN = (AuthorityFile(setting="SSL_CERT_FILE", path="/home/person/ca.pem"),)
COMPANY = with_env(WORKSTATION, https_proxy="http://proxy:3128", http_proxy="http://proxy:3128")
REQUESTS = package("requests", "2.32.5")


def proxy(value):
    return with_env(WORKSTATION, https_proxy=value)


CASES = (
    # clock-skew
    flip(network.clock_skew, WORKSTATION, "host.clock", 86_400, says=("1970-01-02",), fix=("set-ntp true",)),
    flip(
        network.clock_skew,
        WORKSTATION,
        "host.clock_synchronized",
        False,
        severity="note",
        says=("no time service",),
        fix=("chronyc makestep",),
    ),
    ill(
        network.clock_skew,
        "a container's host",
        changed(CONTAINER, "host.clock", 946_684_800),
        "2000-01-01",
        fix=("On the host of this container",),
    ),
    ill(
        network.clock_skew,
        "WSL after sleep",
        changed(WSL, "host.clock_synchronized", False),
        severity="note",
        fix=("hwclock -s",),
    ),
    fine(network.clock_skew, "synchronised", WORKSTATION),
    fine(
        network.clock_skew,
        "nothing tells",
        changed(WORKSTATION, "host.clock_synchronized", None),
        "plausible",
    ),
    fine(network.clock_skew, "a container", changed(CONTAINER, "host.clock_synchronized", False)),
    unsure(network.clock_skew, "not read", unread(WORKSTATION, "host.clock", "host.clock_synchronized")),
    # proxy-broken
    flip(
        network.proxy_broken,
        WORKSTATION,
        "env",
        proxy("http://:3128").env,
        says=("https_proxy", "names no host"),
        fix=("Write https_proxy",),
    ),
    ill(network.proxy_broken, "a port that is none", proxy("http://proxy:eighty"), "https_proxy"),
    ill(network.proxy_broken, "port 0", proxy("http://proxy:0"), "port 0"),
    ill(network.proxy_broken, "quotes", proxy('"http://proxy:3128"'), "in quotes"),
    ill(network.proxy_broken, "a scheme that is none", proxy("htp://proxy:3128"), "'htp'"),
    ill(
        network.proxy_broken,
        "pip's own",
        changed(WORKSTATION, "python.pip", PipConfig(proxy="http://proxy:99999")),
        "pip's proxy",
    ),
    ill(
        network.proxy_broken,
        "SOCKS without PySocks",
        with_packages(proxy("socks5h://localhost:1080"), REQUESTS),
        "SOCKS",
        severity="warning",
        fix=("pip install PySocks",),
    ),
    ill(
        network.proxy_broken,
        "http alone",
        with_env(WORKSTATION, HTTP_PROXY="http://proxy:3128"),
        "https_proxy is not",
        severity="note",
        fix=("export https_proxy=http://proxy:3128",),
    ),
    ill(
        network.proxy_broken,
        "http alone, with a password",
        with_env(WORKSTATION, http_proxy="http://***@proxy:3128"),
        severity="note",
        fix=("set https_proxy to what http_proxy holds",),
    ),
    fine(network.proxy_broken, "none", WORKSTATION),
    fine(network.proxy_broken, "a company's", COMPANY),
    fine(network.proxy_broken, "without a scheme", proxy("proxy.example:3128")),
    fine(network.proxy_broken, "with a password", proxy("http://***@proxy.example:3128")),
    fine(network.proxy_broken, "IPv6", proxy("http://[fd00::1]:3128")),
    fine(
        network.proxy_broken,
        "SOCKS with PySocks",
        with_packages(proxy("socks5://localhost:1080"), REQUESTS, package("pysocks", "1.7.1")),
    ),
    fine(network.proxy_broken, "all_proxy", with_env(WORKSTATION, ALL_PROXY="http://proxy:3128")),
    unsure(network.proxy_broken, "no environment", unread(WORKSTATION, "env", probe="environment")),
    # tls-intercepted
    flip(
        network.tls_intercepted,
        WORKSTATION,
        "network.authority_files",
        GONE,
        says=("REQUESTS_CA_BUNDLE names /opt/old/ca.pem",),
        fix=("unset REQUESTS_CA_BUNDLE",),
    ),
    flip(
        network.tls_intercepted,
        COMPANY,
        "network.local_authorities",
        1,
        severity="note",
        says=("behind this proxy",),
        fix=("REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt",),
    ),
    ill(
        network.tls_intercepted,
        "Fedora's list",
        changed(COMPANY, "network.local_authorities", 1, "host.os_id", "fedora"),
        severity="note",
        fix=("SSL_CERT_FILE=/etc/pki/tls/certs/ca-bundle.crt",),
    ),
    fine(network.tls_intercepted, "no authority of its own", WORKSTATION),
    fine(network.tls_intercepted, "no proxy", changed(WORKSTATION, "network.local_authorities", 2)),
    fine(
        network.tls_intercepted,
        "programs are told",
        changed(
            with_env(COMPANY, REQUESTS_CA_BUNDLE="/etc/ssl/certs/ca-certificates.crt"),
            "network.local_authorities", 1,
            "network.authority_files", THERE,
        ),
    ),
    fine(
        network.tls_intercepted,
        "a file that could not be looked at",
        changed(WORKSTATION, "network.authority_files", UNSEEN),
    ),
    unsure(network.tls_intercepted, "not read", unread(WORKSTATION, "network")),
    unsure(network.tls_intercepted, "no environment", unread(WORKSTATION, "env", probe="environment")),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case, compat):
    check(case, compat)
