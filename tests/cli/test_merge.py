"""`doctor --merge` as a person runs it."""

from __future__ import annotations

import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from envkit.cli.merge_read import _Progress
from envkit.core.codec import dumps
from tests.cli.commands import ENVKIT, FAULTY, environment, envkit, told
from tests.doctor.fleet.nodes import alike, ecc_off, lost_gpu, other_driver

PASTE = """\
Collecting environment information...
PyTorch version: 2.4.1+cu121
Is debug build: False
CUDA used to build PyTorch: 12.1
OS: Ubuntu 22.04.4 LTS (x86_64)
Python version: 3.10.12 (64-bit runtime)
Is CUDA available: True
GPU models and configuration: GPU 0: NVIDIA A100-SXM4-80GB
Nvidia driver version: 550.54.15
"""


def write(folder, nodes):
    folder.mkdir(exist_ok=True)
    for name, snapshot in nodes.items():
        (folder / f"{name}.json").write_text(dumps(snapshot))
    return folder


def answer(*arguments, **more):
    done = envkit("doctor", "--merge", *arguments, "--json", **more)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """Ten nodes, one of them odd, without a finding of severity error."""
    nodes = alike(10)
    nodes["node-004"] = ecc_off(nodes["node-004"])
    return write(tmp_path_factory.mktemp("merge") / "nodes", nodes)


class TestAnswers:
    def test_text(self, healthy):
        done = envkit("doctor", "--merge", *sorted(healthy.iterdir()))
        assert done.returncode == 0 and done.stderr == ""
        assert "10 nodes: 9 alike; 1 differs: node-004" in done.stdout

    def test_json_of_a_folder(self, healthy):
        code, found = answer(healthy)
        assert code == 0 and found["schema"] == "envkit.fleet/1"
        assert [one["node"] for one in found["odd"]] == ["node-004"]
        assert [node["name"] for node in found["nodes"]] == [f"node-{at:03}" for at in range(1, 11)]
        assert {"verdict", "groups", "differences", "findings", "unreadable"} <= found.keys()

    @pytest.mark.parametrize("kind", ["markdown", "html", "text", "json"])
    def test_every_format_into_a_file(self, healthy, tmp_path, kind):
        done = envkit("doctor", "--merge", healthy, "--format", kind, "--output", tmp_path / "out")
        assert (done.returncode, done.stdout) == (0, "")
        assert "node-004" in (tmp_path / "out").read_text()

    def test_quiet_and_verbose(self, healthy):
        quiet = envkit("doctor", "--merge", healthy, "-q").stdout
        usual = envkit("doctor", "--merge", healthy).stdout
        assert "node-004" in quiet and "Differences" not in quiet and "Differences" in usual
        assert len(quiet) < len(usual) < len(envkit("doctor", "--merge", healthy, "-v").stdout)

    def test_an_error_finding_is_exit_1(self, healthy):
        code, found = answer(healthy, FAULTY)
        assert code == 1 and found["verdict"] == "problems"
        (one,) = [one for one in found["findings"] if one["key"] == "driver-too-old"]
        assert one["nodes"] == ["faulty-workstation"] and not one["everywhere"]

    def test_strict_counts_warnings(self, tmp_path):
        nodes = alike(3)
        done = envkit("doctor", "--merge", write(tmp_path / "n", nodes), "--json")
        severities = {one["severity"] for one in json.loads(done.stdout)["findings"]}
        assert done.returncode == 0 and "error" not in severities
        strict = envkit("doctor", "--merge", tmp_path / "n", "--strict")
        assert strict.returncode == (1 if "warning" in severities else 0)

    def test_only_and_skip(self, healthy):
        code, found = answer(healthy, FAULTY, "--only", "disk-full")
        assert code == 0
        assert {one["key"] for one in found["findings"]} | set(found["ok"]) == {"disk-full"}
        assert "disk-full" not in {
            one["key"] for one in answer(healthy, FAULTY, "--skip", "disk-full")[1]["findings"]
        }

    def test_findings_are_those_of_from(self, tmp_path):
        _, found = answer(FAULTY)
        alone = json.loads(envkit("doctor", "--from", FAULTY, "--json").stdout)
        one_by_one = {f["key"]: f for f in alone["findings"] if f["outcome"] in ("problem", "unknown")}
        assert {one["key"]: one["finding"] for one in found["findings"]} == one_by_one


