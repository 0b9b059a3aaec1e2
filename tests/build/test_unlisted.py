"""A version that the tables lack: looked up on an index, worked out, and marked; never guessed."""

from __future__ import annotations

import json

import pytest

from envkit.build.unlisted import unlisted
from tests.build.index import served, wheel
from tests.build.parts import PYTHON, compat, request, torch_wheel

CUDA = ("filelock", "cuda-toolkit==13.2.1; platform_system == 'Linux'", "triton==3.8.0")
TAG = f"cp{PYTHON}-cp{PYTHON}-manylinux_2_28_".replace(".", "")
NEW = "2.99.0"


def default_wheel(version, requires=CUDA):
    files = {"torch/__init__.py": "", "torch/version.py": ""}
    return wheel("torch", version, requires=requires, files=files, tag=TAG + "x86_64")


@pytest.fixture
def newer(index):
    """The index of the tests with a torch that no table has, and the builds around it."""
    for version in (NEW, "2.98.0", "2.13.0"):
        index.add(default_wheel(version))
    index.add(torch_wheel(f"{NEW}+cpu"), "whl/cpu")
    index.add(wheel("cuda-toolkit", "13.2.1"))
    index.add(wheel("triton", "3.8.0"))
    return index


def ask(index, version=NEW, *more):
    where = ("--index-url", index.simple, "--framework-index", f"{index.url}/whl")
    return ("--framework", f"torch=={version}", "--python", PYTHON, *where, "--as", "pip", *more)


def test_a_gpu_build_is_derived_and_marked(build, newer, tmp_path):
    target = ("--target-gpu", "h100", "--target-driver", "595", "--no-build", "--json")
    done = build(*ask(newer), *target, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["plan"]
    assert (plan["version"], plan["cuda"], plan["derived"]) == (NEW, "cu132", True)
    assert "sm_90" in plan["archs"]
    (reason,) = [each for each in plan["reasons"] if each.startswith("derived: ")]
    assert "file names and Requires-Dist" in reason and "not read in the wheel" in reason
    assert plan["lock"]["kind"] == "hashes"
    # A neighbour's companions would be a guess.
    assert plan["companions"] == []
    assert "is in no table: asking the index" in done.stderr
    record = json.loads((tmp_path / "out/envkit-plan.json").read_text())
    assert record["plan"]["derived"] is True


def test_a_cpu_build_is_derived_from_the_frameworks_own_index(build, newer, tmp_path):
    done = build(*ask(newer), "--cpu", "--no-build", "--json", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["plan"]
    assert (plan["version"], plan["cuda"], plan["derived"]) == (NEW, "cpu", True)
    assert plan["requirements"][0] == {
        "requirement": f"torch=={NEW}+cpu",
        "index": f"{newer.url}/whl/cpu",
    }


def test_the_report_says_that_it_is_derived(build, newer, tmp_path):
    done = build(*ask(newer), "--cpu", "--no-build", "-v", "--output", tmp_path / "out")
    assert "read off its metadata" in done.stdout and "derived: torch 2.99.0" in done.stdout


def test_ranges_take_the_newest_on_the_index(build, newer, tmp_path):
    options = ask(newer)[2:]
    done = build("--framework", "torch>2.90,<2.99", *options, "--gpu", "--no-build", "--json")
    assert json.loads(done.stdout)["plan"]["version"] == "2.98.0", done.stderr


@pytest.mark.parametrize("offline", ["--dry-run", "--explain"])
def test_a_run_without_network_says_who_would_look_it_up(build, newer, offline):
    done = build(*ask(newer), "--cpu", offline, "--json")
    assert done.returncode == 1 and newer.asked == []
    refusal = json.loads(done.stdout)["refusal"]
    assert "is not in the tables" in refusal["reasons"][0]
    assert "without --dry-run" in refusal["nearest"][0]


def test_a_version_that_no_index_has_is_refused_with_the_nearest(build, newer):
    done = build(*ask(newer, "2.97.5"), "--cpu", "--no-build", "--json")
    assert done.returncode == 1
    refusal = json.loads(done.stdout)["refusal"]
    assert refusal["reasons"] == ["torch ==2.97.5 is not in the tables, and no index has it"]
    assert refusal["nearest"][:2] == ["--framework torch==2.98.0", "--framework torch==2.13.0"]


def test_wheels_that_do_not_say_their_cuda_are_no_plan(build, index):
    index.add(default_wheel(NEW))
    name = default_wheel(NEW)[0]
    answer = index.answer
    # A page without metadata: what was it built with?
    index.answer = lambda path: (
        (404, "text/plain", b"") if path.endswith(".metadata") else _without(answer(path))
    )
    done = build(*ask(index), "--gpu", "--no-build", "--json")
    assert done.returncode == 1, (name, done.stderr)
    assert "do not say what they were built with" in json.loads(done.stdout)["refusal"]["reasons"][0]


def _without(answer):
    status, kind, body = answer
    return status, kind, body.replace(b'"core-metadata": true', b'"core-metadata": false')


def test_an_index_out_of_reach_is_said(build, newer):
    options = ask(newer)
    at = options.index(newer.simple)
    options = (*options[:at], "http://127.0.0.1:9/simple", *options[at + 1 :])
    done = build(*options, "--cpu", "--no-build")
    assert done.returncode == 6
    assert "is not in the tables" in done.stderr and "out of reach" in done.stderr


def test_a_login_and_a_certificate_serve_here_too(build, tmp_path):
    from tests.build.index import certificate

    made = certificate(tmp_path / "tls")
    with served(certificate=made) as index:
        index.add(torch_wheel(f"{NEW}+cpu"), "whl/cpu")
        index.add(wheel("numpy", "2.3.0"))
        index.login = ("me", "hidden")
        done = build(*ask(index), "--cpu", "--no-build", "--ca-cert", made.authority)
        assert done.returncode == 6 and "login" in done.stderr
        url = index.url
        index.url = url.replace("://", "://me:hidden@")
        done = build(*ask(index), "--cpu", "--no-build", "--ca-cert", made.authority, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["plan"]["derived"] and "hidden" not in done.stdout + done.stderr
        done = build(*ask(index), "--cpu", "--no-build")
        assert done.returncode == 6 and "--ca-cert" in done.stderr


@pytest.mark.parametrize(
    "versions, is_unlisted",
    [
        ("", False),
        ("==2.13.0", False),
        (">=2.10", False),
        ("==2.16.*", True),
        ("==99.0", True),
        ("<1.0", True),
    ],
)
def test_which_versions_are_in_no_table(versions, is_unlisted):
    assert unlisted(request(versions=versions), compat()) is is_unlisted


def test_conda_forge_has_tables_of_its_own():
    assert not unlisted(request(versions="==99.0", source="conda-forge"), compat())
