"""The probe on real interpreters: healthy, crashing, hanging, broken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.facts.collect import collect
from envkit.facts.model import Snapshot
from envkit.target import python_probe
from tests.payload.targets import BASE, clean_environment, install, install_torch, make_venv, site_of


def snapshot(python: Path | str, env: dict[str, str] | None = None, limit: float = 30.0) -> Snapshot:
    here = Machine.here()
    machine = Machine(root=here.root, env={**clean_environment(), **(env or {})}, run=here.run)
    return collect(machine, [python_probe(str(python), "a test", limit=limit)], budget=60)


@pytest.fixture
def venv(tmp_path):
    return make_venv(tmp_path / "venv")


def test_a_healthy_environment(venv):
    install_torch(site_of(venv), "2.13.0+cpu", None)
    found = snapshot(venv)
    assert (found.probes[0].name, found.probes[0].state) == ("python", "ok")
    assert found.python is not None and found.python.read
    assert found.python.executable == str(venv)
    assert found.python.chosen_because == "a test"
    assert found.python.kind == "venv"
    assert found.python.torch is not None and found.python.torch.cuda == ""
    assert [one.name for one in found.python.distributions or ()] == ["torch"]
    assert found.libraries is not None


def test_nothing_is_written_into_the_environment(venv):
    before = sorted(str(path) for path in venv.parents[1].rglob("*"))
    (site_of(venv) / "sitecustomize.py").write_text("import usercustomize_absent_helper")
    (site_of(venv) / "usercustomize_absent_helper.py").write_text("")
    snapshot(venv)
    after = {str(path) for path in venv.parents[1].rglob("*")} - set(before)
    assert not any("__pycache__" in path for path in after)


def test_a_python_that_crashes_at_its_start(venv):
    (site_of(venv) / "sitecustomize.py").write_text("import ctypes; ctypes.string_at(0)")
    found = snapshot(venv)
    assert found.probes[0].state == "failed"
    assert "SIGSEGV" in found.probes[0].detail and "before it ran any code" in found.probes[0].detail
    assert found.python is not None and not found.python.read
    assert found.python.kind == "venv" and found.python.base_exists is True


def test_a_python_that_hangs_at_its_start(venv):
    (site_of(venv) / "sitecustomize.py").write_text("import time; time.sleep(600)")
    found = snapshot(venv, limit=1.0)
    assert found.probes[0].state == "timeout"
    assert "before it ran any code" in found.probes[0].detail


def test_a_directory_that_does_not_answer_costs_only_what_comes_after_it(venv, tmp_path):
    """LD_LIBRARY_PATH on a mount whose server is gone: listing it never returns."""
    install_torch(site_of(venv), "2.13.0+cpu", None)
    stuck = tmp_path / "stuck"
    (site_of(venv) / "sitecustomize.py").write_text(
        "import os, time\nreal = os.listdir\n"
        f"os.listdir = lambda path='.': time.sleep(600) if path == {str(stuck)!r} else real(path)\n"
    )
    found = snapshot(venv, {"LD_LIBRARY_PATH": str(stuck)}, limit=5.0)
    assert found.probes[0].state == "timeout"
    assert str(stuck) in found.probes[0].detail
    assert found.python is not None and found.python.read
    assert found.python.torch is not None
    assert found.python.shadows == ()
    assert found.python.libstdcxx is None
    assert found.libraries is not None


def test_a_crash_half_way_keeps_what_was_seen(venv):
    install(site_of(venv), "numpy", "2.4.6")
    (site_of(venv) / "sitecustomize.py").write_text(
        "import os, ctypes\nreal = os.path.isfile\n"
        "os.path.isfile = lambda path: ctypes.string_at(0) if 'pip.conf' in path else real(path)\n"
    )
    found = snapshot(venv)
    assert found.probes[0].state == "failed"
    assert "SIGSEGV" in found.probes[0].detail and "while looking at pip" in found.probes[0].detail
    assert found.python is not None and found.python.read
    assert [one.version for one in found.python.distributions or ()] == ["2.4.6"]
    assert found.python.torch is None and found.libraries is None


def test_one_part_that_fails_does_not_take_the_others(venv):
    (site_of(venv) / "sitecustomize.py").write_text(
        "import os\ndef broken(path): raise RuntimeError('odd')\nos.path.isfile = broken\n"
    )
    found = snapshot(venv)
    assert found.probes[0].state == "failed"
    assert found.probes[0].detail == "pip: RuntimeError: odd"
    assert found.python is not None and found.python.pip is None and found.python.shadows == ()


def test_a_venv_whose_base_is_gone(venv):
    """As after an upgrade of the distribution's Python."""
    venv.unlink()
    venv.symlink_to("/gone/bin/python3.12")
    config = venv.parents[1] / "pyvenv.cfg"
    config.write_text("home = /gone/bin\ninclude-system-site-packages = true\nversion = 3.12.1\n")
    found = snapshot(venv)
    assert found.probes[0].state == "failed"
    assert "the Python that this environment was made from is gone" in found.probes[0].detail
    python = found.python
    assert python is not None and not python.read
    assert (python.version, python.base_prefix, python.base_exists) == ("3.12.1", "/gone", False)
    assert (python.kind, python.system_site_packages) == ("venv", True)


