"""The data of the signatures: each recognises its own program's message, safely."""

from __future__ import annotations

import re
import string

import pytest

from envkit.causes import catalogue
from envkit.causes.signatures import Signature, compiled, folded, hints, signatures
from envkit.match.lines import LONGEST, letters, prefilter
from envkit.match.match import explain_text

WITHOUT_TEXT = {
    "application-clocks-low": "makes programs slow, and says nothing",
    "gpus-differ": "makes programs slow, and says nothing",
    "numa-remote": "makes programs slow, and says nothing",
    "persistence-off": "makes programs start slowly, and says nothing",
    "framework-import-failed": "a finding of the deep check; a text has the import's own error",
    "device-smoke-failed": "a finding of the deep check; a text has the operation's own error",
}
"""Causes that no text shows, and why."""

SIGNATURES = signatures()
PATTERNS = sorted({entry.line.pattern for entry in (*SIGNATURES, *hints()) if entry.line.pattern})


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.name)
def test_its_example_names_its_cause_first(signature: Signature) -> None:
    causes = [point.cause for point in signature.points]
    found = [match.key for match in explain_text(signature.example).causes]
    assert found and found[0] in causes
    assert set(found) & set(causes)


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.name)
def test_its_example_is_found_by_the_signature_itself(signature: Signature) -> None:
    lines = [*signature.example.splitlines(), signature.example]
    assert any(signature.line.found(folded(line)) for line in lines)


def test_every_cause_that_shows_itself_in_text_has_a_signature() -> None:
    covered = {point.cause for signature in SIGNATURES for point in signature.points}
    of_runs = {key for key, entry in catalogue().items() if entry.family in ("numerics", "speed")}
    assert covered - of_runs == catalogue().keys() - WITHOUT_TEXT.keys() - of_runs


def test_every_literal_passes_its_own_prefilter() -> None:
    literals = [text for entry in (*SIGNATURES, *hints()) for text in entry.line.text]
    wanted = prefilter(literals)
    assert all(wanted.search(b"xx" + letters(text) + b"yy") for text in literals)


def test_literals_are_long_enough_to_say_something() -> None:
    short = {text for entry in (*SIGNATURES, *hints()) for text in entry.line.text if len(letters(text)) < 3}
    assert short == set()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_repeats_what_repeats(pattern: str) -> None:
    """No quantifier on a group that itself holds an unbounded one: the shape that backtracks without end."""
    assert not re.search(r"\((?:[^()\\]|\\.)*[*+](?:[^()\\]|\\.)*\)(?:[*+]|\{\d+,\})", pattern)


@pytest.mark.timeout(60)
def test_no_pattern_is_slow_on_lines_made_against_it() -> None:
    for pattern in PATTERNS:
        search = compiled(pattern).search
        for line in _hostile(pattern):
            search(line[:LONGEST])


def _hostile(pattern: str) -> list[str]:
    words = re.findall(r"[a-z_/]{2,}", pattern)
    alphabet = "".join(sorted(set(pattern) & set(string.ascii_lowercase + string.digits + " ._/-'")))
    lines = [word * (LONGEST // len(word)) for word in words]
    lines += [(word + " ") * (LONGEST // (len(word) + 1)) for word in words]
    lines += [(" ".join(words) + " ") * 40, alphabet * (LONGEST // max(1, len(alphabet)))]
    return lines + [char * LONGEST for char in alphabet] + ["1" * LONGEST, " " * LONGEST]
