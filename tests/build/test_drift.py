"""`envkit build --check`: what changed since a build was recorded, and what is only newer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from envkit.build.drift import Today, drift
from envkit.build.record import Record, digest
from envkit.resolve.model import Refusal
from tests.build.conftest import cpu
from tests.build.index import wheel
from tests.build.parts import plan, request, settings

A, B = "a" * 64, "b" * 64
LOCKED = f"numpy==2.3.0 \\\n    --hash=sha256:{A}\ntorch==2.13.0+cpu \\\n    --hash=sha256:{B}\n"
SAME = Today(fresh=LOCKED, held=LOCKED)


def record(**changes):
    made = Record(
        envkit="0",
        request=request(),
        plan=plan(),
        artefacts=("pip",),
        settings=settings(),
        lock=plan().lock if changes.pop("unlocked", False) else replace(plan().lock, kind="hashes", why=""),
        lock_hash=digest(LOCKED),
        locked_on="2026-11-22",
    )
    return replace(made, **changes)


def found(now=None, edited=(), old=LOCKED, today=SAME, **changes):
    return drift(record(**changes), now or plan(), edited, old, today)


def test_nothing_changed():
    assert found() == replace(found(), changes=(), notes=(), unasked="")


def test_an_edited_lock_is_a_change():
    assert found(old=LOCKED + "extra==1\n").changes == ("requirements.txt is not the one that was locked",)
    edited = ("requirements.txt was changed since it was written",)
    assert found(old=LOCKED + "extra==1\n", edited=edited).changes == edited


def test_a_refusal_today_is_a_change():
    refusal = Refusal(reasons=("no driver is old enough",), rejected=(), nearest=())
    assert found(now=refusal).changes == ("the request is refused today: no driver is old enough",)


def test_a_newer_release_is_a_note_and_an_older_one_a_change():
    newer = replace(plan(), version="2.14.0")
    assert found(now=newer).changes == () and "2.14.0" in found(now=newer).notes[0]
    older = replace(plan(), version="2.12.0")
    assert found(now=older).notes == () and "2.12.0" in found(now=older).changes[0]


@pytest.mark.parametrize(
    "name, value", [("cuda", "cu130"), ("python", "3.13"), ("base", "other"), ("driver_floor", "580")]
)
def test_what_the_plan_says_otherwise_is_a_change(name, value):
    (change,) = found(now=replace(plan(), **{name: value})).changes
    assert change.startswith(name.replace("_", " ")) and value in change


def test_a_requirement_that_went_or_came_is_a_change():
    bare = replace(plan(), requirements=plan().requirements[:1])
    assert found(now=bare).changes == ("no longer part of the plan: numpy",)
    assert found(now=plan(), plan=bare).changes == ("part of the plan now: numpy",)


def test_newer_packages_are_notes():
    fresh = LOCKED.replace("numpy==2.3.0", "numpy==2.4.0")
    told = found(today=Today(fresh=fresh, held=LOCKED))
    assert told.changes == ()
    assert told.notes == ("numpy: 2.3.0 is locked, 2.4.0 would be taken today",)


def test_a_package_that_is_gone_is_a_change():
    told = found(today=Today(fresh=LOCKED.replace("2.3.0", "2.2.0"), gone="there is no numpy==2.3.0"))
    assert told.changes == ("what is locked can no longer be had: there is no numpy==2.3.0",)


def test_other_files_under_the_same_version_are_a_change():
    told = found(today=Today(fresh=LOCKED, held=LOCKED.replace(A, "c" * 64)))
    assert told.changes == ("numpy 2.3.0: the index has other files than were locked",)
    more = LOCKED.replace(A, f"{'c' * 64} \\\n    --hash=sha256:{A}")  # a wheel for one more platform
    assert found(today=Today(fresh=more, held=more)).changes == ()


def test_what_was_not_compared_is_said():
    assert "out of reach" in found(today=Today()).unasked
    assert "nothing was locked" in found(today=Today(), unlocked=True).unasked


# -- the command


@pytest.fixture
def made(build, index, tmp_path):
    """A directory that was written and locked, and the command that checks it."""
    out = tmp_path / "out"
    done = build(*cpu(index), "--as", "uv,pip,docker", "--no-build", "--output", out)
    assert done.returncode == 0, done.stderr
    number = iter(range(9))

    def check(*more, code, fresh=True):
        cache = {"UV_CACHE_DIR": str(tmp_path / f"cache-{next(number)}")} if fresh else {}
        done = build("--check", "--output", out, "--json", *more, env=cache)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)["drift"] if done.stdout else done.stderr

    return out, check


def test_the_same_is_the_same(made):
    _, check = made
    assert check(code=0) == {"changes": [], "notes": [], "unasked": "", "schema": "envkit.drift/1"}


@pytest.mark.parametrize("name", ["Dockerfile", "requirements.txt", "uv.lock", "pyproject.toml", "sbom.json"])
def test_an_edited_file_is_named(made, name):
    out, check = made
    (out / name).write_text((out / name).read_text() + "# mine\n")
    assert check(code=1)["changes"] == [f"{name} was changed since it was written"]
    (out / name).unlink()
    assert check(code=1)["changes"] == [f"{name} is gone"]


def test_newer_packages_on_the_index_are_only_noted(made, index):
    index.add(wheel("numpy", "2.9.0"))
    told = made[1](code=0)
    assert told["changes"] == [] and "2.9.0" in told["notes"][0]


def test_a_version_that_the_index_lost_is_drift(made, index):
    index.remove(wheel("numpy", "2.3.0")[0])
    (change,) = made[1](code=1)["changes"]
    assert change.startswith("what is locked can no longer be had") and "numpy==2.3.0" in change
    # Also where a newer one took its place.
    index.add(wheel("numpy", "2.9.0"))
    told = made[1](code=1)
    assert len(told["changes"]) == 1 and "2.9.0" in told["notes"][0]


def test_a_file_that_was_replaced_is_drift(made, index):
    index.add(wheel("numpy", "2.3.0", files={"numpy/__init__.py": "other = True\n"}))
    assert made[1](code=1)["changes"] == ["numpy 2.3.0: the index has other files than were locked"]


def test_a_lock_that_cannot_be_compared_says_so(made, index, build, tmp_path):
    _, check = made
    index.answer = lambda path: (503, "text/plain", b"")
    told = check(code=0)
    assert told["changes"] == [] and "out of reach" in told["unasked"]


def test_what_was_never_locked_says_so(build, index, tmp_path):
    dead = "http://127.0.0.1:9/simple"
    options = (*cpu(index), "--index-url", dead, "--as", "pip", "--no-build", "--output", tmp_path / "out")
    assert build(*options).returncode == 0
    done = build("--check", "--output", tmp_path / "out")
    assert done.returncode == 0 and "nothing was locked" in " ".join(done.stdout.split())


def test_a_request_that_is_refused_today(made):
    out, check = made
    path = out / "envkit-plan.json"
    value = json.loads(path.read_text())
    value["request"]["python"] = "3.2"
    path.write_text(json.dumps(value))
    (change,) = check(code=1)["changes"]
    assert change.startswith("the request is refused today: ")


def test_a_record_of_a_later_envkit_is_refused(made):
    out, check = made
    path = out / "envkit-plan.json"
    path.write_text(path.read_text().replace("envkit.build/1", "envkit.build/2"))
    said = check(code=4)
    assert "envkit.build/2" in said and "update envkit" in said


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "envkit.build/1"}', "\x00"])
def test_a_record_that_is_none_is_refused(made, text):
    out, check = made
    (out / "envkit-plan.json").write_text(text)
    assert "Traceback" not in check(code=4)


def test_a_directory_without_a_record(build, tmp_path):
    done = build("--check", "--output", tmp_path)
    assert done.returncode == 4 and "envkit-plan.json" in done.stderr


def test_a_check_logs_in_with_what_it_is_given(made, index):
    _, check = made
    index.login = ("me", "hidden")
    assert "login" in check(code=6)
    with_login = index.simple.replace("://", "://me:hidden@")
    assert check("--index-url", with_login, code=0)["changes"] == []


def test_a_derived_plan_is_derived_again(build, index, tmp_path):
    from tests.build.test_unlisted import NEW, ask, torch_wheel

    index.add(torch_wheel(f"{NEW}+cpu"), "whl/cpu")
    out = tmp_path / "out"
    assert build(*ask(index), "--cpu", "--no-build", "--output", out).returncode == 0
    done = build("--check", "--output", out, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["drift"]["changes"] == []
