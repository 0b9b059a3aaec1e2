"""The command line of `envkit build` as a request; what makes no sense is said, with what would."""

from __future__ import annotations

import pytest

from envkit.build.ask import Ask, request_of
from envkit.core.errors import UsageError
from envkit.resolve.hosts import TypedTarget
from tests.build.parts import A100, LINUX, compat


def asked(**options):
    return request_of(Ask(**options), (LINUX,), compat())


@pytest.mark.parametrize(
    "text, framework, versions",
    [
        ("torch", "torch", ""),
        ("pytorch", "torch", ""),
        ("TF", "tensorflow", ""),
        ("torch==2.13.0", "torch", "==2.13.0"),
        ("torch 2.13", "torch", "==2.13.*"),
        ("torch2.13.0", "torch", "==2.13.0"),
        ("torch == 2.13", "torch", "== 2.13.*"),
        ("torch>=2.10,<2.12", "torch", ">=2.10,<2.12"),
        (" tensorflow ~= 2.20 ", "tensorflow", "~= 2.20"),
    ],
)
def test_frameworks_and_versions_as_people_type_them(text, framework, versions):
    request = asked(framework=text)
    assert (request.framework, request.versions) == (framework, versions)


@pytest.mark.parametrize(
    "options, said, todo",
    [
        ({"framework": "jax"}, "no framework that envkit builds", "torch or tensorflow"),
        ({"framework": ""}, "no framework", "torch or tensorflow"),
        ({"framework": "torch=>2"}, "no version", "==2.13.0"),
        ({"framework": "torch latest"}, "no version", "==2.13.0"),
        ({"gpu": True, "cpu": True}, "exclude each other", "leave one out"),
        ({"cpu": True, "cuda": "12.6"}, "--cpu needs no CUDA", "leave --cpu out"),
        ({"cpu": True, "nvcc": True}, "--cpu needs no CUDA", "leave --cpu out"),
        ({"cpu": True, "target": TypedTarget(gpus=("a100",))}, "--cpu needs no CUDA", "leave --cpu out"),
        ({"cpu": True, "target": TypedTarget(driver="550")}, "--cpu needs no CUDA", "leave --cpu out"),
        ({"cuda": "newest"}, "no CUDA version", "12.6 or cu126"),
        ({"python": "snake"}, "no Python version", "3.12"),
        ({"python": ""}, "no Python version", "3.12"),
        ({"extras": ("jupiter",)}, "--with does not know 'jupiter'", "jupyter"),
        ({"target": TypedTarget(gpus=("rtx9999",))}, "rtx9999", ""),
        ({"target": TypedTarget(driver="new")}, "new", ""),
        ({"target": TypedTarget(arch="mips")}, "mips", ""),
        ({"target": TypedTarget(glibc="two")}, "two", ""),
    ],
)
def test_what_makes_no_sense(options, said, todo):
    with pytest.raises(UsageError) as caught:
        asked(**options)
    assert said in caught.value.message and todo in caught.value.todo and caught.value.todo


@pytest.mark.parametrize(
    "options, device",
    [
        ({}, None),
        ({"cpu": True}, "cpu"),
        ({"gpu": True}, "gpu"),
        ({"cuda": "cu126"}, "gpu"),
        ({"nvcc": True}, "gpu"),
        ({"target": TypedTarget(driver="550")}, "gpu"),
        ({"target": TypedTarget(gpus=("a100",))}, "gpu"),
    ],
)
def test_what_asks_for_a_gpu(options, device):
    assert asked(**options).device == device


def test_a_cuda_version_becomes_a_tag():
    assert asked(cuda="12.6").cuda == asked(cuda="cu126").cuda == "cu126"


def test_extras_are_taken_once_and_in_order():
    assert asked(extras=("torchvision", "jupyter", "torchvision")).extras == ("torchvision", "jupyter")


def test_a_typed_target_takes_the_place_of_this_machine():
    request = request_of(Ask(target=TypedTarget(gpus=("rtx4090",), driver="550")), (A100,), compat())
    (host,) = request.hosts
    assert [gpu.cc for gpu in host.gpus] == ["8.9"] and host.driver.startswith("550")
