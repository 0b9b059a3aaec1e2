"""Files, folders and streams of snapshots, and the loader that remembers parts."""

from __future__ import annotations

import gzip
import json
from typing import ClassVar

import pytest

from envkit.core.codec import MAX_BYTES
from envkit.core.errors import BadInputError
from envkit.facts.importers.detect import load_bytes
from envkit.facts.importers.many import Loader, is_stream, read, source, sources
from tests.cli.commands import FAULTY

GOOD = FAULTY.read_bytes()
PLAIN = json.loads(GOOD)


def changed(**fields):
    return json.dumps({**PLAIN, **fields}).encode()


class TestLoader:
    TOLD: ClassVar[dict[str, bytes]] = {
        "as saved": GOOD,
        "compact": json.dumps(PLAIN).encode(),
        "gzip": gzip.compress(GOOD),
        "utf-16": GOOD.decode().encode("utf-16"),
        "with a mark": b"\xef\xbb\xbf" + GOOD,
        "unknown fields": changed(later=[1, {"a": None}]),
        "minor version": changed(schema="envkit.snapshot/1.4"),
        "missing parts": b'{"schema": "envkit.snapshot/1"}',
        "nulls": changed(nvml=None, env=None, python=None),
        "twice the same field": GOOD.replace(b'"schema"', b'"taken": "x", "schema"', 1),
        "an answer of doctor": json.dumps(
            {"schema": "envkit.doctor/1", "verdict": "healthy", "findings": [], "snapshot": PLAIN}
        ).encode(),
        "a paste": b"+---\n| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |\n",
    }
    REFUSED: ClassVar[dict[str, bytes]] = {
        "empty": b"",
        "garbage": b"garbage",
        "cut": GOOD[: len(GOOD) // 2],
        "no schema": b"{}",
        "newer": changed(schema="envkit.snapshot/2"),
        "another value": changed(schema="envkit.plan/1"),
        "wrong type": changed(cpu=5),
        "wrong type inside": changed(cpu={"logical": "many"}),
        "wrong word": changed(probes=[{"name": "x", "state": "fine"}]),
        "whole numbers as fractions": changed(processes={"total": 5.0}),
        "schema of a wrong type": changed(schema=1),
        "nested": b'{"schema": "envkit.snapshot/1", "cpu": ' + b"[" * 500 + b"]" * 500 + b"}",
    }

    @pytest.mark.parametrize("data", TOLD.values(), ids=TOLD)
    def test_it_reads_what_from_reads(self, data):
        loader = Loader()
        for _ in range(2):
            assert loader.load(data, "x") == load_bytes(data, "x").value

    @pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
    def test_it_refuses_what_from_refuses_in_its_words(self, data):
        with pytest.raises(BadInputError) as expected:
            load_bytes(data, "x")
        with pytest.raises(BadInputError) as found:
            Loader().load(data, "x")
        assert str(found.value) == str(expected.value)

    def test_equal_parts_are_the_same_object(self):
        loader = Loader()
        one, other = loader.load(GOOD, "a"), loader.load(changed(taken="later"), "b")
        again = loader.load(GOOD, "c")
        assert one.python is again.python is not None and one.nvml is again.nvml
        assert other.taken == "later" and other.python == one.python

    def test_parts_that_differ_are_not_mixed(self):
        loader = Loader()
        for load in range(600):
            assert loader.load(changed(cpu={"load1": float(load)}), "x").cpu.load1 == load
        assert loader.load(GOOD, "x") == load_bytes(GOOD, "x").value


@pytest.mark.parametrize(
    "path, name, stream",
    [
        ("nodes/node-17.json", "node-17", False),
        ("node-17.json.gz", "node-17", False),
        ("gpu1.cluster.json", "gpu1.cluster", False),
        ("gpu1.cluster", "gpu1.cluster", False),
        ("paste.txt", "paste", False),
        ("all.jsonl", "all", True),
        ("all.ndjson.gz", "all", True),
        (".json", ".json", False),
    ],
)
def test_names(path, name, stream):
    one = source(path)
    assert (one.name, one.stream) == (name, stream)


def test_folders_and_doubles(tmp_path):
    for name in ("b.json", "a.json.gz", "c.jsonl", "notes.md", "d.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    found, bad = sources([str(tmp_path), str(tmp_path / "b.json"), str(tmp_path / "empty"), "missing.json"])
    assert [one.name for one in found] == ["a", "b", "c", "missing"]
    assert [one.why for one in bad] == ["holds no *.json, *.jsonl or *.ndjson file"]


class TestStreams:
    def told(self, path, **turns):
        return [
            (one.name, one.snapshot is not None, one.why)
            for one in read(source(str(path)), Loader(), **turns)
        ]

    def test_lines_numbers_and_names(self, tmp_path):
        named = json.dumps({"node": "gpu-7", **PLAIN}).encode()
        lines = [json.dumps(PLAIN).encode(), b"", named, b"{broken", b'{"node": "gpu-9"}']
        (tmp_path / "all.jsonl").write_bytes(b"\n".join(lines))
        told = self.told(tmp_path / "all.jsonl")
        assert [(name, good) for name, good, _ in told] == [
            ("all:1", True), ("gpu-7", True), ("all:4", False), ("gpu-9", False),
        ]  # fmt: skip
        assert "not JSON" in told[2][2] and "no schema" in told[3][2]

    def test_several_readers_share_the_lines(self, tmp_path):
        file = tmp_path / "all.jsonl.gz"
        file.write_bytes(gzip.compress((json.dumps(PLAIN) + "\n").encode() * 7))
        told = [{name for name, _, _ in self.told(file, turn=turn, turns=3)} for turn in range(3)]
        assert set().union(*told) == {f"all:{number}" for number in range(1, 8)}
        assert sum(map(len, told)) == 7

    def test_a_damaged_archive_gives_what_it_holds(self, tmp_path):
        lines = b"".join(changed(taken=str(number)) + b"\n" for number in range(400))
        (tmp_path / "all.jsonl.gz").write_bytes(gzip.compress(lines, 0)[: len(lines) // 2])
        told = self.told(tmp_path / "all.jsonl.gz")
        assert told[0][1] and not told[-1][1] and "to its end" in told[-1][2]

    def test_a_line_too_long(self, tmp_path):
        with (tmp_path / "all.jsonl").open("wb") as file:
            file.write(json.dumps(PLAIN).encode() + b"\n")
            file.seek(MAX_BYTES + 30_000, 1)
            file.write(b"\n" + json.dumps(PLAIN).encode())
        told = self.told(tmp_path / "all.jsonl")
        assert [good for _, good, _ in told] == [True, False, True]
        assert "64 MiB" in told[1][2]

    def test_a_missing_file(self):
        assert "No such file" in self.told("none.jsonl")[0][2]

    @pytest.mark.parametrize(
        "data, stream",
        [
            (GOOD, False),
            (json.dumps(PLAIN).encode(), True),
            (b"\n\n{}\n{}", True),
            (b"paste", False),
            (b"", False),
        ],
    )
    def test_a_first_line_that_is_an_object_makes_a_stream(self, tmp_path, data, stream):
        (tmp_path / "x").write_bytes(data)
        assert is_stream(str(tmp_path / "x")) is stream
