"""Values to JSON and back, files that are not what they should be, and writing whole or not at all."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envkit.core import codec
from envkit.core.codec import dumps, from_json, load, loads, overlay, read_input, to_json, write_text
from envkit.core.errors import BadInputError, DiskError
from envkit.core.report import Bar, Bars, Report
from envkit.facts.model import ProbeStatus, Snapshot
from tests.core.values import values
from tests.schemas.catalogue import SCHEMAS


def snapshot(text: str | bytes) -> Snapshot:
    data = text.encode() if isinstance(text, str) else text
    return loads(Snapshot, data, name="snapshot", where="file").value


def refusal(text: str | bytes) -> str:
    with pytest.raises(BadInputError) as caught:
        snapshot(text)
    assert caught.value.todo
    return caught.value.message


def with_schema(**fields: object) -> str:
    return json.dumps({"schema": "envkit.snapshot/1", **fields})


class TestRoundTrip:
    @pytest.mark.parametrize("name", SCHEMAS)
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_every_value_comes_back_as_it_was(self, name, data):
        kind = SCHEMAS[name]
        value = data.draw(values(kind))
        text = dumps(value)
        assert loads(kind, text.encode(), name=name, where="file").value == value
        assert from_json(kind, to_json(value)) == value

    def test_not_read_and_none_found_stay_different(self):
        assert snapshot(dumps(Snapshot(pci=None, xids=()))) == Snapshot(pci=None, xids=())

    def test_figures_that_json_lacks_are_not_read(self):
        assert '"seconds": null' in dumps(ProbeStatus(name="x", state="ok", seconds=float("nan")))

    def test_a_bar_without_figure_is_refused_and_not_misread(self):
        report = Report(command="x", verdict="healthy", sections=())
        assert loads(Report, dumps(report).encode(), name="report", where="file").value == report
        assert json.loads(dumps(Bars(bars=(Bar(label="x", value=float("inf")),))))["bars"][0]["value"] is None


class TestDumps:
    def test_text_that_people_can_read(self):
        assert dumps({"a": [1, "é"]}) == '{\n  "a": [\n    1,\n    "é"\n  ]\n}'

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_nothing_in_it_acts_on_a_terminal(self, text):
        written = dumps({text: [text]})
        assert not any(char < " " and char != "\n" for char in written)
        assert not any("\x7f" <= char <= "\x9f" or "\u202a" <= char <= "\u202e" for char in written)
        assert json.loads(written) == {text: [text]}


class TestUnknownFields:
    def test_are_kept_at_every_depth(self):
        raw = {
            "schema": "envkit.snapshot/1",
            "later": {"a": [1, 2]},
            "probes": [{"name": "x", "state": "ok", "later": True}],
            "env": [],
        }
        loaded = loads(Snapshot, json.dumps(raw).encode(), name="snapshot", where="file")
        again = overlay(loaded.raw, to_json(loaded.value))
        assert again["later"] == {"a": [1, 2]}
        assert again["probes"][0]["later"] is True
        assert again["probes"][0]["name"] == "x"
        assert again["env"] == []

    def test_the_value_wins_over_what_the_file_said(self):
        assert overlay({"a": 1, "b": [1, 2], "c": {"x": 1}}, {"a": 2, "b": [3], "c": None}) == {
            "a": 2,
            "b": [3],
            "c": None,
        }

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(Snapshot))
    def test_without_any_the_overlay_is_the_value(self, value):
        built = to_json(value)
        assert dumps(overlay(json.loads(json.dumps(built)), built)) == dumps(value)
        assert overlay({}, built) == built


class TestRefused:
    @pytest.mark.parametrize(
        "text, says",
        [
            ("", "empty"),
            (" \n", "empty"),
            ("garbage", "not JSON"),
            ("{", "not JSON"),
            (with_schema()[:-1], "not JSON"),
            (with_schema() + " x", "not JSON"),
            (with_schema(uptime=1).replace("1}", "NaN}"), "not JSON"),
            (with_schema(uptime=1).replace("1}", "1e999}"), "not JSON"),
            ("[]", "not an object"),
            ('"text"', "not an object"),
            ("null", "not an object"),
            ("{}", "no schema"),
            ('{"schema": null}', "no schema"),
            ('{"schema": 1}', "not an envkit snapshot"),
            ('{"schema": ["envkit.snapshot/1"]}', "not an envkit snapshot"),
            ('{"schema": "envkit.plan/1"}', "envkit.plan/1"),
            ('{"schema": "other/1"}', "other/1"),
            ('{"schema": "envkit.snapshot/2"}', "envkit.snapshot/2"),
            ('{"schema": "envkit.snapshot/10"}', "envkit.snapshot/10"),
            ('{"schema": "envkit.snapshot/"}', "reads envkit.snapshot/1"),
            ('{"schema": "envkit.snapshot"}', "reads envkit.snapshot/1"),
            (with_schema(env=5), "not a valid snapshot"),
            (with_schema(env=[{"name": "x"}]), "not a valid snapshot"),
            (with_schema(probes=[{"name": "x", "state": "odd"}]), "not a valid snapshot"),
            (with_schema(taken=5), "taken"),
            ("[" * 100_000, "not JSON"),
            ('{"a":' * 100_000, "not JSON"),
            (with_schema(later=1).replace("1}", "[" * 300 + "]" * 300 + "}"), "levels deep"),
            (with_schema().encode("utf-16"), "not JSON"),
            ('{"schema": "envkit.snapshot/1", "taken": "é"}'.encode("latin-1"), "not JSON"),
            (b"\x00" * 100, "not JSON"),
            (b"\x1f\x8b\x08\x00rest", "not JSON"),
            (b"\x80\x04\x95pickle", "not JSON"),
        ],
    )
    def test_with_what_is_wrong(self, text, says):
        assert says in refusal(text)

    def test_a_later_minor_version_is_read(self):
        assert snapshot('{"schema": "envkit.snapshot/1.7", "taken": "now"}').taken == "now"

    def test_of_a_field_that_is_there_twice_the_last_counts(self):
        assert snapshot('{"schema": "envkit.snapshot/1", "taken": "a", "taken": "b"}').taken == "b"

    def test_nesting_to_the_limit_is_read(self):
        depth = codec.MAX_DEPTH - 1
        snapshot(with_schema(later=1).replace("1}", "[" * depth + "]" * depth + "}"))

    @settings(max_examples=300, deadline=None)
    @given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
    def test_whatever_it_is(self, data):
        refusal(data)


class TestReadInput:
    def test_a_file(self, tmp_path):
        (tmp_path / "file").write_bytes(b"x")
        assert read_input(tmp_path / "file") == b"x"
        assert read_input(str(tmp_path / "file")) == b"x"

    def test_standard_input(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(with_schema(taken="now").encode())))
        assert load(Snapshot, "-", name="snapshot").value.taken == "now"

    def test_standard_input_is_named_in_the_error(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x")))
        with pytest.raises(BadInputError, match="standard input"):
            load(Snapshot, "-", name="snapshot")

    @pytest.mark.parametrize("name", ["none", "", ".", "none/file"])
    def test_what_cannot_be_read(self, tmp_path, name):
        with pytest.raises(BadInputError, match="cannot read"):
            read_input(tmp_path / name)

    def test_sixty_five_megabytes_are_refused_unread(self, tmp_path):
        large = tmp_path / "large"
        with large.open("wb") as file:
            file.truncate(65 << 20)
        with pytest.raises(BadInputError, match="larger than 64 MiB"):
            load(Snapshot, large, name="snapshot")

    def test_a_file_without_end_is_refused(self):
        with pytest.raises(BadInputError, match="larger"):
            read_input("/dev/zero", limit=1 << 20)

    def test_as_large_as_the_limit_is_read(self, tmp_path):
        (tmp_path / "file").write_bytes(b"x" * 100)
        assert len(read_input(tmp_path / "file", limit=100)) == 100
        with pytest.raises(BadInputError):
            read_input(tmp_path / "file", limit=99)


class TestWriteText:
    def test_a_new_file(self, tmp_path):
        write_text(tmp_path / "file", "é\n")
        assert (tmp_path / "file").read_text("utf-8") == "é\n"
        assert os.listdir(tmp_path) == ["file"]

    def test_a_new_file_has_the_mode_that_the_umask_gives(self, tmp_path):
        before = os.umask(0o027)
        try:
            write_text(tmp_path / "file", "x")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640

    def test_a_file_that_was_there_is_replaced_and_keeps_its_mode(self, tmp_path):
        (tmp_path / "file").write_text("a longer text")
        (tmp_path / "file").chmod(0o600)
        write_text(str(tmp_path / "file"), "x")
        assert (tmp_path / "file").read_text() == "x"
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == ["file"]

    def test_of_a_link_the_end_is_replaced(self, tmp_path):
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder/file").write_text("old")
        (tmp_path / "link").symlink_to("folder/file")
        (tmp_path / "dangling").symlink_to("folder/new")
        write_text(tmp_path / "link", "new")
        write_text(tmp_path / "dangling", "new")
        assert (tmp_path / "link").is_symlink() and (tmp_path / "dangling").is_symlink()
        assert (tmp_path / "folder/file").read_text() == (tmp_path / "folder/new").read_text() == "new"

    def test_the_longest_name(self, tmp_path):
        write_text(tmp_path / ("x" * 255), "x")

    @pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
    def test_a_device_is_never_replaced(self, device):
        """Also not for root, who could."""
        before = os.stat(device)
        try:
            write_text(device, "x")
        except DiskError:
            pass
        assert stat.S_ISCHR(os.stat(device).st_mode)
        assert os.stat(device).st_ino == before.st_ino

    def test_a_full_disk(self):
        with pytest.raises(DiskError, match="No space left"):
            write_text("/dev/full", "x")

    def test_a_pipe(self, tmp_path):
        reading, writing = os.pipe()
        write_text(f"/dev/fd/{writing}", "text")
        os.close(writing)
        with open(reading) as pipe:
            assert pipe.read() == "text"

    @pytest.mark.parametrize("name", ["none/file", "", "file/below", "x" * 256])
    def test_where_nothing_can_be_written(self, tmp_path, name):
        (tmp_path / "file").write_text("old")
        with pytest.raises(DiskError, match="cannot write"):
            write_text(tmp_path / name, "x")
        assert os.listdir(tmp_path) == ["file"]
        assert (tmp_path / "file").read_text() == "old"

    def test_where_nobody_may_write(self):
        with pytest.raises(DiskError):
            write_text("/sys/kernel/envkit", "x")

    def test_a_file_that_may_only_be_read(self, open_folder, ordinary_user):
        file = open_folder / "file"
        file.write_text("old")
        file.chmod(0o444)
        open_folder.chmod(0o777)
        with ordinary_user(), pytest.raises(DiskError, match="Permission denied"):
            write_text(file, "x")
        assert file.read_text() == "old"
        assert os.listdir(open_folder) == ["file"]

    def test_a_folder_that_may_only_be_read(self, open_folder, ordinary_user):
        open_folder.chmod(0o555)
        with ordinary_user(), pytest.raises(DiskError, match="Permission denied"):
            write_text(open_folder / "file", "x")

    def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(self, tmp_path):
        """The file size limit of a child stands for a disk that fills while it is written."""
        (tmp_path / "file").write_text("old")
        script = (
            "import resource, signal, sys\n"
            "from envkit.core.codec import write_text\n"
            "from envkit.core.errors import DiskError\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
            "try:\n"
            "    write_text(sys.argv[1], 'x' * 1_000_000)\n"
            "except DiskError as error:\n"
            "    print(error.message)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "file")], capture_output=True, text=True, check=True
        )
        assert "File too large" in done.stdout
        assert os.listdir(tmp_path) == ["file"]
        assert (tmp_path / "file").read_text() == "old"

    def test_standard_output(self, capsys):
        write_text("-", "text")
        assert capsys.readouterr().out == "text"