def test_a_python_that_cannot_find_its_standard_library():
    found = snapshot(BASE, {"PYTHONHOME": "/gone"})
    assert found.probes[0].state == "failed"
    assert "ended with exit code 1" in found.probes[0].detail
    assert found.python is not None and not found.python.read


def test_a_program_that_is_no_python():
    found = snapshot("/bin/true")
    assert found.probes[0].state == "failed"
    assert found.probes[0].detail == "the program ran, and said nothing that a Python would"


def test_an_old_python(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\necho \'{"kind": "unsupported", "version": "3.6.15", "minimum": "3.9"}\'\n')
    old.chmod(0o755)
    found = snapshot(old)
    assert found.probes[0].state == "failed"
    assert found.probes[0].detail.startswith("Python 3.6.15 is older than 3.9")
    assert found.python is not None and found.python.version == "3.6.15" and not found.python.read


def test_the_target_sees_the_machines_environment():
    """And one variable more; what a recorded machine answers is taken as it is."""
    seen: list[Command] = []

    def record(command: Command) -> Result:
        seen.append(command)
        return Result(
            state="done",
            code=0,
            stdout='noise\n{"kind": "start", "version": "3.12.1"}\n{"kind": "python", "value": '
            '{"version": "3.12.1", "later_field": 1}}\n{"kind": "end"}\n{"kind": "python", "va',
        )

    machine = Machine(root=Path("/recorded"), env={"PYTHONPATH": "/x"}, run=record)
    found = collect(machine, [python_probe("/usr/bin/python3")])
    assert found.python is not None and found.python.version == "3.12.1"
    assert seen[0].env == {"PYTHONPATH": "/x", "PYTHONDONTWRITEBYTECODE": "1"}
    assert seen[0].name == "python-facts"
    assert os.path.basename(seen[0].argv[1]) == "__main__.py"


def test_an_answer_of_the_wrong_shape_is_named():
    def lie(command: Command) -> Result:
        return Result(
            state="done",
            code=0,
            stdout='{"kind": "start"}\n{"kind": "python", "value": {"version": "3.12.1"}}\n'
            '{"kind": "torch", "value": {"version": 2}}\n{"kind": "end"}\n',
        )

    found = collect(Machine(root=Path("/recorded"), env={}, run=lie), [python_probe("/usr/bin/python3")])
    assert found.probes[0].state == "failed" and "torch" in found.probes[0].detail
    assert found.python is not None and found.python.version == "3.12.1" and found.python.torch is None
