"""docs/checks.md tells of every rule, and of nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from envkit.causes import catalogue
from envkit.doctor.rules import ANY_SYSTEM, RULES, deep, key_of

PAGE = (Path(__file__).parents[2] / "docs/checks.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [A-C]\d+ \|", line)
]
KEYS = {key_of(rule) for rule in RULES}


def keys(row):
    return re.findall(r"`([a-z0-9-]+)`", row[2])


def test_every_rule_stands_on_the_page():
    assert {key for row in ROWS for key in keys(row)} >= KEYS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_what_there_is_and_how_it_is_judged(row):
    found = keys(row)
    assert set(found) <= catalogue().keys()
    ruled = [key for key in found if key in KEYS]
    ways = set(row[3].split(", "))
    assert ways <= {"facts", "--deep", "text", "load"}
    assert ("text" in ways) == (len(ruled) < len(found))
    assert ("load" in ways) == (not found and row[0] != "C14")
    if "--deep" in ways:
        assert set(found) == {key_of(rule) for rule in deep.RULES}
    elif ruled:
        assert "facts" in ways


def test_the_rows_are_numbered_one_after_the_other():
    numbers = [row[0] for row in ROWS]
    assert numbers == [
        f"{part}{n}" for part, last in (("A", 20), ("B", 19), ("C", 22)) for n in range(1, last + 1)
    ]


def test_no_rule_of_another_system_is_unknown():
    assert set(RULES) >= ANY_SYSTEM
