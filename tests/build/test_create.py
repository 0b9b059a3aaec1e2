"""Environments on this machine: real ones, that stand whole or not at all, and are checked from inside."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from envkit.build.venv import possible, room
from envkit.compat import DownloadSize
from envkit.core.errors import DiskError
from tests.build.conftest import clean, cpu
from tests.build.index import wheel
from tests.build.parts import PYTHON, torch_wheel
from tests.cli.commands import ENVKIT
from tests.coverage_notes import require


def torch_at_hand() -> str | None:
    """A directory with the CPU wheel of torch 2.13.0, where pip is told of one."""
    links = os.environ.get("PIP_FIND_LINKS", "").split()
    tag = f"cp{PYTHON.replace('.', '')}"
    return next((d for d in links if list(Path(d).glob(f"torch-2.13.0+cpu-{tag}-*x86_64.whl"))), None)


@pytest.fixture(scope="module")
def torch_options(tmp_path_factory) -> tuple[str, ...]:
    """Options that get the real CPU build of torch 2.13.0 the way the tests' own environment got it."""
    links = torch_at_hand()
    if links is not None:
        return ("--find-links", links)
    folder = tmp_path_factory.mktemp("wheels")
    wanted = ("torch==2.13.0+cpu", "--extra-index-url", "https://download.pytorch.org/whl/cpu")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *wanted],
        capture_output=True,
    )
    require("the CPU wheel of torch", done.returncode == 0)
    return ("--find-links", str(folder))


@pytest.fixture(scope="module")
def network() -> dict[str, str]:
    """What this machine's own packages need to be reached by: certificates and proxies, and a cache."""
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
    return {name: os.environ[name] for name in names if name in os.environ}


