"""Secrets and identities taken out of text before it is shown or saved."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envkit.core.text import encodable

# Every pattern runs over hostile text: a run of characters is bounded, or cannot start inside itself.
_URL_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.\-]{1,20}://)[^/\s'\"]+@")
_VALUE = r"(?:'[^']*'|\"[^\"]*\"|[^&\s'\"]+)"
_QUERY_SECRET = re.compile(
    rf"(?P<name>(?:token|key|secret|password|passwd|passphrase|pwd|auth|signature|sig|credential)s?=){_VALUE}",
    re.I,
)
_JSON_SECRET = re.compile(
    r"(?P<name>(?:token|secret|password|passwd|api_?key|credential)s?['\"]\s{0,8}:\s{0,8})"
    r"(?:'[^']*'|\"[^\"]*\")",
    re.I,
)
_OPTION_SECRET = re.compile(
    r"(?P<name>(?<![\w-])--?[\w-]{0,40}?(?:token|password|passwd|secret|api-?key)(?:=|\s{1,8}))"
    r"(?:'[^']*'|\"[^\"]*\"|\S+)",
    re.I,
)
_KNOWN_TOKEN = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|AKIA[0-9A-Z]{16}|sk-[\w-]{20,}|xox[abpr]-[\w-]{10,}|AIza[\w-]{30,}"
    r"|eyJ[\w-]{10,2000}+\.[\w-]{10,4000}+\.[\w-]*)"
)
_AUTHORIZATION = re.compile(
    r"(?P<name>\b(?:bearer\s{1,8}|authorization['\"]?\s{0,8}[:=]\s{0,8}['\"]?(?:[A-Za-z]{1,20}\s{1,8})?))"
    r"[\w.+/=~-]{8,}",
    re.I,
)
_UUID = re.compile(r"\b(?P<kind>GPU-|MIG-)?(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.I)
_SERIAL = re.compile(r"(?P<name>\bserial(?:[ _-]?(?:number|no))?\s{0,8}[:=]\s{0,8})[\w-]{6,}", re.I)
_HOMES = re.compile(r"(?P<base>(?<![\w.-])/(?:home|Users)/)[^/\s:'\",;<>()\[\]{}|]+")
"""Homes of others: under sudo, the person's own."""
_COMMON_NAMES = """
    root user users ubuntu debian centos fedora linux runner admin administrator nobody guest test dev app
    localhost localdomain default home host system none other unknown remote same left right lost note ok
    ec2-user azureuser cloud-user opc vagrant pi jovyan mambauser sagemaker-user colab kaggle notebook jetson
    nvidia amd intel cuda rocm gpu gpus cpu torch pytorch tensorflow jax numpy conda mamba pip uv venv wheel
    python python3 docker podman kubernetes lxc apptainer slurm pbs lsf sge wsl mps vgpu nouveau
    v1 v2 hybrid driver compute graphics running stopped failed absent denied hung timeout skipped crashed
    error warning problem problems healthy faulty faster slower inconclusive disabled enforcing permissive
    completed passthrough prohibited rpath runpath planned refused built drifted
    ssh dlopen needed path preload
"""
_COMMON = frozenset(_COMMON_NAMES.split())
"""Names of accounts and machines that identify nobody; replacing these would only damage what is said."""
_HIDDEN = "***"


def secrets(text: str) -> str:
    """The text with credentials, tokens and serial numbers replaced by `***`."""
    text = _URL_CREDENTIALS.sub(rf"\g<scheme>{_HIDDEN}@", text)
    for pattern in (_QUERY_SECRET, _JSON_SECRET, _OPTION_SECRET, _AUTHORIZATION, _SERIAL):
        text = pattern.sub(rf"\g<name>{_HIDDEN}", text)
    return _KNOWN_TOKEN.sub(_HIDDEN, text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Names that tell who and where: replaced in everything that is saved."""

    home: str
    user: str
    host: str

    @staticmethod
    def here() -> Identity:
        """Of this process."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = ""
        return Identity(home=os.environ.get("HOME", ""), user=user, host=socket.gethostname())


_also: list[Identity] = []
"""Of other machines that this process has looked at."""


def remember(identity: Identity) -> None:
    """From now on, take these names, too, out of everything that is saved."""
    if identity not in _also:
        _also.append(identity)


def _patterns(*found: Identity) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Replacements for identities. Names that are everybody's (root, localhost) identify nobody."""
    pairs: list[tuple[re.Pattern[str], str]] = []
    for home in dict.fromkeys(one.home.rstrip("/") for one in found):
        if home:
            pairs.append((re.compile(rf"(?<![\w.-]){re.escape(home)}(?![\w-]|\.\w)"), "~"))
    pairs.append((_HOMES, r"\g<base><user>"))
    for identity in found:
        if identity.user.lower() not in _COMMON and len(identity.user) >= 2:
            pairs.append((_name(identity.user), "<user>"))
        for host in (identity.host, identity.host.partition(".")[0]):
            if host.lower() not in _COMMON and len(host) >= 3 and not host.isdigit():
                pairs.append((_name(host), "<host>"))
    return tuple(dict.fromkeys(pairs))


def _name(name: str) -> re.Pattern[str]:
    """The name as a whole word."""
    return re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])")


def identities(text: str, patterns: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    """The text without home, user and host names; UUIDs become a short stable digest."""
    for pattern, replacement in patterns:
        text = pattern.sub(replacement, text)
    return _UUID.sub(lambda m: f"{m['kind'] or ''}{_digest(m['id'])}", text)


def _digest(text: str) -> str:
    """A UUID has 122 random bits, so its digest cannot be turned back."""
    return hashlib.sha256(text.lower().encode()).hexdigest()[:12]


def saved(value: Any, identity: Identity) -> Any:
    """A JSON value (dicts, lists, scalars) as it may be saved: no secret and no identity in any string."""
    patterns = _patterns(identity, *_also)

    def visit(node: Any) -> Any:
        if isinstance(node, str):
            return identities(secrets(encodable(node)), patterns)
        if isinstance(node, Mapping):
            return {key: visit(item) for key, item in node.items()}
        if isinstance(node, list | tuple):
            return [visit(item) for item in node]
        return node

    return visit(value)
