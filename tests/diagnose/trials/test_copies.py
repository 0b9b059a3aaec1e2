"""Which older copies are kept, and what is tried in which order: pure parts of the payload."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "envkit" / "payload"))

from _envkit_payload.watch.copies import copy, memory
from _envkit_payload.watch.copies.told import told
from _envkit_payload.watch.trial.choice import local


class Made:
    """A copy as far as those who keep it look at it."""

    def __init__(self, step: int, ended: set[int]) -> None:
        self.step = step
        self._ended = ended

    def drop(self) -> None:
        self._ended.add(self.step)


@pytest.mark.parametrize("every", [1, 7, 50, 400])
def test_the_oldest_copy_is_some_way_back(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "enough_memory", lambda *_: True)
    ended: set[int] = set()
    older = copy.Older()
    for step in range(every, 20_000, every):
        older.keep(Made(step - every, ended), step)
        kept = [one.step for one in older.all()]
        assert len(kept) <= 2
        assert kept == sorted(kept)
        assert not ended & set(kept)
        if step > 40 * every:
            age = (step - kept[0]) / step
            assert copy.AGE <= age <= 2 * copy.AGE + 2 * every / step
    older.drop()
    assert len(ended) == len(range(every, 20_000, every))


def test_none_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: set[int] = set()
    older = copy.Older()
    monkeypatch.setattr(copy, "enough_memory", lambda *_: True)
    older.keep(Made(1, ended), 10)
    monkeypatch.setattr(copy, "enough_memory", lambda *_: False)
    older.keep(Made(20, ended), 30)
    assert older.all() == ()
    assert ended == {1, 20}


def test_memory_is_read() -> None:
    assert memory.enough_memory(0) in (True, False)
    assert not memory.enough_memory(1 << 40)


ROWS = {"length": 16, "bad": [3], "count": 1, "samples": [103]}


def event(**more) -> dict:
    given = {
        "op": "aten.log.default", "became": "inf", "born": True, "from": [], "phase": "forward", "rows": None,
        "stack": [("/home/anna/train.py", 12, "main")], "out": {"dtype": "float32"},
    }  # fmt: skip
    return {**given, **more}


def names(found: dict) -> list[str]:
    return [name for name, _ in local(found, 40)]


def test_a_line_first_then_the_sample() -> None:
    found = told([event(rows=ROWS)], None, None, 40)
    assert names(found) == ["rewrite", "replace-rows"]
    assert dict(local(found, 40))["replace-rows"] == {
        "step": 40, "rows": [3], "length": 16, "samples": [103]
    }  # fmt: skip


def test_data_first() -> None:
    """A source among the data: no operation is guilty."""
    given = event(born=False, became="nan", source="data", rows=ROWS)
    assert names(told([given], None, None, 40))[0] == "replace-rows"


def test_what_was_computed_in_this_step_is_no_data() -> None:
    found = told([event(rows=ROWS)], None, dict(ROWS, bad=[5]), 40)
    assert not found["data"]
    assert names(found)[0] == "rewrite"


def test_masks_are_meant() -> None:
    mask = event(op="aten.masked_fill.Scalar", stack=[("/home/anna/train.py", 5, "main")])
    found = told([mask, event(op="aten._softmax.default", became="nan")], None, None, 40)
    assert [arguments["line"] for name, arguments in local(found, 40)] == [12]


def test_half_precision() -> None:
    found = told([event(out={"dtype": "float16"})], None, None, 40)
    assert names(found) == ["rewrite", "rewrite", "float32", "epsilon"]


def test_rows_of_several_events_together() -> None:
    second = event(rows={"length": 16, "bad": [3, 7], "count": 2, "samples": [103, 107]})
    other = event(rows={"length": 9, "bad": [1], "count": 1, "samples": None})
    found = told([event(rows=ROWS), second, other], None, None, 40)
    assert found["rows"] == {"length": 16, "bad": [3, 7], "count": 2, "samples": [103, 107]}
