"""The target Python itself: is it whole, supported, and free of other environments."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.core.finding import Severity
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.model import Snapshot
from envkit.facts.python_model import Distribution

_FRAMEWORKS = frozenset({"torch", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "numpy"})
_OFTEN_MEANT = frozenset({"datasets", "accelerate", "lightning", "wandb", "tensorboard", "tokenizers"})
_TOOLS = frozenset({"pip", "setuptools", "wheel", "uv", "packaging"})
"""What pip updates in every conda environment, and no framework loads."""


def venv_broken(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The environment's interpreter or metadata is broken."""
    python = snapshot.python
    if python is None:
        return unknown(views.because(snapshot, "python"))
    if python.base_exists is False:
        return problem(
            f"{python.prefix or python.executable} points to an interpreter that is gone"
            + (f" ({python.base_prefix})" if python.base_prefix else ""),
            fact("environment", python.prefix or python.executable, "pyvenv.cfg"),
            recreate=python.prefix or python.executable,
        )
    if not python.read:
        return unknown(views.because(snapshot, "python"))
    broken = [d for d in python.distributions or () if d.broken]
    # What an interrupted pip left beside a package that is whole is clutter.
    whole = {d.name for d in python.distributions or () if not d.broken}
    lost = [d for d in broken if d.name not in whole]
    if broken:
        first = (lost or broken)[0]
        severity: Severity = "error" if first.name in _FRAMEWORKS else "warning"
        return problem(
            f"{first.name} in {first.location} is damaged: {first.broken}",
            *(fact(d.name, d.broken or "", d.location) for d in (lost or broken)[:4]),
            severity=severity if lost else "note",
            name=first.name if lost else None,
            python=python.executable if lost else None,
            clutter=None if lost else (first.broken or "").rpartition(": ")[2],
        )
    return ok("the interpreter and its metadata are whole")


