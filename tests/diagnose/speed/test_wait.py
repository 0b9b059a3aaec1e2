"""Analyzers of the input pipeline: each claims its cause, and none where the evidence for it is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envkit.diagnose.recording import from_saved
from envkit.diagnose.speed.analyzers import wait, wait_model
from envkit.diagnose.speed.analyzers.wait_facts import feed
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Worker
from envkit.diagnose.speed.verdict import folded, speed
from envkit.diagnose.speed.view import View
from tests.coverage_notes import require
from tests.diagnose.speed.views import SCRIPT, loader, stack, view

TORCH = Path(__file__).resolve().parents[3] / ".venv-torch" / "bin" / "python"
FETCH = "torch/utils/data/_utils/fetch.py:54 fetch"
MAIN = [FETCH, "torch/utils/data/dataloader.py:700 __next__", "train.py:30 <module>"]
LOOP = "\n" * 29 + "for x, y in loader:\n    loss = model(x)\n    loss.backward()\n    optimizer.step()\n"
TEXT = (
    "import numpy as np\n\n\nclass Images:\n    def __getitem__(self, i):\n"
    "        x = turn(self.images[i], 0.3)\n        with open(self.files[i], 'rb') as file:\n"
    "            raw = file.read()\n        time.sleep(0.01)\n"
    "        y = requests.get(self.url)\n"
)
TEXT += "\n" * (24 - TEXT.count("\n")) + "loader = DataLoader(\n    data,\n    num_workers=0,\n)\n"
TEXT += LOOP[TEXT.count("\n") :]
FILES = {SCRIPT: TEXT}
TURN = ["numpy/_core/multiarray.py:3 take", "train.py:6 __getitem__", *MAIN]
OPEN, READ, SLEEP, NET = ([f"train.py:{line} __getitem__", *MAIN] for line in (7, 8, 9, 10))


def causes(seen: View) -> dict[str, Slow]:
    found: dict[str, Slow] = {}
    for look in wait.ANALYZERS:
        for one in look(seen):
            assert one.key not in found
            found[one.key] = one
    return found


def first(seen: View) -> str | None:
    """The key that stays on top."""
    kept = folded(list(causes(seen).values()))
    return kept[0][0].key if kept else None


def workers(number: int, each: float, *, batches: int = 200, cpu: float = 1.0, **fields: Any) -> list[Worker]:
    """Reports of so many workers that together made the batches, each of them in so many seconds."""
    share = batches // number
    row = {
        "batches": share,
        "samples": 16 * share,
        "fetched": each * share,
        "cpu": cpu * each * share,
        **fields,
    }
    return [Worker(loader=0, number=n, pid=200 + n, started=0.05, threads=1, **row) for n in range(number)]


def heavy(**changes: Any) -> View:
    """No workers, 15 of 20 ms for making a batch, on one of four CPUs."""
    given: dict[str, Any] = {
        "step": 0.02, "wait": 0.015, "backward": 0.002, "samples": [("wait", TURN, 0.75)], "cpus": 4.0,
        "files": FILES, **changes,
    }  # fmt: skip
    return view(**given)


class TestFewWorkers:
    def test_no_workers_while_cpus_idle(self) -> None:
        seen = heavy()
        found = causes(seen)["too-few-workers"]
        assert found.where.file == SCRIPT
        assert found.where.line == 27  # num_workers=0 of the call at line 25
        assert found.share == pytest.approx(0.71, abs=0.05)
        assert first(seen) == "too-few-workers"
        (gain,) = found.gains
        assert gain.change is not None
        assert gain.change.name == "workers"
        assert 2 <= int(gain.change.value) <= 4
        low, high = gain.predicted or (0.0, 0.0)
        assert 1.5 < low < 3 - 0.3 < high < 3.3  # 20 ms to 5 ms: +300 % at most

    def test_two_cpus_that_the_models_own_threads_need(self) -> None:
        """Workers would make the training wait at each operation: measured, it became slower."""
        settings = {"operations": 16, "threads": 2}
        few = heavy(cpus=2.0, settings=settings)
        assert "too-few-workers" not in causes(few)
        assert first(few) == "dataloader-bound"
        assert "too-few-workers" in causes(heavy(cpus=2.0, settings={**settings, "threads": 1}))

    def test_one_worker_that_cannot_keep_up(self) -> None:
        slow = view(
            step=0.03, wait=0.02, backward=0.004, cpus=4.0, files=FILES, workers=workers(1, 0.03),
            loaders=[loader(1, batches=200, waited=4.0, persistent=True)], worker_samples=[(TURN, 1.0)],
            conditions={"busy": 1.3, "own": 1.3}, moments={"user": 0.35, "ran": 0.33},
        )  # fmt: skip
        found = causes(slow)["too-few-workers"]
        assert found.gains[0].change is not None
        assert int(found.gains[0].change.value) in (2, 3, 4)
        assert "1 data workers" in found.summary or "1 data worker" in found.summary

    @pytest.mark.parametrize(
        "changed",
        [
            {"cpus": 1.0, "conditions": {"busy": 1.0, "own": 1.0}},
            {"wait": 0.0015, "samples": [("wait", TURN, 0.075)]},
            {"step": 0.0022, "wait": 0.0005, "steps": 900, "samples": [("wait", TURN, 0.22)]},
        ],
        ids=["one-cpu", "little-waiting", "tiny-batches"],
    )  # fmt: skip
    def test_says_nothing_where_workers_cannot_help(self, changed: dict[str, Any]) -> None:
        assert "too-few-workers" not in causes(heavy(**changed))

    def test_full_cpus_leave_nothing_for_more_workers(self) -> None:
        full = view(
            step=0.03, wait=0.012, backward=0.004, cpus=2.0, files=FILES, workers=workers(1, 0.03),
            loaders=[loader(1, batches=200, waited=2.4, persistent=True)], worker_samples=[(TURN, 1.0)],
            conditions={"busy": 1.95, "own": 1.9}, moments={"user": 0.9, "ran": 0.6},
        )  # fmt: skip
        assert "too-few-workers" not in causes(full)

    def test_a_stream_gets_one_worker_at_most(self) -> None:
        found = causes(heavy(loaders=[loader(0, batches=200, waited=3.0, streams=True)]))["too-few-workers"]
        assert found.gains[0].change is not None
        assert found.gains[0].change.value == "1"


class TestWaiting:
    def test_names_the_line_that_makes_batches(self) -> None:
        found = causes(heavy())["dataloader-bound"]
        assert (found.where.file, found.where.line) == (SCRIPT, 6)
        assert found.share == pytest.approx(0.75, abs=0.01)
        assert "train.py:6" in found.summary
        assert "75%" in found.summary

    def test_stays_on_top_where_workers_do_what_they_can(self) -> None:
        seen = view(
            step=0.05, wait=0.04, backward=0.004, cpus=2.0, files=FILES, workers=workers(2, 0.1),
            loaders=[loader(2, batches=200, waited=8.0, persistent=True)], worker_samples=[(TURN, 1.0)],
            conditions={"busy": 1.95, "own": 1.9}, moments={"user": 0.2, "ran": 0.18, "children": 1.7},
        )  # fmt: skip
        assert first(seen) == "dataloader-bound"
        assert any("cannot help" in one.say for one in causes(seen)["dataloader-bound"].fix)

    @pytest.mark.parametrize(
        "changed",
        [
            {"wait": 0.0012, "samples": [("wait", TURN, 0.06)]},
            {"wait": None, "loaders": []},
            {
                "step": 0.0012,
                "wait": 0.0005,
                "steps": 1500,
                "backward": 0.0003,
                "samples": [("wait", TURN, 0.4)],
            },
        ],
        ids=["little-waiting", "no-loader", "tiny-in-memory"],
    )
    def test_says_nothing_of_healthy_loaders(self, changed: dict[str, Any]) -> None:
        assert causes(heavy(**changed)) == {}

    def test_says_nothing_of_workers_that_wait_for_no_one(self) -> None:
        """They make batches much faster than they are used: what is waited for is not them."""
        seen = view(
            step=0.01, wait=0.0025, steps=400, cpus=4.0, files=FILES, workers=workers(2, 0.001, batches=400),
            loaders=[loader(2, batches=400, waited=1.0, persistent=True)], worker_samples=[(TURN, 1.0)],
        )  # fmt: skip
        assert causes(seen) == {}

    def test_full_machine_with_tuned_workers_is_no_cause_for_a_little_waiting(self) -> None:
        seen = view(
            step=0.03, wait=0.004, cpus=2.0, files=FILES, workers=workers(1, 0.029),
            worker_samples=[(TURN, 1.0)],
            loaders=[loader(1, batches=200, waited=0.8, persistent=True)],
            conditions={"busy": 1.9, "own": 1.9}, moments={"user": 0.9, "ran": 0.8, "children": 0.95},
        )  # fmt: skip
        assert causes(seen) == {}

    def test_sleeping_is_told_as_sleeping(self) -> None:
        seen = heavy(samples=[("wait", SLEEP, 0.75)], moments={"ran": 0.22, "user": 0.2})
        assert any("sleeps" in one.say for one in causes(seen)["dataloader-bound"].fix)
        assert "slow-storage" not in causes(seen)


class TestStorage:
    @staticmethod
    def seen(**changes: Any) -> View:
        return heavy(**{
            "samples": [("wait", READ, 0.7), ("wait", TURN, 0.05)],
            "moments": {"ran": 0.3, "user": 0.28, "read_bytes": 90e6, "read_calls": 60, "read_chars": 90e6},
            **changes,
        })  # fmt: skip

    def test_reading_without_a_cpu(self) -> None:
        found = causes(self.seen())["slow-storage"]
        assert found.where.line == 8
        assert "90 MB/s" in found.summary
        assert first(self.seen()) == "slow-storage"
        assert found.gains[0].change is not None  # more workers hide what is waited for
        assert found.gains[0].change.name == "workers"

    def test_the_network(self) -> None:
        moments = {"ran": 0.3, "user": 0.28, "read_bytes": 0}
        found = causes(self.seen(samples=[("wait", NET, 0.7)], moments=moments))["slow-storage"]
        assert "the network" in found.summary
        assert found.where.line == 10

    @pytest.mark.parametrize(
        "changed",
        [
            {"moments": {"ran": 0.97, "read_bytes": 0, "read_calls": 60, "read_chars": 9e8}},
            {"samples": [("wait", TURN, 0.75)], "moments": {"ran": 0.3, "user": 0.28}},
            {"samples": [("wait", SLEEP, 0.75)], "moments": {"ran": 0.3, "user": 0.28}},
            {"wait": 0.0015, "samples": [("wait", READ, 0.07)]},
        ],
        ids=["from-memory", "no-reading", "sleep", "little-waiting"],
    )
    def test_says_nothing_without_the_evidence(self, changed: dict[str, Any]) -> None:
        assert "slow-storage" not in causes(self.seen(**changed))

    def test_a_file_mapped_into_memory(self) -> None:
        """Any line may read then: the device and the thread that does not run tell."""
        assert "slow-storage" in causes(self.seen(samples=[("wait", TURN, 0.75)]))
        quick = {"ran": 0.97, "user": 0.95, "read_bytes": 90e6}
        assert "slow-storage" not in causes(self.seen(samples=[("wait", TURN, 0.75)], moments=quick))

    def test_a_loop_that_reads_by_itself(self) -> None:
        by_hand = view(
            step=0.02, backward=0.002, wait=None, files=FILES,
            moments={"ran": 0.3, "user": 0.28, "read_bytes": 9e7},
            samples=[("other", ["train.py:8 fetch", "train.py:30 <module>"], 0.7),
                     ("backward", ["torch/_tensor.py:5 backward", "train.py:32 <module>"], 0.1)],
        )  # fmt: skip
        found = causes(by_hand)["slow-storage"]
        assert found.where.line == 8
        quick = view(
            step=0.02, backward=0.002, wait=None, files=FILES, moments={"ran": 0.97, "read_bytes": 0},
            samples=[("other", ["train.py:8 fetch", "train.py:30 <module>"], 0.05)],
        )  # fmt: skip
        assert causes(quick) == {}


class TestSmallFiles:
    @staticmethod
    def seen(**changes: Any) -> View:
        return heavy(**{
            "samples": [("wait", OPEN, 0.5), ("wait", READ, 0.15), ("wait", TURN, 0.1)],
            "moments": {"read_calls": 20_000, "read_chars": 20_000 * 300},
            **changes,
        })  # fmt: skip

    def test_many_opens(self) -> None:
        seen = self.seen()
        found = causes(seen)["small-file-reads"]
        assert found.where.line == 7
        assert "400 reads of 0.3 KiB" in found.summary
        assert first(seen) == "small-file-reads"

    @pytest.mark.parametrize(
        "changed",
        [
            {"moments": {"read_calls": 100, "read_chars": 30_000}},
            {"moments": {"read_calls": 20_000, "read_chars": 20_000 * 500_000}},
            {"samples": [("wait", OPEN, 0.05), ("wait", TURN, 0.7)]},
            {"wait": 0.0015, "samples": [("wait", OPEN, 0.075)]},
        ],
        ids=["few-calls", "large-files", "decoding", "little-waiting"],
    )
    def test_says_nothing_without_the_evidence(self, changed: dict[str, Any]) -> None:
        assert "small-file-reads" not in causes(self.seen(**changed))


def test_what_decodes_is_no_small_file() -> None:
    """An image is opened in the line that converts it, and nearly all of that is decoding."""
    converts = ["PIL/ImageFile.py:300 load", "PIL/Image.py:980 convert", "train.py:7 __getitem__", *MAIN]
    calls = {"read_calls": 20_000, "read_chars": 20_000 * 4096}
    assert "small-file-reads" not in causes(heavy(samples=[("wait", converts, 0.75)], moments=calls))
    loads = ["numpy/lib/_npyio_impl.py:451 load", "train.py:6 __getitem__", *MAIN]
    assert "small-file-reads" in causes(heavy(samples=[("wait", loads, 0.75)], moments=calls))
    parses = ["lib/python3.11/json/decoder.py:353 raw_decode", "train.py:8 __getitem__", *MAIN]
    assert "small-file-reads" not in causes(heavy(samples=[("wait", parses, 0.75)], moments=calls))


class TestManyWorkers:
    @staticmethod
    def seen(number: int = 16, **changes: Any) -> View:
        each = 0.03 * number / 2
        return view(**{
            "step": 0.04, "wait": 0.004, "cpus": 2.0, "files": FILES, "worker_samples": [(TURN, 1.0)],
            "workers": workers(number, each, cpu=2 / number * 0.7),
            "loaders": [loader(number, batches=200, waited=0.8, epochs=2, first_waits=0.5)],
            "conditions": {"busy": 1.98, "own": 1.95},
            "moments": {"queued": 0.45, "ran": 0.5, "user": 0.55, "switched": 900}, **changes,
        })  # fmt: skip

    def test_sixteen_on_two_cpus(self) -> None:
        found = causes(self.seen())["too-many-workers"]
        assert found.where.line == 27
        assert found.gains[0].change is not None
        assert (found.gains[0].change.name, found.gains[0].change.value) == ("workers", "1")
        assert "16 data workers share 2 CPUs" in found.summary

    def test_a_count_alone_is_no_cause(self) -> None:
        idle = {"queued": 0.01, "ran": 0.9, "user": 0.95, "switched": 20}
        calm = self.seen(
            moments=idle, conditions={"busy": 1.1, "own": 1.1}, wait=0.0002, workers=workers(16, 0.01)
        )
        assert causes(calm) == {}

    def test_two_on_two_cpus_are_not_many(self) -> None:
        assert "too-many-workers" not in causes(self.seen(2))


class TestRestart:
    @staticmethod
    def seen(**changes: Any) -> View:
        waits: Any = [0.12 if number % 10 == 0 else 0.0005 for number in range(200)]
        own = changes.pop("loader", {})
        made = {"batches": 200, "epochs": 20, "waited": 2.5, "first_waits": 2.4, **own}
        return view(**{
            "step": [0.01 + one for one in waits], "wait": waits, "cpus": 4.0, "files": FILES,
            "workers": workers(2, 0.004), "loaders": [loader(2, **made)], **changes,
        })  # fmt: skip

    def test_short_epochs(self) -> None:
        seen = self.seen()
        found = causes(seen)["worker-restart"]
        assert found.share == pytest.approx(0.5, abs=0.08)
        assert found.where.line == 25
        assert first(seen) == "worker-restart"
        (gain,) = found.gains
        assert gain.change is not None
        assert (gain.change.name, gain.change.value) == ("persistent", "1")
        low, high = gain.predicted or (0.0, 0.0)
        assert 0.6 < low < 1.0 < high < 1.6

    @pytest.mark.parametrize(
        "changed",
        [
            {"loader": {"persistent": True}},
            {"loader": {"epochs": 2, "first_waits": 0.2}},
            {"loader": {"first_waits": 0.09, "waited": 0.19}, "wait": 0.001, "step": 0.012},
            {"workers": workers(2, 0.118)},
        ],
        ids=["persistent", "one-restart", "quick-start", "slow-batches"],
    )
    def test_says_nothing_without_the_evidence(self, changed: dict[str, Any]) -> None:
        assert "worker-restart" not in causes(self.seen(**changed))


class TestCollate:
    PAD = ("train.py:6 pad", *MAIN)

    def test_of_the_person_without_workers(self) -> None:
        seen = heavy(
            samples=[("wait", self.PAD, 0.65), ("wait", TURN, 0.1)],
            loaders=[loader(0, batches=200, waited=3.0, collate="pad")],
        )
        found = causes(seen)["slow-collate"]
        assert found.where.line == 6
        assert "`pad` takes 87% of making a batch" in found.summary
        assert first(seen) == "slow-collate"

    def test_of_workers_by_their_own_clock(self) -> None:
        seen = view(
            step=0.05, wait=0.04, cpus=2.0, files=FILES, worker_samples=[(TURN, 1.0)],
            workers=workers(1, 0.048, collated=8.0),
            loaders=[loader(1, batches=200, waited=8.0, collate="Model.pad", persistent=True)],
            conditions={"busy": 1.2, "own": 1.2},
        )  # fmt: skip
        assert causes(seen)["slow-collate"].share > 0.5

    @pytest.mark.parametrize("inner", ["collate_tensor_fn", "collate_float_fn"])
    def test_of_torch_only_where_it_goes_value_by_value(self, inner: str) -> None:
        top = [f"torch/utils/data/_utils/collate.py:270 {inner}", *MAIN]
        seen = heavy(samples=[("wait", top, 0.75)])
        assert ("slow-collate" in causes(seen)) == (inner == "collate_float_fn")

    def test_says_nothing_of_a_quick_one(self) -> None:
        seen = heavy(
            samples=[("wait", self.PAD, 0.1), ("wait", TURN, 0.65)],
            loaders=[loader(0, batches=200, waited=3.0, collate="pad")],
        )
        assert "slow-collate" not in causes(seen)


class TestByHand:
    TEXT = (
        "def batches(data):\n    for item in data:\n        ids = encode(item)\n        yield ids\n\n\n"
        "def score(data):\n    return [one for one in data]\n"
    )
    TEXT += LOOP[TEXT.count("\n") :]
    BACK = ("backward", ["torch/_tensor.py:5 backward", "train.py:32 <module>"], 0.1)

    def seen(self, function: str, line: int, share: float = 0.7, **changes: Any) -> View:
        rows = [("other", [f"train.py:{line} {function}", "train.py:30 <module>"], share), self.BACK]
        return view(
            **{"step": 0.02, "backward": 0.002, "samples": rows, "files": {SCRIPT: self.TEXT}, **changes}
        )

    def test_a_generator(self) -> None:
        found = causes(self.seen("batches", 3))["dataloader-bound"]
        assert found.where.line == 3
        assert found.share == pytest.approx(0.7, abs=0.02)
        assert "`batches` makes each batch" in found.summary

    @pytest.mark.parametrize(
        ("function", "line", "share"),
        [("score", 8, 0.7), ("log_batch", 8, 0.7), ("batches", 3, 0.08)],
        ids=["no-batches", "logging", "little"],
    )
    def test_says_nothing_of_other_work(self, function: str, line: int, share: float) -> None:
        assert causes(self.seen(function, line, share)) == {}


class TestPageable:
    SCRIPT = LOOP + "    x = x.to('cuda')\n"

    def seen(self, **changes: Any) -> View:
        rows = [("other", ["train.py:34 <module>"], 0.3)]
        made = [loader(2, batches=200, waited=0.01, pin_memory=changes.pop("pinned", False))]
        sized = workers(2, 0.001, bytes=40_000_000)
        return view(**{
            "step": 0.03, "wait": 0.00005, "loaders": made, "workers": sized, "samples": rows,
            "settings": {"device": "cuda"}, "files": {SCRIPT: self.SCRIPT}, **changes,
        })  # fmt: skip

    def test_copies_hold_up_a_gpu(self) -> None:
        found = causes(self.seen())["pageable-transfers"]
        assert found.where.line == 34
        assert found.gains[0].change is not None
        assert found.gains[0].change.name == "pin"

    @pytest.mark.parametrize(
        "changed", [{"settings": {"device": "cpu"}}, {"pinned": True}], ids=["cpu", "pinned"]
    )
    def test_never_without_a_gpu_or_when_pinned(self, changed: dict[str, Any]) -> None:
        assert causes(self.seen(**changed)) == {}


class TestPipelines:
    @staticmethod
    def seen(wait: float = 0.012, **options: Any) -> View:
        given = {"stages": "tensors map batch", "serial_maps": 1, "functions": f"{SCRIPT}:6 turn", **options}
        made = loader(None, kind="tf.data", batches=200, waited=200 * wait, options=given)
        return view(step=0.02, wait=wait, loaders=[made], files=FILES, cpus=4.0)

    def test_a_map_in_a_row(self) -> None:
        found = causes(self.seen())["dataloader-bound"]
        assert (found.where.file, found.where.line) == (SCRIPT, 6)
        names = {one.change.name for one in found.gains if one.change is not None}
        assert names == {"map-parallel", "prefetch"}

    def test_what_calls_python_gains_nothing_from_more_calls(self) -> None:
        found = causes(self.seen(python=f"{SCRIPT}:6 turn"))["dataloader-bound"]
        assert "calls Python" in found.summary
        assert "map-parallel" not in {one.change.name for one in found.gains if one.change is not None}

    def test_says_nothing_of_a_quick_one(self) -> None:
        assert causes(self.seen(wait=0.001)) == {}


RUN = """
import time
import torch
from torch.utils.data import DataLoader, Dataset