@pytest.mark.timeout(600)
def test_a_real_environment_is_made_and_proved(torch_options, network, tmp_path):
    out = tmp_path / "out"
    done = subprocess.run(
        [*ENVKIT, "build", "--framework", "torch==2.13.0", "--cpu", "--python", PYTHON, *torch_options,
         "--output", str(out), "--json"],
        env=clean(tmp_path, **network), cwd=tmp_path, capture_output=True, text=True, timeout=590,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    made = json.loads(done.stdout)
    # No engine answers, so the default action is an environment here, and that is said.
    assert made["image"] is None and made["environment"] == str(out / ".venv")
    assert "making an environment on this machine instead" in done.stderr
    assert {check["title"]: check["ok"] for check in made["checks"]} == {
        "Python": True,
        "installed as planned": True,
        "CUDA of the build": True,
        "shared libraries": True,
        "import torch": True,
        "forward and backward": True,
    }
    assert made["plan"]["lock"]["kind"] == "hashes"
    sums = subprocess.run(
        [out / ".venv/bin/python", "-c", "import torch; print(torch.ones(3).sum().item())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert sums.stdout == "3.0\n"
    names = {component["name"] for component in json.loads((out / "sbom.json").read_text())["components"]}
    assert {"torch", "numpy", "sympy"} <= names


def test_a_framework_that_does_not_import_fails_the_proof(build, index, tmp_path):
    index.add(torch_wheel("2.13.0+cpu", source="raise ImportError('libgone.so: not there')\n"), "whl/cpu")
    done = build(
        *cpu(index), "--as", "uv", "--create", tmp_path / "venv", "--output", tmp_path / "o", "--json"
    )
    assert done.returncode == 9
    checks = {check["title"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["import torch"]["ok"] is False and "libgone.so" in checks["import torch"]["detail"]
    assert checks["Python"]["ok"] is True and checks["installed as planned"]["ok"] is True
    text = build(*cpu(index), "--as", "uv", "--create", tmp_path / "venv", "--output", tmp_path / "o")
    assert (
        text.returncode == 9
        and "its check failed" in " ".join(text.stdout.split())
        and "FAILED" in text.stdout
    )


def test_an_older_environment_is_put_back_when_the_new_one_fails(build, index, tmp_path):
    venv, out = tmp_path / "venv", tmp_path / "out"
    options = (*cpu(index), "--as", "pip", "--create", venv, "--output", out)
    assert build(*options).returncode == 9
    (venv / "mine").write_text("kept")
    name, _ = wheel("numpy", "2.3.0")
    index.swapped[name] = b"broken"
    done = build(*options, env={"UV_CACHE_DIR": str(tmp_path / "empty")})
    assert done.returncode == 8, done.stderr
    assert (venv / "mine").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
    index.swapped.clear()
    assert build(*options).returncode == 9
    assert not (venv / "mine").exists()


def test_what_an_installer_said_is_kept(build, index, tmp_path):
    out = tmp_path / "out"
    done = build(*cpu(index), "--as", "pip", "--create", tmp_path / "venv", "--output", out, "--json")
    assert json.loads(done.stdout)["log"] == str(out / "build.log")
    assert "numpy" in (out / "build.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_half_environment(index, tmp_path, number):
    """Interrupted while a wheel is on its way, which the server holds back."""
    on_its_way, go_on = threading.Event(), threading.Event()
    answer = index.answer

    def held(path: str):
        if path.endswith("numpy-2.3.0-py3-none-any.whl"):
            on_its_way.set()
            go_on.wait(60)
        return answer(path)

    index.answer = held
    out, venv = tmp_path / "out", tmp_path / "new/venv"
    child = subprocess.Popen(
        [*ENVKIT, "build", *cpu(index), "--as", "pip", "--create", str(venv), "--output", str(out)],
        env=clean(tmp_path), cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert on_its_way.wait(60)
        assert venv.exists()
        child.send_signal(number)
        _, said = child.communicate(timeout=30)
    finally:
        go_on.set()
        child.kill()
    assert child.returncode == (130 if number == signal.SIGINT else 143)
    assert "no environment was made" in said and "Traceback" not in said
    assert not venv.parent.exists()
    assert (out / "requirements.txt").exists() and (out / "envkit-plan.json").exists()


def test_a_python_that_is_not_here(build, index, tmp_path):
    other = "3.10" if PYTHON != "3.10" else "3.12"
    index.add(torch_wheel("2.13.0+cpu", python=other), "whl/cpu")
    options = ("--framework", "torch==2.13.0", "--cpu", "--python", other, "--index-url", index.simple)
    done = build(
        *options, "--framework-index", f"{index.url}/whl", "--as", "pip",
        "--create", tmp_path / "venv", "--output", tmp_path / "out",
        env={"PATH": str(Path(sys.executable).parent)},
    )  # fmt: skip
    assert done.returncode == 3 and f"Python {other} cannot be had here" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("kind", ["file", "others", "link"])
def test_what_is_somebody_elses_is_not_replaced(build, index, tmp_path, kind):
    venv = tmp_path / "venv"
    if kind == "file":
        venv.write_text("mine")
    elif kind == "others":
        venv.mkdir()
        (venv / "thesis.tex").write_text("mine")
    else:
        (tmp_path / "real").mkdir()
        venv.symlink_to(tmp_path / "real")
    done = build(*cpu(index), "--as", "pip", "--create", venv, "--output", tmp_path / "out")
    assert done.returncode == 7 and "--create" in done.stderr
    assert index.asked == []
    assert not (tmp_path / "out").exists()


def test_the_room_is_looked_at_before_anything_starts():
    needed = DownloadSize(download_bytes=3 << 30, installed_bytes=6 << 30, how="measured", basis="")
    room(needed, 9 << 30, "/home")
    room(None, 0, "/home")
    with pytest.raises(DiskError, match=r"takes about 9.0 GiB .* 8.0 GiB are free in /home") as caught:
        room(needed, 8 << 30, "/home")
    assert "UV_CACHE_DIR" in caught.value.todo


@pytest.fixture
def small(tmp_path):
    """A file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True
    )
    require("mounting a small file system (as root)", bool(mounted) and mounted.returncode == 0)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_too_small_is_refused_before_the_download(build, index, small, tmp_path):
    done = build(*cpu(index), "--as", "pip", "--create", small / "venv", "--output", tmp_path / "out")
    assert done.returncode == 7 and "are free in" in done.stderr
    assert index.asked == [] and list(small.iterdir()) == []


def test_a_disk_that_is_full_leaves_no_half_files(build, index, small):
    (small / "filler").write_bytes(b"x" * ((2 << 20) - 8192))
    done = build(*cpu(index), "--as", "uv,pip", "--no-build", "--output", small / "deep/out")
    assert done.returncode == 7 and "space" in done.stderr
    assert [path.name for path in small.iterdir()] == ["filler"] or not list((small / "deep").iterdir())


def test_an_output_that_may_not_be_written(build, index, tmp_path):
    done = build(*cpu(index), "--as", "pip", "--no-build", "--output", "/proc/nowhere/out")
    assert done.returncode == 7 and "--output DIR" in done.stderr
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError):
        possible(tmp_path / "file/venv")


BIG = ("--framework", "torch==2.13.0", "--gpu", "--python", PYTHON, "--as", "pip")


def test_a_large_download_needs_yes_where_nobody_can_be_asked(build, index, tmp_path):
    done = build(*BIG, "--index-url", index.simple, "--create", tmp_path / "venv")
    assert done.returncode == 2 and "this downloads about" in done.stderr and "--yes" in done.stderr
    assert index.asked == []


@pytest.mark.parametrize("answer, code", [("n", 130), ("y", 8)])
def test_a_large_download_is_asked_for_on_a_terminal(index, tmp_path, answer, code):
    """Yes goes on: to an index that does not have it."""
    main, side = pty.openpty()
    child = subprocess.Popen(
        [*ENVKIT, "build", *BIG, "--index-url", index.simple, "--create", str(tmp_path / "venv")],
        env=clean(tmp_path), cwd=tmp_path, stdin=side, stdout=subprocess.DEVNULL, stderr=side,
    )  # fmt: skip
    os.close(side)
    said = b""
    while b"Go on?" not in said:
        said += os.read(main, 4096)
    os.write(main, answer.encode() + b"\n")
    with contextlib.suppress(OSError):  # the terminal's end of a process that is gone
        while chunk := os.read(main, 4096):
            said += chunk
    code_was = child.wait(60)
    assert b"this downloads about" in said
    if b"are free in" in said:  # a small disk, which is looked at once the answer was yes
        assert (answer, code_was) == ("y", 7)
    else:
        assert code_was == code, said
        assert bool(index.asked) is (answer == "y")
