"""What holds for every request: plans are in the tables and the newest, refusals tell the truth."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from envkit.compat import kernel_for
from envkit.resolve.model import Plan, Refusal
from envkit.resolve.request import Host, Request, TargetGpu
from envkit.resolve.resolve import resolve
from tests.resolve import brute
from tests.resolve.golden import typed_rows
from tests.resolve.requests import COMPAT, done, drivers, requests

MANY = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
FEW = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def told(request: Request) -> bool:
    """Whether it can be told if a GPU is wanted: else there is only the refusal that says so."""
    apple = request.hosts[0].platform.startswith("macos")
    known = request.device is not None or apple or any(host.gpus for host in request.hosts)
    return known or all(host.gpus is not None for host in request.hosts)


PTX_ON_WINDOWS = Request(
    framework="torch",
    hosts=(
        Host(
            platform="linux-x86_64",
            driver="300.00",
            gpus=(TargetGpu(name="RTX PRO 6000", cc="12.0"),),
            wsl=True,
        ),
    ),
    versions=">=2.4.1,<2.5.1",
    source="conda-forge",
)
"""The driver that came with CUDA 12.0 on Windows is older than the floor of CUDA 12."""


@MANY
@given(requests())
def test_the_answer_is_the_newest_that_fits_or_there_is_none(request: Request) -> None:
    assume(told(request))
    answer, best = resolve(request, COMPAT), brute.best(COMPAT, request)
    if best is None:
        assert isinstance(answer, Refusal), (answer.version, answer.cuda, answer.python)
        return
    build, pythons = best
    assert isinstance(answer, Plan), (answer.reasons, best)
    assert (answer.version, answer.cuda) == (build.version, build.tag)
    assert answer.python in pythons
    if not request.nvcc or build.tag == "cpu":  # else the newest Ubuntu decides
        assert answer.python == max(pythons, key=brute.numbers)


@pytest.mark.parametrize("row", typed_rows(), ids=str)
def test_the_golden_hosts_get_the_newest_too(row) -> None:
    request = row.request(COMPAT)
    assume_told = told(request) and not {"torch", "tensorflow"} & set(request.extras)
    best = brute.best(COMPAT, request) if assume_told else None
    answer = resolve(request, COMPAT)
    given = (answer.version, answer.cuda) if isinstance(answer, Plan) else None
    assert given == ((best[0].version, best[0].tag) if best is not None else None)


@MANY
@given(requests())
def test_no_plan_names_what_the_tables_lack(request: Request) -> None:
    plan = resolve(request, COMPAT)
    assume(isinstance(plan, Plan))
    rows = [
        row
        for row in brute.builds(COMPAT, request)
        if (row.version, row.tag) == (plan.version, plan.cuda)
        and plan.python in row.pythons
        and (row.archs or ()) == plan.archs
        and row.glibc == plan.glibc
    ]
    assert rows and plan.platform == request.hosts[0].platform
    for pin in plan.companions:
        assert (pin.name, pin.version) in rows[0].companions
    for wanted in plan.requirements[1:]:
        asked = Requirement(wanted.requirement)
        pinned = dict(rows[0].companions).get(asked.name)
        # conda-forge does not build every patch.
        near = [f"=={'.'.join(pinned.split('.')[:2])}.*"] if pinned and plan.source == "conda-forge" else []
        assert pinned is None or str(asked.specifier) in [f"=={pinned}", *near]
    assert _image_is_known(plan)


def _image_is_known(plan: Plan) -> bool:
    if plan.source == "conda-forge":  # brings its own everything
        return plan.base == ""
    if found := re.fullmatch(r"python:([\d.]+)-slim-(\w+)", plan.base):
        rows = COMPAT.catalog.pythons
        return any(
            row.python == found[1] == plan.python.rstrip("t") and found[2] in row.debian for row in rows
        )
    found = re.fullmatch(r"nvidia/cuda:([\d.]+)-devel-ubuntu([\d.]+)", plan.base)
    systems = {row.name: row.python for row in COMPAT.catalog.systems}
    return found is not None and any(
        row.patch == found[1] and found[2] in row.ubuntu and systems[f"ubuntu:{found[2]}"] == plan.python
        for row in COMPAT.images
    )


@MANY
@given(requests())
def test_every_gpu_has_code_and_every_driver_meets_the_floor(request: Request) -> None:
    plan = resolve(request, COMPAT)
    assume(isinstance(plan, Plan) and plan.cuda != "cpu")
    for host in request.hosts:
        for gpu in host.gpus or ():
            assert gpu.vendor == "nvidia"
            if gpu.cc is not None:
                assert brute.code(plan.archs, gpu.cc) == kernel_for(plan.archs, gpu.cc) is not None
            else:
                assert any(gpu.name in each for each in plan.assumptions)
        least = brute.floor(COMPAT, plan.cuda, host.wsl or host.platform == "windows")
        assert least is not None
        if host.driver is None:
            assert any(f"driver {least} or newer" in each for each in plan.assumptions)
        else:
            assert brute.reaches(host.driver, least)


@MANY
@given(requests())
@example(PTX_ON_WINDOWS)
def test_every_way_out_of_a_refusal_is_one(request: Request) -> None:
    refusal = resolve(request, COMPAT)
    assume(isinstance(refusal, Refusal) and told(request))
    assert len(set(refusal.nearest)) == len(refusal.nearest)
    for sentence in refusal.nearest:
        relaxed, then = done(sentence, request)
        plan = resolve(relaxed, COMPAT)
        assert isinstance(plan, Plan), (sentence, plan.reasons)
        assert then == f"{plan.framework} {plan.version} ({plan.cuda}) on Python {plan.python} fits"


@FEW
@given(requests(), st.data())
def test_a_newer_driver_never_gives_an_older_framework(request: Request, data: st.DataObject) -> None:
    older = resolve(request, COMPAT)
    assume(isinstance(older, Plan) and any(host.driver for host in request.hosts))
    newer = data.draw(drivers(COMPAT))
    raised = tuple(
        replace(host, driver=newer)
        if host.driver is not None
        and brute.numbers(newer) > brute.numbers(host.driver)
        and not any(brute.legacy(COMPAT, gpu.cc, newer) for gpu in host.gpus or () if gpu.cc)
        # A bare branch is its newest driver.
        and not (len(brute.numbers(host.driver)) == 1 and newer.startswith(host.driver))
        else host
        for host in request.hosts
    )
    plan = resolve(replace(request, hosts=raised), COMPAT)
    assert isinstance(plan, Plan), plan.reasons
    assert Version(plan.version) >= Version(older.version)


@FEW
@given(requests(), st.data())
def test_a_gpu_less_never_gives_an_older_framework(request: Request, data: st.DataObject) -> None:
    request = replace(request, device=request.device or "gpu")
    plan = resolve(request, COMPAT)
    assume(isinstance(plan, Plan))
    names = sorted({gpu.name for host in request.hosts for gpu in host.gpus or ()})
    assume(names)
    gone = data.draw(st.sampled_from(names))
    fewer = tuple(
        replace(host, gpus=host.gpus and tuple(gpu for gpu in host.gpus if gpu.name != gone))
        for host in request.hosts
    )
    less = resolve(replace(request, hosts=fewer), COMPAT)
    assert isinstance(less, Plan), less.reasons
    assert Version(less.version) >= Version(plan.version)


@FEW
@given(requests())
def test_an_answer_is_always_given_and_always_the_same(request: Request) -> None:
    answer = resolve(request, COMPAT)
    assert answer == resolve(request, COMPAT)
    assert answer.reasons and all(answer.reasons)
    if not told(request):
        assert isinstance(answer, Refusal)
        assert any("--gpu or --cpu" in each for each in answer.nearest)
