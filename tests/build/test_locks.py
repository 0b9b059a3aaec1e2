"""Locks against a real index: how far they go, and why not further."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from tests.build.conftest import cpu, fill
from tests.build.index import certificate, served, wheel
from tests.build.parts import PYTHON

DEAD = "http://127.0.0.1:9/simple"
FILES = ("--as", "uv,pip", "--no-build", "--json")


def lock(done, code=0):
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)["plan"]["lock"]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_an_index_with_hashes_gives_a_lock_with_hashes(build, index, out):
    done = build(*cpu(index), *FILES, "--output", out)
    assert lock(done) == {"kind": "hashes", "why": ""}
    locked = (out / "requirements.txt").read_text()
    assert "torch==2.13.0+cpu \\\n    --hash=sha256:" in locked
    assert "numpy==2.3.0" in locked and "filelock==3.20.0" in locked
    assert f"--extra-index-url {index.url}/whl/cpu" in locked
    assert 'name = "torch"' in (out / "uv.lock").read_text()


def test_files_of_an_index_without_hashes_are_hashed_themselves(build, index, out):
    index.hashes = False
    assert lock(build(*cpu(index), *FILES, "--output", out))["kind"] == "hashes"
    data = wheel("numpy", "2.3.0")[1]
    assert f"--hash=sha256:{hashlib.sha256(data).hexdigest()}" in (out / "requirements.txt").read_text()


def test_a_package_that_cannot_be_hashed_leaves_versions(build, index, out, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text('[project]\nname = "own-code"\nversion = "1.0"\n')
    (tmp_path / "mine.txt").write_text(f"own-code @ {source.as_uri()}\n")
    done = build(*cpu(index), *FILES, "--output", out, "--requirements", tmp_path / "mine.txt")
    found = lock(done)
    assert found["kind"] == "versions" and "own-code" in found["why"]
    locked = (out / "requirements.txt").read_text()
    # Some hashes would make pip demand one of each.
    assert "--hash" not in locked and "torch==2.13.0+cpu" in locked


def test_an_index_out_of_reach_gives_no_lock_and_says_how_to_get_one(build, index, out):
    done = build(*cpu(index, "--index-url", DEAD), *FILES, "--output", out)
    found = lock(done)
    assert found["kind"] == "none" and "out of reach" in found["why"] and "envkit build" in found["why"]
    assert "torch==2.13.0+cpu" in (out / "requirements.txt").read_text()
    assert not (out / "uv.lock").exists()


def test_no_solution_is_a_failed_build_that_says_what_to_do(build, index, out, tmp_path):
    index.add(wheel("wants-old-numpy", "1.0", requires=("numpy<2",)))
    (tmp_path / "mine.txt").write_text("wants-old-numpy\nnumpy>=2.2\n")
    done = build(*cpu(index), *FILES, "--output", out, "--requirements", tmp_path / "mine.txt")
    assert done.returncode == 8 and "no set of versions" in done.stderr and "--requirements" in done.stderr
    assert not out.exists()


def test_a_package_that_no_index_has_is_named(build, index, out, tmp_path):
    (tmp_path / "mine.txt").write_text("not-to-be-found\n")
    done = build(*cpu(index), *FILES, "--output", out, "--requirements", tmp_path / "mine.txt")
    assert done.returncode == 8 and "not-to-be-found" in done.stderr and "--extra-index-url" in done.stderr


def test_a_file_that_differs_from_the_locked_one_is_not_installed(build, index, out):
    name, _ = wheel("numpy", "2.3.0")
    _, other = wheel("numpy", "2.3.0", files={"numpy/__init__.py": "changed = True\n"})
    index.swapped[name] = other
    done = build(*cpu(index), "--as", "pip", "--create", out / "venv", "--output", out)
    assert done.returncode == 8 and "differs from the one that was locked" in done.stderr
    assert not (out / "venv").exists()


def test_a_certificate_that_nobody_knows_needs_ca_cert(build, out, tmp_path):
    made = certificate(tmp_path / "tls")
    with served(certificate=made) as index:
        fill(index)
        done = build(*cpu(index), *FILES, "--output", out)
        found = lock(done)
        assert found["kind"] == "none" and "--ca-cert" in found["why"]
        done = build(*cpu(index), "--as", "pip", "--create", out / "venv", "--output", out)
        assert done.returncode == 6 and "--ca-cert" in done.stderr
        done = build(*cpu(index), *FILES, "--output", out, "--ca-cert", made.authority)
        assert lock(done)["kind"] == "hashes"


def test_a_login_works_and_reaches_nothing_that_is_written(build, index, out):
    index.login = ("some one", "s3cr/et:pass")
    address = index.simple.replace("://", "://some%20one:s3cr%2Fet%3Apass@")
    own = f"{index.url}/whl".replace("://", "://some%20one:s3cr%2Fet%3Apass@")
    options = ("--framework", "torch==2.13.0", "--cpu", "--python", PYTHON)
    where = ("--index-url", address, "--framework-index", own, "--output", out)
    done = build(*options, *where, "--as", "docker,compose,devcontainer,uv,pip", "--no-build")
    assert done.returncode == 0, done.stderr
    assert "--secret id=netrc" in " ".join(done.stdout.split())
    assert "--hash=sha256" in (out / "requirements.txt").read_text() and (out / "uv.lock").exists()
    done2 = build(*options, *where, "--as", "uv,pip", "--create", out / "venv", "--json")
    assert done2.returncode == 9, done2.stderr  # installed; it is not the real torch
    assert json.loads(done2.stdout)["environment"] == str(out / "venv")
    texts = [done.stdout, done.stderr, done2.stdout, done2.stderr]
    texts += [path.read_text(errors="replace") for path in out.rglob("*") if path.is_file()]
    assert len(texts) > 20
    for secret in ("s3cr", "some%20one", "some one", index_token(index)):
        assert not any(secret in text for text in texts), secret


def index_token(index):
    return base64.b64encode(":".join(index.login).encode()).decode()


def test_an_index_that_wants_a_login_says_so(build, index, out):
    index.login = ("user", "password")
    done = build(*cpu(index), *FILES, "--output", out)
    assert done.returncode == 6 and "login" in done.stderr and "netrc" in done.stderr
    assert not out.exists()


def test_a_netrc_is_enough(build, index, out, tmp_path):
    index.login = ("user", "password")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password password\n")
    netrc.chmod(0o600)
    done = build(*cpu(index), *FILES, "--output", out, env={"NETRC": str(netrc)})
    assert lock(done)["kind"] == "hashes"
