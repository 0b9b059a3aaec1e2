"""Hundreds of damaged snapshots: doctor judges them or refuses them, and never trips.

The damage is seeded, so that a failure can be had again.
"""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import pytest

from envkit.cli.main import run
from tests.cli.commands import FAULTY

WHOLE: dict[str, Any] = json.loads(FAULTY.read_text("utf-8"))
FORMATS = ("text", "json", "markdown", "html")
ROUNDS = 300
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What acts on a terminal."""

HOSTILE = (
    "\x1b[31mred\x1b[0m", "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "\x9b2J", "\u202egnp.exe", "",
    "[bold]x[/bold]", "[/]", "[link=https://evil.example]x[/link]", "<script>alert(1)</script>", " ", "\t",
    "{{ 7 * 7 }}", "{slot} {0} %s", "](javascript:alert(1))", "| a | b |", "```", "a\r\nb\x00c", "é" * 3000,
    "x" * 100_000, "٣.٣", "1.2.3.4.5.6", "..", "-1", "1e999", "999999999999.0", "cu", "sm_", "sm_999999",
    "compute_", "12.", "0x", "3.99.1rc1", "2!1.0.dev1+local", "../../etc/passwd", "~root", "\uffff",
)  # fmt: skip
FIGURES = (
    0,
    -1,
    1,
    2**31,
    -(2**31),
    2**63,
    2**64,
    -(2**63),
    10**30,
    10**400,
    -(10**400),
    0.5,
    -0.0,
    1e308,
    5e-324,
)
OTHERS = (None, True, False, [], {}, [[]], [None], {"": None}, [[[[[[]]]]]])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value except the whole."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((*path, key), *places(item, (*path, key)))]


def wrong(value: Any, chance: random.Random) -> Any:
    """Mostly another value of the same type, which is then judged and not refused."""
    if chance.random() < 0.2:
        return copy.deepcopy(chance.choice((*OTHERS, *FIGURES, *HOSTILE)))
    if isinstance(value, str):
        return chance.choice(HOSTILE)
    if isinstance(value, bool) or value is None:
        return chance.choice((True, False, None))
    if isinstance(value, int | float):
        return chance.choice(FIGURES)
    if isinstance(value, list):
        return chance.choice(([], value * 2, value * 50, value[::-1]))
    return chance.choice((None, dict(list(value.items())[::2]), {**value, "later": value}))


def damaged(chance: random.Random) -> bytes:
    """A copy of the snapshot with one to four things wrong, sometimes in the very bytes."""
    value = copy.deepcopy(WHOLE)
    for _ in range(chance.randint(1, 4)):
        *above, last = chance.choice(places(value))
        node = value
        for key in above:
            node = node[key]
        if chance.random() < 0.1:
            del node[last]
        else:
            node[last] = wrong(node[last], chance)
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    data = text.encode("utf-8", "surrogatepass")
    damage = chance.randrange(20)
    if damage == 0:
        return data[: chance.randrange(len(data))]
    if damage == 1:
        return text.encode(chance.choice(("utf-16", "utf-32", "latin-1", "cp1252", "utf-8-sig")), "replace")
    if damage == 2:
        at = chance.randrange(len(data))
        return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
    return data


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_damaged_snapshot(seed, tmp_path, capsys):
    chance = random.Random(seed)
    file = tmp_path / "file.json"
    file.write_bytes(damaged(chance))
    arguments = ["doctor", "--from", str(file), "--format", FORMATS[seed % len(FORMATS)]]
    arguments += chance.choice(([], ["-v"], ["-q"], ["--strict"], ["--save", str(tmp_path / "again")]))
    code = run(arguments)
    shown = capsys.readouterr()
    assert code in (0, 1, 4), shown.err
    assert (code == 4) == bool(shown.err)
    assert "Traceback" not in shown.err and "Traceback" not in shown.out
    assert not ACTING.search(shown.out.replace("\r\n", "\n")) and not ACTING.search(shown.err)
    if "json" in arguments and code != 4:
        assert json.loads(shown.out)["schema"] == "envkit.doctor/1"
    if "--save" in arguments and code != 4:
        assert run(["doctor", "--from", str(tmp_path / "again")]) == code


@pytest.mark.parametrize("seed", range(20))
def test_a_whole_snapshot_of_hostile_words(seed, tmp_path, capsys):
    """Every text that is not one of a few words is foreign at once."""
    chance = random.Random(seed)
    words = [word for word in HOSTILE if word.strip()]

    def replaced(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                key: item if key in ("schema", "state", "kind") else replaced(item)
                for key, item in node.items()
            }
        if isinstance(node, list):
            return [replaced(item) for item in node]
        return chance.choice(words) if isinstance(node, str) and chance.random() < 0.7 else node

    file = tmp_path / "file.json"
    file.write_text(json.dumps(replaced(WHOLE)), "utf-8")
    for form in FORMATS:
        code = run(["doctor", "--from", str(file), "--format", form, "-v"])
        shown = capsys.readouterr()
        assert code in (0, 1, 4), shown.err
        assert not ACTING.search(shown.out) and not ACTING.search(shown.err)
        assert "<script>" not in shown.out or form in ("text", "json", "markdown")
