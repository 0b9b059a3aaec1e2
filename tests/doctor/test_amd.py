"""AMD GPUs and ROCm builds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.doctor.rules import amd
from envkit.facts.gpu_model import Amd
from tests.doctor.cases import LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_env
from tests.doctor.further import healthy_amd

RADEON = healthy_amd()
NEW = Amd(targets=("gfx1201",), kfd_accessible=True)
CLOSE = Amd(targets=("gfx1031",), kfd_accessible=True)

CASES = (
    flip(
        amd.rocm_arch_unsupported,
        RADEON,
        "amd.targets",
        ("gfx1150",),
        says=("no code for gfx1150",),
        fix=("rocminfo",),
    ),
    ill(
        amd.rocm_arch_unsupported,
        "a close relative",
        changed(RADEON, "amd", CLOSE),
        "gfx1031",
        fix=("HSA_OVERRIDE_GFX_VERSION=10.3.0", "relative gfx1030"),
    ),
    fine(amd.rocm_arch_unsupported, "in the build", RADEON),
    fine(
        amd.rocm_arch_unsupported,
        "graphics of the processor beside a card",
        changed(RADEON, "amd.targets", ("gfx1036", "gfx1100")),
    ),
    fine(
        amd.rocm_arch_unsupported,
        "a target that stands for its family",
        changed(RADEON, "amd", NEW, "python.torch.archs", ("gfx12-generic",)),
    ),
    fine(
        amd.rocm_arch_unsupported,
        "a feature in the name",
        changed(RADEON, "amd.targets", ("gfx90a",), "python.torch.archs", ("gfx90a:sramecc+:xnack-",)),
    ),
    apart(
        amd.rocm_arch_unsupported,
        "told to run as another one",
        with_env(changed(RADEON, "amd", CLOSE), HSA_OVERRIDE_GFX_VERSION="10.3.0"),
    ),
    apart(amd.rocm_arch_unsupported, "a CUDA build", WORKSTATION),
    apart(amd.rocm_arch_unsupported, "no AMD GPU", changed(RADEON, "amd.targets", ())),
    apart(amd.rocm_arch_unsupported, "no torch", changed(LAPTOP, "python.torch", None)),
    unsure(amd.rocm_arch_unsupported, "KFD was not read", unread(RADEON, "amd")),
    unsure(amd.rocm_arch_unsupported, "Python was not read", unread(RADEON, "python")),
    unsure(
        amd.rocm_arch_unsupported,
        "targets not read",
        changed(RADEON, "python.torch.archs", None),
        "could not be read",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case, compat):
    check(case, compat)


def test_no_check_of_nvidia_complains_of_a_radeon(compat):
    from envkit.doctor.judge import judge

    findings = judge(replace(RADEON), compat)
    assert [f.key for f in findings if f.outcome in ("problem", "unknown")] == []
