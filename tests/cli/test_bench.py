"""`envkit bench` from end to end: real PyTorch, real processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envkit.bench.workloads import NAMES
from tests.cli.commands import envkit, told
from tests.payload.targets import torch_python
from tests.schemas.test_schemas import validator

pytestmark = [pytest.mark.timeout(400), pytest.mark.torch]
SHORT = ("--quick", "--seconds", "0.2")


def bench(*arguments: str | Path, env: dict[str, str] | None = None):
    return envkit("bench", *arguments, "--python", torch_python(), env=env)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, str]:
    """Two processes of two workloads: the JSON, the file of --save, standard error."""
    saved = tmp_path_factory.mktemp("bench") / "saved.json"
    done = bench("mlp", "transformer", *SHORT, "--repeat", "2", "--json", "--save", saved)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), saved, done.stderr


def test_the_list_names_every_workload_with_its_unit():
    done = envkit("bench", "--list")
    assert done.returncode == 0
    assert tuple(line.split()[0] for line in done.stdout.splitlines()) == NAMES
    assert all(line.split()[1].endswith("/s") for line in done.stdout.splitlines())


def test_json(measured):
    result, _, _ = measured
    validator("bench").validate(result)
    assert [one["workload"] for one in result["results"]] == ["mlp", "transformer"]
    for one in result["results"]:
        assert one["framework"] == "torch" and one["precision"] == "fp32"
        assert len(one["processes"]) == 2 and min(one["processes"]) > 0
        low, high = sorted(one["processes"])
        assert low <= one["throughput"]["median"] <= high
        assert one["throughput"]["low"] is None, "two processes give no interval"
        assert one["check"]["ok"] and one["check"]["last"] <= one["check"]["demanded"]
        assert one["step"]["p50"] <= one["step"]["p95"] and one["flops_per_step"] > 0
    assert [one["throughput"]["unit"] for one in result["results"]] == ["samples/s", "tokens/s"]
    assert {"gemm", "memory-bandwidth"} <= {one["what"] for one in result["ceilings"]}
    assert {"cpu", "cpus", "memory", "framework", "python", "device", "payload"} <= set(result["fingerprint"])
    assert result["failures"] == [] and result["interrupted"] is False


def test_progress_goes_to_standard_error(measured):
    _, _, progress = measured
    # A bench of another test may run beside it, which is told first.
    lines = [line for line in progress.splitlines() if not line.startswith("another bench")]
    assert [line.partition(",")[0] for line in lines] == ["process 1 of 2", "process 2 of 2"]
    assert all("left" in line for line in lines)


def test_what_was_saved_judges_the_same(measured):
    result, saved, _ = measured
    value = json.loads(saved.read_text())
    validator("bench-samples").validate(value)
    assert [process["how"] for process in value["processes"]] == ["done", "done"]
    assert all(process["conditions"]["moments"] for process in value["processes"])
    again = envkit("bench", "--from", saved, "--json")
    assert again.returncode == 0
    judged = json.loads(again.stdout)
    # What doctor knows of this machine is in no file.
    assert {**judged, "findings": []} == {**result, "findings": []}


def test_from_standard_input(measured):
    _, saved, _ = measured
    done = envkit("bench", "--from", "-", "--json", stdin=saved.read_bytes())
    assert done.returncode == 0 and json.loads(done.stdout)["results"]


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_reports(measured, tmp_path, form):
    _, saved, _ = measured
    done = envkit("bench", "--from", saved, "--format", form, "--output", tmp_path / "report")
    assert (done.returncode, done.stdout) == (0, "")
    text = (tmp_path / "report").read_text()
    assert "transformer" in text and "tokens/s" in text and "no interval" in text


def test_each_process_with_v(measured):
    _, saved, _ = measured
    brief, long = (envkit("bench", "--from", saved, *more).stdout for more in ((), ("-v",)))
    assert "Each process" in long and "Each process" not in brief


def test_nothing_is_compared_with_itself_as_slower(measured):
    _, saved, _ = measured
    done = envkit("bench", "--compare", saved, saved, "--json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)["compared"]
    assert [row["workload"] for row in rows] == ["mlp", "transformer"]
    assert all(row["ratio"] == 1.0 and row["verdict"] == "inconclusive" for row in rows)


class TestCompare:
    """Files as --save writes them, of five processes; B has the times that the test says."""

    def pair(self, saved: Path, folder: Path, factor: float, **fingerprint: str) -> tuple[Path, Path]:
        value = json.loads(saved.read_text())
        first = value["processes"][0]
        for run in first["runs"]:
            run["seconds"], run["steps"] = 1.0, 100
        first["conditions"] = None
        paths = (folder / "a.json", folder / "b.json")
        for path, times in zip(paths, (1.0, factor), strict=True):
            processes = []
            for number in range(6):
                seconds = times * (1 + number / 1000)
                runs = [
                    {**run, "seconds": seconds, "step_seconds": [seconds / 100] * 100}
                    for run in first["runs"]
                ]
                processes.append({**first, "number": number, "runs": runs})
            more = {} if times == 1.0 else fingerprint
            path.write_text(
                json.dumps({**value, "processes": processes, "fingerprint": {**value["fingerprint"], **more}})
            )
        return paths

    @pytest.mark.parametrize(
        "factor, verdict, code", [(2.0, "slower", 1), (0.5, "faster", 0), (1.001, "same", 0)]
    )
    def test_the_verdict_and_the_exit_code(self, measured, tmp_path, factor, verdict, code):
        a, b = self.pair(measured[1], tmp_path, factor)
        done = envkit("bench", "--compare", a, b, "--json")
        assert done.returncode == code, done.stderr
        rows = json.loads(done.stdout)["compared"]
        assert [row["verdict"] for row in rows] == [verdict, verdict]
        assert rows[0]["low"] is not None and rows[0]["detectable"] > 0

    def test_only_what_is_named(self, measured, tmp_path):
        a, b = self.pair(measured[1], tmp_path, 2.0)
        done = envkit("bench", "mlp", "--compare", a, b, "--json")
        assert [row["workload"] for row in json.loads(done.stdout)["compared"]] == ["mlp"]

    def test_another_machine_is_refused_unless_told_to(self, measured, tmp_path):
        a, b = self.pair(measured[1], tmp_path, 2.0, cpu="another CPU")
        refused = envkit("bench", "--compare", a, b)
        assert (refused.returncode, refused.stdout) == (2, "")
        what, todo = told(refused)
        assert "another CPU" in what and "--anyway" in todo
        done = envkit("bench", "--compare", a, b, "--anyway")
        assert done.returncode == 1 and "another CPU" in done.stdout

    def test_a_result_with_samples(self, measured, tmp_path):
        a, b = self.pair(measured[1], tmp_path, 2.0)
        result = tmp_path / "result.json"
        result.write_text(envkit("bench", "--from", b, "--json").stdout)
        done = envkit("bench", "--compare", a, result, "--json")
        assert done.returncode == 1


class TestAa:
    def pool(self, saved: Path, folder: Path, processes: int) -> Path:
        value = json.loads(saved.read_text())
        first = {**value["processes"][0], "conditions": None}
        run = first["runs"][0]
        made = [
            {**first, "number": number, "runs": [{**run, "step_seconds": [0.01 + number % 3 / 1e4] * 20}]}
            for number in range(processes)
        ]
        path = folder / "pool.json"
        path.write_text(json.dumps({**value, "processes": made}))
        return path

    def test_equal_processes_are_not_called_different(self, measured, tmp_path):
        pool = self.pool(measured[1], tmp_path, 24)
        done = envkit("bench", "--aa", "--from", pool, "--json")
        assert done.returncode == 0, done.stderr
        (found,) = json.loads(done.stdout)["results"]
        assert found["workload"] == "mlp" and found["processes"] == 24
        assert found["rules"][0]["nothing"]["called_slower"] == 0
        assert found["rules"][0]["injected"][-1]["called_slower"] == found["comparisons"]
        text = envkit("bench", "--aa", "--from", pool)
        assert text.returncode == 0 and "nothing against nothing" in text.stdout

    def test_too_few_processes_say_so(self, measured, tmp_path):
        done = envkit("bench", "--aa", "--from", self.pool(measured[1], tmp_path, 9))
        assert (done.returncode, done.stdout) == (10, "")
        assert "--repeat" in told(done)[1]


def test_two_sides_take_turns(tmp_path):
    saved = tmp_path / "saved.json"
    done = bench(
        "mlp", *SHORT, "--repeat", "2", "--vs", "--batch-size 128 --env OMP_NUM_THREADS=1", "--json",
        "--save", saved,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    assert [(one["arm"], one["batch_size"]) for one in result["results"]] == [("A", 64), ("B", 128)]
    (row,) = result["compared"]
    assert row["verdict"] == "inconclusive" and "5" in row["why"]
    value = json.loads(saved.read_text())
    assert [process["arm"] for process in value["processes"]] == ["A", "B", "B", "A"]
    assert value["arms"][1]["said"] == "--batch-size 128 --env OMP_NUM_THREADS=1"
    threads = {process["arm"]: process["environment"]["threads"] for process in value["processes"]}
    assert threads["B"] == 1


def test_two_workers_through_torchrun():
    done = bench("mlp", *SHORT, "--repeat", "1", "--nproc", "1,2", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [one["nproc"] for one in result["results"]] == [1, 2]
    assert [(row["nproc"], row["mode"]) for row in result["scaling"]] == [(1, "weak"), (2, "weak")]
    assert result["scaling"][1]["exposed"] is not None


def test_history_and_tensorboard(tmp_path):
    env = {"XDG_DATA_HOME": str(tmp_path)}
    events = tmp_path / "events"
    done = bench("mlp", *SHORT, "--repeat", "1", "--record", "--tensorboard", events, env=env)
    assert done.returncode == 0, done.stderr
    assert list(events.rglob("events.out.tfevents.*"))
    shown = envkit("bench", "history", env=env)
    assert shown.returncode == 0 and "mlp" in shown.stdout
    assert envkit("bench", "history", "mlps", env=env).returncode == 2
