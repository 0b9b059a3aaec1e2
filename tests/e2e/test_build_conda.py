"""`envkit build` with conda packages, from the command line to an environment that trains."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from envkit.engine import conda
from tests.build import conda_channel
from tests.build.conda_channel import Made, conda_forge
from tests.build.index import Certificate, certificate
from tests.coverage_notes import require
from tests.payload.targets import torch_python

CPU = ("--cpu", "--framework", "torch==2.13.0", "--target-glibc", "2.36")
GPU = ("--framework", "torch==2.13.0", "--target-gpu", "a100", "--target-glibc", "2.31")
COMMAND = (sys.executable, "-m", "envkit.cli.main", "build")


class Ran:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self) -> dict:
        return json.loads(self.out)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The process environment of a build: a cache of its own, and nothing of pip's configuration."""
    require("py-rattler (pip install 'envkit[conda]')", conda.present())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    own = {
        "RATTLER_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_HTTP_RETRIES": "0",
    }
    return {**kept, **own}


@pytest.fixture
def build(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Ran]:
    """Runs `envkit build` in a directory of its own."""
    (tmp_path / "work").mkdir()

    def run(*arguments: str | Path) -> Ran:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=tmp_path / "work", env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done)

    return run


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return conda_channel.channel(tmp_path_factory.mktemp("forge"), conda_forge())


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A channel whose python and pytorch are those of the tests' torch environment; and its Python."""
    code = (
        "import json, os, sys, sysconfig, torch\n"
        "print(json.dumps([os.path.realpath(sys.executable), sysconfig.get_path('purelib'), "
        "sysconfig.get_python_version(), torch.__version__]))"
    )
    found = subprocess.run([torch_python(), "-c", code], capture_output=True, text=True, check=True)
    program, site, version, torch = json.loads(found.stdout)
    files: dict[str, dict[str, str | Path]] = {
        "python": {"bin/python": Path(program), "pyvenv.cfg": f"home = {Path(program).parent}\n"},
        "pytorch": {f"lib/python{version}/site-packages/elsewhere.pth": site + "\n"},
        "pip": {"share/pip.txt": "uv installs without it"},
    }
    made = conda_forge(version, torch.partition("+")[0], files)
    return conda_channel.channel(tmp_path_factory.mktemp("training"), made), version


@contextmanager
def served(
    folder: Path, stall: str | None = None, login: str | None = None, trusted: Certificate | None = None
) -> Iterator[tuple[str, threading.Event]]:
    """The channel over HTTP. stall: a file whose name starts so never comes; the event says it was asked.

    login: `user:password` that it asks for. trusted: HTTPS with this certificate.
    """
    asked, over = threading.Event(), threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if stall is not None and self.path.rpartition("/")[2].startswith(stall):
                asked.set()
                over.wait(90)
                return
            wanted = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None
            if wanted is not None and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            super().do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if trusted is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(trusted.chain, trusted.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if trusted else 'http'}://127.0.0.1:{server.server_port}", asked
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@pytest.mark.torch
def test_an_environment_is_made_and_proved(
    build: Callable[..., Ran], training: tuple[Path, str], tmp_path: Path
) -> None:
    channel, python = training
    prefix, out = tmp_path / "env", tmp_path / "out"
    common = ("--python", python, "--channel", channel, "--as", "conda", "--output", out, "--create", prefix)
    ran = build(*CPU, *common, "--json")
    assert ran.code == 0, ran.err
    answer = ran.json
    checks = {check["title"]: check["ok"] for check in answer["checks"]}
    assert checks["installed as planned"] and checks["forward and backward"] and checks["shared libraries"]
    assert all(checks.values())
    assert answer["plan"]["source"] == "conda-forge" and answer["plan"]["lock"]["kind"] == "hashes"
    assert answer["environment"].endswith("env")
    assert "linking pytorch" in ran.err
    again = build(*CPU, *common)
    assert again.code == 0 and "its check passed" in again.out, "an environment of conda is made anew"


