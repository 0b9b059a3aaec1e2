"""Names folded as SLURM writes them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.doctor.fleet.hostlist import counted, folded, natural, shown

FOLDED = {
    "nothing": ([], ""),
    "one": (["node17"], "node17"),
    "range": ([f"node{n:03}" for n in (1, 2, 3, 4, 17)], "node[001-004,017]"),
    "no zeros": ([f"n{n}" for n in (8, 9, 10, 11)], "n[8-11]"),
    "zeros and a wider number": (["n08", "n09", "n10", "n100"], "n[08-10],n100"),
    "with and without zeros": (["n1", "n01"], "n01,n1"),
    "after the number": (["gpu1.cluster", "gpu2.cluster"], "gpu[1-2].cluster"),
    "last number": (["r1n1", "r1n2", "r2n1"], "r1n[1-2],r2n1"),
    "only numbers": (["1", "2", "3"], "[1-3]"),
    "no number": (["login", "head"], "head,login"),
    "order": (["n10", "n9", "login"], "login,n[9-10]"),
    "twice": (["n1", "n1"], "n1"),
    "zero": (["n0", "n1"], "n[0-1]"),
    "too long a number": (["n" + "1" * 30], "n" + "1" * 30),
    "brackets": (["n[1-3]", "n1"], 'n1,"n[1-3]"'),
    "commas and spaces": (["a,b", "my node 1"], '"a,b","my node 1"'),
}


@pytest.mark.parametrize("names, expected", FOLDED.values(), ids=FOLDED)
def test_folded(names, expected):
    assert folded(names) == expected


def expand(text):
    """What `scontrol show hostnames` does."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    for part in filter(None, [*parts, text[start:]]):
        if "[" not in part:
            yield part
            continue
        before, rest = part.split("[")
        inside, after = rest.split("]")
        for span in inside.split(","):
            first, _, last = span.partition("-")
            for number in range(int(first), int(last or first) + 1):
                yield f"{before}{number:0{len(first) if first.startswith('0') else 0}d}{after}"


names = st.from_regex(r"[a-z.]{0,3}[0-9]{0,4}[a-z]{0,2}[0-9]{0,4}[a-z.]{0,2}", fullmatch=True).filter(bool)


@given(st.sets(names, max_size=40))
def test_expanded_it_is_the_same_names(some):
    assert set(expand(folded(some))) == some


@given(st.sets(names, min_size=1, max_size=40), st.randoms())
def test_order_makes_no_difference(some, chance):
    mixed = list(some)
    chance.shuffle(mixed)
    assert folded(mixed) == folded(sorted(some)) and shown(mixed) == shown(sorted(some))


@given(st.lists(st.text(max_size=6), min_size=2, max_size=2, unique=True))
def test_names_that_differ_sort_apart(two):
    one, other = map(natural, two)
    assert one != other
    assert (one < other) != (other < one)


@given(st.lists(st.text(alphabet='ab01²٣[],. \n"', max_size=8), max_size=10))
def test_odd_names_do_no_harm(some):
    folded(some)
    shown(some)


def test_shown_is_cut_with_how_many_are_left():
    scattered = [f"n{number}" for number in range(0, 2000, 2)]
    text = shown(scattered)
    assert len(text) < 90 and text.startswith("n[0,2,4,") and text.endswith(" more")
    kept = len(set(expand(text.partition(" and ")[0])))
    assert int(text.rpartition(" and ")[2].split()[0]) == 1000 - kept


def test_a_long_range_is_not_cut():
    names = [f"node-{number:05}" for number in range(10_000)]
    random.Random(1).shuffle(names)
    assert shown(names) == "node-[00000-09999]"
    assert counted(names) == "10000 nodes (node-[00000-09999])"