class TestInputs:
    def test_gzip_paste_stream_and_standard_input(self, tmp_path):
        nodes = alike(6)
        folder = write(tmp_path / "n", dict(list(nodes.items())[:2]))
        (folder / "packed.json.gz").write_bytes(gzip.compress(dumps(nodes["node-003"]).encode()))
        (tmp_path / "paste.txt").write_text(PASTE)
        lines = [
            json.dumps({"node": name, **json.loads(dumps(nodes[name]))}) for name in ("node-004", "node-005")
        ]
        (tmp_path / "rest.jsonl").write_text("\n".join(lines))
        code, found = answer(
            folder,
            tmp_path / "paste.txt",
            tmp_path / "rest.jsonl",
            "-",
            stdin=dumps(nodes["node-006"]).encode(),
        )
        assert (code, found["unreadable"]) == (0, [])
        assert [node["name"] for node in found["nodes"]] == [
            "node-001", "node-002", "node-004", "node-005", "packed", "paste", "stdin",
        ]  # fmt: skip

    def test_lines_on_standard_input(self):
        lines = "\n".join(json.dumps(json.loads(dumps(one))) for one in alike(5).values()).encode()
        code, found = answer("-", stdin=lines)
        assert code == 0 and [one["name"] for one in found["nodes"]] == [f"stdin:{at}" for at in range(1, 6)]

    def test_one_file(self, healthy):
        done = envkit("doctor", "--merge", healthy / "node-001.json")
        assert done.returncode == 0 and "nothing to compare it with" in done.stdout

    def test_what_cannot_be_read_does_not_stop_the_rest(self, healthy, tmp_path):
        (tmp_path / "bad.json").write_text("{")
        (tmp_path / "empty.json").write_text("")
        code, found = answer(healthy, tmp_path / "bad.json", tmp_path / "empty.json", tmp_path / "none.json")
        assert code == 4 and len(found["nodes"]) == 10
        why = {os.path.basename(one["source"]): one["why"] for one in found["unreadable"]}
        assert why.keys() == {"bad.json", "empty.json", "none.json"}
        assert "not JSON" in why["bad.json"] and why["empty.json"] == "is empty"
        assert "No such file" in why["none.json"]
        shown = envkit("doctor", "--merge", healthy, tmp_path / "bad.json")
        assert shown.returncode == 4 and "Could not be read" in shown.stdout and "bad.json" in shown.stdout

    def test_an_error_finding_comes_before_what_cannot_be_read(self, healthy, tmp_path):
        assert answer(healthy, FAULTY, tmp_path / "none.json")[0] == 1

    def test_nothing_can_be_read(self, tmp_path):
        (tmp_path / "bad.json").write_text("{")
        done = envkit("doctor", "--merge", tmp_path / "bad.json", tmp_path)
        assert (done.returncode, done.stdout) == (4, "")
        assert "bad.json" in told(done)[0]

    def test_the_same_name_twice(self, healthy, tmp_path):
        other = write(tmp_path / "other", {"node-001": alike(1)["node-001"]})
        names = [node["name"] for node in answer(healthy, other)[1]["nodes"]]
        assert "node-001" not in names and str(other / "node-001.json") in names and len(set(names)) == 11

    def test_an_endless_input_without_a_line(self):
        with open("/dev/zero", "rb") as zeros:
            done = subprocess.run(
                [*ENVKIT, "doctor", "--merge", "-"],
                env=environment(),
                stdin=zeros,
                capture_output=True,
                timeout=100,
            )
        assert done.returncode == 4 and b"64 MiB" in done.stderr

    def test_a_device(self):
        done = envkit("doctor", "--merge", "/dev/null", FAULTY)
        assert done.returncode == 1 and "/dev/null" in done.stdout

    def test_a_hostile_name(self, tmp_path):
        nodes = alike(4)
        folder = write(tmp_path / "n", nodes)
        name = "[bold red]x<img src=a>\x1b[31m"
        (folder / f"{name}.json").write_text(dumps(other_driver(nodes["node-001"])))
        for kind in ("text", "markdown", "html", "json"):
            done = envkit("doctor", "--merge", folder, "--format", kind)
            assert "\x1b" not in done.stdout and "bold red" in done.stdout
            assert kind in ("text", "json") or "<img src=a>" not in done.stdout

    def test_names_of_nodes_stay_and_persons_go(self, tmp_path):
        folder = write(tmp_path / "n", alike(3))
        host = os.uname().nodename
        (folder / "node-001.json").rename(folder / f"{host}.json")
        text = (folder / "node-002.json").read_text()
        (folder / "node-002.json").write_text(text.replace("6.8.0", "6.8.0 token=hush-hush"))
        _, found = answer(folder)
        assert host in [node["name"] for node in found["nodes"]]
        assert "hush-hush" not in json.dumps(found)


