"""Which Python is chosen, on file trees of machines that are not here."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import pytest

from envkit.core.errors import TargetAbsentError
from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.doctor.gather import gather
from envkit.target import locate
from envkit.target.locate import Target


def refuse(command: Command) -> Result:
    raise AssertionError(f"nothing is to be run: {command.argv}")


@pytest.fixture
def tree(tmp_path):
    """A machine whose root is tmp_path."""

    def make(env: dict[str, str], *programs: str) -> Machine:
        for program in programs:
            path = tmp_path / program.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
            path.chmod(0o755)
        return Machine(root=tmp_path, env=env, run=refuse)

    return make


def here(env: dict[str, str]) -> Machine:
    return Machine(root=Path("/"), env=env, run=refuse)


@pytest.mark.parametrize(
    ("asked", "executable"),
    [
        ("/opt/py/bin/python3.12", "/opt/py/bin/python3.12"),
        ("/srv/venv", "/srv/venv/bin/python"),
        ("~/venv", "/home/ada/venv/bin/python"),
        ("3.12", "/usr/bin/python3.12"),
        ("3", "/usr/bin/python3"),
        ("python3.12", "/usr/bin/python3.12"),
        ("3.11", "/home/ada/.pyenv/versions/3.11.10/bin/python3.11"),
        ("3.11.2", "/home/ada/.pyenv/versions/3.11.2/bin/python3.11"),
        ("3.13t", "/home/ada/.local/share/uv/python/cpython-3.13.1+freethreaded-linux/bin/python3.13t"),
        ("3.10", "/home/ada/.pyenv/shims/python3.10"),
    ],
)
def test_asked(tree, asked, executable):
    machine = tree(
        {"HOME": "/home/ada", "PATH": "/home/ada/.pyenv/shims:/usr/bin", "VIRTUAL_ENV": "/srv/venv"},
        "/opt/py/bin/python3.12",
        "/srv/venv/bin/python",
        "/home/ada/venv/bin/python",
        "/usr/bin/python3.12",
        "/usr/bin/python3",
        "/home/ada/.pyenv/shims/python3.10",
        "/home/ada/.pyenv/shims/python3.11",
        "/home/ada/.pyenv/versions/3.11.2/bin/python3.11",
        "/home/ada/.pyenv/versions/3.11.10/bin/python3.11",
        "/home/ada/.local/share/uv/python/cpython-3.13.1+freethreaded-linux/bin/python3.13t",
    )
    assert locate(machine, asked) == Target(executable=executable, why=f"--python {asked}")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("/nowhere/python", "there is no Python at /nowhere/python"),
        ("/empty", "/empty is a directory without bin/python"),
        ("/home/ada/train.py", "is not a Python interpreter"),
        ("/bin/ls", "is not a Python interpreter"),
        ("3.9", "there is no Python 3.9 on PATH"),
        ("3.12.1", "there is no Python 3.12.1"),
        ("python3.7", "there is no Python at python3.7"),
    ],
)
def test_asked_and_not_there(tree, tmp_path, asked, said):
    """A person's script must never be started in place of an interpreter."""
    machine = tree({"PATH": "/usr/bin"}, "/usr/bin/python3.12", "/home/ada/train.py", "/bin/ls")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TargetAbsentError, match=said) as error:
        locate(machine, asked)
    assert error.value.todo


WRAPPER = """#!/bin/sh
export LAB=1
exec {python} "$@"
"""


def wrapper(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_wrapper_that_hands_its_arguments_on_to_a_python_is_one(tmp_path):
    lab = wrapper(tmp_path / "lab", WRAPPER.format(python=sys.executable))
    assert locate(Machine.here(), str(lab)).executable == str(lab)
    snapshot = gather(Machine.here(), python=str(lab), budget=30)
    assert snapshot.python is not None and snapshot.python.read
    assert snapshot.python.version == platform.python_version()


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\ntouch {mark}\npython train.py\n",
        '#!/bin/sh\ntouch {mark}\nexec tail "$@"\n',
        "#!/usr/bin/env python3\nopen('{mark}', 'w')\n",
        "touch {mark}\n",
    ],
    ids=["runs a script", "another program", "a script of Python", "no first line"],
)
def test_a_script_of_a_person_is_not_started(tmp_path, text):
    mark = tmp_path / "started"
    script = wrapper(tmp_path / "train", text.format(mark=mark))
    with pytest.raises(TargetAbsentError, match="not a Python interpreter"):
        locate(Machine.here(), str(script))
    assert not mark.exists()


