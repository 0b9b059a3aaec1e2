"""What trials prove: the control, the rivals, the place, and a loss that still falls."""

from __future__ import annotations

import pytest

from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.proofs import CONTROL, proof, reproduced, said, trains, weighed
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Steps, Trial

FILE, LINE = "/home/anna/train.py", 12


def suspicion(key: str, confidence: float = 0.9, line: int = LINE) -> Suspicion:
    return Suspicion(key=key, confidence=confidence, where=Where(file=FILE, line=line), evidence=())


def trial(name: str, how: str, **more) -> Trial:
    if name == "rewrite":
        more.setdefault("arguments", {"file": FILE, "line": LINE, "wide": more.pop("wide", False)})
    if how == "survived":
        more.setdefault("steps", 200)
    return Trial(name=name, how=how, **more)


BROKE = trial(CONTROL, "broke", what="loss")
HELD = trial("rewrite", "survived")
RATE_BROKE = trial("learning-rate", "broke", what="loss", arguments={"factor": 0.1})
RATE_HELD = trial("learning-rate", "survived", arguments={"factor": 0.1})


def test_rewrite_holds_and_rate_does_not() -> None:
    both = (suspicion("lr-too-high", 0.9), suspicion("log-of-zero", 0.6))
    found = weighed(both, (BROKE, HELD, RATE_BROKE))
    assert [one.key for one in found] == ["log-of-zero", "lr-too-high"]
    first, second = found
    assert (first.proof, first.confidence) == ("survived", 0.97)
    assert [one.what for one in first.evidence] == [
        "tried: line 12 computed safely",
        "tried: learning rate times 0.1",
    ]
    assert (second.proof, second.confidence) == ("hypothesis", 0.3)


def test_another_line_proves_nothing() -> None:
    (found,) = weighed((suspicion("log-of-zero", 0.9, line=40),), (BROKE, HELD))
    assert found.proof == "hypothesis"
    assert found.evidence == ()


def test_rate_with_a_rival_that_held_too() -> None:
    found = weighed((suspicion("lr-too-high", 0.5), suspicion("log-of-zero", 0.6)), (BROKE, HELD, RATE_HELD))
    assert [(one.key, one.confidence) for one in found] == [("log-of-zero", 0.97), ("lr-too-high", 0.8)]


def test_rate_alone() -> None:
    tries = (BROKE, trial("rewrite", "no-change"), RATE_HELD)
    (found,) = weighed((suspicion("lr-too-high", 0.7),), tries)
    assert (found.proof, found.confidence) == ("survived", 0.97)


@pytest.mark.parametrize("name", ["rewrite", "learning-rate", "replace-rows"])
def test_without_a_control_that_breaks_nothing_is_proved(name: str) -> None:
    key = {"rewrite": "log-of-zero", "learning-rate": "lr-too-high", "replace-rows": "bad-sample"}[name]
    tries = (trial(CONTROL, "survived"), trial(name, "survived"))
    assert not reproduced(tries)
    (found,) = weighed((suspicion(key),), tries)
    assert (found.proof, found.confidence) == ("hypothesis", 0.5)
    assert "differs from time to time" in found.evidence[-1].value


def test_control_from_an_older_copy_says_nothing_of_the_newest() -> None:
    assert reproduced((BROKE, trial(CONTROL, "survived", back=True)))
    assert reproduced(())


@pytest.mark.parametrize(
    ("steps", "what", "expected"),
    [(200, None, "survived"), (40, "end", "survived"), (40, "time", "replayed"), (0, "end", "replayed")],
)
def test_how_far(steps: int, what: str | None, expected: str) -> None:
    assert proof(trial("rewrite", "survived", steps=steps, what=what)) == expected


