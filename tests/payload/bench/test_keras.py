"""`bench` in TensorFlow: the four models, trained by `fit` for real."""

from __future__ import annotations

import math

import pytest

from tests.payload.bench.keras_runs import bench, models, script, tensorflow_python
from tests.payload.targets import torch_python

FOUR = ("mlp", "cnn", "rnn", "transformer")


@pytest.mark.parametrize("name", FOUR)
def test_a_model_learns_and_is_measured(name: str) -> None:
    run = models()
    assert run.code == 0, run.stderr[-2000:]
    order = [line["kind"] for line in run.lines if line.get("workload") == name and line["kind"] != "steps"]
    assert order == ["workload", *["check"] * len(run.all("check", name)), "first-step", "warm", "measured"]
    for check in run.all("check", name):
        assert check["ok"] and check["last"] <= check["demanded"] < check["first"]
    measured, facts = run.one("measured", name), run.one("workload", name)
    times = [one for line in run.all("steps", name) for one in line["host"]]
    assert measured["steps"] == len(times) > 0
    assert all(one > 0 for one in times)
    assert math.isclose(sum(times), measured["seconds"], rel_tol=0.2)
    assert facts["items"] == facts["batch_size"] * {"rnn": 32, "transformer": 64}.get(name, 1)
    assert measured["rss"] > 1 << 27
    assert measured["device_memory"] is None


def test_the_process_says_what_it_is() -> None:
    told = models().one("environment")
    assert told["framework"] == "tensorflow"
    assert told["device"]["kind"] == "cpu" and told["device"]["name"]
    assert told["threads"] >= 1 and (told["rank"], told["world"]) == (0, 1)


def test_the_log_keeps_to_what_matters() -> None:
    said = models().stderr
    assert "Warning" not in said and "Traceback" not in said
    assert len(said.splitlines()) <= 6


@pytest.mark.torch
def test_both_frameworks_start_from_the_same_model() -> None:
    torch = script(torch_python(), "weights.py", "torch", "quick")
    keras = script(tensorflow_python(), "weights.py", "tensorflow", "quick")
    assert set(torch) == set(keras) == {*FOUR, "resnet50"}
    for name, weights in torch.items():
        assert sum(one[0] for one in weights) == sum(one[0] for one in keras[name]), name
        assert [one[0] for one in weights] == [one[0] for one in keras[name]], name
        ordered = zip(_by_spread(weights), _by_spread(keras[name]), strict=True)
        for (size, mean, deviation), (_, other_mean, other) in ordered:
            # Five standard errors of a deviation from normal numbers.
            room = 5 * math.sqrt(1 / size) * max(deviation, other) if deviation else 0.0
            assert abs(deviation - other) <= room, (name, size)
            assert abs(mean - other_mean) <= 8 * room, (name, size)


def _by_spread(weights: list[list[float]]) -> list[list[float]]:
    return sorted(weights, key=lambda one: (one[0], round(one[2], 3), round(one[1], 1)))


def test_parameters_are_those_that_the_model_has() -> None:
    built = script(tensorflow_python(), "weights.py", "tensorflow", "quick")
    for name in FOUR:
        assert models().one("workload", name)["parameters"] == sum(one[0] for one in built[name])


def test_batches_on_the_device_train_like_those_of_a_pipeline() -> None:
    losses = script(tensorflow_python(), "keras_resident.py")
    assert len(losses["piped"]) == 12
    assert losses["resident"] == pytest.approx(losses["piped"], rel=1e-4)
    assert len({round(one, 6) for one in losses["piped"]}) == 12


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_holds_for_every_model_of_a_process(precision: str) -> None:
    run = bench({"workloads": ["mlp", "rnn"], "precision": precision})
    assert run.code == 0, run.stderr[-2000:]
    for name in ("mlp", "rnn"):
        assert run.one("workload", name)["options"]["precision"] == precision
        assert all(check["ok"] for check in run.all("check", name))
        assert run.one("measured", name)["steps"] > 0
    exact = {name: models().all("check", name)[0]["first"] for name in ("mlp", "rnn")}
    for name, first in exact.items():
        other = run.all("check", name)[0]["first"]
        assert other != first, "the same numbers to the last bit were not computed in half precision"
        assert other == pytest.approx(first, rel=0.05)


def test_xla_compiles_also_the_lstm() -> None:
    run = bench({"workloads": ["mlp", "rnn"], "compile": "xla", "check": False, "fused": True})
    for name in ("mlp", "rnn"):
        told = run.one("workload", name)
        assert told["options"]["compile"] == "xla"
        assert told["options"]["fused"] is False and "no fused optimisers" in " ".join(told["notes"])
        assert run.one("measured", name)["steps"] > 0
    assert models().one("workload", "rnn")["options"]["compile"] is None


def test_a_seed_gives_the_same_losses() -> None:
    again, other = (bench({"workloads": ["mlp"], "seed": seed}) for seed in (0, 1))
    first = models().all("check", "mlp")[0]
    assert again.all("check", "mlp")[0]["last"] == pytest.approx(first["last"], rel=1e-3)
    assert other.all("check", "mlp")[0]["first"] != pytest.approx(first["first"], rel=1e-3)
