"""compose.yaml: the image with its GPUs, memory and ports, one service for each thing that it serves."""

from __future__ import annotations

import json

from envkit.build.model import File, Locked, Settings
from envkit.build.render import docker
from envkit.build.render.templates import fill
from envkit.core.errors import UsageError
from envkit.resolve.model import Plan


def render(plan: Plan, locked: Locked, settings: Settings) -> tuple[File, ...]:
    """compose.yaml, and the image's files beside it."""
    return (
        *docker.render(plan, locked, settings),
        File(path="compose.yaml", text=_compose(plan, settings)),
    )


def _compose(plan: Plan, settings: Settings) -> str:
    services = docker.served(plan)
    first, *others = services or ("train",)
    return fill(
        "compose/compose.yaml.j2",
        headline=f"{plan.framework} {plan.version} ({plan.cuda}) on Python {plan.python}",
        plan_hash=plan.hash,
        data_date=plan.data_date,
        tag=docker.tag(plan),
        services=services,
        first=first,
        first_ports=[docker.PORTS[first]] if services else [],
        others=[
            {
                "name": name,
                "port": docker.PORTS[name],
                "command": json.dumps(docker.COMMANDS[name]),
            }
            for name in others
        ],
        gpu=plan.driver_floor is not None,
        network=settings.network,
        secrets=_secrets(settings),
    )


def _secrets(settings: Settings) -> list[dict[str, str]]:
    """Secrets of the build: by name, and the file each comes from (a JSON string is a YAML one)."""
    found = [{"id": "ca", "file": "./ca.pem"}] if settings.ca_cert and settings.buildkit else []
    for secret in settings.secrets:
        parts = dict(part.partition("=")[::2] for part in secret.split(","))
        source = parts.get("src") or parts.get("source")
        if not parts.get("id") or not source:
            raise UsageError(
                f"--secret {secret} names no file, which compose needs",
                todo="give --secret id=NAME,src=FILE, or leave compose out of --as",
            )
        found.append({"id": json.dumps(parts["id"]), "file": json.dumps(source)})
    return found
