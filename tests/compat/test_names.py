"""GPU names as NVML, lspci, cloud consoles and people write them."""

import pytest

from envkit.compat import find_gpu

NVML = [
    ("NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3", "9.0"),
    ("NVIDIA H100 PCIe", "NVIDIA H100 PCIe", "9.0"),
    ("NVIDIA H100 NVL", "NVIDIA H100 NVL", "9.0"),
    ("NVIDIA H200", "NVIDIA H200", "9.0"),
    ("NVIDIA GH200 480GB", "NVIDIA GH200 480GB", "9.0"),
    ("NVIDIA B200", "NVIDIA B200", "10.0"),
    ("NVIDIA B300 SXM6 AC", "NVIDIA B300 SXM6 AC", "10.3"),
    ("NVIDIA GB10", "NVIDIA GB10", "12.1"),
    ("NVIDIA Thor", "NVIDIA Thor", "11.0"),
    ("Tesla V100-SXM2-16GB", "Tesla V100-SXM2-16GB", "7.0"),
    ("Tesla V100-PCIE-32GB", "Tesla V100-PCIE-32GB", "7.0"),
    ("Tesla P100-PCIE-16GB", "Tesla P100-PCIE-16GB", "6.0"),
    ("Tesla T4", "Tesla T4", "7.5"),
    ("NVIDIA T4", "Tesla T4", "7.5"),
    ("Tesla K80", "Tesla K80", "3.7"),
    ("NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB", "8.0"),
    ("A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB", "8.0"),
    ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "NVIDIA A100-SXM4-40GB", "8.0"),
    ("GRID A100-40C", "NVIDIA A100-SXM4-80GB", "8.0"),
    ("NVIDIA A10G", "NVIDIA A10G", "8.6"),
    ("NVIDIA A10-24Q", "NVIDIA A10", "8.6"),
    ("NVIDIA L40S", "NVIDIA L40S", "8.9"),
    ("NVIDIA L4", "NVIDIA L4", "8.9"),
    ("NVIDIA GeForce RTX 5090", "NVIDIA GeForce RTX 5090", "12.0"),
    ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090", "8.9"),
    ("NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4090 Laptop GPU", "8.9"),
    ("GeForce RTX 2080 Ti", "NVIDIA GeForce RTX 2080 Ti", "7.5"),
    ("GeForce RTX 2080 with Max-Q Design", "NVIDIA GeForce RTX 2080", "7.5"),
    ("NVIDIA GeForce GTX 1080 Ti", "NVIDIA GeForce GTX 1080 Ti", "6.1"),
    ("NVIDIA GeForce GTX 1060 3GB", "NVIDIA GeForce GTX 1060 3GB", "6.1"),
    ("NVIDIA GeForce RTX 3080/PCIe/SSE2", "NVIDIA GeForce RTX 3080", "8.6"),
    ("NVIDIA RTX 6000 Ada Generation", "NVIDIA RTX 6000 Ada Generation", "8.9"),
    ("Quadro RTX 6000", "Quadro RTX 6000", "7.5"),
    ("NVIDIA RTX A6000", "NVIDIA RTX A6000", "8.6"),
    ("Orin (nvgpu)", "Orin (nvgpu)", "8.7"),
    ("NVIDIA TITAN X (Pascal)", "NVIDIA TITAN X (Pascal)", "6.1"),
    ("NVIDIA Tegra X1", "NVIDIA Tegra X1", "5.3"),
]
TYPED = [
    ("4090", "NVIDIA GeForce RTX 4090", "8.9"),
    ("rtx4090", "NVIDIA GeForce RTX 4090", "8.9"),
    ("4070 ti super", "NVIDIA GeForce RTX 4070 Ti SUPER", "8.9"),
    ("1660super", "NVIDIA GeForce GTX 1660 SUPER", "7.5"),
    ("gtx1080ti", "NVIDIA GeForce GTX 1080 Ti", "6.1"),
    ("gh200", "NVIDIA GH200 480GB", "9.0"),
    ("RTX-4090 24GB", "NVIDIA GeForce RTX 4090", "8.9"),
    ("gtx 1080 ti", "NVIDIA GeForce GTX 1080 Ti", "6.1"),
    ("GTX 1080Ti 11GB", "NVIDIA GeForce GTX 1080 Ti", "6.1"),
    ("rtx 3060 12 GB", "NVIDIA GeForce RTX 3060", "8.6"),
    ("rtx 3080 lhr", "NVIDIA GeForce RTX 3080", "8.6"),
    ("a100", "NVIDIA A100-SXM4-80GB", "8.0"),
    ("A100 40GB", "NVIDIA A100-SXM4-40GB", "8.0"),
    ("H100 SXM5 80GB", "NVIDIA H100 80GB HBM3", "9.0"),
    ("h100 hbm2e", "NVIDIA H100 80GB HBM3", "9.0"),
    ("v100 16gb", "Tesla V100-SXM2-16GB", "7.0"),
    ("nvidia tesla p40", "Tesla P40", "6.1"),
    ("rtx 5070 ti laptop", "NVIDIA GeForce RTX 5070 Ti Laptop GPU", "12.0"),
    ("rtx 3060 mobile", "NVIDIA GeForce RTX 3060 Laptop GPU", "8.6"),
    ("NVIDIA® GeForce® RTX™ 4080 SUPER", "NVIDIA GeForce RTX 4080 SUPER", "8.9"),
    ("jetson agx orin", "Orin (nvgpu)", "8.7"),
    ("dgx spark", "NVIDIA GB10", "12.1"),
    ("GA102 [GeForce RTX 3090]", "NVIDIA GeForce RTX 3090", "8.6"),
    (
        "NVIDIA Corporation GP102 [GeForce GTX 1080 Ti] [10de:1b06] (rev a1)",
        "NVIDIA GeForce GTX 1080 Ti",
        "6.1",
    ),
    ("GA104M [GeForce RTX 3080 Mobile / Max-Q 8GB/16GB]", "NVIDIA GeForce RTX 3080 Laptop GPU", "8.6"),
    ("GH100 [H100 SXM5 80GB]", "NVIDIA H100 80GB HBM3", "9.0"),
    ("AMD Instinct MI300X OAM", "AMD Instinct MI300X", None),
    ("Radeon RX 7900 XTX", "AMD Radeon RX 7900 XTX", None),
]


