"""Commands of fixes: what comes from a file or a device cannot change what a command does."""

from __future__ import annotations

import shlex

import pytest

from envkit.causes import Step

HOSTILE = ("; rm -rf /", "$(id)", "`id`", "a b", "x' ; id '", "a\nb", "|id", "*", "~/my data")


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_stays_one_word(value: str) -> None:
    step = Step(say="Look at {path}", run="du -h {path} | tail").filled({"path": value})
    assert step is not None and step.run is not None
    words = shlex.split(step.run)
    assert words == ["du", "-h", value, "|", "tail"]


def test_a_tilde_is_left_to_the_shell() -> None:
    step = Step(say="", run="ls {path}").filled({"path": "~/my data"})
    assert step is not None and step.run == "ls ~/'my data'"


@pytest.mark.parametrize("value", HOSTILE)
def test_no_command_where_quotes_would_have_to_nest(value: str) -> None:
    step = Step(say="Install {extra}", run="pip install 'jax[{extra}]'").filled({"extra": value})
    assert step is not None and step.say == f"Install {value}" and step.run is None


def test_plain_values_stay_as_they_are() -> None:
    slots = {"python": "/opt/venv/bin/python", "extra": "cuda12", "line": "pip install 'a b'"}
    step = Step(say="", run="{python} -m pip install 'jax[{extra}]' && {=line}").filled(slots)
    assert step is not None
    assert step.run == "/opt/venv/bin/python -m pip install 'jax[cuda12]' && pip install 'a b'"
