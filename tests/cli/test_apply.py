"""`envkit doctor --apply`: real environments, real pip, real start-up files, a real terminal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.commands import ENVKIT, FAULTY, environment, envkit, told
from tests.cli.test_terminal import ESCAPES, Terminal
from tests.coverage_notes import require
from tests.doctor.apply.wheels import (
    add_pip,
    environment_with_pip,
    install,
    installed,
    offline,
    remove_pip,
    system_python,
    wheel,
)
from tests.nvml import nvml_scenario
from tests.payload.targets import install as put_metadata
from tests.payload.targets import site_of

PATIENT = ("--limit", "60")
"""A loaded machine must not look like one that hangs."""


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> Path:
    """Packages of which some do not go together."""
    folder = tmp_path_factory.mktemp("wheels")
    for name, version, *requires in (
        ("torch", "2.9.1"),
        ("torchvision", "0.21.0"),
        ("torchvision", "0.24.1"),
        ("onnx", "1.0", "protobuf<4"),
        ("protobuf", "3.20.3"),
        ("protobuf", "5.0"),
        ("scipy", "1.9", "numpy<2"),
        ("numpy", "1.26.4"),
        ("numpy", "2.1.0"),
    ):
        wheel(folder, name, version, *requires)
    return folder


@pytest.fixture
def python(tmp_path) -> Path:
    """The interpreter of a fresh environment with pip."""
    return environment_with_pip(tmp_path / "venv")


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def env(home, wheels) -> dict[str, str]:
    variables = {"HOME": str(home), "SHELL": "/bin/bash", "XDG_STATE_HOME": str(home / "state")}
    return {
        **variables,
        **offline(wheels),
        "CUDA_HOME": "",
        "CUDA_PATH": "",
        "XDG_CONFIG_HOME": "",
        "ZDOTDIR": "",
    }


def apply(python: Path, env: dict[str, str], *arguments: str, only: str = "python"):
    return envkit("doctor", *PATIENT, "--python", str(python), "--only", only, "--apply", *arguments, env=env)


def paste(command: str, env: dict[str, str]) -> None:
    """Run a command as a person would. In JSON the home is hidden; the shell puts it in."""
    subprocess.run(["sh", "-c", command], env=environment(**env), check=True, capture_output=True)


def lists(home: Path) -> list[Path]:
    return sorted((home / "state/envkit/apply").glob("packages-*.txt"))


class TestPip:
    def test_a_companion_that_does_not_belong(self, python, env, home, wheels):
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0")
        done = apply(python, env, "--yes")
        assert done.returncode == 0, done.stderr
        assert installed(python, "torchvision") == "0.24.1"
        command = f"{python} -m pip install --force-reinstall --no-deps torchvision==0.24.1"
        assert command in done.stderr
        assert "Successfully installed torchvision-0.24.1" in done.stderr
        assert done.stderr.index(command) < done.stderr.index("Successfully installed")
        assert "torch-torchvision-mismatch: applied, the problem is gone" in done.stdout
        assert "Problems now: none" in done.stdout
        (kept,) = lists(home)
        assert kept.read_text().split() == ["torch==2.9.1", "torchvision==0.21.0"]
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    def test_the_way_back_works(self, python, env, wheels):
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0")
        done = apply(python, env, "--yes", "--json")
        (applied,) = json.loads(done.stdout)["applied"]
        paste(applied["undo"], env)
        assert installed(python, "torchvision") == "0.21.0"

    def test_several_in_order_looking_again_between(self, python, env, home, wheels):
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0", "onnx", "protobuf==5.0")
        done = apply(python, env, "--yes", "--json")
        answer = json.loads(done.stdout)
        assert [(one["key"], one["outcome"], one["finding"]) for one in answer["applied"]] == [
            ("torch-torchvision-mismatch", "applied", "gone"),
            ("protobuf-mismatch", "applied", "gone"),
        ]
        assert (done.returncode, answer["verdict"], answer["new_problems"]) == (0, "healthy", [])
        assert len(lists(home)) == 2
        assert done.stderr.count("Looking again") == 2

    def test_two_copies_of_one_package(self, python, env, wheels):
        install(python, wheels, "numpy==2.1.0")
        site = site_of(python)
        older = put_metadata(site, "numpy", "1.26.4")
        files = ("METADATA", "INSTALLER", "RECORD")
        (older / "RECORD").write_text("".join(f"numpy-1.26.4.dist-info/{name},,\n" for name in files))
        done = apply(python, env, "--yes")
        assert done.returncode == 0, done.stderr
        assert "duplicate-distribution: applied, the problem is gone" in done.stdout
        assert installed(python, "numpy") == "2.1.0"
        assert [p.name for p in site.glob("numpy-*")] == ["numpy-2.1.0.dist-info"]

    def test_nothing_is_removed_that_could_not_be_installed_again(self, python, env, wheels):
        install(python, wheels, "numpy==2.1.0")
        site = site_of(python)
        put_metadata(site, "numpy", "2.7.0")
        done = apply(python, env, "--yes", "--json")
        (applied,) = json.loads(done.stdout)["applied"]
        assert (applied["outcome"], applied["finding"], applied["undo"]) == ("failed", "still there", None)
        assert "could not be installed again, so nothing was changed" in applied["detail"]
        assert done.returncode == 8
        assert len(list(site.glob("numpy-*"))) == 2

    def test_a_new_problem_is_named(self, python, env, wheels):
        """The NumPy that one package wants is not what another one wants."""
        install(python, wheels, "onnx", "protobuf==5.0", "torch==2.9.1")
        late = wheels.parent / "late"
        wheel(late, "protobuf", "3.20.4", "numpy<2")
        install(python, wheels, "numpy==2.1.0")
        done = apply(python, {**env, **offline(late), "PIP_NO_DEPS": "1"}, "--yes", "--json")
        answer = json.loads(done.stdout)
        first = answer["applied"][0]
        assert (first["key"], first["outcome"], first["finding"]) == ("protobuf-mismatch", "applied", "gone")
        assert answer["new_problems"] == ["numpy2-abi"]
        # And the fix of the new one is offered as well; these wheels do not hold it.
        assert [one["outcome"] for one in answer["applied"]] == ["applied", "failed"]
        assert done.returncode == 8

    def test_without_pip_by_uv(self, python, env, wheels):
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        require("uv", uv is not None)
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0")
        remove_pip(site_of(python))
        env = {**env, "PATH": f"{Path(uv).parent}:{os.environ['PATH']}", "UV_CACHE_DIR": env["HOME"]}
        done = apply(python, env, "--yes", "--json")
        assert done.returncode == 0, done.stderr
        (applied,) = json.loads(done.stdout)["applied"]
        assert applied["command"] == (
            f"{uv} pip install --python {python} --force-reinstall --no-deps torchvision==0.24.1"
        )
        assert installed(python, "torchvision") == "0.24.1"
        paste(applied["undo"], env)
        assert installed(python, "torchvision") == "0.21.0"

    def test_without_pip_and_uv(self, python, env, wheels):
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0")
        remove_pip(site_of(python))
        done = apply(python, {**env, "PATH": "/nowhere"}, "--yes")
        assert done.returncode == 1
        assert "this Python has no pip, and there is no uv on PATH" in done.stderr

    def test_settings_that_install_elsewhere_do_not_count(self, python, env, wheels, tmp_path):
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0")
        (tmp_path / "pip.py").write_text("raise SystemExit('this is not pip')\n")
        elsewhere = {"PIP_TARGET": str(tmp_path / "x"), "PIP_USER": "1", "PIP_BREAK_SYSTEM_PACKAGES": "1"}
        assert apply(python, {**env, **elsewhere}, "--yes").returncode == 0
        assert installed(python, "torchvision") == "0.24.1"
        assert not (tmp_path / "x").exists()


class TestPipFails:
    @pytest.fixture
    def mismatch(self, python, wheels):
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0")
        return python

    def test_nothing_to_be_found(self, mismatch, env, tmp_path):
        (tmp_path / "empty").mkdir()
        done = apply(mismatch, {**env, "PIP_FIND_LINKS": str(tmp_path / "empty")}, "--yes", "--json")
        (applied,) = json.loads(done.stdout)["applied"]
        assert (done.returncode, applied["outcome"], applied["exit_code"]) == (8, "failed", 1)
        assert applied["finding"] == "still there"
        assert "No matching distribution found for torchvision==0.24.1" in applied["detail"]
        assert installed(mismatch, "torchvision") == "0.21.0"

    def test_no_network(self, mismatch, env):
        away = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}
        done = apply(mismatch, {**env, **away, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}, "--yes")
        assert done.returncode == 6
        assert "torch-torchvision-mismatch: failed" in done.stdout
        assert "What to do: check the network, the proxy and the index" in done.stdout

    def test_no_place_for_the_list_of_packages(self, mismatch, env, tmp_path):
        (tmp_path / "file").write_text("")
        done = apply(mismatch, {**env, "XDG_STATE_HOME": str(tmp_path / "file")}, "--yes")
        assert done.returncode == 7
        assert "cannot keep the list of installed packages" in done.stdout
        assert installed(mismatch, "torchvision") == "0.21.0", "nothing is changed without a way back"

    def test_with_yes_the_first_failure_ends_it(self, mismatch, env, wheels, tmp_path):
        install(mismatch, wheels, "onnx", "protobuf==5.0")
        (tmp_path / "some").mkdir()
        wheel(tmp_path / "some", "protobuf", "3.20.3")
        done = apply(mismatch, {**env, "PIP_FIND_LINKS": str(tmp_path / "some")}, "--yes")
        assert done.returncode == 8
        assert installed(mismatch, "protobuf") == "5.0"
        assert "Problems now: torch-torchvision-mismatch, protobuf-mismatch" in done.stdout


class TestRefused:
    def test_a_python_that_the_distribution_manages(self, env, tmp_path):
        python, site = system_python(tmp_path / "usr")
        for name, version in (("torch", "2.9.1"), ("torchvision", "0.21.0")):
            put_metadata(site, name, version)
        (tmp_path / "usr/lib" / python.name / "EXTERNALLY-MANAGED").write_text(
            "[externally-managed]\nError=No.\n"
        )
        done = apply(python, env, "--yes", "--json")
        (applied,) = json.loads(done.stdout)["applied"]
        assert (done.returncode, applied["outcome"]) == (1, "not-offered")
        assert "keeps pip out (PEP 668)" in applied["detail"]
        assert "Not offered: torch-torchvision-mismatch" in done.stderr

    def test_a_system_python(self, env, tmp_path):
        python, site = system_python(tmp_path / "usr")
        for name, version in (("torch", "2.9.1"), ("torchvision", "0.21.0")):
            put_metadata(site, name, version)
        if os.geteuid() != 0:
            site.chmod(0o555)
        done = apply(python, env, "--yes")
        assert done.returncode == 1
        reason = "no system Python as root" if os.geteuid() == 0 else "you may not write"
        assert reason in done.stderr

    def test_what_conda_installed(self, env, tmp_path):
        python, site = system_python(tmp_path / "conda")
        add_pip(site)
        put_metadata(site, "torch", "2.9.1")
        put_metadata(site, "torchvision", "0.21.0", installer="conda")
        (tmp_path / "conda/conda-meta").mkdir()
        (tmp_path / "conda/conda-meta/torchvision-0.21.0-py312_0.json").write_text("{}")
        done = apply(python, env, "--yes")
        assert done.returncode == 1
        assert "conda installed torchvision: change it with conda" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("--apply", "--yes", "--from", str(FAULTY)), "--from judges another"),
            (("--apply", "--yes", "--ssh", "host"), "--ssh judges another"),
            (("--apply",), "no terminal to ask on"),
            (("--apply", "--json"), "no terminal to ask on"),
            (("--yes",), "--yes answers the questions of --apply"),
            (("--apply", "--yes", "--format", "html"), "does not go with --format html"),
            (("--apply", "--yes", "--format", "markdown"), "does not go with --format markdown"),
        ],
    )
    def test_flags_that_do_not_go_together(self, arguments, says):
        done = envkit("doctor", *arguments)
        message, todo = told(done)
        assert done.returncode == 2
        assert says in message
        assert todo


BASHRC = b"# mine\r\nexport PS1='\xff '\r\nexport CUDA_HOME=/nope/cuda\r\n"


@pytest.fixture
def bashrc(home) -> Path:
    path = home / ".bashrc"
    path.write_bytes(BASHRC)
    path.chmod(0o640)
    return path


class TestEnvironment:
    ONLY = "cuda-home-nvcc-missing"

    def test_a_line_is_commented_out(self, python, env, bashrc, home):
        done = apply(python, {**env, "CUDA_HOME": "/nope/cuda"}, "--yes", only=self.ONLY)
        assert done.returncode == 0, done.stderr
        first, second, third = bashrc.read_bytes().splitlines(keepends=True)
        assert first + second == b"# mine\r\nexport PS1='\xff '\r\n"
        assert third.startswith(b"# envkit 20")
        assert third.endswith(b": export CUDA_HOME=/nope/cuda\r\n")
        assert stat.S_IMODE(bashrc.stat().st_mode) == 0o640
        (copy,) = home.glob(".bashrc.envkit-backup-*")
        assert copy.read_bytes() == BASHRC
        assert "-export CUDA_HOME=/nope/cuda\n" in done.stderr
        assert "paste: unset CUDA_HOME" in done.stderr
        assert f"{self.ONLY}: applied, the problem is gone, in shells that start from now on" in done.stdout

    def test_a_new_shell_has_it_no_more(self, python, env, bashrc):
        bashrc.write_bytes(BASHRC.replace(b"\r", b""))
        apply(python, {**env, "CUDA_HOME": "/nope/cuda"}, "--yes", only=self.ONLY)
        shell = ["bash", "--rcfile", str(bashrc), "-i", "-c", 'echo "[$CUDA_HOME]"']
        done = subprocess.run(shell, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
        assert done.stdout == "[]\n"

    @pytest.mark.cc
    def test_gpus_that_a_line_hides(self, python, env, home):
        (home / ".bashrc").write_bytes(b"x=1\nexport CUDA_VISIBLE_DEVICES=\n")
        key = "cuda-visible-devices-invalid"
        env = {**env, **nvml_scenario("healthy-h100"), "CUDA_VISIBLE_DEVICES": ""}
        done = apply(python, env, "--yes", only=key)
        assert f"{key}: applied, the problem is gone" in done.stdout, done.stdout + done.stderr
        first, second = (home / ".bashrc").read_text().splitlines()
        assert first == "x=1"
        assert second.startswith("# envkit 20") and second.endswith(": export CUDA_VISIBLE_DEVICES=")

    def test_the_way_back(self, python, env, bashrc):
        done = apply(python, {**env, "CUDA_HOME": "/nope/cuda"}, "--yes", "--json", only=self.ONLY)
        answer = json.loads(done.stdout)
        (applied,) = answer["applied"]
        assert (applied["kind"], applied["outcome"], applied["finding"]) == ("environment", "applied", "gone")
        assert applied["file"] == "~/.bashrc"
        paste(applied["undo"], env)
        assert bashrc.read_bytes() == BASHRC

    def test_a_read_only_file_is_shown_only(self, python, env, bashrc):
        bashrc.chmod(0o444)
        done = apply(python, {**env, "CUDA_HOME": "/nope/cuda"}, "--yes", only=self.ONLY)
        assert bashrc.read_bytes() == BASHRC
        assert f"line 3 of {bashrc} sets CUDA_HOME; it is read-only" in done.stderr
        assert "paste: unset CUDA_HOME" in done.stderr
        assert "nothing was offered" in done.stdout

    def test_still_there_where_another_line_sets_it(self, python, env, bashrc, home):
        (home / ".profile").write_text("export CUDA_HOME=/nope/other CUDA_PATH=/x\n")
        done = apply(python, {**env, "CUDA_HOME": "/nope/other"}, "--yes", only=self.ONLY)
        assert f"{self.ONLY}: applied, the problem is still there" in done.stdout
        assert f"line 1 of {home}/.profile sets CUDA_HOME; it does more than that" in done.stderr

    def test_from_whatever_started_the_shell(self, python, env):
        done = apply(python, {**env, "CUDA_HOME": "/nope/cuda"}, "--yes", only=self.ONLY)
        assert "no start-up file sets CUDA_HOME" in done.stderr
        assert "paste: unset CUDA_HOME" in done.stderr

    def test_hostile_lines_are_plain_text(self, python, env, bashrc):
        bashrc.write_bytes(b"export CUDA_HOME=/nope  # \x1b]0;title\x07\x1b[2J$(touch x)\n")
        done = apply(python, {**env, "CUDA_HOME": "/nope"}, "--yes", only=self.ONLY)
        assert "\x1b" not in done.stderr and "\x07" not in done.stderr
        assert bashrc.read_bytes().startswith(b"# envkit 20")


class Dialogue(Terminal):
    """A terminal on which questions are answered one by one."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        super().__init__(*arguments, columns=200, env=env)
        self.shown = ""

    def until(self, text: str, times: int = 1) -> None:
        """Read until a text was shown so often."""
        while self.shown.count(text) < times:
            self._more()

    def end(self) -> int:
        """Read to the end; the exit code."""
        try:
            while self._more():
                pass
        except OSError:  # EIO: the other end is closed
            pass
        os.close(self.master)
        self.shown = ESCAPES.sub("", self.shown)
        return self.process.wait()

    def _more(self) -> bool:
        piece = os.read(self.master, 1 << 16)
        self.shown += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(piece)


