"""Where the sides of a bench run: interpreters and images, and which framework each has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envkit.core.errors import TargetAbsentError, UsageError
from envkit.core.text import shell_word

if TYPE_CHECKING:
    from envkit.bench.plan import Scale, Side
    from envkit.cli.bench_options import Choice
    from envkit.core.machine import Machine
    from envkit.engine.docker import Engine
    from envkit.facts.model import Snapshot
    from envkit.facts.python_model import TargetPython

FRAMEWORKS = ("torch", "tensorflow")
_IN_IMAGES = ("/opt/venv/bin/python", "python3", "python", "/opt/conda/bin/python")
"""Interpreters of images, those of `envkit build` first."""
_NAMES = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
_GPU_DEVICES = ("auto", "cuda")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An interpreter, and what it has."""

    python: str
    frameworks: tuple[str, ...]
    version: str | None
    image: str | None = None

    @property
    def name(self) -> str:
        """As it is told."""
        return f"the image {self.image}" if self.image else self.python


def here(snapshot: Snapshot) -> Place:
    """The interpreter that a snapshot looked at."""
    python = snapshot.python
    assert python is not None
    return _place(python)


def other(machine: Machine, asked: str | None) -> Place:
    """Another interpreter of this machine. Raises TargetAbsentError."""
    from envkit.facts.collect import collect
    from envkit.target import locate, python_probe

    target = locate(machine, asked)
    found = collect(machine, [python_probe(target.executable, target.why, limit=10.0)], budget=10.0).python
    if found is None:
        return Place(python=target.executable, frameworks=(), version=None)
    return _place(found)


def in_image(engine: Engine, image: str, asked: str | None) -> Place:
    """An interpreter of an image, the first that has a framework. Raises TargetAbsentError."""
    from envkit.facts.probe import ProbeStop
    from envkit.target import inside
    from envkit.target.probe import answered

    if engine.image(image) is None:
        raise TargetAbsentError(
            f"there is no image {image} here", todo=f"pull or build it first: docker pull {shell_word(image)}"
        )
    files = inside.payload_files()
    found: list[Place] = []
    for name in (asked,) if asked else _IN_IMAGES:
        result = engine.run(image, (name, inside.payload_main(), "facts"), limit=inside.LIMIT, files=files)
        try:
            place = _place(answered(result, name), image)
        except ProbeStop:
            continue
        found.append(place)
        if place.frameworks:
            break
    if not found:
        named = f"no Python {asked}" if asked else "no Python"
        raise TargetAbsentError(
            f"the image {image} has {named}", todo="give an image with torch or TensorFlow"
        )
    return next((place for place in found if place.frameworks), found[0])


def _place(python: TargetPython, image: str | None = None) -> Place:
    found = tuple(name for name in FRAMEWORKS if getattr(python, name) is not None)
    return Place(python=python.executable, frameworks=found, version=python.version, image=image)


def side(choice: Choice, place: Place, scale: Scale, *, gpu: bool, said: str, snapshot: Snapshot) -> Side:
    """A side of the plan.

    gpu: whether this machine has a GPU that a container could be given.
    Raises TargetAbsentError where its framework is absent, UsageError for options of the other one.
    """
    from envkit.bench.plan import Side
    from envkit.bench.samples import Options

    framework = choice.framework or next(iter(place.frameworks), None)
    if framework is None or framework not in place.frameworks:
        raise absent(choice.framework, place, snapshot)
    if framework == "torch" and choice.compile == "xla":
        raise UsageError(
            "--compile xla is TensorFlow's", todo="for PyTorch take default, reduce-overhead or max-autotune"
        )
    compile_mode = choice.compile
    if framework == "tensorflow" and compile_mode not in (None, "default", "xla"):
        raise UsageError(f"--compile {compile_mode} is PyTorch's", todo="for TensorFlow take xla")
    if framework == "tensorflow" and compile_mode == "default":
        compile_mode = "xla"
    options = Options(
        framework=framework,
        device=choice.device,
        precision=choice.precision,
        compile=compile_mode,
        batch_size=choice.batch_size,
        channels_last=choice.channels_last,
        fused=choice.fused,
        workers=choice.workers,
        scale=scale,
    )
    wants = choice.device.partition(":")[0]
    return Side(
        options=options,
        python=place.python,
        image=place.image,
        env=choice.env,
        gpus=wants == "cuda" or (wants in _GPU_DEVICES and gpu),
        said=said,
    )


def absent(framework: str | None, place: Place, snapshot: Snapshot) -> TargetAbsentError:
    """No framework: what to install is the plan of `build` for this machine."""
    what = _NAMES[framework] if framework else "neither PyTorch nor TensorFlow"
    missing = f"there is no {what}" if framework else f"there is {what}"
    there = f"; it has {' and '.join(_NAMES[name] for name in place.frameworks)}" if place.frameworks else ""
    return TargetAbsentError(
        f"{missing} in {place.name}{there}",
        todo=f"{install(framework or 'torch', snapshot)}; or name another Python: --python PATH",
    )


def install(framework: str, snapshot: Snapshot) -> str:
    """The command that makes an environment for this machine, and what it would hold."""
    from envkit.compat import load_compat
    from envkit.resolve.fit import wants_gpu
    from envkit.resolve.hosts import snapshot_host
    from envkit.resolve.model import Plan
    from envkit.resolve.request import Request
    from envkit.resolve.resolve import resolve

    compat = load_compat()
    request = Request(framework=framework, hosts=(snapshot_host(snapshot, compat),))  # type: ignore[arg-type]
    device = "--gpu" if wants_gpu(request) else "--cpu"
    plan = resolve(request, compat)
    holds = (
        f" ({plan.framework} {plan.version}, {plan.cuda}, Python {plan.python})"
        if isinstance(plan, Plan)
        else ""
    )
    return (
        f"make an environment that fits this machine: `envkit build --framework {framework} {device}`{holds}"
    )
