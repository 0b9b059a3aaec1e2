"""Which GPU runs which code: the truth tables."""

import pytest

from envkit.compat import arch_relation, kernel_for, parse_arch, parse_cc

TORCH_2_6 = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
TORCH_2_15 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
TORCH_SBSA = ("sm_80", "sm_90", "sm_100", "sm_110", "sm_120")
TF_2_21 = ("sm_60", "sm_70", "sm_80", "sm_89", "compute_90")


@pytest.mark.parametrize(
    ("text", "cc", "kind", "suffix"),
    [
        ("sm_90", (9, 0), "sm", ""),
        ("sm_86", (8, 6), "sm", ""),
        ("sm_100", (10, 0), "sm", ""),
        ("sm_120", (12, 0), "sm", ""),
        ("sm_121", (12, 1), "sm", ""),
        ("sm_90a", (9, 0), "sm", "a"),
        ("sm_100f", (10, 0), "sm", "f"),
        ("compute_37", (3, 7), "compute", ""),
        ("compute_120", (12, 0), "compute", ""),
        ("sm_101", (11, 0), "sm", ""),
        ("sm_110", (11, 0), "sm", ""),
    ],
)
def test_parse_arch(text, cc, kind, suffix):
    assert parse_arch(text) == (kind, cc, suffix)


@pytest.mark.parametrize("text", ["gfx942", "sm_", "sm_9", "90", "sm_90x", "", "lto_90", "sm_1200"])
def test_parse_arch_refuses(text):
    assert parse_arch(text) is None


def test_parse_cc():
    assert parse_cc("8.6") == (8, 6)
    assert parse_cc(" 12.0 ") == (12, 0)
    assert parse_cc("10.1") == (11, 0)
    for text in ("86", "8", "8.6.1", "sm_86", ""):
        with pytest.raises(ValueError, match="not a compute capability"):
            parse_cc(text)


@pytest.mark.parametrize(
    ("archs", "cc", "kernel"),
    [
        # Cubins: same major, same or lower minor.
        (["sm_86"], "8.6", "cubin"),
        (["sm_86"], "8.9", "cubin"),
        (["sm_80"], "8.9", "cubin"),
        (["sm_89"], "8.6", None),
        (["sm_60"], "6.1", "cubin"),
        (["sm_61"], "6.0", None),
        (["sm_70"], "7.5", "cubin"),
        (["sm_90"], "12.0", None),
        (["sm_90"], "10.0", None),
        (["sm_100"], "10.3", "cubin"),
        (["sm_100"], "11.0", None),
        (["sm_120"], "12.1", "cubin"),
        (["sm_121"], "12.0", None),
        (["sm_120"], "9.0", None),
        # Thor: 10.1 before CUDA 13, 11.0 since; never covered by sm_100.
        (["sm_101"], "11.0", "cubin"),
        (["sm_110"], "10.1", "cubin"),
        (["sm_100"], "10.1", None),
        (["sm_101"], "10.3", None),
        # PTX goes forward, never back.
        (["compute_90"], "9.0", "ptx"),
        (["compute_90"], "12.0", "ptx"),
        (["compute_120"], "9.0", None),
        (["sm_90", "compute_90"], "9.0", "cubin"),
        (["sm_37", "compute_37"], "8.0", "ptx"),
        # Architecture-specific code stays where it is, family code in its major.
        (["sm_90a"], "9.0", "cubin"),
        (["sm_100a"], "10.3", None),
        (["sm_100f"], "10.3", "cubin"),
        (["sm_103f"], "10.0", None),
        (["sm_100f"], "12.0", None),
        (["compute_90a"], "9.0", "ptx"),
        (["compute_90a"], "10.0", None),
        (["compute_100f"], "10.3", "ptx"),
        (["compute_100f"], "12.0", None),
        # Tegra: no promise between desktop and integrated GPUs, in either direction.
        (["sm_87"], "8.7", "cubin"),
        (["sm_86"], "8.7", None),
        (["sm_87"], "8.9", None),
        (["compute_80"], "8.7", "ptx"),
        ([], "8.0", None),
        (["gfx942"], "8.0", None),
    ],
)
def test_kernel_for(archs, cc, kernel):
    assert kernel_for(archs, cc) == kernel


@pytest.mark.parametrize(
    ("archs", "cc", "relation"),
    [
        (TORCH_2_15, "6.1", "too-old"),  # GTX 1080 Ti on the default wheel
        (TORCH_2_15, "7.0", "too-old"),  # V100
        (TORCH_2_15, "7.5", "carried"),
        (TORCH_2_15, "8.9", "carried"),
        (TORCH_2_15, "12.1", "carried"),  # GB10
        (TORCH_2_15, "11.0", "gap"),  # Thor on the x86 list
        (TORCH_SBSA, "11.0", "carried"),
        (TORCH_SBSA, "8.7", "unknown"),  # Orin on server wheels: not promised, and said to run
        (TORCH_2_6, "12.0", "too-new"),  # RTX 5090 on torch 2.6
        (TORCH_2_6, "10.0", "too-new"),
        (TORCH_2_6, "3.7", "too-old"),
        (TORCH_2_6, "8.9", "carried"),
        (TF_2_21, "9.0", "ptx"),
        (TF_2_21, "12.0", "ptx"),
        (TF_2_21, "8.6", "carried"),
        (TF_2_21, "5.2", "too-old"),
        (("sm_90",), "8.7", "too-old"),
        (None, "8.0", "unknown"),
        ((), "8.0", "unknown"),
        (("gfx942",), "8.0", "unknown"),
    ],
)
def test_arch_relation(archs, cc, relation):
    assert arch_relation(archs, cc) == relation


@pytest.mark.parametrize("question", [kernel_for, arch_relation])
def test_a_wrong_compute_capability_is_an_error_not_an_answer(question):
    with pytest.raises(ValueError, match="not a compute capability"):
        question(["sm_80"], "ampere")