class TestAsked:
    QUESTION = "Apply? [y/N/q] "

    @pytest.fixture
    def two(self, python, env, wheels):
        """Two problems, and how to start."""
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0", "onnx", "protobuf==5.0")
        arguments = ("doctor", *PATIENT, "--python", str(python), "--only", "python", "--apply")
        return python, lambda *more: Dialogue(*arguments, *more, env=env)

    def test_yes_then_no(self, two):
        python, start = two
        terminal = start()
        terminal.until(self.QUESTION)
        assert terminal.shown.index("Fix:") < terminal.shown.index(self.QUESTION), "the report comes first"
        terminal.press(b"y\n")
        terminal.until(self.QUESTION, 2)
        terminal.press(b"\n")
        assert terminal.end() == 1
        assert installed(python, "torchvision") == "0.24.1"
        assert installed(python, "protobuf") == "5.0"
        assert "torch-torchvision-mismatch: applied, the problem is gone" in terminal.shown
        assert "protobuf-mismatch: declined" in terminal.shown
        assert "Problems now: protobuf-mismatch" in terminal.shown

    @pytest.mark.parametrize("answer", [b"q\n", b"\x04"], ids=["q", "Ctrl-D"])
    def test_quit(self, two, answer):
        python, start = two
        terminal = start()
        terminal.until(self.QUESTION)
        terminal.press(answer)
        assert terminal.end() == 1
        assert terminal.shown.count(self.QUESTION) == 1
        assert installed(python, "torchvision") == "0.21.0"

    def test_what_is_no_answer_is_no(self, two):
        python, start = two
        terminal = start()
        for number, words in enumerate((b"yes please\n", b"\xff\n"), 1):
            terminal.until(self.QUESTION, number)
            terminal.press(words)
        assert terminal.end() == 1
        assert (installed(python, "torchvision"), installed(python, "protobuf")) == ("0.21.0", "5.0")

    def test_interrupted_at_a_question(self, two):
        python, start = two
        terminal = start()
        terminal.until(self.QUESTION)
        terminal.press(b"y\n")
        terminal.until(self.QUESTION, 2)
        terminal.press(b"\x03")
        assert terminal.end() == 130
        told = terminal.shown.rpartition(self.QUESTION)[2]
        assert "torch-torchvision-mismatch: applied" in told
        assert "To go back: " in told
        assert "interrupted" in told and "nothing was changed" not in told
        assert installed(python, "protobuf") == "5.0"

    def test_interrupted_before_anything(self, two):
        _, start = two
        terminal = start()
        terminal.until(self.QUESTION)
        terminal.press(b"\x03")
        assert terminal.end() == 130
        assert "nothing was changed" in terminal.shown

    def test_json_goes_to_standard_output_alone(self, two, tmp_path):
        _, start = two
        terminal = start("--json", "--output", str(tmp_path / "answer.json"))
        terminal.until(self.QUESTION)
        terminal.press(b"n\n")
        terminal.until(self.QUESTION, 2)
        terminal.press(b"q\n")
        terminal.end()
        answer = json.loads((tmp_path / "answer.json").read_text())
        assert [one["outcome"] for one in answer["applied"]] == ["declined"]
        assert '"applied"' not in terminal.shown


