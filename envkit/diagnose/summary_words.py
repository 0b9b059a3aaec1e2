"""Sentences of the report: what happened, how far a cause is proved, why nothing was seen."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence

from envkit.core.text import one_line, plural
from envkit.diagnose.command import blind
from envkit.diagnose.model import DiagnosedCause, Diagnosis, Overhead, ScriptEnd
from envkit.diagnose.speed import words
from envkit.diagnose.speed.words import shortened
from envkit.diagnose.trace import Trace, Trip

_WHAT = {
    "loss": "loss",
    "gradient": "gradient",
    "weights": "weights",
    "evaluation": "model's output in evaluation",
}
_NAMES = {"torch": "PyTorch", "tensorflow": "TensorFlow", "keras": "Keras"}
_SHORT = 2.0
"""Seconds of training below which a share says nothing of longer runs."""
_INTERRUPTS = ("SIGINT", "SIGTERM", "SIGHUP")


def trip(found: Trip) -> str:
    """`the loss of step 214 became nan`."""
    return f"the {_WHAT[found.what]} of step {found.step} became {found.value}"


def happened(diagnosis: Diagnosis, trace: Trace | None, folder: str) -> str:
    """What went wrong, in a sentence."""
    if trace is not None and trace.trip is not None:
        return _sentence(trip(trace.trip)) + "."
    script = diagnosis.script
    if script.error is not None:
        error = script.error
        place = f" ({shortened(error.file, folder)}:{error.line})" if error.file else ""
        return f"The script crashed: {one_line(error.text, limit=160).rstrip('.')}{place}."
    if script.signal is not None:
        return f"The script was ended by {script.signal}."
    return "The script failed."


def proof(one: DiagnosedCause) -> str:
    """How far its fix was tried."""
    return {
        "hypothesis": "suspected, not tried" if one.confidence < 0.8 else "not tried",
        "replayed": "tried: with the fix the failing step is finite",
        "survived": "tried: with the fix all went on finite",
        "better": "tried: with the fix it trains better than without on two seeds",
    }[one.proof]


def healthy(diagnosis: Diagnosis, traces: Sequence[Trace], folder: str = "", *, faults: bool = True) -> str:
    """`Healthy: 400 steps, loss 0.69 to 0.021; watching took 0.9 % of the time.`

    With what was found of its speed; without the word where no fault was looked for (`faults`).
    """
    told = _went(diagnosis, traces)
    speed = diagnosis.speed
    pace = "" if speed is None else words.verdict(speed, folder)
    if faults and words.slow(speed) is not None:
        return f"Healthy, but {pace}. {_sentence(told)}."
    if faults:
        return f"Healthy: {told}." + (f" {_sentence(pace)}." if pace else "")
    if speed is None or speed.why_unknown is not None:
        why = "nothing was trained" if speed is None else words.unjudged(speed)
        more = "; let it train for some seconds more" if speed is not None and words.short(speed) else ""
        return f"Its speed cannot be judged: {why}{more}. {_sentence(told)}."
    return f"{_sentence(pace)}. {_sentence(told)}." if pace else f"{_sentence(told)}."


def _went(diagnosis: Diagnosis, traces: Sequence[Trace]) -> str:
    """Its steps, its loss, and what watching cost."""
    trace = max(traces, key=lambda one: len(one.steps.ended))
    parts = [plural(len(trace.steps.ended), "step")]
    losses = [one for one in trace.steps.loss if one is not None and math.isfinite(one)]
    if losses:
        parts.append(f"loss {losses[0]:.3g} to {losses[-1]:.3g}")
    many = sum(bool(one.steps.ended) for one in traces)
    if many > 1:
        parts.append(f"in the longest of {many} processes")
    said = ", ".join(parts)
    if (cost := _cost(diagnosis.overhead, trace)) is not None:
        said += f"; watching took {cost}"
    if diagnosis.script.signal in _INTERRUPTS or diagnosis.script.exit_code == 130:
        said += "; it was interrupted, and until then nothing was wrong"
    return said.replace("%", " %")


def _cost(overhead: Overhead | None, trace: Trace) -> str | None:
    """What watching took: a share of a run that is long enough to have one."""
    if overhead is None or overhead.median < 0:
        return None
    if trace.seconds is not None and trace.own_seconds is not None and trace.seconds < _SHORT:
        return f"{trace.own_seconds * 1e3:.0f} ms of its {trace.seconds:.1f} s of CPU time"
    return f"{overhead.median:.1%} of the time"


def unknown(diagnosis: Diagnosis, traces: Sequence[Trace], command: str) -> str:
    """Why nothing can be said."""
    code = diagnosis.script.exit_code
    ended = f"the script ended with exit code {code}, and " if code else ""
    return _sentence(f"{ended}nothing can be said of its training: {_unseen(traces, command)}.")


def _unseen(traces: Sequence[Trace], command: str) -> str:
    if not traces:
        return _no_process(command)
    fault = next((one.faults[0] for one in traces if one.faults), None)
    if fault is not None:
        return f"the watcher switched itself off ({fault})"
    trace = next((one for one in traces if one.framework is not None), None)
    if trace is None:
        return "no framework that is watched was imported (PyTorch, TensorFlow, Keras)"
    name = f"{_NAMES.get(trace.framework or '', trace.framework)} {trace.version}"
    if trace.steps.ended:
        return f"it trained {plural(len(trace.steps.ended), 'step')} and then chose to fail by itself"
    if not trace.optimizers:
        return f"{name} was imported, and no optimizer was made"
    return f"{name} was imported and an optimizer made, but no step of it was seen"


def _no_process(command: str) -> str:
    try:
        option = blind(shlex.split(command))
    except ValueError:
        option = None
    if option is not None:
        return f"{option} makes Python leave PYTHONPATH alone, by which the watcher comes in: leave it out"
    return (
        "no Python of 3.9 or newer was started by it, or it was started without its environment "
        "(sudo, ssh, docker, env -i)"
    )


def why_not(diagnosis: Diagnosis, trace: Trace | None) -> str:
    """Why there is no cause although something went wrong."""
    if diagnosis.script.signal == "SIGKILL" and (trace is None or trace.trip is None):
        return "Nothing shows that memory ran out: something else, or somebody, killed it."
    if trace is None or trace.trip is None:
        return "None of the causes that envkit knows fits it."
    why = ""
    if trace.repetition is not None:
        why = f": {trace.repetition}"
    elif trace.replay not in (None, "repeated"):
        why = f": {_not_repeated(trace)}"
    return f"The cause could not be told{why}."


def notes(diagnosis: Diagnosis, traces: Sequence[Trace], trace: Trace | None) -> Iterator[str]:
    """What else is to be known of the run."""
    if trace is not None and trace.trip is not None:
        yield _repeated(trace)
    if trace is not None:
        yield from (f"the watcher switched itself off: {fault}" for fault in trace.faults)
        if not trace.copies:
            yield "there was no memory for a copy of the process, so a step that fails cannot be repeated"
    if diagnosis.verdict != "unknown":
        yield from _ended(diagnosis.script, trace)
    if trace is not None and diagnosis.verdict != "healthy":
        yield from _took(diagnosis.overhead, trace)
    trained = sum(bool(one.steps.ended) for one in traces)
    if trained > 1:
        this = "one of them" if trace is None or trace.rank is None else f"rank {trace.rank}"
        yield f"{trained} processes trained; this is of {this}"


def _ended(script: ScriptEnd, trace: Trace | None) -> Iterator[str]:
    if trace is not None and trace.stopped:
        yield "the script was ended there, as --stop-on-fault asks"
        return
    if script.error is not None and trace is not None and trace.trip is not None:
        yield f"the script then ended with {script.error.text}"
    elif script.signal in _INTERRUPTS:
        yield f"the script was ended by {script.signal}"
    elif script.exit_code and script.error is None:
        yield f"the script ended with exit code {script.exit_code}"


def _took(overhead: Overhead | None, trace: Trace) -> Iterator[str]:
    cost = _cost(overhead, trace)
    if overhead is None or cost is None:
        return
    said = f"watching took {cost}"
    if cost.endswith("of the time") and overhead.hooks is not None and overhead.copies is not None:
        said += f" (hooks {overhead.hooks:.1%}, copies of the process {overhead.copies:.1%})"
    if overhead.start_seconds is not None:
        said += f"; its start {overhead.start_seconds * 1e3:.0f} ms"
    if overhead.replay_seconds:
        said += f"; repeating the step that failed {overhead.replay_seconds:.1f} s"
    yield said.replace("%", " %")


def _repeated(trace: Trace) -> str:
    assert trace.trip is not None
    said = trip(trace.trip)
    if trace.replay == "repeated":
        if trace.framework == "tensorflow":
            where = "with the weights from before it"
        elif trace.rank is None:
            where = "in a copy of the process"
        else:
            where = f"in a copy of rank {trace.rank}, without the other ranks"
        went_on = "" if trace.stopped else ", and the run went on as without envkit"
        more = "" if trace.repetition is None else f"; {trace.repetition}"
        return f"{said}; the step was repeated {where}{went_on}{more}"
    if trace.repetition is not None:
        return f"{said}; {trace.repetition}"
    return f"{said}; {_not_repeated(trace)}"


def _not_repeated(trace: Trace) -> str:
    why = trace.uncopied or _NOT_REPEATED.get(trace.replay or "", trace.replay or "not tried")
    return f"the step could not be repeated ({why})"


_NOT_REPEATED = {
    "not-reproduced": "it was finite when it was run again",
    "no-copy": "there was no copy of the process from before it",
    "no-step": "its batch could not be had again",
    "crashed": "the repetition crashed",
    "timeout": "it took too long",
}
"""What `Trace.replay` means."""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
