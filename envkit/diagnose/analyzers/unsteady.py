"""A step that broke and, repeated, did not; or that only its compiled form breaks. Trials tell why."""

from __future__ import annotations

from collections.abc import Iterator

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.proofs import reproduced
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Trace, Trial

_SOURCE = "copies of the process, from before that step"


def unsteady(trace: Trace) -> Iterator[Suspicion]:
    """Causes that show in what differs between the run and its repetitions."""
    filled = next((one for one in trace.trials if one.name == "fill-memory"), None)
    if filled is not None and filled.how == "broke" and not reproduced(trace.trials):
        yield _memory(filled)
    compiled = next((one for one in trace.trials if one.name == "compiled"), None)
    if compiled is not None and compiled.how == "broke":
        yield _compiler()


def _memory(filled: Trial) -> Suspicion:
    return Suspicion(
        key="uninitialised-memory", confidence=0.9, where=Where(op="empty"),
        evidence=(
            Evidence(what="tried: the same steps again", value="all finite", source=_SOURCE),
            Evidence(
                what="tried: NaN in memory that nobody wrote to",
                value=f"{filled.what or 'it'} not finite in step {filled.step}",
                source=_SOURCE,
            ),
        ),
        summary="memory is read that nothing was written to: what is in it differs from time to time",
    )  # fmt: skip


def _compiler() -> Suspicion:
    return Suspicion(
        key="compiler-numerics", confidence=0.95, where=Where(),
        evidence=(
            Evidence(
                what="tried: the same step, compiled, again", value="not finite all the same", source=_SOURCE
            ),
            Evidence(
                what="every operation of that step, not compiled",
                value="gave a finite result",
                source=_SOURCE,
            ),
        ),
        summary="the step is finite in eager mode and not finite when compiled",
    )  # fmt: skip