class TestInterruptedPip:
    def test_pip_is_told_and_may_clean_up(self, python, env, wheels, tmp_path):
        """Ctrl-C while pip runs: pip ends by its own hand, and envkit says how far it came."""
        install(python, wheels, "torch==2.9.1", "torchvision==0.21.0")
        site = site_of(python)
        note = tmp_path / "note"
        # The real pip with a break in it: it waits where it would install, and says how it was ended.
        (site / "_slow.pth").write_text("import _slow\n")
        (site / "_slow.py").write_text(
            "import sys, pathlib\n"
            "argv = sys.orig_argv\n"
            "if 'install' in argv and '-r' not in argv:\n"
            f"    note = pathlib.Path({str(note)!r})\n"
            "    note.write_text('waiting')\n"
            "    import time\n"
            "    try:\n"
            "        while True: time.sleep(0.01)\n"
            "    except KeyboardInterrupt:\n"
            "        note.write_text('cleaned up')\n"
            "        raise SystemExit(3)\n"
        )
        process = subprocess.Popen(
            [*ENVKIT, "doctor", *PATIENT, "--python", str(python), "--only", "python", "--apply", "--yes"],
            env=environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        while not note.exists() or note.read_text() != "waiting":
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 130
        assert note.read_text() == "cleaned up"
        assert b"torch-torchvision-mismatch: interrupted" in err
        assert b"0 of 1 commands had ended" in err
        assert installed(python, "torchvision") == "0.21.0"
