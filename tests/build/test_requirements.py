"""The plan's packages and the person's as one list, and the files that hold it."""

from __future__ import annotations

import subprocess
import tomllib

import pytest

from envkit.build.lock import platform, unlocked
from envkit.build.model import Locked, Settings
from envkit.build.render.pip import header
from envkit.build.render.uv import pyproject, render
from envkit.build.requirements import constraints, wishes
from envkit.core.errors import UsageError
from envkit.engine import uv
from tests.build.conftest import clean, cpu
from tests.build.parts import A100, PYTHON, plan, settings


def lines(text, **changes):
    return [wish.requirement for wish in wishes(plan(**changes), Settings(requirements=text))]


def test_the_plans_come_first_and_the_persons_after():
    found = lines("# mine\nscikit-learn>=1.5  # for later\n\npandas\npandas\n")
    assert found == ["torch==2.13.0+cpu", "numpy", "scikit-learn>=1.5", "pandas"]


def test_the_framework_is_not_listed_twice():
    assert lines("torch\ntorch==2.13.0\n") == ["torch==2.13.0+cpu", "numpy"]


@pytest.mark.parametrize(
    "text, said, todo",
    [
        ("torch==2.12.0\n", "asks for torch==2.12.0, and the plan has torch 2.13.0", "--framework"),
        ("torchvision==0.1\n", "the plan has torchvision", "leave the version of torchvision out"),
        ("ok\ntensorflow\n", "line 2 of the requirements asks for tensorflow beside torch", "two"),
        ("--extra-index-url https://x/\n", "an option of pip (--extra-index-url)", "--extra-index-url"),
        ("-e .\n", "an option of pip (-e)", "list packages only"),
        ("not a requirement !\n", "cannot be read", "one requirement a line"),
    ],
)
def test_lines_that_cannot_be_taken(text, said, todo):
    with pytest.raises(UsageError) as caught:
        lines(text)
    assert said in caught.value.message and todo in caught.value.todo


def test_what_fits_is_held_where_something_else_may_bring_it_in():
    held = constraints(plan())
    assert "torchvision==0.28.0" in held
    assert "torchvision==0.28.0" not in constraints(plan(extras=("torchvision",)))


def test_a_project_is_toml_with_its_indexes():
    found = tomllib.loads(
        pyproject(
            plan(extras=("torchvision",)),
            settings(
                index_url="https://corp/simple", extra=("https://more/simple",), find_links=('/w ü/"x"',)
            ),
        )
    )
    assert found["project"]["dependencies"][0] == "torch==2.13.0+cpu"
    assert found["project"]["requires-python"] == "==3.12.*"
    tool = found["tool"]["uv"]
    assert tool["find-links"] == ['/w ü/"x"']
    assert [(each["name"], each["url"]) for each in tool["index"]] == [
        ("torch-cpu", "https://download.pytorch.org/whl/cpu"),
        ("extra-1", "https://more/simple"),
        ("default", "https://corp/simple"),
    ]
    assert tool["sources"] == {"torch": {"index": "torch-cpu"}, "torchvision": {"index": "torch-cpu"}}
    assert [each.get("explicit", False) for each in tool["index"]] == [True, False, False]
    assert [each.get("default", False) for each in tool["index"]] == [False, False, True]


def test_a_project_of_the_default_index_names_none():
    found = tomllib.loads(pyproject(plan(hosts=(A100,), device="gpu"), Settings()))
    assert "index" not in found["tool"]["uv"] and "sources" not in found["tool"]["uv"]


def test_uv_accepts_the_project_and_its_lock(build, index, tmp_path):
    out = tmp_path / "out"
    assert build(*cpu(index), "--as", "uv", "--no-build", "--output", out).returncode == 0
    env = clean(tmp_path)
    run = lambda *words: subprocess.run(  # noqa: E731
        [uv.find(), *words, "--project", out], env=env, capture_output=True, text=True
    )
    checked = run("lock", "--check")
    assert checked.returncode == 0, checked.stderr
    synced = run("sync", "--locked", "--python", PYTHON)
    assert synced.returncode == 0, synced.stderr
    said = subprocess.run([out / ".venv/bin/python", "-c", "import torch; print(torch.__version__)"],
                          capture_output=True, text=True, env=env)  # fmt: skip
    assert said.stdout == "2.13.0+cpu\n"


def test_pip_accepts_the_locked_requirements(build, index, tmp_path):
    out, venv = tmp_path / "out", tmp_path / "venv"
    assert build(*cpu(index), "--as", "pip", "--no-build", "--output", out).returncode == 0
    import sys

    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    done = subprocess.run(
        [venv / "bin/pip", "install", "--require-hashes", "-r", out / "requirements.txt"],
        env=clean(tmp_path, PIP_DISABLE_PIP_VERSION_CHECK="1"), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_requirements_say_where_they_are_from_and_what_stays_here():
    text = header(plan(), settings(index_url="https://corp/simple", find_links=("/wheels",)), "hashes")
    assert "--index-url https://corp/simple" in text.splitlines()
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in text.splitlines()
    assert "# with: --find-links /wheels" in text.splitlines()


def test_what_is_not_locked_lists_what_is_planned():
    found = unlocked(plan(), Settings(), "because")
    assert (found.lock.kind, found.lock.why) == ("none", "because")
    assert "torch==2.13.0+cpu\nnumpy\n" in found.requirements
    assert "#   torchvision==0.28.0" in found.requirements


@pytest.mark.parametrize(
    "host, name",
    [
        ("linux-x86_64", "x86_64-manylinux_2_28"),
        ("linux-aarch64", "aarch64-manylinux_2_28"),
        ("windows", "x86_64-pc-windows-msvc"),
        ("macos-arm64", "aarch64-apple-darwin"),
    ],
)
def test_platforms_as_uv_names_them(host, name):
    from dataclasses import replace

    assert platform(replace(plan(), platform=host)) == name
    if host == "linux-x86_64":
        assert platform(replace(plan(), glibc="2.17")) == "x86_64-manylinux_2_17"
        # The first that has all wheels of the plan.
        assert platform(replace(plan(), glibc="2.27")) == "x86_64-manylinux_2_28"
        assert platform(replace(plan(), glibc=None)) == "x86_64-manylinux_2_28"


def test_the_files_of_a_project():
    locked = Locked(lock=plan().lock, requirements="", uv_lock="version = 1\n")
    assert [file.path for file in render(plan(), locked, Settings())] == [
        "pyproject.toml", ".python-version", "uv.lock",
    ]  # fmt: skip
