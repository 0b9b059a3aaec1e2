"""From a plan to something that runs: lock, files, an image or an environment, and the proof."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from envkit import __version__
from envkit.build import failure, lock, proof, sbom
from envkit.build.access import Access
from envkit.build.conda_create import python_of
from envkit.build.conda_lock import lock_conda
from envkit.build.model import IMAGES, Artefact, File, Locked, Settings
from envkit.build.proof import Check
from envkit.build.record import NAME, Record, digest
from envkit.build.render import RENDERERS
from envkit.build.render.docker import lock_hash
from envkit.build.render.docker import tag as tag_of
from envkit.build.write import write
from envkit.compat import Compat
from envkit.core.codec import dumps, to_json
from envkit.core.errors import DiskError
from envkit.engine.docker import Engine
from envkit.resolve.model import Plan
from envkit.resolve.request import Request
from envkit.target import inside

Say = Callable[[str], None]
"""Told what happens, one line at a time."""
_NO_ACCESS = Access()
_VENV_PYTHON = "/opt/venv/bin/python"
CA = "ca.pem"
"""The certificates of --ca-cert, among the files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """One stretch of work."""

    name: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What was written, what was built, and whether its check passed."""

    plan: Plan
    folder: str
    files: tuple[str, ...]
    image: str | None = None
    environment: str | None = None
    checks: tuple[Check, ...] = ()
    phases: tuple[Phase, ...] = ()
    size: int | None = None
    """Bytes of what was built."""
    predicted: int | None = None
    """Bytes that were expected of it."""
    log: str | None = None
    """File with the whole log of the build."""
    notes: tuple[str, ...] = ()
    """What is good to know of it."""
    schema: str = "envkit.built/1"


class Clock:
    """How long each phase took."""

    def __init__(self) -> None:
        self._phases: list[Phase] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._phases.append(Phase(name=name, seconds=round(time.monotonic() - start, 3)))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """All so far."""
        return tuple(self._phases)


def locked(
    plan: Plan,
    settings: Settings,
    artefacts: tuple[Artefact, ...],
    request: Request,
    compat: Compat,
    *,
    access: Access = _NO_ACCESS,
) -> tuple[Plan, Locked]:
    """The plan with its lock, and the lock. Asks the indexes, or the channels of conda."""
    if plan.source == "conda-forge":
        found = lock_conda(plan, settings, request.hosts, compat, access=access)
    else:
        found = lock.lock_python(plan, settings, project="uv" in artefacts, access=access)
    return replace(plan, lock=found.lock), found


def files_of(
    plan: Plan, found: Locked, settings: Settings, artefacts: tuple[Artefact, ...], request: Request
) -> tuple[File, ...]:
    """Everything that is written for the artefacts; files that several want are written once."""
    files: dict[str, File] = {}
    for artefact in artefacts:
        for file in RENDERERS[artefact](plan, found, settings):
            files[file.path] = file
    if settings.ca_cert is not None and IMAGES & set(artefacts):
        files[CA] = File(path=CA, text=Path(settings.ca_cert).read_text(encoding="utf-8", errors="replace"))
    if plan.source == "wheels":
        # What is locked, whichever of the formats is asked for.
        files.setdefault("requirements.txt", File(path="requirements.txt", text=found.requirements))
    files["sbom.json"] = File(path="sbom.json", text=sbom.cyclonedx(plan, found))
    record = Record(
        envkit=__version__,
        request=request,
        plan=plan,
        artefacts=artefacts,
        settings=settings,
        lock=found.lock,
        lock_hash=lock_hash(found),
        locked_on="" if found.lock.kind == "none" else datetime.now(UTC).date().isoformat(),
        digests=tuple((file.path, digest(file.text)) for file in files.values() if file.copy is None),
    )
    files[NAME] = File(path=NAME, text=dumps(to_json(record)) + "\n")
    return tuple(files.values())


def written(files: tuple[File, ...], folder: Path) -> tuple[str, ...]:
    """Write the files; their paths."""
    write(files, folder)
    return tuple(file.path for file in files)


def build_image(
    plan: Plan, settings: Settings, folder: Path, engine: Engine, clock: Clock, *, tag: str | None, say: Say
) -> tuple[str, Path]:
    """Build the image of a directory; its name and the file with the log.

    Raises BuildFailedError and its kin with the step, the package and what to do.
    """
    name = tag or tag_of(plan)
    secrets = list(settings.secrets)
    if settings.ca_cert is not None and settings.buildkit:
        secrets.append(f"id=ca,src={settings.ca_cert}")
    with clock.phase("build the image"):
        built = engine.build(
            folder,
            name,
            heard=say,
            arguments=_caller() if engine.local else {},
            network=settings.network,
            secrets=secrets,
            classic=not settings.buildkit,
        )
    log = folder / "build.log"
    try:
        log.write_text(built.log + "\n", encoding="utf-8")
    except OSError as error:
        raise DiskError(f"cannot write {log}: {error.strerror}", todo="make space and build again") from error
    if built.image is None:
        raise failure.failure(built.log, str(log))
    return name, log


def _caller() -> dict[str, str]:
    """The user of the image is the one who builds it, so that files it writes are theirs; never root."""
    if os.name == "nt" or os.getuid() == 0:
        return {}
    return {"UID": str(os.getuid()), "GID": str(os.getgid())}


def prove_image(plan: Plan, engine: Engine, name: str, clock: Clock, *, gpus: bool) -> tuple[Check, ...]:
    """The check from inside. gpus: the host passes its GPUs to the container."""
    files = inside.payload_files()

    def run(arguments: tuple[str, ...]) -> object:
        argv = (_VENV_PYTHON, inside.payload_main(), *arguments)
        return engine.run(name, argv, limit=inside.LIMIT, files=files, gpus=gpus)

    with clock.phase("check it from inside"):
        seen = inside.look(run, plan.framework, _VENV_PYTHON)  # type: ignore[arg-type]
    return proof.checks(plan, seen, image=True)


def prove_venv(plan: Plan, venv: Path, clock: Clock) -> tuple[Check, ...]:
    """The check from inside an environment of this machine."""
    conda = plan.source == "conda-forge"
    scripts = os.name == "nt" and not conda
    python = venv / "Scripts/python.exe" if scripts else python_of(venv)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with clock.phase("check it from inside"):
        seen = inside.look(inside.local_run(str(python), env), plan.framework, str(python))
    return proof.checks(plan, seen, image=False)


def size_of(folder: Path) -> int:
    """Bytes of all files below a directory."""
    return sum(
        entry.stat(follow_symlinks=False).st_size
        for root, _, names in os.walk(folder)
        for entry in (Path(root) / name for name in names)
        if not entry.is_symlink()
    )
