"""Messages that were written down from the sources of programs, before the signatures: all are recognised."""

from __future__ import annotations

import pytest

from envkit.causes import catalogue
from envkit.match.match import explain_text
from tests.match.held_out import FILES, Case, cases

CASES = [case for path in FILES for case in cases(path)]


def test_there_are_many_and_their_keys_are_known() -> None:
    assert len(CASES) > 550
    assert {key for case in CASES for key in case.accepted} <= catalogue().keys()
    assert all(case.text.strip() for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_accepted_cause_comes_first(case: Case) -> None:
    found = [match.key for match in explain_text(case.text).causes]
    assert found and found[0] in case.accepted


BANNERS = """\
2024-03-03 10:00:00.000000: I tensorflow/core/util/port.cc:113] oneDNN custom operations are on. You may see slightly different numerical results
2024-03-03 10:00:00.100000: I tensorflow/tsl/cuda/cudart_stub.cc:28] Could not find cuda drivers on your machine, GPU will not be used.
2024-03-03 10:00:00.200000: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not find TensorRT
WARNING: Ignoring invalid distribution -orch (/usr/lib/python3/dist-packages)
"""  # noqa: E501


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if len(case.text) > 60 and "\n" not in case.text][::4],
    ids=lambda case: case.name,
)
def test_banners_before_it_do_not_hide_it(case: Case) -> None:
    plain = explain_text(case.text).causes
    wanted = [match.key for match in plain] if plain[0].confidence < 0.8 else [plain[0].key]
    assert explain_text(BANNERS + case.text).causes[0].key in wanted


@pytest.mark.parametrize(
    "lead",
    [
        "[rank0]: ",
        "web-1  | ",
        "E0101 12:00:00.000000 1234 x.cc:1] ",
        "May 05 10:00:00 host python[812]: ",
        "> ",
        "    ",
    ],
)
@pytest.mark.parametrize("case", CASES[::9], ids=lambda case: case.name)
def test_what_stands_before_each_line_does_not_matter(case: Case, lead: str) -> None:
    text = "\n".join(lead + line for line in case.text.splitlines())
    plain, found = explain_text(case.text).causes, explain_text(text).causes
    sure = [match.key for match in plain if match.confidence >= plain[0].confidence - 0.1]
    assert found and found[0].key in sure
