"""`envkit explain`."""

from __future__ import annotations

import json

import pytest

from envkit.causes import catalogue
from envkit.cli.main import run
from tests.cli.commands import envkit, told


@pytest.mark.parametrize("key", catalogue())
def test_every_cause_is_explained_in_full(key, capsys):
    assert run(["explain", key, "--format", "markdown"]) == 0
    shown = capsys.readouterr().out
    assert key in shown
    # What doctor does not look for has no check of its own, and none is promised.
    assert ("How to check the fix" in shown) == (catalogue()[key].verify is not None)
    for title in ("Why it happens", "How to confirm it", "How to fix it", "Sources"):
        assert title in shown


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_formats(form, tmp_path):
    done = envkit("explain", "driver-too-old", "--format", form)
    assert (done.returncode, done.stderr) == (0, "")
    assert "driver-too-old" in done.stdout
    assert "\x1b" not in done.stdout
    envkit("explain", "driver-too-old", "--format", form, "-o", tmp_path / "file")
    assert (tmp_path / "file").read_text("utf-8") == done.stdout


def test_an_alias_is_understood(capsys):
    entry = next((entry for entry in catalogue().values() if entry.aliases), None)
    if entry is None:  # none is needed yet
        return
    assert run(["explain", entry.aliases[0], "--json"]) == 0
    assert [cause["key"] for cause in json.loads(capsys.readouterr().out)["causes"]] == [entry.key]


def test_json_of_one_and_of_all(capsys):
    assert run(["explain", "driver-too-old", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert one["schema"] == "envkit.causes/1"
    assert run(["explain", "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)["causes"]
    assert [cause["key"] for cause in everything] == list(catalogue())
    assert one["causes"][0] in everything


def test_the_list(capsys):
    assert run(["explain"]) == 0
    shown = capsys.readouterr().out
    for key in catalogue():
        assert key in shown


@pytest.mark.parametrize(
    "typed, meant",
    [("driver-to-old", "driver-too-old"), ("DRIVER-TOO-OLD", None), ("nouveu", "nouveau"), ("zzzzzz", None)],
)
def test_an_unknown_key(typed, meant):
    done = envkit("explain", typed)
    assert (done.returncode, done.stdout) == (2, "")
    what, todo = told(done)
    assert typed in what
    assert "envkit explain" in todo
    if meant is not None:
        assert meant in todo