@pytest.mark.torch
def test_what_was_installed_is_not_what_was_planned(
    build: Callable[..., Ran], training: tuple[Path, str], tmp_path: Path
) -> None:
    """The tree has no interpreter of the planned version: built, and then the proof fails."""
    _, python = training
    program = Path(subprocess.run(
        [torch_python(), "-c", "import os, sys; print(os.path.realpath(sys.executable))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip())  # fmt: skip
    files: dict[str, dict[str, str | Path]] = {
        "python": {"bin/python": program, "pyvenv.cfg": f"home = {program.parent}\n"}
    }
    channel = conda_channel.channel(tmp_path / "forge", conda_forge(python, files=files))
    ran = build(*CPU, "--python", python, "--channel", channel, "--as", "conda", "--create", tmp_path / "env")
    assert ran.code == 9, ran.err
    assert "torch is not installed" in ran.out and "its check failed" in ran.out


def test_a_lock_for_a_gpu_that_is_not_here(build: Callable[..., Ran], forge: Path, tmp_path: Path) -> None:
    for driver, tag in (("550", "cuda129"), ("580", "cuda130")):
        out = tmp_path / driver
        common = ("--target-driver", driver, "--as", "conda", "--channel", forge, "--output", out)
        ran = build(*GPU, *common, "--with", "torchvision")
        assert ran.code == 0, ran.err
        lock = (out / "conda-lock.txt").read_text()
        assert f"pytorch-2.13.0-{tag}" in lock and f"torchvision-0.28.1-{tag}" in lock
        assert not (out / "requirements.txt").exists()


def test_two_runs_write_the_same(build: Callable[..., Ran], forge: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = (*CPU, "--as", "conda", "--channel", forge, "--output", out)

    def written() -> dict[str, str]:
        found = {path.name: path.read_text() for path in out.iterdir()}
        record = json.loads(found["envkit-plan.json"])
        assert record.pop("locked_on")  # the day
        return {**found, "envkit-plan.json": json.dumps(record)}

    assert build(*arguments).code == 0
    first = written()
    assert build(*arguments).code == 0
    assert written() == first
    assert set(first) == {"environment.yml", "conda-lock.txt", "sbom.json", "envkit-plan.json"}


def test_a_driver_that_no_build_runs_on_is_refused(build: Callable[..., Ran], forge: Path) -> None:
    ran = build(*GPU, "--target-driver", "440", "--as", "conda", "--channel", forge, "--json")
    assert ran.code == 1
    assert "440" in ran.json["refusal"]["reasons"][0] and ran.json["refusal"]["nearest"]


def test_what_the_channel_has_not_is_a_failed_build(build: Callable[..., Ran], forge: Path) -> None:
    ran = build("--cpu", "--framework", "torch==2.12.1", "--as", "conda", "--channel", forge)
    assert ran.code == 8
    assert "No candidates were found for pytorch" in ran.err and "__glibc=" in ran.err


def test_a_plan_a_source(build: Callable[..., Ran], forge: Path, tmp_path: Path) -> None:
    asked = ("--target-gpu", "a100", "--target-driver", "580", "--target-glibc", "2.36")
    answer = build(*asked, "--as", "uv,conda", "--dry-run", "--json").json
    other = answer["plans"]["conda-forge"]
    assert (answer["plan"]["source"], other["source"]) == ("wheels", "conda-forge")
    assert answer["plan"]["requirements"][0]["requirement"].startswith("torch==")
    assert other["requirements"][0]["requirement"].startswith("pytorch==")
    text = build(*asked, "--as", "uv,conda", "--dry-run").out
    assert "Where the sources differ" in text and "environment.yml" in text and "pyproject.toml" in text
    alone = build(*asked, "--as", "conda", "--dry-run", "--json").json
    assert alone == {"plan": other}
    assert list((tmp_path / "work").iterdir()) == [], "nothing is written"


def test_two_sources_write_two_directories(build: Callable[..., Ran], forge: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    index = ("--index-url", "http://127.0.0.1:9/simple")  # out of reach: versions only
    ran = build(*CPU, "--as", "pip,conda", "--channel", forge, "--output", out, "--json", *index)
    assert ran.code == 0, ran.err
    assert (out / "requirements.txt").exists() and not (out / "environment.yml").exists()
    assert {path.name for path in (out / "conda").iterdir()} == {
        "environment.yml", "conda-lock.txt", "sbom.json", "envkit-plan.json",
    }  # fmt: skip
    assert ran.json["others"]["conda-forge"]["plan"]["lock"]["kind"] == "hashes"
    assert ran.json["plan"]["lock"]["kind"] == "none"


@pytest.mark.parametrize(
    "arguments, code, says",
    [
        (("--as", "docker", "--source", "conda-forge"), 2, "made from wheels"),
        (("--as", "uv,conda", "--create", "x"), 2, "--create makes one environment"),
        (("--as", "conda", "--channel", "./absent"), 4, "is no directory"),
        (("--as", "conda", "--channel", "https://h.example/t/token/forge"), 2, "RATTLER_AUTH_FILE"),
    ],
)
def test_what_makes_no_sense(
    build: Callable[..., Ran], arguments: tuple[str, ...], code: int, says: str
) -> None:
    ran = build(*CPU, *arguments)
    assert (ran.code, says in ran.err) == (code, True), ran.err


def test_a_channel_out_of_reach(build: Callable[..., Ran], tmp_path: Path) -> None:
    gone = ("--as", "conda", "--channel", "http://127.0.0.1:9/forge")
    ran = build(*CPU, *gone, "--output", tmp_path / "out", "--json")
    assert ran.code == 0
    assert ran.json["plan"]["lock"]["kind"] == "none"
    assert "Not locked" in (tmp_path / "out" / "environment.yml").read_text()
    made = build(*CPU, *gone, "--create", tmp_path / "env")
    assert made.code == 6 and "could not be asked" in made.err
    assert not (tmp_path / "env").exists()


def test_no_place_to_write(build: Callable[..., Ran], forge: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    common = (*CPU, "--as", "conda", "--channel", forge)
    assert build(*common, "--create", tmp_path / "file" / "env").code == 7
    assert build(*common, "--output", tmp_path / "file").code == 7
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("three years")
    ran = build(*common, "--create", mine)
    assert ran.code == 7 and "is no environment" in ran.err
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_a_large_download_is_not_started_unasked(build: Callable[..., Ran], tmp_path: Path) -> None:
    large = tuple(
        replace(each, size=2_500_000_000) if each.name == "pytorch" else each for each in conda_forge()
    )
    channel = conda_channel.channel(tmp_path / "forge", large)
    common = (*CPU, "--as", "conda", "--channel", channel, "--output", tmp_path / "out")
    ran = build(*common, "--create", tmp_path / "env")
    assert ran.code == 2 and "2.3 GiB" in ran.err and "--yes" in ran.err
    assert not (tmp_path / "env").exists() and not (tmp_path / "out").exists()
    assert build(*common).code == 0, "locking downloads nothing"


def test_nothing_named_makes_the_environment_in_the_output(
    build: Callable[..., Ran], forge: Path, tmp_path: Path
) -> None:
    ran = build(*CPU, "--source", "conda-forge", "--channel", forge, "--output", tmp_path / "out", "--json")
    assert ran.json["environment"] and (tmp_path / "out" / "env" / "conda-meta").is_dir()
    assert ran.code == 9, "the tree has no interpreter"


def test_a_package_that_was_tampered_with(build: Callable[..., Ran], tmp_path: Path) -> None:
    channel = conda_channel.channel(tmp_path / "forge", conda_forge())
    (archive,) = (channel / "linux-64").glob("pytorch-2.13.0-cpu*")
    other = Made(name="pytorch", version="2.13.0", build="other", format="conda")
    archive.write_bytes(conda_channel.archive(other))
    with served(channel) as (url, _):
        for named in (channel, url):
            ran = build(*CPU, "--as", "conda", "--channel", named, "--create", tmp_path / "env")
            assert ran.code == 8, ran.err
            assert "differs from the one that was locked" in ran.err and "hash mismatch" in ran.err
            assert not (tmp_path / "env").exists()


def test_a_login_is_used_and_written_nowhere(build: Callable[..., Ran], forge: Path, tmp_path: Path) -> None:
    with served(forge, login="me:swordfish") as (url, _):
        refused = build(*CPU, "--as", "conda", "--channel", url, "--create", tmp_path / "env")
        assert "RATTLER_AUTH_FILE" in refused.err
        assert refused.code == 6 and not (tmp_path / "env").exists()
        named = url.replace("://", "://me:swordfish@")
        out = tmp_path / "out"
        ran = build(
            *CPU, "--as", "conda", "--channel", named, "--output", out, "--create", tmp_path / "env", "--json"
        )
    assert ran.json["environment"], ran.err  # the tree has no interpreter, so its proof fails
    assert ran.code == 9
    texts = [path.read_text() for path in (*out.iterdir(), *(tmp_path / "env" / "conda-meta").iterdir())]
    assert len(texts) > 8
    assert not any("swordfish" in text for text in (*texts, ran.out, ran.err))


def test_a_network_that_intercepts_tls(build: Callable[..., Ran], forge: Path, tmp_path: Path) -> None:
    made = certificate(tmp_path / "tls")
    with served(forge, trusted=made) as (url, _):
        untold = build(*CPU, "--as", "conda", "--channel", url, "--create", tmp_path / "env")
        assert untold.code == 6 and "certificate" in untold.err.lower() and "--ca-cert" in untold.err
        told = build(*CPU, "--as", "conda", "--channel", url, "--ca-cert", made.authority, "--json")
    assert told.code == 0 and told.json["plan"]["lock"]["kind"] == "hashes"


def test_an_interrupt_leaves_the_environment_that_was_there(
    forge: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    prefix = tmp_path / "env"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta" / "history").write_text("old")
    with served(forge, stall="pytorch-") as (url, asked):
        child = subprocess.Popen(
            [*COMMAND, *CPU, "--as", "conda", "--channel", url, "--create", str(prefix)],
            cwd=tmp_path, env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert asked.wait(60), "the package that never comes was not asked for"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert "interrupted" in errors and "Traceback" not in errors
    assert [path.name for path in prefix.rglob("*")] == ["conda-meta", "history"]
    assert _settled(tmp_path) == {"cache", "env", "envkit-env"}


def _settled(folder: Path) -> set[str]:
    """What lies in a directory after whatever could still write there has ended."""
    time.sleep(0.3)
    return {path.name for path in folder.iterdir()}


def test_check_sees_what_was_changed(build: Callable[..., Ran], tmp_path: Path) -> None:
    channel = conda_channel.channel(tmp_path / "forge", conda_forge())
    out = tmp_path / "out"
    assert build(*CPU, "--as", "conda", "--channel", channel, "--output", out).code == 0
    same = build("--check", "--output", out, "--json")
    assert same.code == 0 and same.json["drift"]["changes"] == [], same.err
    newer = (
        *conda_forge(),
        Made(name="numpy", version="2.4.1", build="py314_0", depends=("python >=3.14,<3.15.0a0",)),
    )
    conda_channel.channel(channel, newer)
    drift = build("--check", "--output", out, "--json")
    assert drift.code == 0 and any("numpy" in note for note in drift.json["drift"]["notes"])
    lock = out / "conda-lock.txt"
    lock.write_text(lock.read_text().replace("numpy-2.4.0", "numpy-2.3.0"))
    changed = build("--check", "--output", out, "--json")
    assert changed.code == 1
    assert any("conda-lock.txt" in change for change in changed.json["drift"]["changes"])


def test_without_the_library(tmp_path: Path, environment: dict[str, str]) -> None:
    code = "import sys; sys.modules['rattler'] = None; from envkit.cli.main import main; main()"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, "build", *CPU, "--as", "conda", *arguments],
            cwd=tmp_path, env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    made = run("--create", str(tmp_path / "env"))
    assert made.returncode == 5 and "pip install 'envkit[conda]'" in made.stderr
    written = run("--output", str(tmp_path / "out"))
    assert written.returncode == 0
    assert "pip install 'envkit[conda]'" in (tmp_path / "out" / "environment.yml").read_text()
