"""The target Python itself: is it whole, supported, and free of other environments."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.model import Snapshot
from envkit.facts.python_model import Distribution

_FRAMEWORKS = frozenset({"torch", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "numpy"})


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
    if broken:
        return problem(
            f"{broken[0].name} in {broken[0].location} is damaged: {broken[0].broken}",
            *(fact(d.name, d.broken or "", d.location) for d in broken[:4]),
            severity="error" if broken[0].name in _FRAMEWORKS else "warning",
            name=broken[0].name.lstrip("~-"),
            python=python.executable,
        )
    return ok("the interpreter and its metadata are whole")


def python_unsupported(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A Python for which no release of the frameworks has a wheel."""
    minor = views.python_minor(snapshot)
    if minor is None:
        return unknown(views.because(snapshot, "python"))
    if any(views.builds(snapshot)) or views.distribution(snapshot, "jaxlib"):
        return ok(f"a framework is installed for Python {minor}")
    supported = {p for r in compat.torch for p in r.pythons} | {
        p for r in compat.tensorflow for p in r.pythons
    }
    newest = compat.torch[0]
    if minor in newest.pythons:
        return ok(f"Python {minor} is supported by torch {newest.version}")
    if minor in supported:
        older = next((r.version for r in compat.torch if minor in r.pythons), None)
        return ok(
            f"Python {minor} is supported by torch {older}" if older else f"Python {minor} is supported"
        )
    return problem(
        f"no torch or TensorFlow release has a wheel for Python {minor}",
        fact("Python", minor, snapshot.python.executable if snapshot.python else "sys.version"),
        fact(f"torch {newest.version} supports", ", ".join(newest.pythons), "compatibility table"),
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
            if own and views.distribution(snapshot, copy.name) is not copy:
                continue
            return problem(
                f"{copy.name} {copy.version} comes from {copy.location}, not from the environment"
                + (f", which has {own[0].version}" if own else ""),
                fact(copy.name, copy.version, copy.location),
                severity="error" if own else "warning",
                variable=variable,
                usersite="yes" if variable is None else None,
            )
    if python.shadows:
        return problem(
            f"a file hides a module of the same name: {python.shadows[0]}",
            *(fact("hidden", shadow, "sys.path") for shadow in python.shadows[:4]),
            file=python.shadows[0].rpartition(": ")[2],
        )
    return ok("nothing outside the environment comes before it")


def mixed_conda_pip(snapshot: Snapshot, compat: Compat) -> Outcome:
    """conda and pip copies of one package overlay each other."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    if not python.conda_packages:
        return not_applicable("not a conda environment")
    conda = {("torch" if p.name == "pytorch" else p.name): p for p in python.conda_packages}
    for copy in python.distributions or ():
        if copy.name in conda and copy.installer not in (None, "conda") and not copy.broken:
            return problem(
                f"{copy.name} is installed by conda ({conda[copy.name].version}) and again by "
                f"{copy.installer} ({copy.version}): files of both overlay each other",
                fact(copy.name, f"{conda[copy.name].version} from conda", "conda-meta"),
                fact(copy.name, f"{copy.version} from {copy.installer}", copy.location),
                severity="error" if copy.name in _FRAMEWORKS else "warning",
                name=copy.name,
                python=python.executable,
            )
    return ok("no package is installed by both conda and pip")


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
                python=python.executable,
            )
    return ok("no package is installed twice")


RULES = (
    venv_broken,
    python_unsupported,
    user_site_mix,
    mixed_conda_pip,
    duplicate_distribution,
)
