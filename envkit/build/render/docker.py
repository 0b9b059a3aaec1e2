"""A Docker image: one stage that makes the environment, one that runs it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from pathlib import Path

from envkit import __version__
from envkit.build.model import File, Locked, Settings
from envkit.build.render.templates import fill
from envkit.build.requirements import wheel_of, wishes
from envkit.core.errors import UsageError
from envkit.resolve.model import Plan

PORTS = {"jupyter": 8888, "tensorboard": 6006}
"""What the image serves on, by the extra that brings it."""
COMMANDS = {
    "jupyter": (
        *("jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"),
        "--ServerApp.root_dir=/workspace",
    ),
    "tensorboard": ("tensorboard", "--logdir=/workspace/runs", "--host=0.0.0.0", "--port=6006"),
}
_WHEELS = "wheels"
_CA_SECRET = "/run/secrets/ca"
_CA_COPY = "/build/ca.pem"
_TARGETS = {"netrc": "/root/.netrc", "pip": "/etc/pip.conf"}
"""Where secrets of these names are looked for by pip and uv."""
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?")


def render(plan: Plan, locked: Locked, settings: Settings) -> tuple[File, ...]:
    """Dockerfile, its context, and nothing else."""
    values = _values(plan, locked, settings)
    return (
        File(path="Dockerfile", text=fill("docker/Dockerfile.j2", **values)),
        File(path=".dockerignore", text=fill("docker/dockerignore.j2", **values)),
        File(path="preflight.sh", text=fill("docker/preflight.sh.j2", **values), executable=True),
        File(path="requirements.txt", text=locked.requirements),
        *(File(path=f"{_WHEELS}/{wheel.name}", copy=wheel) for wheel in _wheels(plan, settings)),
    )


def _wheels(plan: Plan, settings: Settings) -> tuple[Path, ...]:
    """The wheels that travel in the build context: a container sees no directory of the host."""
    found = (wheel_of(wish.requirement, settings.indexes.wheels) for wish in wishes(plan, settings))
    return tuple(dict.fromkeys(wheel for wheel in found if wheel is not None))


def tag(plan: Plan) -> str:
    """`envkit/torch:2.14.1-cu126`."""
    return f"envkit/{plan.framework}:{plan.version}-{plan.cuda}"


def command(plan: Plan) -> tuple[str, ...]:
    """What the container runs when nothing else is said; Jupyter before TensorBoard."""
    return next((COMMANDS[extra] for extra in served(plan)), ("bash",))


def served(plan: Plan) -> tuple[str, ...]:
    """The extras that serve something, in the order of PORTS."""
    return tuple(extra for extra in PORTS if extra in plan.extras)


def _values(plan: Plan, locked: Locked, settings: Settings) -> dict[str, object]:
    gpu = plan.driver_floor is not None
    ca_secret = settings.ca_cert is not None and settings.buildkit
    copies_ca = settings.ca_cert is not None and not settings.buildkit
    if settings.secrets and not settings.buildkit:
        raise UsageError(
            "the classic builder would keep secrets in a layer",
            todo="use an engine with BuildKit, or leave --secret out",
        )
    return {
        "headline": f"{plan.framework} {plan.version} ({plan.cuda}) on Python {plan.python}",
        "build": f"{plan.framework} {plan.version} ({plan.cuda})",
        "plan_hash": plan.hash,
        "data_date": plan.data_date,
        "lock": locked.lock.kind,
        "tag": tag(plan),
        "build_options": _build_options(settings, ca_secret),
        "run_options": _run_options(plan, gpu),
        "base": _base(plan, settings),
        "os_packages": _os_packages(plan, settings),
        "copies_ca": copies_ca,
        "ca_path": _CA_COPY if copies_ca else _CA_SECRET if ca_secret else "",
        "pip_mounts": _mounts(settings, ca_secret, cache="/root/.cache/pip"),
        "uv_mounts": _mounts(settings, ca_secret, cache="/root/.cache/uv", binds=_binds(plan, settings)),
        "buildkit": settings.buildkit,
        "nvcc": plan.nvcc is not None,
        "pip_index": _pip_index(settings),
        "uv": settings.uv,
        "python": plan.python.rstrip("t"),
        "wheels": bool(_wheels(plan, settings)),
        "install_options": _install_options(plan, locked, settings),
        "gpu": gpu,
        "driver_floor": plan.driver_floor or "",
        "ports": [PORTS[extra] for extra in served(plan)],
        "labels": _labels(plan, locked, settings),
        "command": json.dumps(command(plan)),
    }


def _base(plan: Plan, settings: Settings) -> str:
    base = settings.base_image or plan.base
    return f"{base}@{settings.base_digest}" if settings.base_digest else base


def _os_packages(plan: Plan, settings: Settings) -> list[str]:
    for package in settings.apt:
        if not _PACKAGE.fullmatch(package):
            raise UsageError(f"{package!r} is no Debian package", todo="give names as apt-get takes them")
    # NVIDIA's images have no Python.
    python = ["ca-certificates", "python3", "python3-venv"] if plan.nvcc else []
    return sorted({*python, *settings.apt})


def _build_options(settings: Settings, ca_secret: bool) -> str:
    options = ["--secret id=ca,src=ca.pem"] if ca_secret else []
    options += [f"--secret {shlex.quote(secret)}" for secret in settings.secrets]
    options += [f"--network {settings.network}"] if settings.network else []
    return "".join(f"{option} " for option in options)


def _run_options(plan: Plan, gpu: bool) -> str:
    options = ["--gpus all"] if gpu else []
    options.append("--shm-size 8g")
    options += [f"-p 127.0.0.1:{PORTS[extra]}:{PORTS[extra]}" for extra in served(plan)]
    return "".join(f"{option} " for option in options)


def _binds(plan: Plan, settings: Settings) -> tuple[str, ...]:
    """What the install step reads from the context: mounted, so that no layer keeps it."""
    return ("requirements.txt", *((_WHEELS,) if _wheels(plan, settings) else ()))


def _mounts(settings: Settings, ca_secret: bool, *, cache: str, binds: tuple[str, ...] = ()) -> str:
    if not settings.buildkit:
        return ""
    mounts = [f"--mount=type=cache,target={cache}"]
    mounts += [f"--mount=type=bind,source={name},target=/build/{name}" for name in binds]
    mounts += ["--mount=type=secret,id=ca"] if ca_secret else []
    for secret in settings.secrets:
        name = dict(part.partition("=")[::2] for part in secret.split(",")).get("id", "")
        where = f",target={_TARGETS[name]}" if name in _TARGETS else ""
        mounts.append(f"--mount=type=secret,id={name}{where}")
    return "".join(f"{mount} " for mount in mounts)


def _pip_index(settings: Settings) -> str:
    index = settings.indexes.index_url
    return f"--index-url {shlex.quote(index)} " if index else ""


def _install_options(plan: Plan, locked: Locked, settings: Settings) -> str:
    options = ["--require-hashes"] if locked.lock.kind == "hashes" else []
    options += [f"--find-links {_WHEELS}"] if _wheels(plan, settings) else []
    several = any(wish.index for wish in wishes(plan, settings)) or settings.indexes.extra
    # Every index is asked for every package; versions, and hashes where there are any, are pinned.
    options += ["--index-strategy unsafe-best-match"] if several else []
    return "".join(f"{option} " for option in options)


def _labels(plan: Plan, locked: Locked, settings: Settings) -> list[str]:
    values = {
        "org.opencontainers.image.title": f"{plan.framework} {plan.version} ({plan.cuda})",
        "org.opencontainers.image.version": f"{plan.version}-{plan.cuda}",
        "org.opencontainers.image.base.name": settings.base_image or plan.base,
        "org.opencontainers.image.base.digest": settings.base_digest,
        "envkit.version": __version__,
        "envkit.plan": plan.hash,
        "envkit.lock": lock_hash(locked),
        "envkit.python": plan.python,
    }
    return [f"{name}={json.dumps(value)}" for name, value in values.items() if value is not None]


def lock_hash(locked: Locked) -> str:
    """SHA-256 of requirements.txt or of conda's list, as a label and the record carry it."""
    return hashlib.sha256(locked.text.encode()).hexdigest()
