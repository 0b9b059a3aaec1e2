""".devcontainer/devcontainer.json: VS Code opens the output directory in the image."""

from __future__ import annotations

import json

from envkit.build.model import File, Locked, Settings
from envkit.build.render import docker
from envkit.resolve.model import Plan

_EXTENSIONS = {"jupyter": ("ms-toolsai.jupyter",), "tensorboard": ("ms-toolsai.tensorboard",)}
_TITLES = {"jupyter": "Jupyter", "tensorboard": "TensorBoard"}


def render(plan: Plan, locked: Locked, settings: Settings) -> tuple[File, ...]:
    """The file that VS Code reads, and the image's files beside it."""
    text = json.dumps(_devcontainer(plan, settings), indent=2) + "\n"
    return (
        *docker.render(plan, locked, settings),
        File(path=".devcontainer/devcontainer.json", text=text),
    )


def _devcontainer(plan: Plan, settings: Settings) -> dict[str, object]:
    served = docker.served(plan)
    build: dict[str, object] = {"dockerfile": "../Dockerfile", "context": ".."}
    if options := _options(settings):
        build["options"] = options
    extensions = ["ms-python.python", *(name for extra in served for name in _EXTENSIONS[extra])]
    value: dict[str, object] = {
        "name": f"{plan.framework} {plan.version} ({plan.cuda})",
        "build": build,
        "runArgs": ["--shm-size=8g"],
        "workspaceMount": "source=${localWorkspaceFolder},target=/workspace,type=bind",
        "workspaceFolder": "/workspace",
        "remoteUser": "envkit",
        # The user inside gets the ids of the one outside, whatever the image was built with.
        "updateRemoteUserUID": True,
        "customizations": {
            "vscode": {
                "extensions": extensions,
                "settings": {"python.defaultInterpreterPath": "/opt/venv/bin/python"},
            }
        },
    }
    if plan.driver_floor is not None:
        # VS Code adds --gpus all where the engine has GPUs; in runArgs it would keep others from starting.
        value["hostRequirements"] = {"gpu": "optional"}
    if served:
        ports = [docker.PORTS[extra] for extra in served]
        value["forwardPorts"] = ports
        value["portsAttributes"] = {str(docker.PORTS[extra]): {"label": _TITLES[extra]} for extra in served}
    return value


def _options(settings: Settings) -> list[str]:
    options = [f"--network={settings.network}"] if settings.network else []
    if settings.ca_cert and settings.buildkit:
        options.append("--secret=id=ca,src=${localWorkspaceFolder}/ca.pem")
    return options + [f"--secret={secret}" for secret in settings.secrets]
