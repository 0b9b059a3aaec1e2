"""Every machine of the golden table gets the plan, or the refusal, that the facts give it."""

from __future__ import annotations

import pytest

from envkit.compat import Compat, load_compat
from envkit.core.errors import UsageError
from envkit.resolve.model import Plan, Refusal
from envkit.resolve.resolve import resolve
from tests.resolve.golden import Row, rows

ROWS = rows()
PLANS = [row for row in ROWS if row.gives is not None]
REFUSALS = [row for row in ROWS if row.no is not None]
USAGE = [row for row in ROWS if row.usage is not None]


@pytest.fixture(scope="module")
def compat() -> Compat:
    return load_compat()


def test_the_table_is_large_and_every_row_has_one_answer() -> None:
    assert len(ROWS) >= 300
    assert len(PLANS) + len(REFUSALS) + len(USAGE) == len(ROWS)
    assert len({str(row) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", PLANS, ids=str)
def test_a_plan(row: Row, compat: Compat) -> None:
    plan = resolve(row.request(compat), compat)
    assert isinstance(plan, Plan), plan.reasons
    gives = row.gives.split()
    assert [plan.version, plan.cuda, plan.python][: len(gives)] == gives
    requirements = [wanted.requirement for wanted in plan.requirements]
    assert set(row.has or ()) <= set(requirements)
    assert row.lacks is None or not any(row.lacks in each for each in requirements)
    assert row.reason is None or any(row.reason in each for each in plan.reasons), plan.reasons
    assert row.assumed is None or any(row.assumed in each for each in plan.assumptions), plan.assumptions
    # What was taken for granted comes first among the reasons.
    assert plan.reasons[: len(plan.assumptions)] == plan.assumptions
    for field, value in (
        ("base", plan.base),
        ("index", plan.requirements[0].index),
        ("platform", plan.platform),
    ):
        assert row.fields.get(field) in (None, value)
    assert row.cc is None or row.cc.split() == [
        cc for each in plan.targets for cc in each.compute_capabilities
    ]


@pytest.mark.parametrize("row", REFUSALS, ids=str)
def test_a_refusal(row: Row, compat: Compat) -> None:
    refusal = resolve(row.request(compat), compat)
    assert isinstance(refusal, Refusal), (refusal.version, refusal.cuda, refusal.python)
    assert any(row.no in each for each in refusal.reasons), refusal.reasons
    for piece in row.nearest or ():
        assert any(piece in each for each in refusal.nearest), refusal.nearest


@pytest.mark.parametrize("row", USAGE, ids=str)
def test_a_command_line_that_makes_no_sense(row: Row, compat: Compat) -> None:
    with pytest.raises(UsageError) as raised:
        row.request(compat)
    assert row.usage in raised.value.message
    assert raised.value.todo
