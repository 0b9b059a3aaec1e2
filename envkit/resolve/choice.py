"""The build that fits a request, looked for from the newest down."""

from __future__ import annotations

from dataclasses import dataclass

from envkit.compat import Compat, kernel_for
from envkit.resolve.base import Base, base_for
from envkit.resolve.candidates import Candidate, candidates
from envkit.resolve.companions import Beside, beside
from envkit.resolve.fit import Misfit, misfits
from envkit.resolve.pythons import allowed
from envkit.resolve.request import Request


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A build that fits, with all that goes with it."""

    candidate: Candidate
    beside: Beside
    base: Base
    python: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What was found, and what was passed over on the way."""

    choice: Choice | None
    rejected: tuple[tuple[Candidate, Misfit], ...]


def search(request: Request, compat: Compat) -> Search:
    """The first build that fits, best first; the release after the first that only runs from PTX ends it."""
    rejected: list[tuple[Candidate, Misfit]] = []
    fallback: Choice | None = None
    for candidate in candidates(compat, request.framework, request.hosts[0].platform, request.source):
        if fallback is not None and candidate.version != fallback.candidate.version:
            break
        found = _choice(candidate, request, compat)
        if isinstance(found, Misfit):
            rejected.append((candidate, found))
        elif _compiled(candidate, request):
            return Search(choice=found, rejected=tuple(rejected))
        else:
            # Runs from PTX, compiled by the driver at first use: taken unless a sibling has it compiled.
            fallback = fallback or found
    return Search(choice=fallback, rejected=tuple(rejected))


def _choice(candidate: Candidate, request: Request, compat: Compat) -> Choice | Misfit:
    against = next(misfits(candidate, request, compat), None)
    if against is not None:
        return against
    extras = beside(candidate, request, compat)
    if isinstance(extras, Misfit):
        return extras
    pythons = allowed(extras.pythons, request.wanted_python)
    if not pythons:
        return Misfit(
            cause="extra", reason=f"what goes beside it has no version for Python {request.wanted_python}"
        )
    base = base_for(candidate, pythons, request, compat)
    if isinstance(base, Misfit):
        return base
    return Choice(candidate=candidate, beside=extras, base=base, python=base.python)


def _compiled(candidate: Candidate, request: Request) -> bool:
    ccs = [gpu.cc for host in request.hosts for gpu in host.gpus or () if gpu.cc]
    return not candidate.gpu or all(kernel_for(candidate.archs or (), cc) == "cubin" for cc in ccs)
