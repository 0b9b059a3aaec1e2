"""Options that contradict each other or name nothing: exit code 2, and what to do."""

from __future__ import annotations

import pytest

from tests.cli.commands import FAULTY, envkit, told

CONTRADICTIONS = {
    "only nothing": (["--only", ""], "names no check"),
    "only a comma": (["--only", " , "], "names no check"),
    "skip nothing": (["--skip", ""], "names no check"),
    "no python": (["--python", ""], "--python names nothing"),
    "a blank python": (["--python", " "], "--python names nothing"),
    "two formats": (["--json", "--format", "html"], "--json and --format html"),
    "loud and quiet": (["-q", "-v"], "--verbose and --quiet"),
    "no check of that name": (["--only", "network,gpu-is-sad"], "there is no check 'gpu-is-sad'"),
}


@pytest.mark.parametrize("arguments, says", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_cannot_be_meant_is_refused(arguments, says):
    done = envkit("doctor", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    what, todo = told(done)
    assert says in what and todo.strip()


def test_json_twice_is_no_contradiction():
    done = envkit("doctor", "--from", FAULTY, "--json", "--format", "json")
    assert done.returncode == 1 and done.stdout.startswith("{")


@pytest.mark.parametrize("family", ["network", "distributed", "host"])
def test_every_family_of_the_list_can_be_chosen(family):
    listed = envkit("doctor", "--list").stdout.splitlines()
    keys = {line.split()[0] for line in listed if line.split()[1] == family}
    found = envkit("doctor", "--from", FAULTY, "--only", family, "-v").stdout
    assert keys and all(key in found for key in keys)


def test_the_list_tells_key_family_and_title_of_each_check():
    for line in envkit("doctor", "--list").stdout.splitlines():
        key, family, title = line.split(None, 2)
        assert key == key.lower() and family.isalpha() and len(title) > 10


@pytest.mark.parametrize(
    "text",
    [
        'Traceback (most recent call last):\n  File "train.py", line 1, in <module>\nValueError: bad',
        "RuntimeError: CUDA error: no kernel image is available for execution on the device\n",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n",
    ],
)
def test_an_error_message_given_as_a_report_is_told_where_it_goes(tmp_path, text):
    (tmp_path / "paste.txt").write_text(text)
    done = envkit("doctor", "--from", tmp_path / "paste.txt")
    assert (done.returncode, done.stdout) == (4, "")
    what, todo = told(done)
    assert "looks like an error message" in what
    assert f"--error {tmp_path / 'paste.txt'}" in todo
