"""Event files: what TensorBoard itself reads in them, and shows."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from envkit.bench import tensorboard
from envkit.bench.samples import Arm, LearningCheck, Options, ProcessSamples, Run, Samples
from envkit.core.errors import DiskError
from tests.bench import results
from tests.coverage_notes import require

OPTIONS = Options(framework="torch", device="auto")
CHECK = LearningCheck(data="made", steps=60, first=2.31, last=0.42, demanded=1.2, ok=True)


@pytest.fixture
def _library() -> None:
    require("tensorboard", all(map(importlib.util.find_spec, ("tensorboardX", "tensorboard"))))


def samples(steps: int = 50) -> Samples:
    """Two processes, the second slower."""
    return Samples(
        fingerprint=results.LAPTOP,
        arms=(Arm(name="A", options=OPTIONS, target="python"),),
        processes=tuple(
            ProcessSamples(
                arm="A",
                number=number,
                began=float(number),
                ended=number + 1.0,
                how="done",
                runs=(
                    Run(
                        workload="cnn",
                        batch_size=100,
                        items=100,
                        unit="samples",
                        options=OPTIONS,
                        steps=steps,
                        seconds=0.04 * steps,
                        step_seconds=tuple(0.04 + number / 100 + step / 10_000 for step in range(steps)),
                        first_step=0.5,
                        check=CHECK,
                    ),
                ),
            )
            for number in range(2)
        ),
        date="2026-11-22T10:11:12Z",
    )


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """All curves of a run, as TensorBoard's own reader finds them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    tags = found.Tags()["scalars"]
    return {tag: [(event.step, round(event.value, 5)) for event in found.Scalars(tag)] for tag in tags}


@pytest.mark.usefixtures("_library")
def test_tensorboard_reads_the_curves_and_the_figures(tmp_path: Path) -> None:
    made = tensorboard.write(results.laptop(), samples(), tmp_path)
    assert [str(run.relative_to(tmp_path)) for run in made] == [
        "2026-11-22T10-11-12/A",
        "2026-11-22T10-11-12/A-process-1",
        "2026-11-22T10-11-12/A-process-2",
    ]
    names = [file.name for file in tmp_path.rglob("*") if file.is_file()]
    assert len(names) == 3
    assert all(name.startswith("events.out.tfevents.") and name.endswith(".envkit") for name in names)
    second = read(made[2])
    assert second["cnn/step_seconds"] == [(step, round(0.05 + step / 10_000, 5)) for step in range(50)]
    assert second["cnn/samples_per_second"] == [(1, 2500.0)]
    assert second["cnn/check_loss"] == [(0, 2.31), (60, 0.42)]
    whole = read(made[0])
    assert whole["cnn/samples_per_second"] == [(1, pytest.approx(2764.9, rel=1e-4))]
    assert whole["transformer/share_of_ceiling"] == [(1, 0.52)]
    assert "transformer/tokens_per_second" in whole
    assert "cnn/interval_low" not in whole, "three processes give no interval"


@pytest.mark.usefixtures("_library")
def test_long_curves_are_thinned_and_a_later_bench_goes_beside(tmp_path: Path) -> None:
    first = tensorboard.write(results.laptop(), samples(steps=5_001), tmp_path)
    assert len(read(first[1])["cnn/step_seconds"]) == 1_667
    later = tensorboard.write(replace(results.laptop(), date="2026-11-23T08:00:00Z"), None, tmp_path)
    assert [run.parent.name for run in later] == ["2026-11-23T08-00-00"]
    assert read(first[0]) == read(later[0])


@pytest.mark.usefixtures("_library")
def test_both_sides_and_scaling(tmp_path: Path) -> None:
    sides = tensorboard.write(results.compared(), None, tmp_path)
    assert [run.name for run in sides] == ["A", "B"]
    scaled = read(tensorboard.write(results.scaling(), None, tmp_path / "more")[0])
    assert scaled["transformer/weak_efficiency"] == [(1, 1.0), (2, 0.981), (4, 0.942)]


@pytest.mark.usefixtures("_library")
def test_tensorboard_serves_them(tmp_path: Path) -> None:
    tensorboard.check()
    tensorboard.write(results.laptop(), samples(), tmp_path)
    log = tmp_path / "log"
    argv = [sys.executable, "-m", "tensorboard.main", "--logdir", str(tmp_path), "--port", "0",
            "--host", "127.0.0.1", "--load_fast", "false"]  # fmt: skip
    with log.open("wb") as out, subprocess.Popen(argv, stdout=out, stderr=out, env=os.environ) as server:
        try:
            address = _address(log, server)
            tags = _tags(address)
        finally:
            server.terminate()
    assert tags["2026-11-22T10-11-12/A-process-1"].keys() >= {"cnn/step_seconds", "cnn/check_loss"}
    assert "mlp/samples_per_second" in tags["2026-11-22T10-11-12/A"]


def _address(log: Path, server: subprocess.Popen[bytes]) -> str:
    while server.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text(errors="replace")):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace"))


def _tags(address: str) -> dict[str, dict[str, object]]:
    """Asks until the server has read all three runs."""
    while True:
        with urllib.request.urlopen(f"{address}data/plugin/scalars/tags", timeout=30) as answer:
            found: dict[str, dict[str, object]] = json.load(answer)
        if len(found) == 3:
            return found
        time.sleep(0.1)


def test_without_the_library_it_says_what_to_install(tmp_path: Path) -> None:
    """In a process in which the library cannot be found."""
    code = (
        "import sys; sys.modules['tensorboardX'] = None\n"
        "from pathlib import Path\n"
        "from envkit.bench import tensorboard\n"
        "from envkit.core.errors import TargetAbsentError\n"
        "from tests.bench import results\n"
        "try: tensorboard.write(results.laptop(), None, Path(sys.argv[1]))\n"
        "except TargetAbsentError as error: print(error.message, '|', error.todo)\n"
        "print('numpy' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    said, numpy = done.stdout.splitlines()
    assert "tensorboardX" in said
    assert said.endswith("pip install 'envkit[tensorboard]'")
    assert numpy == "False"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_library")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot write"):
        tensorboard.write(results.laptop(), None, tmp_path / "file")
