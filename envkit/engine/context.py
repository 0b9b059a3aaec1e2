"""The contexts of the docker client: which engine a person chose by name (docker-context(1))."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envkit.core.errors import EngineError
from envkit.core.text import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """An engine's address, and the certificates for it."""

    name: str
    host: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True


def chosen() -> Context | None:
    """The context of DOCKER_CONTEXT, else of the client's configuration; None = the default one.

    Raises EngineError where it is not there.
    """
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = os.environ.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext")
    if not isinstance(name, str) or name in ("", "default"):
        return None
    id_ = hashlib.sha256(name.encode()).hexdigest()
    endpoint = _docker_of(_read(folder / "contexts/meta" / id_ / "meta.json"))
    host = endpoint.get("Host")
    if not isinstance(host, str) or not host:
        raise EngineError(
            f"docker has no context {one_line(name, limit=80)}",
            todo="docker context ls shows those it has; docker context use NAME chooses one",
        )
    tls = folder / "contexts/tls" / id_ / "docker"
    ca, cert, key = (str(tls / f"{each}.pem") if (tls / f"{each}.pem").exists() else None for each in _PEMS)
    return Context(
        name=name, host=host, ca=ca, cert=cert, key=key, verify=not endpoint.get("SkipTLSVerify", False)
    )


_PEMS = ("ca", "cert", "key")


def _docker_of(meta: dict[str, Any]) -> dict[str, Any]:
    endpoints = meta.get("Endpoints")
    found = endpoints.get("docker") if isinstance(endpoints, dict) else None
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    """A JSON object of docker's; empty where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
