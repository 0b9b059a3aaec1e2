"""The catalogue of causes: complete, consistent, and loud when it is not."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

import pytest

from envkit.causes import CATALOGUE_FAMILIES, CHECKED_FAMILIES, CauseDataError, catalogue, cause
from envkit.causes.catalogue import _entry as entry_of
from envkit.doctor.rules import RULES, key_of

ENTRIES = tuple(catalogue().values())
ROW = {
    "key": "x-y",
    "title": "Something is wrong",
    "severity": "error",
    "why": "Because.",
    "confirm": "Look.",
    "fix": [{"say": "Do {this}", "run": "do {this} {that}", "when": "os_apt"}, {"say": "Or else"}],
    "sources": ["a manual"],
}


JUDGED = ("driver", "framework", "hardware", "python", "host", "container")
"""Families whose every cause `envkit doctor` looks for. Those of the others show in error texts."""


def test_every_rule_has_a_cause_and_every_cause_of_the_judged_families_a_rule():
    rules = {key_of(rule) for rule in RULES}
    assert rules <= catalogue().keys()
    assert {entry.key for entry in ENTRIES if entry.family in JUDGED} <= rules


def test_keys_are_of_one_form_and_unique():
    names = [entry.key for entry in ENTRIES] + [alias for entry in ENTRIES for alias in entry.aliases]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)
    assert not set(names) & set(CATALOGUE_FAMILIES), "a family and a key could not be told apart"


def test_titles_are_short_unique_and_without_a_full_stop():
    titles = [entry.title for entry in ENTRIES]
    assert len({title.lower() for title in titles}) == len(titles)
    assert [
        title for title in titles if len(title) >= 90 or title.endswith(".") or title != title.strip()
    ] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_entry(entry):
    assert entry.family in CATALOGUE_FAMILIES
    assert entry.sources and all(source.strip() for source in entry.sources)
    assert entry.why.endswith((".", "`", ")", "?")) and entry.confirm
    assert entry.fix and (entry.verify or entry.family not in CHECKED_FAMILIES)
    for step in entry.fix:
        assert step.say and not step.say.endswith(".")
        assert "\n" not in step.say + (step.run or "")
    assert len(set(entry.explains)) == len(entry.explains)
    assert entry.key not in entry.explains


def test_slots_are_plain_words():
    """A brace that is no slot is shell or JSON, and must not look like one."""
    for entry in ENTRIES:
        for step in entry.fix:
            for brace in re.findall(r"(.?)\{([^}]*)\}", f"{step.say} {step.run or ''}"):
                assert (
                    re.fullmatch(r"=?[a-z_]+", brace[1]) or brace[0] == "$" or brace[1].startswith("print")
                ), entry.key


def test_cause_by_key_and_alias():
    assert cause("driver-too-old") is catalogue()["driver-too-old"]
    assert cause("driver_too_old") is None
    for entry in ENTRIES:
        assert all(cause(alias) is entry for alias in entry.aliases)


def test_steps_are_shown_when_their_slots_are_known():
    entry = entry_of("host", ROW)
    assert entry.slots() == {"this", "that", "os_apt"}
    assert [step.say for step in entry.steps({})] == ["Or else"]
    assert [step.say for step in entry.steps({"this": "1", "that": "2"})] == ["Or else"]
    full = entry.steps({"this": "{that}", "that": "2", "os_apt": "yes"})
    assert (full[0].say, full[0].run) == ("Do {that}", "do '{that}' 2")  # quoted, and not filled again
    assert entry.verify == "envkit doctor --only x-y"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"title": None}, "lacks title"),
        ({"sources": None, "why": None}, "lacks sources, why"),
        ({"reason": "?"}, "unknown reason"),
        ({"severity": "fatal"}, "severity 'fatal'"),
        ({"fix": [{"run": "true"}]}, "a fix step has `say`"),
        ({"fix": [{"say": "x", "os": "ubuntu"}]}, "a fix step has `say`"),
        ({"fix": []}, "no fix step"),
        ({"sources": []}, "no source"),
    ],
)
def test_malformed_rows_are_refused(change, says):
    row = {key: value for key, value in {**ROW, **change}.items() if value is not None}
    with pytest.raises(CauseDataError, match=re.escape(says)):
        entry_of("host", row)


def test_a_row_without_key_is_named_as_such():
    with pytest.raises(CauseDataError, match="a row without key lacks key"):
        entry_of("host", {key: value for key, value in ROW.items() if key != "key"})


@pytest.mark.parametrize("family", CATALOGUE_FAMILIES)
def test_a_file_holds_causes_and_nothing_else(family):
    data = tomllib.loads((resources.files("envkit.causes") / "data" / f"{family}.toml").read_text("utf-8"))
    assert list(data) == ["cause"]
