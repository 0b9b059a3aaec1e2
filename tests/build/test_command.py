"""`envkit build` as it is started: what it never touches, how it says things, and how they read."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.build.conftest import clean, cpu
from tests.cli.commands import ENVKIT

DRY = ("--framework", "torch==2.13.0", "--cpu", "--python", "3.12")


@pytest.mark.parametrize("option", ["--dry-run", "--explain"])
def test_a_plan_touches_neither_network_nor_disk(tmp_path, option):
    """In a directory where nothing can be made, without uv, behind a proxy that is dead."""
    empty, bare = tmp_path / "empty", tmp_path / "bin"
    empty.mkdir(), bare.mkdir()
    empty.chmod(0o500)
    dead = "http://127.0.0.1:9"
    env = clean(tmp_path, PATH=str(bare), HTTP_PROXY=dead, HTTPS_PROXY=dead, ALL_PROXY=dead)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    done = subprocess.run(
        [*ENVKIT, "build", *DRY, option, "--as", "docker,compose,devcontainer,uv,pip"],
        env=env, cwd=empty, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "torch 2.13.0" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    if option == "--dry-run":
        assert "FROM ${BASE} AS base" in done.stdout and "[project]" in done.stdout


@pytest.mark.parametrize("what", ["plan", "refusal"])
def test_json_of_a_dry_run(build, what):
    more = (
        () if what == "plan" else ("--cuda", "cu126", "--target-gpu", "gtx1080ti", "--target-driver", "390")
    )
    done = build(*(DRY if what == "plan" else ("--framework", "torch")), *more, "--dry-run", "--json")
    found = json.loads(done.stdout)
    assert list(found) == [what] and done.returncode == (what == "refusal")
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["markdown", "html", "json", "text"])
@pytest.mark.parametrize("more", [DRY, ("--framework", "torch==0.4", "--gpu")])
def test_every_format_of_plans_and_refusals(build, kind, more):
    done = build(*more, "--explain", "--format", kind)
    assert done.returncode in (0, 1) and done.stderr == "" and len(done.stdout) > 300
    start = {"markdown": "# ", "html": "<!doctype html>", "json": "{", "text": "envkit build"}[kind]
    assert done.stdout.lower().startswith(start)


def test_every_format_of_what_was_made(build, index, tmp_path):
    options = (*cpu(index), "--as", "pip", "--no-build", "--output", tmp_path / "out")
    for kind in ("markdown", "html"):
        done = build(*options, "--format", kind)
        assert done.returncode == 0 and "requirements.txt" in done.stdout
        check = build("--check", "--output", tmp_path / "out", "--format", kind)
        assert check.returncode == 0 and "The same" in check.stdout


def test_progress_is_plain_text_on_stderr_and_quiet_silences_it(build, index, tmp_path):
    options = (*cpu(index), "--as", "pip", "--no-build", "--json", "--output", tmp_path / "out")
    done = build(*options)
    assert done.stderr == "locking torch 2.13.0 (cpu)\n"
    json.loads(done.stdout)
    done = build(*options, "--quiet")
    assert done.stderr == "" and json.loads(done.stdout)


WRONG = [
    (("--framework", "jax"), 2),
    (("--framework", "torch=>2"), 2),
    (("--gpu", "--cpu"), 2),
    (("--cpu", "--cuda", "cu126"), 2),
    (("--cuda", "twelve"), 2),
    (("--python", "two"), 2),
    (("--python", ""), 2),
    (("--with", "jupiter"), 2),
    (("--with", ""), 2),
    (("--as", "rpm"), 2),
    (("--as", ""), 2),
    (("--source", "apt"), 2),
    (("--target-gpu", "rtx9999"), 2),
    (("--target-gpu", ""), 2),
    (("--target-driver", "new"), 2),
    (("--target-arch", "mips"), 2),
    (("--target-glibc", "two"), 2),
    (("--index-url", "host/simple"), 2),
    (("--framework-index", "whl"), 2),
    (("--framework", "tensorflow", "--cpu", "--framework-index", "https://x/whl"), 2),
    (("--find-links", "/not/there"), 4),
    (("--requirements", "/not/there"), 4),
    (("--ca-cert", "/not/there"), 4),
    (("--ca-cert", sys.executable), 4),
    (("--from", "/not/there"), 4),
    (("--check", "--output", "/not/there"), 4),
    (("--apt", "bad name"), 2),
    (("--format", "pdf"), 2),
    (("--json", "--format", "html"), 2),
    (("--quiet", "--verbose"), 2),
    (("--no-such-option",), 2),
    (("torch",), 2),
]


@pytest.mark.parametrize(
    "options, code", WRONG, ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_wrong_command_lines_are_told_in_two_lines(build, options, code):
    done = build(*options, "--dry-run")
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("envkit: ") and second.startswith("  ") and "Traceback" not in done.stderr
    assert "--only or --skip" not in done.stderr


def test_requirements_that_contradict_the_plan(build, tmp_path):
    (tmp_path / "mine.txt").write_text("torch==1.0\n")
    done = build(*DRY, "--dry-run", "--requirements", tmp_path / "mine.txt")
    assert done.returncode == 2 and "line 1 of the requirements" in done.stderr


def test_help_reads_whole(build):
    done = build("--help")
    assert done.returncode == 0
    for option in ("--framework-index", "--no-pip-config", "--quiet", "--check", "--create"):
        assert option in done.stdout
    assert os.environ.get("HOME", "/root") not in done.stdout


def test_no_image_pretends_to_be_free_threaded(build):
    done = build("--cpu", "--python", "3.14t", "--as", "docker", "--dry-run")
    assert done.returncode == 2
    assert "3.14t" in done.stderr
    assert build("--cpu", "--python", "3.14t", "--as", "uv", "--dry-run").returncode == 0
