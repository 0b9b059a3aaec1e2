"""What is special to Keras and TensorFlow: the cost of a call, traces, checks of results. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import source
from envkit.diagnose.speed.analyzers.compiled import compiled_again
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Frame, Sample
from envkit.diagnose.speed.view import View, of_keras
from envkit.diagnose.speed.words import duration

_CALLS = 0.6
"""Share of the time between graphs from which it is told: steps so short that most of each is Python."""
_LOOKS = 20
_TOGETHER = 16
"""Steps of one call that are proposed."""
_RUNS = ("tensorflow/python/eager/execute.py",)
"""Files in which a thread waits for a graph."""
_CHECKED = 0.5
"""Share of a graph's time that a look at each result takes, about: between a tenth and four fifths."""


def calls(view: View) -> Iterable[Slow]:
    """S8: graphs so short that calling them, and Keras' loop around them, takes longer than they do."""
    settings = view.settings
    if not _is_tensorflow(view) or settings.eager or (settings.execution or 1) > 1:
        return
    within = [one for one in view.samples if any(_is_fit(frame) for frame in view.stack(one))]
    if len(within) < _LOOKS:
        return
    seconds = sum(one.seconds for one in within if _between(one, view.stack(one)))
    share = seconds / view.sampled if view.sampled else 0.0
    if share < _CALLS:
        return
    saved = share * (1 - 1 / _TOGETHER)
    yield Slow(
        key="launch-bound",
        share=saved,
        confidence=0.75,
        summary=f"a step takes {duration(view.step)}, and {share:.0%} of that is Keras' own Python around "
        "the graph of the step",
        evidence=(
            Evidence(
                what="between graphs", value=f"{share:.0%} of the time ({len(within)} looks)",
                source="looks at the stack",
            ),
            Evidence(what="rows of a batch", value=str(settings.batch or "not known"), source="the data"),
        ),
        where=_caller(view, within),
        fix=(
            FixStep(
                say=f"compile(..., steps_per_execution={_TOGETHER}): so many steps for each call; callbacks "
                "then run once for all of them"
            ),
            FixStep(say="Or larger batches, which change what is learnt with each step"),
        ),
        gains=(
            Gain(
                fix=f"compile(..., steps_per_execution={_TOGETHER})",
                predicted=whatif.of_share(0.6 * saved, min(0.95, 1.1 * saved)),
                change=Change(name="steps", value=str(_TOGETHER)),
            ),
        ),
    )  # fmt: skip


def retraced(view: View) -> Iterable[Slow]:
    """S13 of TensorFlow: a function is traced again and again."""
    if not _is_tensorflow(view):
        return
    for one in compiled_again(view):
        why = " ".join(row.value for row in one.evidence if row.what == "why")
        # Nothing outside of the script can change what a function is called with.
        gains = tuple(replace(gain, fix=_cure(why), change=None) for gain in one.gains)
        evidence = tuple(row for row in one.evidence if row.what != "limit")
        yield replace(
            one, confidence=0.95, gains=gains, where=_called(view, one.where, why), evidence=evidence,
            fix=(FixStep(say=_cure(why)),),
            summary=one.summary.replace("was compiled again", "was traced again"),
        )  # fmt: skip


def _called(view: View, traced: Where, why: str) -> Where:
    """Where the function is called with what changes; else where it begins."""
    function = None
    if traced.file and traced.line:
        text = view.files.get(traced.file, "")
        function = source.function(text, traced.line) or source.function(text, traced.line + 1)
    if function is None or "Python value" not in why:
        return traced
    for file, text in view.files.items():
        number = source.find_call(text, function.name)
        if number is not None:
            return Where(file=file, line=number, phase="forward")
    return traced


def _cure(why: str) -> str:
    if "Python value" in why:
        return "give the tf.function a tensor in place of this Python value: tf.constant(...)"
    if "shape" in why:
        return "@tf.function(reduce_retracing=True), or an input_signature with None for what changes"
    if "same code" in why:
        return "make the tf.function once, outside of the loop"
    return "call the tf.function with arguments of one kind: an input_signature says which"


def checked(view: View) -> Iterable[Slow]:
    """S21 of TensorFlow: each operation's result is looked at."""
    checks = view.settings.checks
    if not checks:
        return
    work = sum(view.shares.get(name, 0.0) for name in ("forward", "backward", "optimizer"))
    share = _CHECKED * work
    line = None
    for file, text in view.files.items():
        number = source.find(text, *checks)
        if number is not None:
            line = Where(file=file, line=number)
            break
    said = " and ".join(checks)
    yield Slow(
        key="debug-left-on",
        share=share,
        confidence=0.85,
        summary=f"tf.debugging.{said} is on: every result of every operation is looked at",
        evidence=(
            Evidence(what="setting", value=said, source="read from TensorFlow while it trained"),
            Evidence(what="cost", value=f"about {share:.0%} of the time, not tried", source="a usual share"),
        ),
        where=line or Where(),
        fix=(FixStep(say=f"Take out tf.debugging.{said} for long runs"),),
        gains=(
            Gain(
                fix=f"no tf.debugging.{said}",
                predicted=whatif.of_share(0.3 * work, min(0.85, 0.75 * work)),
            ),
        ),
    )


def _is_tensorflow(view: View) -> bool:
    return view.trace.framework == "tensorflow"


def _is_fit(frame: Frame) -> bool:
    return frame.function == "fit" and frame.file.endswith("trainer.py") and "keras/" in frame.file


def _caller(view: View, samples: Iterable[Sample]) -> Where:
    """The person's line that calls `fit`."""
    for one in samples:
        stack = view.stack(one)
        place = next(place for place, frame in enumerate(stack) if _is_fit(frame))
        for frame in stack[place:]:
            if frame.users:
                return Where(file=frame.file, line=frame.line)
    return Where()


def _between(sample: Sample, stack: tuple[Frame, ...]) -> bool:
    """Whether Keras or TensorFlow run Python of their own."""
    if sample.phase == "forward":
        return not (stack and stack[0].file.endswith(_RUNS))
    return sample.phase == "other" and of_keras(stack)


ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = (calls, retraced, checked)
