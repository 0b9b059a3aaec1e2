"""What trials say of suspicions: which fix held, and which cause they rule out.

A trial counts where the control, the same steps without a change, broke as the run did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from envkit.core.finding import Evidence, Proof
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.trace import Steps, Trial

SURVIVED = 200
"""Steps beyond the one that failed from which a fix is called survived, as docs of `Proof` say."""
CONTROL = "control"
_RATE = ("lr-too-high", "exploding-gradient")
_HALF = ("fp16-overflow", "fp16-eps-underflow", "loss-scale-collapse", "mask-overflow")
_ROWS = ("bad-sample", "degenerate-box", "exploding-gradient", "unnormalised-input", "unnormalised-target")
_CONFIRMED, _RIVALLED, _REFUTED, _UNSTEADY = 0.97, 0.8, 0.3, 0.5
_SOURCE = "a copy of the process, from before that step"
_AGAIN = "the whole run again, with that change"


def weighed(
    found: Sequence[Suspicion], trials: Sequence[Trial], steps: Steps | None = None
) -> tuple[Suspicion, ...]:
    """Suspicions with their proof and with a confidence that the trials give, the most likely first.

    steps: the run's own course, beside which a trial's losses are looked at.
    """
    if not reproduced(trials):
        again = Evidence(
            what="tried: the same steps again without a change",
            value="all finite: what breaks them differs from time to time",
            source=_SOURCE,
        )
        found = [
            one
            if one.key == "uninitialised-memory"  # which is why it differs
            else replace(one, confidence=min(one.confidence, _UNSTEADY), evidence=(*one.evidence, again))
            for one in found
        ]
        trials = [trial for trial in trials if trial.name in ("zero-memory", "fill-memory")]
    # Where the sample itself is odd, that the run goes on without it says nothing of the network.
    odd = any(one.key == "bad-sample" for one in found)
    whole = [trial for trial in trials if trial.name != "replace-rows"]
    return tuple(
        sorted(
            (_weighed(one, whole if odd and one.key in _RATE else trials, steps) for one in found),
            key=lambda one: -one.confidence,
        )
    )


def reproduced(trials: Sequence[Trial]) -> bool:
    """Whether the control broke, or was not run; it runs without compiler, so that it need not."""
    if any(trial.name == "compiled" and trial.how == "broke" for trial in trials):
        return True
    return all(trial.how != "survived" for trial in trials if trial.name == CONTROL and not trial.back)


def _weighed(one: Suspicion, trials: Sequence[Trial], steps: Steps | None) -> Suspicion:
    own = [trial for trial in trials if tests(trial, one)]
    held = [trial for trial in own if trial.how == "survived" and trains(trial, steps)]
    idle = [trial for trial in own if trial.how == "survived" and trial not in held]
    delayed = [trial for trial in own if trial.how == "broke" and trial.steps > 0]
    others = [
        trial
        for trial in trials
        if trial.how == "survived" and trial not in own and trial.name != CONTROL and trains(trial, steps)
    ]
    rivals = [
        trial for trial in trials if trial not in own and trial.how == "broke" and trial.name != CONTROL
    ]
    tried = tuple(_evidence(trial) for trial in (*held, *idle, *(one for one in own if one.how == "broke")))
    if held:
        best = max(held, key=lambda trial: (trial.steps, trial.what == "end"))
        # A change that makes every run tamer says less than one that changes a single line.
        sure = _RIVALLED if one.key in _RATE and others else _CONFIRMED
        against = tuple(_evidence(trial) for trial in rivals)
        return replace(
            one, confidence=max(one.confidence, sure), proof=proof(best),
            evidence=(*one.evidence, *tried, *against),
        )  # fmt: skip
    if (delayed or idle) and one.key not in _RATE:
        # (a loss that was infinite may be large when it is finite)
        return replace(one, proof="replayed", evidence=(*one.evidence, *tried))
    if any(trial.how == "broke" for trial in own) or idle:
        return replace(one, confidence=min(one.confidence, _REFUTED), evidence=(*one.evidence, *tried))
    return one


def tests(trial: Trial, one: Suspicion) -> bool:
    """Whether a trial makes the change that would cure this cause, at its place."""
    key = one.key
    if trial.name in ("learning-rate", "clip"):
        return key in _RATE
    if trial.name == "replace-rows":
        return key in _ROWS
    if trial.name == "epsilon":
        return key == "adam-eps-zero"
    if trial.name == "float32":
        return key in (*_HALF, "adam-eps-zero")
    if trial.name in ("initialise", "zero-memory", "fill-memory"):
        return key == "uninitialised-memory" or (
            key == "batchnorm-single-value" and trial.name == "initialise"
        )
    if trial.name == "eager":
        return key == "compiler-numerics"
    if trial.name != "rewrite" or key in (*_RATE, "bad-sample", "adam-eps-zero"):
        return False
    at_line = trial.arguments.get("line") == one.where.line and trial.arguments.get("file") == one.where.file
    wide = bool(trial.arguments.get("wide"))
    return at_line and (not wide or key in _HALF)


def proof(trial: Trial) -> Proof:
    """How far a trial that held proves its fix: to the end of the script is as far as there is to go."""
    if trial.better:
        return "better"
    far = trial.steps >= SURVIVED or (trial.what == "end" and trial.steps > 0)
    return "survived" if far else "replayed"


def trains(trial: Trial, steps: Steps | None) -> bool:
    """Whether a run that stayed finite is still training: its loss ends about where it was, or falls.

    Beside it stand the losses of the run before the copy was made; its own first ones where that was made at
    the start. Only what is worse than those by more than they scatter, and does not come down, is of no use.
    """
    losses = [one for one in trial.losses if math.isfinite(one)]
    if steps is None or trial.begins is None or len(losses) < 8:
        return True
    part = max(4, len(losses) // 4)
    before = [one for one in steps.loss[: trial.begins] if one is not None and math.isfinite(one)][-256:]
    if len(before) < 8:
        before = losses[:part]
    early, late = median(losses[:part]), median(losses[-part:])
    usual = median(before)
    scatter = 1.4826 * median([abs(one - usual) for one in before])
    return late <= max(before) + 3 * scatter or late < early


def _evidence(trial: Trial) -> Evidence:
    if trial.how == "survived":
        ended = f"all finite, {trial.steps} steps further"
        if trial.what == "end":
            ended = f"all finite to the end of the script, {trial.steps} steps further"
        if len(trial.losses) > 1:
            ended += f", loss {trial.losses[0]:.4g} to {trial.losses[-1]:.4g}"
    elif trial.steps:
        ended = f"{trial.what} not finite {trial.steps} steps later"
    else:
        ended = f"{trial.what} not finite all the same"
    return Evidence(what=f"tried: {said(trial)}", value=ended, source=_AGAIN if trial.again else _SOURCE)


def said(trial: Trial) -> str:
    """What a trial changed, in words."""
    arguments = trial.arguments
    change = {
        CONTROL: "nothing, as a control",
        "rewrite": f"line {arguments.get('line')} computed "
        + ("in float32" if arguments.get("wide") else "safely"),
        "learning-rate": f"learning rate times {arguments.get('factor')}",
        "clip": f"gradients clipped at {arguments.get('norm', 0):.3g}",
        "float32": "no reduced precision",
        "epsilon": f"an epsilon of {arguments.get('value')} in the optimiser",
        "replace-rows": "other samples in place of the guilty ones",
        "initialise": "fresh values for " + ", ".join(map(str, arguments.get("names", ()))),
        "zero-memory": "zeros in memory that nobody wrote to",
        "fill-memory": "NaN in memory that nobody wrote to",
        "eager": "nothing compiled",
        "compiled": "compiled, as the script does it",
    }.get(trial.name, trial.name)
    return f"{change}, from step {trial.begins}" if trial.back and trial.begins is not None else change
