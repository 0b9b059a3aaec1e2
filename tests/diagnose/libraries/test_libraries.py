"""Programs that leave the loop to Lightning, to the Trainer of Hugging Face, or to Accelerate."""

from __future__ import annotations

import csv
import json

from tests.diagnose.libraries.helpers import PROGRAMS, diagnose, fault_line, guilty, plain, untimed


def _is_found(told, program, key, size):
    """Verdict, cause, line and samples."""
    assert told.diagnosis["verdict"] == "faulty", told.stderr[-2000:]
    assert told.first["key"] == key
    where = told.first["where"]
    assert (where["file"], where["line"]) == (str(PROGRAMS / program), fault_line(program))
    assert where["samples"] == guilty(program, size)


def test_lightning_is_found_and_runs_as_without(tmp_path):
    """The step runs inside of `optimizer.step(closure)`; a progress bar draws from a thread of its own."""
    program, size = "lightning_sensor.py", 640
    argv = (str(PROGRAMS / program), "--size", str(size), "--folder")
    told = diagnose(*argv, "watched", cwd=tmp_path)
    alone = plain(*argv, "plain", cwd=tmp_path)
    _is_found(told, program, "log-of-zero", size)
    assert untimed(told.stdout) == untimed(alone.stdout)
    kept = [
        sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*"))
        for name in ("watched", "plain")
    ]
    assert kept[0] == kept[1]
    logs = [(tmp_path / name).glob("**/metrics.csv") for name in ("watched", "plain")]
    rows = [list(csv.reader(next(found).read_text().splitlines())) for found in logs]
    assert rows[0] == rows[1] and len(rows[0]) > 2


def test_trainer_whose_labels_are_all_ignored(tmp_path):
    """The guilty operation lies in the library, and checkpoints are written and removed on the way to it."""
    program, size = "trainer_answers.py", 80
    argv = (str(PROGRAMS / program), "--size", str(size), "--log-every", "5", "--folder")
    told = diagnose(*argv, "watched", cwd=tmp_path)
    alone = plain(*argv, "plain", cwd=tmp_path)
    _is_found(told, program, "empty-reduction", size)
    assert told.first["where"]["module"] == "GPT2LMHeadModel"
    kept = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("watched", "plain")]
    assert kept == [["checkpoint-40"]] * 2
    last = [tmp_path / name / "checkpoint-40" for name in ("watched", "plain")]
    assert (last[0] / "model.safetensors").read_bytes() == (last[1] / "model.safetensors").read_bytes()
    states = [json.loads((folder / "trainer_state.json").read_text())["log_history"] for folder in last]
    assert str(states[0]) == str(states[1])  # NaN is not itself
    assert told.stdout.count("train_runtime") == alone.stdout.count("train_runtime") == 1


def test_trainer_that_accumulates_over_a_model_of_ones_own(tmp_path):
    """Batches are fetched before they are used; the line is the person's, inside of their `forward`."""
    program, size = "trainer_pooling.py", 320
    told = diagnose(str(PROGRAMS / program), "--size", str(size), cwd=tmp_path)
    _is_found(told, program, "division-by-zero", size)


def test_accelerate_launch(tmp_path):
    """The training runs in a child of the launcher, which is found beside the Python that was named."""
    program, size = "accelerate_pairs.py", 512
    argv = ("accelerate", "launch", "--cpu", "--num_processes", "1", str(PROGRAMS / program))
    told = diagnose(*argv, "--size", str(size), cwd=tmp_path)
    _is_found(told, program, "sqrt-at-zero", size)


def test_accelerate_without_the_fault(tmp_path):
    """The twin: not a word."""
    told = diagnose(str(PROGRAMS / "accelerate_pairs.py"), "--size", "512", "--healthy", cwd=tmp_path)
    assert told.diagnosis["verdict"] == "healthy", told.diagnosis
    assert "envkit:" not in told.stderr


def test_gradients_that_a_closure_makes(tmp_path):
    """They are there after the step has begun; it is the step of the bad sample that is looked at."""
    program, size = "closure_norm.py", 640
    told = diagnose(str(PROGRAMS / program), "--size", str(size), cwd=tmp_path)
    _is_found(told, program, "sqrt-at-zero", size)