def test_broke_later() -> None:
    """The step that failed was mended, another one failed: that much is proved of a line, not of a rate."""
    tries = (BROKE, trial("rewrite", "broke", what="loss", steps=30))
    (found,) = weighed((suspicion("log-of-zero"),), tries)
    assert found.proof == "replayed"
    assert found.evidence[-1].value == "loss not finite 30 steps later"
    (found,) = weighed(
        (suspicion("lr-too-high"),), (BROKE, trial("learning-rate", "broke", what="loss", steps=30))
    )
    assert (found.proof, found.confidence) == ("hypothesis", 0.3)


COURSE = Steps(loss=tuple(2.0 - 0.01 * step for step in range(100)))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([1.0 - 0.01 * step for step in range(40)], True),
        ([1.1] * 40, True),  # a small rate: slow, and no worse than before
        ([5e8] * 40, False),  # finite, and of no use
        ([1.0 + 100 * step for step in range(40)], False),
        ([5e8 / (1 + step) for step in range(40)], True),  # it comes down
        ([5e8] * 3, True),  # too few to say
    ],
)
def test_still_training(losses: list[float], expected: bool) -> None:
    held = trial("learning-rate", "survived", losses=tuple(losses), begins=100)
    assert trains(held, COURSE) is expected
    (found,) = weighed((suspicion("lr-too-high"),), (BROKE, held), COURSE)
    assert found.proof == ("survived" if expected else "hypothesis")
    line = trial("rewrite", "survived", losses=tuple(losses), begins=100)
    (found,) = weighed((suspicion("log-of-zero"),), (BROKE, line), COURSE)
    assert found.proof == ("survived" if expected else "replayed")  # what was infinite may be large


@pytest.mark.parametrize(("last", "expected"), [(0.02, True), (4e13, False)])
def test_still_training_from_the_start(last: float, expected: bool) -> None:
    losses = tuple(0.5 + (last - 0.5) * step / 40 for step in range(41))
    assert trains(trial("clip", "survived", losses=losses, begins=0), COURSE) is expected


@pytest.mark.parametrize(
    ("key", "name", "more"),
    [
        ("bad-sample", "replace-rows", {}),
        ("adam-eps-zero", "epsilon", {}),
        ("adam-eps-zero", "float32", {}),
        ("fp16-overflow", "float32", {}),
        ("fp16-overflow", "rewrite", {"wide": True}),
        ("loss-scale-collapse", "float32", {}),
        ("uninitialised-memory", "initialise", {"arguments": {"names": ["weight"]}}),
        ("uninitialised-memory", "zero-memory", {}),
        ("exploding-gradient", "clip", {"arguments": {"norm": 1.0}}),
        ("compiler-numerics", "eager", {}),
        ("empty-reduction", "rewrite", {}),
    ],
)
def test_what_cures_what(key: str, name: str, more: dict) -> None:
    held = trial(name, "survived", **more)
    (found,) = weighed((suspicion(key),), (BROKE, held))
    assert found.proof == "survived"
    assert said(held)
    others = ("log-of-zero", "bad-sample") if key != "bad-sample" else ("log-of-zero", "adam-eps-zero")
    for other in others:
        if other != key and not (name == "rewrite" and other == "log-of-zero" and not more):
            (found,) = weighed((suspicion(other),), (BROKE, held))
            assert found.proof == "hypothesis", other


def test_an_odd_sample_says_nothing_of_the_network() -> None:
    tries = (BROKE, trial("replace-rows", "survived"))
    found = weighed((suspicion("bad-sample"), suspicion("exploding-gradient", 0.5)), tries)
    assert [(one.key, one.proof) for one in found] == [
        ("bad-sample", "survived"),
        ("exploding-gradient", "hypothesis"),
    ]
    (alone,) = weighed((suspicion("exploding-gradient", 0.5),), tries)
    assert alone.proof == "survived"


def test_wide_is_no_safe_form() -> None:
    """That float32 mends a line says of precision, not of a logarithm of zero."""
    (found,) = weighed((suspicion("log-of-zero"),), (BROKE, trial("rewrite", "survived", wide=True)))
    assert found.proof == "hypothesis"