def test_a_wrapper_whose_python_is_gone_is_refused(tmp_path):
    lab = wrapper(tmp_path / "lab", WRAPPER.format(python="/nowhere/python3"))
    with pytest.raises(TargetAbsentError, match="not a Python interpreter"):
        locate(Machine.here(), str(lab))


def test_another_program_is_refused():
    with pytest.raises(TargetAbsentError, match="not a Python interpreter"):
        locate(Machine.here(), shutil.which("ls") or "/bin/ls")


def test_not_executable(tree, tmp_path):
    machine = tree({}, "/opt/python")
    (tmp_path / "opt" / "python").chmod(0o644)
    with pytest.raises(TargetAbsentError, match="is not executable"):
        locate(machine, "/opt/python")


def test_an_active_environment(tree):
    programs = ("/venv/bin/python", "/conda/envs/ml/bin/python", "/usr/bin/python3")
    both = tree({"VIRTUAL_ENV": "/venv", "CONDA_PREFIX": "/conda/envs/ml", "PATH": "/usr/bin"}, *programs)
    assert locate(both) == Target(executable="/venv/bin/python", why="VIRTUAL_ENV")
    conda = tree({"CONDA_PREFIX": "/conda/envs/ml", "CONDA_DEFAULT_ENV": "ml", "PATH": "/usr/bin"})
    assert locate(conda) == Target(executable="/conda/envs/ml/bin/python", why="CONDA_PREFIX")


def test_a_dangling_interpreter_is_the_target(tree, tmp_path):
    """Its probe says what is wrong; another Python would hide it."""
    machine = tree({"VIRTUAL_ENV": "/venv", "PATH": "/usr/bin"}, "/usr/bin/python3")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to("/gone/bin/python3.12")
    assert locate(machine).executable == "/venv/bin/python"
    assert locate(machine, "/venv").executable == "/venv/bin/python"
    assert locate(machine, "/venv/bin/python").executable == "/venv/bin/python"


def test_a_stale_variable_is_told(tree):
    machine = tree({"VIRTUAL_ENV": "/deleted", "PATH": "/usr/bin"}, "/usr/bin/python3")
    found = locate(machine)
    assert found.executable == "/usr/bin/python3"
    assert found.why == "python3 on PATH; VIRTUAL_ENV names /deleted, which holds no Python"


def test_the_environment_of_envkit():
    found = locate(here({"PATH": ""}), own_prefix="/srv/venv", own="/srv/venv/bin/python")
    assert found == Target(executable="/srv/venv/bin/python", why="the environment of envkit")


@pytest.mark.parametrize(
    ("prefix", "env"),
    [
        ("/home/ada/.local/share/pipx/venvs/envkit", {}),
        ("/home/ada/.local/share/uv/tools/envkit", {}),
        ("/home/ada/.cache/uv/archive-v0/0NqX", {}),
        ("/opt/tools/envkit", {"UV_TOOL_DIR": "/opt/tools"}),
    ],
)
def test_an_isolated_tool_environment_is_not_the_target(tmp_path, prefix, env):
    python = tmp_path / "python3"
    python.write_text("")
    python.chmod(0o755)
    found = locate(here({"PATH": str(tmp_path), **env}), own_prefix=prefix, own=f"{prefix}/bin/python")
    assert found == Target(executable=str(python), why="python3 on PATH")


def test_conda_base_counts_after_the_environment_of_envkit(tree):
    """It is active in every shell of many machines."""
    env = {"CONDA_PREFIX": "/conda", "CONDA_DEFAULT_ENV": "base", "PATH": "/usr/bin"}
    own = locate(here(env), own_prefix="/srv/venv", own="/srv/venv/bin/python")
    assert own.why == "the environment of envkit"
    machine = tree(env, "/conda/bin/python", "/usr/bin/python3")
    assert locate(machine) == Target(executable="/conda/bin/python", why="CONDA_PREFIX (base)")


def test_none_at_all(tree):
    with pytest.raises(TargetAbsentError, match="there is no Python to look at"):
        locate(tree({"PATH": "/usr/bin"}))