class Remote(Dataset):
    def __len__(self):
        return 4000

    def __getitem__(self, index):
        time.sleep(0.004)  # the line
        return torch.zeros(8), 0


loader = DataLoader(
    Remote(),
    batch_size=8,
    num_workers=0,  # the argument
)
model = torch.nn.Linear(8, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step, (x, y) in enumerate(loader):
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    optimizer.zero_grad()
    if step == 60:
        break
"""


@pytest.mark.torch
def test_a_real_run_that_sleeps_for_its_batches(tmp_path: Path) -> None:
    require("torch (make torch)", TORCH.exists())
    script, saved = tmp_path / "train.py", tmp_path / "run.json"
    script.write_text(RUN)
    argv = (
        *(
            sys.executable,
            "-c",
            "from envkit.cli.main import main; main()",
            "diagnose",
            "--python",
            str(TORCH),
        ),
        *("--save", str(saved), "--", str(script)),
    )
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    run = from_saved(str(saved))
    (trace,) = (one for one in run.processes if one.steps.ended)
    found = causes(
        View(trace=trace, traces=run.processes, conditions=run.conditions, files=dict(run.sources))
    )
    lines = RUN.splitlines()
    assert lines[(found["dataloader-bound"].where.line or 0) - 1].endswith("# the line")
    assert lines[(found["too-few-workers"].where.line or 0) - 1].endswith("# the argument")
    assert set(found) == {"dataloader-bound", "too-few-workers"}


def test_the_whole_verdict_has_one_primary_cause_and_what_it_gains() -> None:
    seen = heavy()
    answer = speed(seen.traces, seen.files, seen.conditions)
    assert answer is not None
    assert answer.primary is not None
    assert answer.primary.key == "too-few-workers"
    assert "dataloader-bound" in answer.primary.folded
    assert any(one.change is not None and one.change.name == "workers" for one in answer.gains)


def test_a_model_that_knows_workers_is_set_right_by_what_was_measured() -> None:
    seen = view(
        step=0.05, wait=0.03, cpus=8.0, files=FILES, workers=workers(1, 0.04), worker_samples=[(TURN, 1.0)],
        loaders=[loader(1, batches=200, waited=6.0, persistent=True)], conditions={"busy": 1.5, "own": 1.5},
    )  # fmt: skip
    found = feed(seen)
    assert found is not None
    now, more = wait_model.pace(found, 1), wait_model.pace(found, 2)
    assert now.middle == pytest.approx(0.05, rel=0.1)
    assert more.middle < now.middle


def test_frames_of_views_are_as_written() -> None:
    (one,) = stack(["numpy/x.py:3 f"])
    assert (one.file, one.line, one.function, one.users) == ("numpy/x.py", 3, "f", False)
