"""One child that looks for all probes of this machine, and what each of them has of it."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from envkit.core import proc
from envkit.core.machine import Machine
from envkit.facts import programs
from envkit.facts.collect import collect
from envkit.facts.probe import Probe
from envkit.facts.shared_look import SharedLook
from tests.coverage_notes import require
from tests.recorded import recorded

HANG = Path(__file__).parent.parent / "hang" / "slow_stat.c"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr(programs, "LIMIT", 60.0)


@pytest.fixture
def starts(tmp_path, monkeypatch):
    """The file in which each child that looks leaves a line."""
    log, child = tmp_path / "starts", tmp_path / "child.py"
    child.write_text(
        f"open({str(log)!r}, 'a').write('x\\n')\n"
        f"import runpy\nrunpy.run_path({str(programs._CHILD)!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(programs, "_CHILD", child)
    return log


@pytest.fixture(scope="module")
def slow_stat(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    require("C compiler", compiler is not None)
    library = tmp_path_factory.mktemp("hang") / "slow_stat.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, HANG, "-ldl"], check=True, timeout=60)
    return str(library)


def test_one_child_answers_all(starts, tmp_path):
    machine = programs.looking(Machine.here(), ["sh", "no-such-program"], ["/", str(tmp_path / "later")])
    assert isinstance(machine.run, SharedLook) and machine.is_here
    assert programs.which(machine, ["sh"]) == {"sh": shutil.which("sh")}
    assert programs.which(machine, ["no-such-program"]) == {"no-such-program": ""}
    found = programs.spaces(machine, ["/", str(tmp_path / "later")])
    assert {path: space.state for path, space in found.items()} == {
        "/": "ok",
        str(tmp_path / "later"): "absent",
    }
    assert found["/"].total == os.statvfs("/").f_blocks * os.statvfs("/").f_frsize
    assert starts.read_text() == "x\n"


def test_what_was_not_asked_ahead_is_looked_at_too(starts, tmp_path):
    machine = programs.looking(Machine.here(), ["sh"], ["/"])
    found = programs.spaces(machine, ["/", str(tmp_path)])
    assert {path: space.state for path, space in found.items()} == {"/": "ok", str(tmp_path): "ok"}
    assert programs.which(machine, ["cat"]) == {"cat": shutil.which("cat")}
    assert starts.read_text() == "x\n" * 3


def test_probes_share_it(starts):
    def programs_of(*names):
        return lambda machine: ({"pci": tuple(programs.which(machine, names).values())})

    def broken(machine):
        raise RuntimeError("places")

    probes = [
        Probe(name="a", field="pci", limit=60, read=programs_of("sh"), programs=("sh",)),
        Probe(name="b", field="pci", limit=60, read=programs_of("cat"), programs=("cat",)),
        Probe(
            name="c",
            field="storage",
            limit=60,
            read=lambda machine: (programs.spaces(machine, ["/"])["/"].state,),
            places=lambda machine: ["/"],
        ),
        Probe(name="d", field="cpu", limit=60, read=broken, places=broken),
    ]
    snapshot = collect(Machine.here(), probes, budget=60)
    assert [status.state for status in snapshot.probes] == ["ok", "ok", "ok", "failed"]
    assert snapshot.pci in ((shutil.which("sh"),), (shutil.which("cat"),)) and snapshot.storage == ("ok",)
    assert starts.read_text() == "x\n"


@pytest.mark.cc
def test_an_answer_is_there_while_another_hangs(slow_stat, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", slow_stat)
    monkeypatch.setenv("SLOW_PREFIX", "/gone-server")
    machine = programs.looking(Machine.here(), ["sh"], ["/gone-server/hf", "/"])
    assert programs.which(machine, ["sh"]) == {"sh": shutil.which("sh")}
    assert programs.spaces(machine, ["/"])["/"].state == "ok"
    assert not machine.run._ended  # the child waits still, and nobody waits for it
    proc.kill_all()


@pytest.mark.cc
def test_what_hangs_is_a_timeout(slow_stat, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", slow_stat)
    monkeypatch.setenv("SLOW_PREFIX", "/gone-server")
    monkeypatch.setattr(programs, "LIMIT", 2.0)
    monkeypatch.setattr(programs, "_START", 60.0)
    machine = programs.looking(Machine.here(), ["sh"], ["/gone-server/hf", "/"])
    states = {path: space.state for path, space in programs.spaces(machine, ["/gone-server/hf", "/"]).items()}
    assert states == {"/gone-server/hf": "timeout", "/": "ok"}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("raise SystemExit(1)", None),
        ('print(\'{"which": "sh", "found": "/bin/sh"}\'); raise SystemExit(1)', None),
        ("pass", {"sh": None, "cat": None}),
        (
            'print(\'no JSON\'); print(\'{"which": "sh", "found": "/bin/sh"}\\n{"wh\', end=\'\')',
            {"sh": "/bin/sh", "cat": None},
        ),
    ],
)
def test_a_child_that_fails(script, expected, tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text(f"import sys\nsys.stdin.read()\nprint('noise', file=sys.stderr)\n{script}\n")
    monkeypatch.setattr(programs, "_CHILD", child)
    assert programs.which(programs.looking(Machine.here(), ["sh", "cat"], []), ["sh", "cat"]) == expected


def test_an_interpreter_that_is_not_there(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    machine = programs.looking(Machine.here(), ["sh"], ["/"])
    assert programs.which(machine, ["sh"]) is None and programs.spaces(machine, ["/"]) is None


def test_elsewhere_each_probe_looks_for_itself():
    machine = recorded("wsl2")
    assert programs.looking(machine, ["cc"], ["/"]) is machine
    assert programs.looking(Machine.here(), [], []).run is proc.run
    other = replace(Machine.here(), run=lambda command: proc.run(command))
    assert programs.looking(other, ["sh"], []) is other
