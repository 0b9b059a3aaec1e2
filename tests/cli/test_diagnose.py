"""`envkit diagnose` as a person starts it: what it refuses, and how it ends. No framework is needed here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.commands import ENVKIT, environment, envkit, told

SCRIPTS = {
    "plain.py": "print('nothing to train')",
    "own.py": "def f():\n    raise ValueError('my own trouble')\n\nf()",
    "fits.py": "raise RuntimeError('mat1 and mat2 shapes cannot be multiplied (64x400 and 256x120)')",
    "exit3.py": "import sys; sys.exit(3)",
    "syntax.py": "print('hi'",
    "segv.py": "import ctypes\n\ndef inner():\n    ctypes.string_at(0)\n\ninner()",
    "killed.py": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "argv.py": "import sys; print(sys.argv[1:])",
    "book.ipynb": "{}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scripts")
    for name, text in SCRIPTS.items():
        (made / name).write_text(text + "\n")
    (made / "folder").mkdir()
    return made


def diagnose(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return envkit("diagnose", *arguments, cwd=folder)


@pytest.mark.parametrize(
    ("arguments", "code", "says", "todo"),
    [
        ((), 2, "no script to run", "envkit diagnose -- python train.py"),
        (("--", "nothere.py"), 3, "no script nothere.py", "check the path"),
        (("--", "python", "-u", "nothere.py"), 3, "no script nothere.py", "check the path"),
        (("--", "book.ipynb"), 2, "is a notebook", "nbconvert"),
        (("--", "folder"), 3, "is a folder", "train.py"),
        (("--", "python", "folder"), 3, "without __main__.py", "train.py"),
        (("--", "./plain.txt"), 3, "cannot run ./plain.txt", "train.py"),
        (("--", "nosuchprogram"), 3, "cannot run nosuchprogram", "as you would type it"),
        (("--python", "9.9", "--", "plain.py"), 3, "no Python 9.9", "--python PATH"),
        (("--only", "faults", "--fail-on", "slow", "--", "plain.py"), 2, "leaves out", "one of the two"),
        (("--only", "x", "--", "plain.py"), 2, "'x'", "faults and speed"),
        (("--fail-on", "x", "--", "plain.py"), 2, "'x'", "fault, slow and never"),
        (("--try=abc", "--", "plain.py"), 2, "no number of seconds", "--try=60"),
        (("--try=-1", "--", "plain.py"), 2, "no number of seconds", "--try=60"),
        (("--try-anyway", "--", "plain.py"), 2, "how --try is meant", "add --try"),
        (("--yes", "--", "plain.py"), 2, "--apply", "add --apply"),
        (("--apply", "--", "plain.py"), 2, "no terminal", "--yes"),
        (("--apply", "--yes", "--format", "html", "--", "plain.py"), 2, "--format html", "text or json"),
        (("--save", "-", "--", "plain.py"), 2, "mix with", "--save FILE"),
        (("--image", " ", "--", "plain.py"), 2, "names nothing", "docker image ls"),
        (("--image", "x", "--try", "--", "plain.py"), 2, "--image runs elsewhere", "leave out --try"),
        (("--from", "own.py"), 4, "not JSON", "--save"),
        (("--from", "nothere.json"), 4, "cannot read", "check the path"),
        (("--from", "x.json", "--", "plain.py"), 2, "runs nothing", "leave out the command"),
        (("--from", "x.json", "--apply"), 2, "another run", "leave out --from"),
        (("--nonsense", "--", "plain.py"), 2, "No such option", "--help"),
    ],
)
def test_what_makes_no_sense_is_refused(
    folder: Path, arguments: tuple[str, ...], code: int, says: str, todo: str
) -> None:
    done = diagnose(folder, *arguments)
    first, second = told(done)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in first
    assert todo in second


def test_no_engine(folder: Path) -> None:
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    done = envkit("diagnose", "--image", "x", "--", "plain.py", cwd=folder, env=nowhere)
    first, _ = told(done)
    assert done.returncode == 5
    assert "no container engine answers" in first


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("plain.py",), 0, "no framework that is watched was imported"),
        (("python", "-I", "plain.py"), 0, "-I makes Python leave PYTHONPATH alone"),
        (("exit3.py",), 10, "ended with exit code 3"),
        (("own.py",), 10, "ValueError: my own trouble (own.py:2)"),
        (("syntax.py",), 10, "SyntaxError: '(' was never closed"),
        (("segv.py",), 10, "Segmentation fault (segv.py:4)"),
        (("killed.py",), 10, "ended by SIGKILL"),
        (("fits.py",), 1, "Cause: shape-mismatch at fits.py:1"),
        (("true",), 0, "no Python of 3.9 or newer was started"),
    ],
)
def test_how_a_script_ends(folder: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = diagnose(folder, "--", *arguments)
    assert says in " ".join(done.stderr.split())
    assert done.returncode == code
    assert "envkit has a bug" not in done.stderr


def test_what_is_the_scripts_stays_the_scripts(folder: Path) -> None:
    """Options after the script are its own, and its standard output is."""
    done = diagnose(folder, "argv.py", "--try", "--json", "-q")
    assert done.stdout == "['--try', '--json', '-q']\n"
    assert done.returncode == 0


@pytest.mark.parametrize(
    "words",
    [("--try", "--"), ("--try",), ("--try", "30"), ("--try=30", "--"), ("--python", "python3", "--try")],
)
def test_the_value_of_try_may_be_left_out(folder: Path, words: tuple[str, ...]) -> None:
    done = diagnose(folder, *words, "argv.py", "a")
    assert (done.returncode, done.stdout) == (0, "['a']\n"), done.stderr


def test_exit_codes_that_were_asked_for(folder: Path) -> None:
    assert diagnose(folder, "--exit-code", "script", "--", "exit3.py").returncode == 3
    assert diagnose(folder, "--exit-code", "script", "--", "killed.py").returncode == -signal.SIGKILL
    assert diagnose(folder, "--fail-on", "never", "--", "fits.py").returncode == 0


def test_json_owns_standard_output(folder: Path) -> None:
    done = diagnose(folder, "--json", "--", "own.py")
    found = json.loads(done.stdout)
    assert found["script"] == {
        "exit_code": 1,
        "signal": None,
        "error": {"text": "ValueError: my own trouble", "file": str(folder / "own.py"), "line": 2},
    }
    assert (found["verdict"], found["causes"]) == ("faulty", [])
    done = diagnose(folder, "--json", "-o", "out.json", "--", "plain.py")
    assert done.stdout == "nothing to train\n"
    assert json.loads((folder / "out.json").read_text())["verdict"] == "unknown"


def test_what_is_saved_is_judged_elsewhere_and_has_no_secrets(folder: Path, tmp_path: Path) -> None:
    saved = tmp_path / "run.json"
    script = tmp_path / "train.py"
    script.write_text(
        "API = 'hf_abcdefghijklmnopqrstuvwxyz0123'\n"
        "raise RuntimeError('mat1 and mat2 shapes cannot be multiplied (64x400 and 256x120)')\n"
    )
    first = envkit("diagnose", "--save", saved, "--", "train.py", "--token", "hunter2secret", cwd=tmp_path)
    assert first.returncode == 1
    text = saved.read_text()
    assert "hunter2secret" not in text and "hf_abcdef" not in text
    assert json.loads(text)["schema"] == "envkit.trace/1"
    script.unlink()
    again = envkit("diagnose", "--from", saved, "--json", cwd=folder)
    assert again.returncode == 1
    (cause,) = json.loads(again.stdout)["causes"]
    assert cause["key"] == "shape-mismatch"
    shown = envkit("diagnose", "--from", saved, cwd=folder)
    assert "> 2 │ raise RuntimeError(" in shown.stderr
    piped = envkit("diagnose", "--from", "-", "-q", cwd=folder, stdin=saved.read_bytes())
    assert "Cause: shape-mismatch at train.py:2" in " ".join(piped.stderr.split())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_reaches_the_script_and_the_report_comes(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    script = tmp_path / "train.py"
    script.write_text("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    with subprocess.Popen(
        [*ENVKIT, "diagnose", "--", sys.executable, str(script)],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(0.2)
        os.kill(process.pid, number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "envkit diagnose ·" in said
    assert "the report holds what was seen until then" in said


@pytest.mark.parametrize("option", ("--save", "--output"))
def test_what_cannot_be_written_is_said_before_the_script_runs(folder: Path, option: str) -> None:
    for path in ("/nowhere/run.json", "folder"):
        done = diagnose(folder, option, path, "--", "plain.py")
        first, _ = told(done)
        assert (done.returncode, done.stdout) == (7, "")
        assert f"cannot write {path}" in first


def test_a_report_is_not_lost_with_its_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "train.py").write_text("import os\nos.rmdir('out')\nraise ValueError('trouble')\n")
    arguments = ("--output", "out/report.html", "--format", "html", "--save", "out/run.json")
    done = envkit("diagnose", *arguments, "--", "train.py", cwd=tmp_path)
    assert done.returncode == 7
    assert "The script crashed: ValueError: trouble (train.py:3)" in done.stderr
    assert "cannot write out/run.json" in done.stderr


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    script = os.fsencode(tmp_path) + b"/tr\xffain.py"
    with open(script, "w") as file:
        file.write("raise ValueError('trouble')\n")
    for options in ((), ("--json",), ("--format", "html", "-o", "r.html"), ("--save", "run.json", "-q")):
        done = subprocess.run(
            [*ENVKIT, "diagnose", *options, "--", script],
            cwd=tmp_path, env=environment(), capture_output=True, timeout=100,
        )  # fmt: skip
        assert done.returncode == 10, done.stderr
        assert b"envkit has a bug" not in done.stderr
