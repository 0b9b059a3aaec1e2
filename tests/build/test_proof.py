"""Whether what was built is what was planned: each check on its own, failing and unanswered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.build.proof import checks, passed
from envkit.facts.python_model import DeepCheck, Distribution, SmokeResult, TargetPython, TorchFacts
from envkit.target.inside import Inside, Missing
from tests.build.parts import A100, plan

CPU = plan()
GPU = plan(hosts=(A100,), device="gpu")
SMOKE = tuple(SmokeResult(device="cpu", op=op, dtype="float32", ok=True) for op in ("forward", "backward"))

WRONG = SmokeResult(device="cpu", op="matmul", dtype="float32", ok=False)


def distribution(name, version):
    return Distribution(name=name, version=version, location="")


def torch(cuda, archs):
    return TorchFacts(version="", path="", cuda=cuda, archs=archs)


NUMPY = distribution("numpy", "2.3.0")


def python(of, **changes):
    version = of.requirements[0].requirement.partition("==")[2]
    cuda = "" if of.cuda == "cpu" else f"{of.cuda[2:-1]}.{of.cuda[-1]}"
    made = TargetPython(
        executable="/opt/venv/bin/python",
        version=f"{of.python}.4",
        distributions=(distribution("torch", version), NUMPY),
        torch=torch(cuda, of.archs),
    )
    return replace(made, **changes)


def inside(of=CPU, **changes):
    made = Inside(
        python=python(of),
        links_checked=12,
        missing=(),
        uid=1000,
        deep=DeepCheck(
            state="ok",
            framework="torch",
            version=of.version,
            import_seconds=1.5,
            devices=("cpu",),
            smoke=SMOKE,
        ),
    )
    return replace(made, **changes)


def failing(of=CPU, *, image=True, **changes):
    """(title, ok) of what is not well."""
    found = checks(of, inside(of, **changes), image=image)
    assert passed(found) is all(check.ok for check in found)
    return [(check.title, check.ok) for check in found if not check.ok]


@pytest.mark.parametrize("of", [CPU, GPU])
def test_what_is_as_planned_passes(of):
    assert failing(of) == []


def test_each_question_is_asked_once():
    titles = [check.title for check in checks(GPU, inside(GPU), image=True)]
    assert len(set(titles)) == len(titles) == 8
    assert "not run as root" not in [check.title for check in checks(CPU, inside(), image=False)]


@pytest.mark.parametrize(
    "changes, title, ok",
    [
        ({"python": python(CPU, version="3.11.9")}, "Python", False),
        ({"python": python(CPU, distributions=())}, "installed as planned", False),
        (
            {"python": python(CPU, distributions=(NUMPY, distribution("torch", "2.12.0+cpu")))},
            "installed as planned",
            False,
        ),
        ({"python": python(CPU, torch=torch("13.0", ()))}, "CUDA of the build", False),
        ({"python": python(CPU, torch=None)}, "CUDA of the build", None),
        ({"python": None, "trouble": ("it crashed",)}, "installed as planned", None),
        ({"python": python(CPU, distributions=None)}, "installed as planned", None),
        ({"missing": (Missing(name="libgone.so", needed_by="libtorch.so"),)}, "shared libraries", False),
        ({"missing": None}, "shared libraries", None),
        ({"uid": 0}, "not run as root", False),
        ({"uid": None}, "not run as root", None),
        ({"deep": DeepCheck(framework="torch", state="crashed", error="signal 11")}, "import torch", False),
        ({"deep": replace(inside().deep, smoke=())}, "forward and backward", False),
        ({"deep": replace(inside().deep, smoke=SMOKE[:1])}, "forward and backward", False),
        (
            {"deep": replace(inside().deep, smoke=(*SMOKE, WRONG))},
            "forward and backward",
            False,
        ),
    ],
)  # fmt: skip
def test_each_check_fails_alone(changes, title, ok):
    assert failing(**changes) == [(title, ok)]


def test_a_library_that_is_missing_is_named_with_who_needs_it():
    gone = (Missing(name="libgone.so", needed_by="libtorch.so"),)
    found = {check.title: check.detail for check in checks(CPU, inside(missing=gone), image=True)}
    assert "libgone.so, which libtorch.so needs" in found["shared libraries"]


def test_device_code_must_cover_every_target():
    bare = python(GPU, torch=torch("13.0", ("sm_90",)))
    assert failing(GPU, python=bare) == [("device code", False)]
    unread = python(GPU, torch=torch("13.0", None))
    assert failing(GPU, python=unread) == [("device code", None)]
