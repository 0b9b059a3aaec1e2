"""A bug in envkit is told as one, without a traceback unless it is asked for."""

from __future__ import annotations

import pytest

from envkit.cli.main import run
from tests.cli.commands import FAULTY


@pytest.fixture
def broken(monkeypatch):
    """The one place where a part of envkit is replaced: bugs on demand are not to be had otherwise."""

    def fails(*_: object) -> None:
        raise RuntimeError("odd thing \x1b[31m at https://me:hunter2@host/")

    monkeypatch.setattr("envkit.doctor.judge.judge", fails)
    monkeypatch.delenv("ENVKIT_TRACEBACK", raising=False)


def test_it_is_told_in_two_lines(broken, capsys):
    assert run(["doctor", "--from", str(FAULTY)]) == 10
    captured = capsys.readouterr()
    first, second = captured.err.splitlines()
    assert first == "envkit: envkit has a bug: RuntimeError: odd thing at https://***@host/"
    assert "ENVKIT_TRACEBACK=1" in second
    assert captured.out == ""


def test_the_traceback_is_there_for_who_asks(broken, monkeypatch):
    monkeypatch.setenv("ENVKIT_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="odd thing"):
        run(["doctor", "--from", str(FAULTY)])
