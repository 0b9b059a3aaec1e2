"""Which kind a file is, how it is encoded, and several at once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from envkit.core.codec import MAX_BYTES, dumps, to_json
from envkit.core.errors import BadInputError
from envkit.doctor.answer import Answer
from envkit.facts.gpu_model import Gpu, Nvml
from envkit.facts.host_model import Host, Memory
from envkit.facts.importers.detect import ACCEPTED, import_files, import_text, load_snapshot
from envkit.facts.importers.merge import merge
from envkit.facts.importers.probes import NAMES as PROBES
from envkit.facts.model import Snapshot
from tests.facts.importers.pastes import NAMES, SAMPLES, gpus, imported, sample, text

HEALTHY = "collect-env-2.10-h100-healthy.txt"
SAVED = Snapshot(host=Host(os_id="debian"), memory=Memory(total=64 << 30), probes=())


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_says_of_every_probe_why(name: str) -> None:
    snapshot = imported(name)
    assert {status.name for status in snapshot.probes} == set(PROBES)
    for status in snapshot.probes:
        value = getattr(snapshot, status.name, None)
        assert status.state in ("ok", "skipped") and status.detail
        assert ("does not hold this" in status.detail) == (value is None)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_can_be_saved_and_loaded(name: str, tmp_path: Path) -> None:
    snapshot = imported(name)
    (tmp_path / "s.json").write_text(dumps(to_json(snapshot)))
    assert load_snapshot(tmp_path / "s.json").value == snapshot


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.decode().encode("utf-16"),
        lambda data: data.decode().encode("utf-16-le"),
        lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
        lambda data: data.decode().encode("utf-32"),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: b"caf\xe9\n" + data,
        lambda data: data.replace(b"PyTorch", b"\x1b[1mPyTorch\x1b[0m").replace(b"GPU 0", b"\x1b[32mGPU 0"),
        lambda data: data.replace(b"\n", b"\n\0"),
        lambda data: b"Hello,\nmy report:\n\n```text\n" + data + b"```\nThanks\n",
        lambda data: b"".join(b"> " + line + b"\n" for line in data.splitlines()),
        lambda data: b"".join(b"> > " + line + b"\n" for line in data.splitlines()),
        lambda data: b"".join(b"    " + line + b"\n" for line in data.splitlines()),
        gzip.compress,
    ],
)
def test_however_it_was_pasted(changed) -> None:
    assert import_text(changed(sample(HEALTHY)), "paste") == imported(HEALTHY)


def test_two_reports_in_one_paste() -> None:
    snapshot = imported("paste-collect-env-and-smi.txt")
    assert snapshot.python == imported(HEALTHY).python and snapshot.host == imported(HEALTHY).host
    assert snapshot.nvml is not None
    assert (snapshot.nvml.driver_version, snapshot.nvml.cuda_version) == ("570.172.08", "12.8")
    assert [gpu.memory_total for gpu in gpus(snapshot)] == [81559 << 20] * 2
    assert not any("contradiction" in status.detail for status in snapshot.probes)


def test_several_files(tmp_path: Path) -> None:
    (tmp_path / "saved.json").write_text(dumps(to_json(SAVED)))
    snapshot = import_files([SAMPLES / HEALTHY, tmp_path / "saved.json", SAMPLES / "q-535-h100.txt"])
    assert snapshot.memory == SAVED.memory and snapshot.python == imported(HEALTHY).python
    assert snapshot.host is not None and snapshot.host.os_id == "debian"
    details = {status.name: status.detail for status in snapshot.probes}
    assert "os_id: debian is taken, another source says ubuntu" in details["host"]
    # -q tells more of a GPU than collect_env.
    assert "535.129.03 is taken, another source says 570.172.08" in details["nvml"]
    assert next(status.state for status in snapshot.probes if status.name == "nvml") == "ok"


def test_a_snapshot_of_a_later_version() -> None:
    raw = {**to_json(SAVED), "from_the_future": [1, 2]}
    assert import_text(json.dumps(raw).encode(), "s.json") == SAVED


def test_raw_json_of_a_snapshot(tmp_path: Path) -> None:
    raw = {**to_json(SAVED), "from_the_future": [1, 2]}
    (tmp_path / "s.json").write_text(json.dumps(raw))
    assert load_snapshot(tmp_path / "s.json").raw == json.loads(json.dumps(raw))


@pytest.mark.parametrize("around", ["{}", "see:\n\n```json\n{}\n```\n", "\ufeff{}"])
def test_the_answer_of_doctor(around: str) -> None:
    answer = Answer(verdict="healthy", findings=(), snapshot=SAVED)
    assert import_text(around.replace("{}", dumps(answer)).encode(), "a.json") == SAVED


def test_an_answer_without_its_facts() -> None:
    with pytest.raises(BadInputError, match="without the facts"):
        import_text(dumps(Answer(verdict="healthy", findings=())).encode(), "a.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\0",
        b"  \n\n",
        b"hello",
        b"{}",
        b"{" * 10_000,
        b'{"schema": "envkit.plan/1"}',
        b'{"schema": "envkit.snapshot/2"}',
        b'{"schema": "envkit.doctor/1", "snapshot": 3}',
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00garbage",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50,
        b"PyTorch version:\nIs debug build:\n",
        b"==============NVSMI LOG==============\n",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError):
        import_text(data, "paste")


def test_a_refusal_says_what_is_accepted() -> None:
    with pytest.raises(BadInputError) as caught:
        import_text(b"Epoch 1: loss 0.3", "log.txt")
    assert caught.value.message.startswith("log.txt") and caught.value.todo == ACCEPTED


def test_limits() -> None:
    with pytest.raises(BadInputError, match="larger than"):
        import_text(b" " * (MAX_BYTES + 1), "big")
    with pytest.raises(BadInputError, match="larger than"):
        import_text(gzip.compress(b" " * (MAX_BYTES + 1)), "bomb.gz")
    with pytest.raises(BadInputError, match="lines"):
        import_text(b"x" + b"\n" * 2_000_000, "long")
    with pytest.raises(BadInputError, match="cannot read"):
        load_snapshot("/does/not/exist")
    with pytest.raises(BadInputError):
        load_snapshot()


def test_a_log_of_many_tables_counts_the_last() -> None:
    table = text("smi-550-h100-healthy.txt")
    log = "\n".join(table.replace("31C", f"{20 + second % 60}C") for second in range(500))
    assert gpus(import_text(log.encode(), "log"))[0].temperature == 20 + 499 % 60


def gpu_of(**facts: object) -> Snapshot:
    return Snapshot(nvml=Nvml(state="ok", gpus=(Gpu(index=0, **facts),)))  # type: ignore[arg-type]


def test_a_cut_name_agrees_with_the_whole_one() -> None:
    cut, whole = gpu_of(name="NVIDIA GeForce RTX 308..."), gpu_of(name="NVIDIA GeForce RTX 3080")
    for pair in ((cut, whole), (whole, cut)):
        merged = merge(pair)
        assert gpus(merged)[0].name == "NVIDIA GeForce RTX 3080"


def test_gpus_are_matched_by_what_names_them() -> None:
    one = Snapshot(
        nvml=Nvml(
            state="ok",
            gpus=(Gpu(index=0, uuid="GPU-a", temperature=30.0), Gpu(index=1, uuid="GPU-b", temperature=40.0)),
        )
    )
    other = Snapshot(
        nvml=Nvml(
            state="ok", gpus=(Gpu(index=0, uuid="GPU-b", vbios="b"), Gpu(index=1, uuid="GPU-a", vbios="a"))
        )
    )
    assert [(gpu.temperature, gpu.vbios) for gpu in gpus(merge((one, other)))] == [(30.0, "a"), (40.0, "b")]


def test_unknown_stays_unknown_and_false_stays_false() -> None:
    merged = merge((gpu_of(mig_mode=False), gpu_of(mig_mode=True, persistence=False)))
    assert (gpus(merged)[0].mig_mode, gpus(merged)[0].persistence, gpus(merged)[0].ecc) == (
        False,
        False,
        None,
    )
