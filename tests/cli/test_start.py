"""Help, version, usage errors, completion, and what is imported for them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from envkit import __version__
from envkit.cli.main import app, run
from tests.cli.commands import ENVKIT, FAULTY, ROOT, environment, envkit, told
from tests.coverage_notes import require

COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]
HEAVY = {
    "docker",
    "jinja2",
    "numpy",
    "torch",
    "tensorflow",
    "jax",
    "pandas",
    "requests",
    "unittest",
    "asyncio",
}
"""Packages that a person would wait for."""


class TestHelp:
    @pytest.mark.parametrize("flag", ["--help", "-h"])
    def test_names_every_command(self, flag):
        done = envkit(flag)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Usage: envkit [OPTIONS] COMMAND" in done.stdout
        for command in COMMANDS:
            assert re.search(rf"\b{command}\b", done.stdout)

    def test_no_arguments_show_it_and_are_wrong_usage(self):
        done = envkit()
        assert (done.returncode, done.stderr) == (2, "")
        assert done.stdout.strip() == envkit("--help").stdout.strip()

    @pytest.mark.parametrize("command", COMMANDS)
    def test_of_a_command(self, command):
        done = envkit(command, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Usage: envkit {command}" in done.stdout

    def test_of_doctor_names_the_common_flags(self):
        shown = envkit("doctor", "--help").stdout
        for flag in (
            *("--format", "--json", "--output", "--save", "--from", "--python", "--only", "--skip"),
            *("--list", "--strict", "--verbose", "--quiet", "--deep"),
        ):
            assert flag in shown

    def test_has_no_escape_sequences_off_a_terminal(self):
        assert "\x1b" not in envkit("doctor", "--help").stdout


def test_version():
    done = envkit("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"envkit {__version__}\n", "")


class TestImports:
    """What is pinned is who is imported, not how long it takes."""

    @staticmethod
    def imported(*arguments: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *ENVKIT[1:], *arguments],
            env=environment(),
            capture_output=True,
            text=True,
        )
        names = re.findall(r"^import time:.*\|\s+([\w.]+)$", done.stderr, re.M)
        assert "typer" in names, "the pin sees nothing"
        return {name.partition(".")[0] for name in names}

    @pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["doctor", "--help"]], ids=" ".join)
    def test_nothing_heavy_and_nothing_of_the_work_for_help(self, arguments):
        assert not self.imported(*arguments) & (HEAVY | {"msgspec", "psutil", "pynvml"})

    @pytest.mark.parametrize(
        "arguments",
        [["doctor"], ["doctor", "--from", str(FAULTY)], ["explain", "driver-too-old"]],
        ids=["doctor", "doctor --from", "explain"],
    )
    def test_nothing_heavy_for_the_quick_commands(self, arguments):
        assert not self.imported(*arguments) & {"docker", "jinja2", "numpy", "torch", "tensorflow", "jax"}


class TestUsageErrors:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["docktor"],
            ["--jsn"],
            ["doctor", "--jsn"],
            ["doctor", "--format", "xml"],
            ["doctor", "--format"],
            ["doctor", "--limit", "soon"],
            ["doctor", "--limit", "0"],
            ["doctor", "--limit", "nan"],
            ["doctor", "too", "many"],
            ["doctor", "--only", "no-such-check"],
            ["doctor", "--skip", "no-such-check"],
            ["doctor", "--only", "driver,no-such-check"],
            ["doctor", "--from", "x", "--python", "3.12"],
            ["doctor", "--from", "x", "--deep"],
            ["doctor", "--from", str(FAULTY), "--save", "-"],
            ["explain", "no-such-cause"],
            ["explain", "a", "b"],
        ],
        ids=" ".join,
    )
    def test_are_told_in_two_lines(self, arguments):
        done = envkit(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        told(done)

    @pytest.mark.parametrize("foreign", ["\x1b[31mred", "a\nb", "[bold]x", "\u202egnp", "x" * 5000])
    def test_what_was_typed_is_repeated_as_plain_text(self, foreign, capsys):
        assert run(["doctor", "--only", foreign]) == 2
        shown = capsys.readouterr().err
        assert "\x1b" not in shown and "\u202e" not in shown
        assert len(shown.splitlines()) == 2
        assert len(shown) < 2000

    def test_a_secret_that_was_typed_is_not_repeated(self, capsys):
        assert run(["explain", "https://me:hunter2@host/"]) == 2
        assert "hunter2" not in capsys.readouterr().err

    def test_a_python_that_is_not_there(self):
        done = envkit("doctor", "--python", "/no/such/python")
        assert done.returncode == 3
        what, todo = told(done)
        assert "/no/such/python" in what and "--python" in todo


class TestCompletion:
    def test_of_commands(self):
        env = {"_ENVKIT_COMPLETE": "complete_bash", "COMP_WORDS": "envkit doc", "COMP_CWORD": "1"}
        done = envkit(env=env)
        assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["doctor"], "")

    def test_of_options(self):
        env = {"_ENVKIT_COMPLETE": "complete_bash", "COMP_WORDS": "envkit doctor --s", "COMP_CWORD": "2"}
        assert {"--save", "--strict", "--skip"} <= set(envkit(env=env).stdout.split())

    def test_of_the_words_of_an_option(self):
        env = {
            "_ENVKIT_COMPLETE": "complete_bash",
            "COMP_WORDS": "envkit doctor --format m",
            "COMP_CWORD": "3",
        }
        assert envkit(env=env).stdout.split() == ["markdown"]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_every_shell_has_a_script_for_envkit(self, shell):
        done = envkit(env={"_ENVKIT_COMPLETE": f"source_{shell}"})
        assert (done.returncode, done.stderr) == (0, "")
        assert "_ENVKIT_COMPLETE" in done.stdout

    def test_the_script_that_is_shown_works_in_bash(self, tmp_path):
        bash = shutil.which("bash")
        require("bash", bash is not None)
        program = tmp_path / "envkit"
        program.write_text(f'#!/bin/sh\nexec {" ".join(ENVKIT)} "$@"\n')
        program.chmod(0o755)
        script = (
            f'PATH="{tmp_path}:$PATH"\n'
            "envkit --show-completion > $HOME/script || exit 1\n"
            "source $HOME/script || exit 2\n"
            "complete -p envkit > /dev/null || exit 3\n"
            "COMP_WORDS=(envkit exp); COMP_CWORD=1\n"
            "_envkit_completion envkit\n"
            'echo "${COMPREPLY[@]}"\n'
        )
        done = subprocess.run(
            [str(bash), "--norc", "-c", script],
            env=environment(HOME=str(tmp_path)),
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "explain", "")
