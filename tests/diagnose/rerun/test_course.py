"""Whether two runs took the same course."""

from __future__ import annotations

import math

import pytest

from envkit.diagnose.course import course
from envkit.diagnose.trace import Steps


def _steps(*losses: float | None) -> Steps:
    return Steps(loss=losses)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ((1.0, 0.5, math.nan), (1.0, 0.5), "same losses in all 2 steps before it"),
        ((1.0, 0.5, 0.25), (1.0, 0.5 + 1e-8, 0.25), "same to a millionth losses in all 2 steps before it"),
        ((1.0, 0.5), (1.0, 0.6), "same losses in 1 of 2 steps before it; step 1 had 0.5 and then 0.6"),
        ((1.0, None), (1.0, 0.5), "same losses in 1 of 2 steps before it; step 1 had none and then 0.5"),
        ((None, math.inf), (None, math.inf), "same losses in all 2 steps before it"),
        ((), (), "no step before it to compare"),
    ],
)
def test_said(first, second, words: str):
    found = course(_steps(*first), _steps(*second), 2)
    assert found.said() == words
    assert found.holds is ("then" not in words)


def test_only_what_both_have_and_what_is_before_counts():
    found = course(_steps(1.0, 2.0, 3.0, 9.0), _steps(1.0, 2.0, 3.0, 7.0), 3)
    assert (found.steps, found.same, found.differs) == (3, 3, None)
    assert course(_steps(1.0, 2.0), _steps(1.0), 2).steps == 1