@pytest.mark.parametrize(("text", "name", "cc"), NVML + TYPED)
def test_find_gpu(compat, text, name, cc):
    assert [(gpu.name, gpu.cc) for gpu in find_gpu(compat, text)] == [(name, cc)]


@pytest.mark.parametrize(
    ("text", "ccs"),
    [
        ("rtx6000", {"7.5", "8.9", "12.0"}),
        ("NVIDIA RTX 6000", {"7.5", "8.9", "12.0"}),
        ("rtx 5000", {"7.5", "8.9", "12.0"}),
        ("RTX 4000", {"7.5", "8.9", "12.0"}),
        ("titan x", {"5.2", "6.1"}),
        ("RTX PRO 6000 Blackwell", {"12.0"}),
    ],
)
def test_ambiguous_names_give_all_they_can_mean(compat, text, ccs):
    found = find_gpu(compat, text)
    assert len(found) > 1
    assert {gpu.cc for gpu in found} == ccs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "RTX 9999",
        "Graphics Device",
        "Intel Arc A770",
        "NVIDIA",
        "80GB",
        "llvmpipe (LLVM 15.0.7)",
        "GTX",
    ],
)
def test_unknown_names_give_nothing(compat, text):
    assert find_gpu(compat, text) == ()


def test_a_long_hostile_name_is_answered_at_once(compat):
    assert find_gpu(compat, " -" * 500_000 + "x") == ()
    assert find_gpu(compat, "80gb " * 500_000) == ()


def test_every_name_and_alias_resolves_to_its_own_row(compat):
    for gpu in compat.gpus:
        for text in (gpu.name, *gpu.aliases):
            assert find_gpu(compat, text) == (gpu,), text


def test_figures_from_memory_are_claimed(compat):
    (gpu,) = find_gpu(compat, "H100 PCIe")
    assert gpu.how_sure("cc") == "documented"
    (card,) = find_gpu(compat, "RTX 4090")
    assert card.how_sure("peaks") == "claimed"
    (b300,) = find_gpu(compat, "b300")
    assert b300.how_sure("power_w") == "documented"
