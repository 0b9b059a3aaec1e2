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

_URL_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.\-]{1,20}://)[^/\s@'\"]{1,300}@")
_QUERY_SECRET = re.compile(
    r"(?P<name>(?:token|key|secret|password|passwd|pwd|auth|signature|sig|credential)s?=)[^&\s'\"]+", re.I
)
_OPTION_SECRET = re.compile(
    r"(?P<name>--?(?:[\w-]*(?:token|password|passwd|secret|api-?key))[= ])(?:'[^']*'|\"[^\"]*\"|\S+)", re.I
)
_KNOWN_TOKEN = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|AKIA[0-9A-Z]{16}|sk-[\w-]{20,}|xox[abpr]-[\w-]{10,}|AIza[\w-]{30,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
_BEARER = re.compile(r"(?P<name>\b(?:bearer|basic|authorization:)\s+)[\w.+/=-]{8,}", re.I)
_UUID = re.compile(r"\b(?P<kind>GPU|MIG)-(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.I)
_SERIAL = re.compile(r"(?P<name>\bserial(?:[ _-]?(?:number|no))?\s*[:=]\s*)[\w-]{6,}", re.I)
_HIDDEN = "***"


def secrets(text: str) -> str:
    """The text with credentials, tokens and serial numbers replaced by `***`."""
    text = _URL_CREDENTIALS.sub(rf"\g<scheme>{_HIDDEN}@", text)
    for pattern in (_QUERY_SECRET, _OPTION_SECRET, _BEARER, _SERIAL):
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


def _patterns(identity: Identity) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Replacements for an identity. Names that are everybody's (root, localhost) identify nobody."""
    pairs: list[tuple[re.Pattern[str], str]] = []
    if len(identity.home) > 1:
        pairs.append((re.compile(rf"{re.escape(identity.home)}(?=$|[/\s:'\",;])"), "~"))
    if identity.user not in ("", "root", "user", "ubuntu", "debian", "runner") and len(identity.user) >= 2:
        pairs.append((re.compile(rf"(?<![\w.-]){re.escape(identity.user)}(?![\w-])"), "<user>"))
    if identity.host not in ("", "localhost") and len(identity.host) >= 3:
        pairs.append((re.compile(rf"(?<![\w.-]){re.escape(identity.host)}(?![\w-])"), "<host>"))
    return tuple(pairs)


def identities(text: str, patterns: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    """The text without home, user and host names; device UUIDs become a short stable digest."""
    for pattern, replacement in patterns:
        text = pattern.sub(replacement, text)
    return _UUID.sub(lambda m: f"{m['kind']}-{_digest(m['id'])}", text)


def _digest(text: str) -> str:
    """A UUID has 122 random bits, so its digest cannot be turned back."""
    return hashlib.sha256(text.lower().encode()).hexdigest()[:12]


def saved(value: Any, identity: Identity) -> Any:
    """A JSON value (dicts, lists, scalars) as it may be saved: no secret and no identity in any string."""
    patterns = _patterns(identity)

    def visit(node: Any) -> Any:
        if isinstance(node, str):
            return identities(secrets(encodable(node)), patterns)
        if isinstance(node, Mapping):
            return {key: visit(item) for key, item in node.items()}
        if isinstance(node, list | tuple):
            return [visit(item) for item in node]
        return node

    return visit(value)
