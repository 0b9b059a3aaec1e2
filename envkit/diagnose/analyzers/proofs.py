"""What trials say of suspicions: which fix held, and which cause they rule out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envkit.core.finding import Evidence, Proof
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.trace import Trial

SURVIVED = 200
"""Steps beyond the one that failed from which a fix is called survived, as docs of `Proof` say."""
_OF_RATE = ("learning-rate", "clip")
_CONFIRMED, _REFUTED = 0.97, 0.3


def weighed(found: Sequence[Suspicion], trials: Sequence[Trial]) -> tuple[Suspicion, ...]:
    """Suspicions with their proof and with a confidence that the trials give."""
    return tuple(sorted((_weighed(one, trials) for one in found), key=lambda one: -one.confidence))


def _weighed(one: Suspicion, trials: Sequence[Trial]) -> Suspicion:
    own = [trial for trial in trials if _tests(trial, one)]
    held = [trial for trial in own if trial.how == "survived"]
    others = [trial for trial in trials if trial.how == "survived" and trial not in own]
    tried = tuple(_evidence(trial) for trial in (*held, *(trial for trial in own if trial.how == "broke")))
    if held:
        best = max(held, key=lambda trial: trial.steps)
        # A change that makes every run tamer says less than one that changes a single line.
        sure = 0.8 if one.key == "lr-too-high" and others else _CONFIRMED
        return replace(
            one, confidence=max(one.confidence, sure), proof=_proof(best), evidence=(*one.evidence, *tried)
        )
    if any(trial.how == "broke" for trial in own):
        return replace(one, confidence=min(one.confidence, _REFUTED), evidence=(*one.evidence, *tried))
    return one


def _tests(trial: Trial, one: Suspicion) -> bool:
    """Whether a trial makes the change that would cure this cause."""
    if one.key in ("lr-too-high", "exploding-gradient"):
        return trial.name in _OF_RATE
    if one.key == "bad-sample":
        return trial.name == "replace-rows"
    if one.key == "adam-eps-zero":
        return trial.name == "epsilon"
    at_line = trial.arguments.get("line") == one.where.line and trial.arguments.get("file") == one.where.file
    if one.key in ("fp16-overflow", "fp16-eps-underflow"):
        return trial.name == "float32" or (at_line and bool(trial.arguments.get("wide")))
    return trial.name == "rewrite" and at_line and not trial.arguments.get("wide")


def _proof(trial: Trial) -> Proof:
    return "survived" if trial.steps >= SURVIVED else "replayed"


def _evidence(trial: Trial) -> Evidence:
    ended = (
        f"all finite, {trial.steps} steps further"
        if trial.how == "survived"
        else f"{trial.what} not finite all the same"
    )
    return Evidence(
        what=f"tried: {_said(trial)}", value=ended, source="a copy of the process, from before that step"
    )


def _said(trial: Trial) -> str:
    arguments = trial.arguments
    return {
        "rewrite": f"line {arguments.get('line')} computed "
        + ("in float32" if arguments.get("wide") else "safely"),
        "learning-rate": f"learning rate times {arguments.get('factor')}",
        "clip": f"gradients clipped at {arguments.get('norm', 0):.3g}",
        "float32": "no mixed precision",
        "epsilon": f"an epsilon of {arguments.get('value')}",
        "replace-rows": "another sample in place of the bad one",
    }.get(trial.name, trial.name)
