"""When a change makes a better run, by its losses beside those of the run without it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from envkit.diagnose.better import Course, beats
from tests.diagnose.rerun.helpers import again, python, run

FALLING = tuple(2.0 * 0.95**n + 0.01 * (n % 3) for n in range(64))


@pytest.mark.parametrize(
    ("changed", "whole", "control", "control_whole", "better"),
    [
        (FALLING, True, FALLING[:40], False, True),  # goes on where the other one broke
        (FALLING, False, FALLING[:40], False, False),
        (FALLING[:40] + (9.0,) * 24, True, FALLING[:40], False, False),  # no longer trains
        ((3.0,) * 64, True, FALLING[:40], False, False),
        ((*FALLING[:40], 9.0, *FALLING[40:]), True, FALLING[:40], False, True),  # one step was bad
        (FALLING, True, (), False, True),  # the other one broke in its first step
        (FALLING, True, FALLING, True, False),  # another seed: both train alike
        (FALLING, True, tuple(2 * one for one in FALLING), True, True),
        ((), True, FALLING, False, False),
    ],
)
def test_beats(changed, whole: bool, control, control_whole: bool, better: bool):
    assert beats(Course(losses=changed, whole=whole), Course(losses=control, whole=control_whole)) is better


def test_another_seed_gives_other_numbers_of_every_kind(tmp_path: Path, monkeypatch, capfd):
    (tmp_path / "seeded.py").write_text(
        "import random, numpy\nrandom.seed(3)\nnumpy.random.seed(3)\n"
        "print(random.random(), numpy.random.rand(), numpy.random.default_rng(3).random(),\n"
        "      numpy.random.default_rng().random(), random.Random().random())\n"
    )
    first, traces = run(*python("seeded.py"), cwd=tmp_path, monkeypatch=monkeypatch)
    plain = capfd.readouterr().out.split()
    shifted = [again(first, traces, shift=1).result.stdout.split() for _ in range(2)]
    assert shifted[0] == shifted[1] and len(plain) == 5
    assert not set(map(float, plain)) & set(map(float, shifted[0]))
    assert all(math.isfinite(float(one)) for one in shifted[0])
