"""The child that looks at directories, on the running machine; and how its answers are read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envkit.core import proc
from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts import programs
from envkit.facts.probes import storage
from tests.coverage_notes import require
from tests.facts.trees import tree
from tests.recorded import recorded

HANG = Path(__file__).parent.parent / "hang" / "slow_stat.c"


def look(request, *, powers=True, **env):
    """The child's answers; without `powers` it runs as one who may not enter every directory."""
    prefix = () if powers or os.geteuid() else ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    result = proc.run(
        proc.Command(
            name="look",
            argv=(*prefix, sys.executable, "-I", "-S", str(programs._CHILD)),
            limit=60,
            stdin=json.dumps(request).encode(),
            env={**os.environ, **env},
        )
    )
    assert result.state == "done" and result.code == 0, result
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_space(tmp_path):
    (answer,) = look({"statfs": [str(tmp_path)]})
    found = os.statvfs(tmp_path)
    assert answer["state"] == "ok" and answer["writable"] is True and answer["read_only"] is False
    assert answer["total"] == found.f_blocks * found.f_frsize
    assert answer["inodes_total"] == found.f_files
    assert answer["real"] == os.path.realpath(tmp_path)


def test_nearest_parent_and_links(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "disk" / "later")
    (tmp_path / "file").write_text("")
    paths = [str(tmp_path / "a/b/c"), str(tmp_path / "cache/hub"), str(tmp_path / "file/x")]
    answers = {answer["statfs"]: answer for answer in look({"statfs": paths})}
    assert {answer["state"] for answer in answers.values()} == {"absent"}
    assert answers[paths[0]]["real"] == os.path.realpath(tmp_path)
    # A link to what is not there yet leads to the disk that it will be on.
    assert answers[paths[1]]["real"] == os.path.realpath(tmp_path / "disk")


def test_which(tmp_path):
    for name, mode in (("tool", 0o755), ("data", 0o644)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    (tmp_path / "folder").mkdir()
    answers = look({"which": ["tool", "data", "folder", "nothing"], "path": f"/nonexistent:{tmp_path}"})
    assert {answer["which"]: answer["found"] for answer in answers} == {
        "tool": str(tmp_path / "tool"),
        "data": "",
        "folder": "",
        "nothing": "",
    }


def test_odd_requests(tmp_path):
    assert look({}) == []
    odd = ["", "a\0b", "rel", "\udcff", "/" + "x" * 5000, str(tmp_path), str(tmp_path)]
    answers = look({"statfs": odd})
    assert len(answers) == len(set(odd))
    assert {answer["state"] for answer in answers} <= {"ok", "absent", "failed"}


def test_denied(tmp_path):
    closed = tmp_path / "closed"
    (closed / "in").mkdir(parents=True)
    closed.chmod(0)
    (answer,) = look({"statfs": [str(closed / "in")]}, powers=False)
    closed.chmod(0o700)
    assert answer["state"] == "denied"


@pytest.fixture(scope="module")
def slow_stat(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    require("C compiler", compiler is not None)
    library = tmp_path_factory.mktemp("hang") / "slow_stat.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, HANG, "-ldl"], check=True, timeout=60)
    return str(library)


@pytest.mark.cc
def test_a_hung_directory_costs_only_its_own_item(slow_stat, tmp_path):
    gone = "/gone-server/data"
    tool = tmp_path / "tool"
    tool.write_text("")
    tool.chmod(0o755)
    answers = look(
        {
            "statfs": [gone, str(tmp_path), "/"],
            "which": ["tool", "other"],
            "path": f"{tmp_path}:/gone-server/bin",
            "limit": 2.0,
        },
        LD_PRELOAD=slow_stat,
        SLOW_PREFIX="/gone-server",
    )
    states = {answer.get("statfs") or answer["which"]: answer["state"] for answer in answers}
    assert states == {gone: "timeout", str(tmp_path): "ok", "/": "ok", "tool": "ok", "other": "timeout"}


@pytest.mark.cc
def test_probes_answer_beside_a_hung_directory(slow_stat, tmp_path, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", slow_stat)
    monkeypatch.setenv("SLOW_PREFIX", "/gone-server")
    monkeypatch.setattr(programs, "LIMIT", 2.0)
    monkeypatch.setattr(programs, "_START", 60.0)
    env = {**os.environ, "HF_HOME": "/gone-server/hf", "PATH": f"/gone-server/bin:{os.environ['PATH']}"}
    machine = Machine(root=Path("/"), env=env, run=proc.run)
    found = {place.role: place for place in storage.read(machine)}
    assert (found["hf-cache"].state, found["hf-cache"].total) == ("timeout", None)
    assert found["cwd"].state == "ok" and found["cwd"].total
    assert programs.which(machine, ["sh"]) == {"sh": None}


def test_which_here(monkeypatch):
    monkeypatch.setattr(programs, "LIMIT", 60.0)
    found = programs.which(Machine.here(), ["sh", "surely-no-such-program"])
    assert found == {"sh": shutil.which("sh"), "surely-no-such-program": ""}


def test_which_recorded():
    assert programs.which(recorded("wsl2"), ["cc", "nvcc", "never-asked"]) == {
        "cc": "/usr/bin/cc",
        "nvcc": "",
        "never-asked": None,
    }


@pytest.mark.parametrize(
    "result", [Result(state="absent"), Result(state="denied"), Result(state="done", code=1)]
)
def test_without_the_child_nothing_is_known(tmp_path, result):
    machine = tree(tmp_path, {}, commands={"which": result, "statfs": result})
    assert programs.which(machine, ["cc"]) is None
    assert programs.spaces(machine, ["/"]) is None


def test_what_a_killed_child_had_said_counts(tmp_path):
    said = '{"statfs": "/a", "state": "ok", "total": 5, "free": true}\n[1]\n{"statfs": "/b", "sta'
    machine = tree(tmp_path, {}, commands={"statfs": Result(state="timeout", stdout=said)})
    assert programs.spaces(machine, ["/a", "/b"]) == {
        "/a": programs.Space(state="ok", total=5),
        "/b": programs.Space(state="timeout"),
    }