def python_unsupported(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A Python for which no release of the frameworks has a wheel."""
    minor = views.python_minor(snapshot)
    if minor is None:
        return unknown(views.because(snapshot, "python"))
    if any(views.builds(snapshot)) or views.distribution(snapshot, "jaxlib"):
        return ok(f"a framework is installed for Python {minor}")
    where = views.platform(snapshot)
    newest = compat.torch[0]
    torch = next((r.version for r in compat.torch if minor in r.pythons_on(where)), None)
    if torch is not None:
        return ok(f"Python {minor} is supported by torch {torch}")
    if any(minor in release.pythons for release in compat.tensorflow):
        return ok(f"Python {minor} is supported by TensorFlow")
    return problem(
        f"no torch or TensorFlow release has a wheel for Python {minor}",
        fact("Python", minor, snapshot.python.executable if snapshot.python else "sys.version"),
        fact(f"torch {newest.version} supports", ", ".join(newest.pythons_on(where)), "compatibility table"),
        pythons=newest.pythons[-1],
    )


def user_site_mix(snapshot: Snapshot, compat: Compat) -> Outcome:
    """User site-packages or PYTHONPATH shadow the environment."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    if python.pythonhome:
        return problem(
            f"PYTHONHOME={python.pythonhome} moves every Python's standard library",
            fact("PYTHONHOME", python.pythonhome, "environment"),
            variable="PYTHONHOME",
        )
    isolated = python.kind in ("venv", "uv", "conda")
    outside = {python.user_site} if isolated and python.user_site_enabled else set()
    outside |= set(python.pythonpath or ()) if isolated else set()
    for copy in python.distributions or ():
        if copy.location in outside and copy.name in _FRAMEWORKS and not copy.broken:
            variable = None if copy.location == python.user_site else "PYTHONPATH"
            own = [d for d in views.distributions(snapshot, copy.name) if d.location not in outside]
            hidden = bool(own) and views.distribution(snapshot, copy.name) is copy
            if own and (not hidden or own[0].version == copy.version):
                continue
            return problem(
                f"{copy.name} {copy.version} comes from {copy.location}, not from the environment"
                + (f", which has {own[0].version}" if own else ""),
                fact(copy.name, copy.version, copy.location),
                # Without one of its own nothing is hidden: a cluster's modules hand packages on like this.
                severity="error" if own else "note",
                variable=variable,
                usersite="yes" if variable is None else None,
            )
    if python.shadows:
        return _shadowed(python.shadows)
    return ok("nothing outside the environment comes before it")


def _shadowed(shadows: tuple[str, ...]) -> Outcome:
    """Files that hide modules; those of the current directory hide them only from scripts that lie there."""
    anywhere = [shadow for shadow in shadows if not shadow.startswith("cwd:")]
    first = (anywhere or shadows)[0]
    module, _, file = first.removeprefix("cwd:").rpartition(": ")
    # A project may well have a folder `datasets` of its own and mean that one.
    severity: Severity = "warning" if anywhere or module not in _OFTEN_MEANT else "note"
    where = "" if anywhere else " from scripts in the current directory"
    return problem(
        f"{file} hides the module {module}{where}",
        *(fact("hidden", shadow.removeprefix("cwd:"), "sys.path") for shadow in shadows[:4]),
        severity=severity,
        confidence=1.0 if anywhere else 0.7,
        file=file,
    )


def mixed_conda_pip(snapshot: Snapshot, compat: Compat) -> Outcome:
    """conda and pip copies of one package overlay each other."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    if not python.conda_packages:
        return not_applicable("not a conda environment")
    conda = {("torch" if p.name == "pytorch" else p.name): p for p in python.conda_packages}
    for copy in sorted(python.distributions or (), key=lambda d: d.name not in _FRAMEWORKS):
        if _overlays(copy, conda.get(copy.name), python.prefix):
            return problem(
                f"{copy.name} is installed by conda ({conda[copy.name].version}) and again by "
                f"{copy.installer} ({copy.version}): files of both overlay each other",
                fact(copy.name, f"{conda[copy.name].version} from conda", "conda-meta"),
                fact(copy.name, f"{copy.version} from {copy.installer}", copy.location),
                severity="error" if copy.name in _FRAMEWORKS else "note",
                name=copy.name,
                python=python.executable,
            )
    return ok("no package is installed by both conda and pip")


def _overlays(copy: Distribution, of_conda: Distribution | None, prefix: str | None) -> bool:
    """Whether another installer put a copy where conda has put one."""
    if of_conda is None or copy.installer in (None, "conda") or copy.broken or copy.name in _TOOLS:
        return False
    if prefix is not None and not copy.location.startswith(prefix.rstrip("/") + "/"):
        return False
    # Some conda packages of pure Python keep the mark of the pip that built them.
    return copy.name in _FRAMEWORKS or copy.version != of_conda.version


def duplicate_distribution(snapshot: Snapshot, compat: Compat) -> Outcome:
    """One distribution twice in one directory."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    seen: dict[tuple[str, str], Distribution] = {}
    for copy in python.distributions or ():
        first = seen.setdefault((copy.name, copy.location), copy)
        if first is not copy and first.version != copy.version and not copy.broken:
            return problem(
                f"{copy.name} is installed twice in one directory: {first.version} and {copy.version}",
                fact(copy.name, f"{first.version} and {copy.version}", copy.location),
                name=copy.name,
                newer=_newer(first, copy),
                python=python.executable,
            )
    return ok("no package is installed twice")


def _newer(one: Distribution, other: Distribution) -> str | None:
    """The requirement of the newer of two copies."""
    versions = [views.version(copy.version) for copy in (one, other)]
    newest = max((version for version in versions if version is not None), default=None)
    return None if newest is None else f"{one.name}=={newest}"


RULES = (
    venv_broken,
    python_unsupported,
    user_site_mix,
    mixed_conda_pip,
    duplicate_distribution,
)
