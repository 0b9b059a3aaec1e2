"""Environments of very many packages: what is compared with everything would not end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.compat import load_compat
from envkit.doctor.judge import judge
from tests.doctor.cases import WORKSTATION
from tests.doctor.change import changed

PACKAGES = 10_000


@pytest.mark.timeout(90)  # the square of this many comparisons takes minutes
def test_an_environment_of_very_many_packages():
    (torch,) = (one for one in WORKSTATION.python.distributions if one.name == "torch")
    others = tuple(
        replace(torch, name=f"package-{number}", requires=(f"package-{number + 1}>=1", "torch>=2"))
        for number in range(PACKAGES)
    )
    many = changed(WORKSTATION, "python.distributions", (*WORKSTATION.python.distributions, *others))
    few, found = judge(WORKSTATION, load_compat()), judge(many, load_compat())
    assert [(f.key, f.outcome) for f in found] == [(f.key, f.outcome) for f in few]


@pytest.mark.timeout(90)  # each of these was parsed again by every rule that asks
def test_a_package_that_asks_for_the_same_thousands_of_times():
    asked = ("numpy>=1", "torch>=2; python_version >= '3'", "packaging") * 20_000
    distributions = tuple(replace(one, requires=asked) for one in WORKSTATION.python.distributions)
    many = changed(WORKSTATION, "python.distributions", distributions)
    few, found = judge(WORKSTATION, load_compat()), judge(many, load_compat())
    assert [(f.key, f.outcome) for f in found] == [(f.key, f.outcome) for f in few]
