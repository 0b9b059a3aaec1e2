"""One table of exit codes, and every error has its row."""

from __future__ import annotations

import pytest

from envkit.core import errors
from envkit.core.errors import ERRORS, EnvkitError, ExitCode

TABLE = {
    "OK": 0,
    "PROBLEM": 1,
    "USAGE": 2,
    "TARGET_ABSENT": 3,
    "BAD_INPUT": 4,
    "ENGINE": 5,
    "NETWORK": 6,
    "DISK": 7,
    "BUILD_FAILED": 8,
    "PROOF_FAILED": 9,
    "CHILD_FAILED": 10,
    "INTERRUPTED": 130,
    "TERMINATED": 143,
}
"""Scripts rely on these; a number that changes breaks them."""


def test_the_table_is_what_scripts_rely_on():
    assert {code.name: code.value for code in ExitCode} == TABLE
    assert len(set(TABLE.values())) == len(TABLE)


def test_every_error_is_listed_once_with_a_code_of_its_own():
    defined = {
        thing
        for thing in vars(errors).values()
        if isinstance(thing, type) and issubclass(thing, EnvkitError) and thing is not EnvkitError
    }
    assert set(ERRORS) == defined
    assert len(ERRORS) == len(defined)
    codes = [error.exit_code for error in ERRORS]
    assert len(set(codes)) == len(codes)
    assert set(ExitCode) - set(codes) == {
        ExitCode.OK,
        ExitCode.PROBLEM,
        ExitCode.INTERRUPTED,
        ExitCode.TERMINATED,
    }


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_says_what_happened_and_what_to_do(error):
    raised = error("the disk is full", todo="make space")
    assert str(raised) == raised.message == "the disk is full"
    assert raised.todo == "make space"
    assert error.__doc__


def test_an_error_cannot_be_raised_without_saying_what_to_do():
    with pytest.raises(TypeError):
        EnvkitError("the disk is full")  # type: ignore[call-arg]