class TestUsage:
    def test_files_without_merge(self, healthy):
        done = envkit("doctor", healthy / "node-001.json")
        assert done.returncode == 2 and "--merge" in told(done)[1] and "--from" in told(done)[1]

    def test_merge_without_files(self):
        done = envkit("doctor", "--merge")
        assert done.returncode == 2 and "--save" in told(done)[1]

    @pytest.mark.parametrize("more", [("--deep",), ("--from", FAULTY), ("--python", "3.12"), ("--save", "x")])
    def test_flags_that_look_at_one_machine(self, more):
        done = envkit("doctor", "--merge", FAULTY, *more)
        assert done.returncode == 2 and more[0] in told(done)[0]


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """More files than one process is given."""
    nodes = dict(zip((f"node-{at:04}" for at in range(1, 1001)), alike(1000, seed=5).values(), strict=True))
    for name, spoil in (("node-0123", other_driver), ("node-0456", lost_gpu), ("node-0789", ecc_off)):
        nodes[name] = spoil(nodes[name])
    return write(tmp_path_factory.mktemp("many") / "nodes", nodes)


class TestMany:
    def test_three_of_a_thousand(self, thousand):
        _, found = answer(thousand)
        assert {one["node"] for one in found["odd"]} == {"node-0123", "node-0456", "node-0789"}
        assert found["groups"][0]["alike"] == 997 and found["unreadable"] == []

    def test_several_processes_say_the_same_as_one(self, thousand):
        several = envkit("doctor", "--merge", thousand, "--json")
        command = [*ENVKIT, "doctor", "--merge", str(thousand), "--json"]
        pinned = (
            "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
            f"os.execv({command[0]!r}, {command!r})"
        )
        one = subprocess.run(
            [sys.executable, "-c", pinned], env=environment(), capture_output=True, timeout=100
        )
        assert one.stdout.decode() == several.stdout

    def test_lines_of_one_file_say_the_same(self, thousand, tmp_path):
        with (tmp_path / "all.jsonl").open("w") as file:
            for one in sorted(thousand.iterdir()):
                file.write(json.dumps({"node": one.stem, **json.loads(one.read_text())}) + "\n")
        lines, files = answer(tmp_path / "all.jsonl")[1], answer(thousand)[1]
        assert lines == files

    def test_a_pipe_is_read_once_and_by_all(self, thousand, tmp_path):
        fifo = tmp_path / "all.jsonl"
        os.mkfifo(fifo)
        running = subprocess.Popen(
            [*ENVKIT, "doctor", "--merge", fifo, "--json"], env=environment(), stdout=subprocess.PIPE
        )
        with fifo.open("w") as file:
            for one in sorted(thousand.iterdir()):
                file.write(json.dumps(json.loads(one.read_text())) + "\n")
        found = json.loads(running.communicate(timeout=100)[0])
        assert len(found["nodes"]) == 1000 and found["unreadable"] == []
        assert {one["node"] for one in found["odd"]} == {"all:123", "all:456", "all:789"}

    def test_ctrl_c_while_its_processes_read(self, thousand):
        running = start("doctor", "--merge", thousand)
        kids = children(running, 1.0 if len(os.sched_getaffinity(0)) < 2 else 60.0)
        interrupted(running)
        assert not any(os.path.exists(f"/proc/{pid}") for pid in kids)

    def test_ctrl_c_while_it_waits_for_a_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "all.jsonl")
        running = start("doctor", "--merge", tmp_path / "all.jsonl")
        children(running, 2.0)
        interrupted(running)


def start(*arguments):
    return subprocess.Popen(
        [*ENVKIT, *map(str, arguments)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def children(running, seconds):
    """The processes that it has started, as soon as there are some."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and running.poll() is None:
        with open(f"/proc/{running.pid}/task/{running.pid}/children") as file:
            if found := file.read().split():
                return [int(pid) for pid in found]
        time.sleep(0.01)
    return []


def interrupted(running):
    """Ctrl-C goes to all processes of the terminal."""
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, b"")
    assert b"interrupted" in err and b"Traceback" not in err


def test_a_terminal_is_told_how_far_it_is(monkeypatch):
    main, side = pty.openpty()
    with os.fdopen(side, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        done = [3, 4]
        progress = _Progress(done, 10)
        progress.tell()  # too early
        progress.next = 0
        progress.tell()
        progress.end()
        told = b""
        while not told.endswith(b"\x1b[K"):
            told += os.read(main, 1000)
        assert told == b"\r7 of 10 snapshots read\r\x1b[K"
    os.close(main)


def test_a_file_is_not_told_how_far_it_is(monkeypatch, tmp_path):
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        progress = _Progress([3], 10)
        progress.next = 0
        progress.tell()
        progress.end()
    assert (tmp_path / "log").read_text() == ""
