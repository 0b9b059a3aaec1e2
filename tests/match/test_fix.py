"""The fix for a text: slots from the text, alternatives by name, no placeholder where another step stands."""

from __future__ import annotations

import re

import pytest

from envkit.causes import CauseDataError, Step, catalogue
from envkit.causes.advice import advice, glibc_from, steps_for_text, why_of
from envkit.core.finding import FixStep
from envkit.match.fix import fix_of
from envkit.match.match import explain_text


def fix(text: str) -> tuple[FixStep, ...]:
    return explain_text(text).causes[0].fix


def runs(text: str) -> str:
    return "\n".join(step.run or "" for step in fix(text))


def says(text: str) -> str:
    return "\n".join(step.say for step in fix(text))


@pytest.mark.parametrize("key", catalogue())
def test_every_cause_has_a_step_for_a_text_alone(key: str) -> None:
    steps = fix_of(steps_for_text(key), {"python": "python"})
    assert steps and all(step.say for step in steps)
    assert not steps[0].say.startswith("Or ")
    assert why_of(key)


@pytest.mark.parametrize("key", advice())
def test_advice_needs_no_machine(key: str) -> None:
    """Its steps show no open slot when a text names nothing."""
    shown = "\n".join(f"{step.say} {step.run}" for step in fix_of(steps_for_text(key), {"python": "python"}))
    assert not re.search(r"<[a-z_-]+>|\{[a-z_=]+\}", shown)


@pytest.mark.parametrize(
    ("needed", "named"),
    [
        ("2.28", "Debian 10"),
        ("2.34", "Ubuntu 22.04"),
        ("2.38", "Ubuntu 24.04"),
        ("2.32", "RHEL 9"),
        ("2.14", "RHEL 7"),
    ],
)
def test_glibc_takes_the_version_of_the_message(needed: str, named: str) -> None:
    told = says(f"/lib64/libc.so.6: version `GLIBC_{needed}' not found (required by x.so)")
    assert f"glibc {needed} or newer" in told and named in told
    assert glibc_from((2, 99)) is None


def test_cudnn_takes_its_major_and_that_of_cuda() -> None:
    assert "nvidia-cudnn-cu12==8.*" in runs("ImportError: libcudnn.so.8: cannot open shared object file")
    text = "torch 2.3.0+cu118\nCould not load library libcudnn_ops_infer.so.8: cannot open shared object file"
    assert "nvidia-cudnn-cu11==8.*" in runs(text)
    assert not [step.run for step in fix(text) if step.run and step.run.rstrip().endswith(":")]


def test_the_driver_that_is_found_chooses_the_build() -> None:
    assert "/cu118" in runs("The NVIDIA driver on your system is too old (found version 11040).")
    assert "cu118" not in runs("The NVIDIA driver on your system is too old.")


def test_the_gpu_that_is_named_chooses_the_build() -> None:
    told = "Tesla P100 with CUDA capability sm_60 is not compatible with the current PyTorch installation."
    text = f"{told}\nThe current PyTorch install supports CUDA capabilities sm_70 sm_75 sm_80 sm_90."
    assert "compute capability 6.0" in says(text) and "pip install" in runs(text)


def test_alternatives_by_distribution() -> None:
    text = 'could not select device driver "" with capabilities: [[gpu]]'
    steps = fix(text)
    assert [step.say.split(":")[0] for step in steps[:2]] == [
        "Either on Debian and Ubuntu",
        "Or on Fedora and RHEL",
    ]
    known = says(f"Ubuntu 22.04\n{text}")
    assert "Fedora" not in known and "Either" not in known


def test_the_package_of_a_build() -> None:
    text = "Building wheel for flash-attn (setup.py)\nModuleNotFoundError: No module named 'torch'"
    assert "pip install --no-build-isolation flash-attn" in runs(text)
    assert "pip install torch" in runs("ModuleNotFoundError: No module named 'torch'")


def test_hostile_names_stay_inert() -> None:
    text = "Collecting $(rm -rf ~)\npip install `id`;id\nModuleNotFoundError: No module named 'torch'"
    assert "rm" not in runs(text).split() and "id" not in runs(text)


def test_steps_whose_facts_are_missing() -> None:
    first, second = Step(say="Take {this}"), Step(say="Do that")
    assert [step.say for step in fix_of([first, second], {})] == ["Do that"]
    assert [step.say for step in fix_of([first], {})] == ["Take <this>"]
    assert [step.say for step in fix_of([first, second], {"this": "1"})] == ["Take 1", "Do that"]
    assert [step.say for step in fix_of([Step(say="A", unless=("x",)), second], {"x": "1"})] == ["Do that"]


def test_an_either_needs_an_or() -> None:
    steps = [
        Step(say="Either wait", when=("os_apt",)),
        Step(say="Or leave", when=("docker",)),
        Step(say="Go"),
    ]
    assert [step.say for step in fix_of(steps[:1], {"os_apt": "yes"})] == ["Wait"]
    assert [step.say for step in fix_of(steps, {})][-1] == "Go"


def test_data_errors_are_loud() -> None:
    from envkit.causes.catalogue import read_step

    with pytest.raises(CauseDataError, match="a fix step has `say`"):
        read_step("advice.toml: x", {"run": "true"})
