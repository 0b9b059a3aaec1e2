"""FLOPs by closed form beside torch's own counter; what the lessons demand beside what is learnt."""

from __future__ import annotations

import gzip
import math
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.payload.bench.torch_runs import FOUR, bench, inside
from tests.payload.targets import PAYLOAD

sys.path.append(str(PAYLOAD))
from _envkit_payload import bench as payload
from _envkit_payload.workloads import data, flops, shapes

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]


def test_closed_forms_are_what_torch_counts() -> None:
    found = inside("torch_flops.py")
    assert set(found) == {*FOUR, "resnet50"} == set(flops.FORMULAS)
    for name, scales in found.items():
        assert set(scales) == {"quick", "default", "full"}
        for scale, (ours, theirs, _) in scales.items():
            assert math.isclose(ours, theirs, rel_tol=0.01), (name, scale, ours, theirs)
    assert found["transformer"]["full"][2] == 124_439_808  # GPT-2, the smallest
    assert found["resnet50"]["full"][2] == 25_557_032
    # 4.09 billion multiply-adds an image, of He et al. with version 1.5's strides.
    assert found["resnet50"]["full"][1] == pytest.approx(2 * 3 * 2 * 4.09e9, rel=0.02)


@pytest.mark.parametrize("name", FOUR)
def test_every_seed_learns_with_room(name: str) -> None:
    found = inside("torch_lessons.py", name, "fp32", "3")["made"]
    assert len(found) == 3
    for demanded, first, last in found:
        assert first > 2
        assert last <= 0.8 * demanded


def test_resnet50_learns() -> None:
    ((demanded, first, last),) = inside("torch_lessons.py", "resnet50", "fp32", "1")["made"]
    assert last <= 0.8 * demanded < first


def entropy(pairs: list[tuple]) -> float:
    """Of the second part when the first is known, nats: the lowest loss that the first part allows."""
    both, known = Counter(pairs), Counter(first for first, _ in pairs)
    return -sum(n / len(pairs) * math.log(n / known[first]) for (first, _), n in both.items())


@pytest.mark.parametrize("name", ["rnn", "transformer"])
def test_a_model_without_memory_could_not_reach_what_is_demanded(name: str) -> None:
    size, demanded = data.LESSONS[name]["size"], data.LESSONS[name]["demanded"]
    blind, seeing = [], []
    for inputs, targets in data.sequences(random.Random(0), 2000, size["length"], size["vocabulary"]):
        for place, (token, after) in enumerate(zip(inputs, targets, strict=True)):
            chosen = inputs[place - place % size["length"]]
            blind.append((token, after))
            seeing.append(((token, chosen), after))
    assert entropy(blind) > 1.5 * demanded
    assert entropy(seeing) < 0.5 * demanded


def test_the_same_seed_makes_the_same_data() -> None:
    for name in data.LESSONS:
        one, two, other = (data.lessons(name, seed)[0].batches for seed in (1, 1, 2))
        assert one == two != other


def test_lessons_have_the_form_that_backends_rely_on() -> None:
    for name in data.LESSONS:
        lesson = data.lessons(name, 0)[0]
        assert len(lesson.batches) == data.POOL
        for values, targets in lesson.batches:
            assert len(values) == lesson.batch * math.prod(lesson.shape)
            assert len(targets) == lesson.batch * (1 if values.typecode == "f" else lesson.shape[0])
            top = lesson.size["classes" if values.typecode == "f" else "vocabulary"]
            assert min(targets) >= 0 and max(targets) < top


def test_digits_of_an_installed_scikit_learn_are_learnt_too(tmp_path: Path) -> None:
    folder = tmp_path / "sklearn" / "datasets" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ImportError('only its data is read')")
    rng = random.Random(0)
    styles = [[rng.randrange(17) for _ in range(64)] for _ in range(10)]
    rows = []
    for number in range(320):
        pixels = [min(16, max(0, level + rng.randint(-3, 3))) for level in styles[number % 10]]
        rows.append(",".join(map(str, [*pixels, number % 10])))
    with gzip.open(folder / "digits.csv.gz", "wt") as file:
        file.write("\n".join(rows) + "\n")
    run = bench({"workloads": ["mlp"]}, env={"PYTHONPATH": str(tmp_path)})
    assert [line["data"] for line in run.all("check")] == ["made", "digits"]
    assert all(line["ok"] for line in run.all("check"))


def test_a_lesson_is_judged_by_its_last_losses() -> None:
    lesson = data.lessons("mlp", 0)[0]
    told, why = payload.judged(lesson, [3.0, 2.0, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert told["ok"] and why == "" and told["last"] == pytest.approx(0.4) and told["first"] == 3.0
    told, why = payload.judged(lesson, [3.0, 0.1, 0.1, 0.6, 0.6, 0.6, 0.6, 0.6])
    assert not told["ok"] and "from 3 to 0.6 in 8 steps on made data; at most 0.5" in why
    told, why = payload.judged(lesson, [3.0, math.nan, 0.1])
    assert told is None and why == "the loss was not finite after 1 of 3 steps on made data"


def test_batches_of_a_gpu_are_its_own() -> None:
    assert shapes.batch("transformer", "full", True) == 12 and shapes.batch("transformer", "full", False) == 1
    assert shapes.items(shapes.size("transformer", "full"), 12) == 12 * 1024
