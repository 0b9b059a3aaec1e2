"""What the tables must say of each other."""

import datetime
import itertools
import re
from importlib import resources

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envkit.compat import (
    driver_floor,
    parse_arch,
    parse_cc,
    parse_cuda,
    read_compat,
    tensorflow_release,
    toolkit,
    torch_release,
    version_key,
)

DATA = resources.files("envkit.compat") / "data"


def builds(compat):
    return [(release, variant) for release in compat.torch for variant in release.variants]


def rows(compat):
    yield from compat.toolkits
    yield from compat.floors
    yield from compat.branches
    yield compat.forward
    yield from compat.gpus
    yield from compat.torch
    yield from (variant for _, variant in builds(compat))
    yield from compat.tensorflow
    yield from compat.images


def test_the_tables_are_whole(compat):
    assert len(compat.toolkits) == 25
    assert [row.version.rsplit(".", 1)[0] for row in compat.torch] == [
        *[f"2.{minor}" for minor in range(15, -1, -1)],
        "1.13",
    ]
    assert len(compat.tensorflow) == 12
    assert sum(gpu.vendor == "nvidia" for gpu in compat.gpus) == 203
    assert sum(gpu.vendor == "amd" for gpu in compat.gpus) == 22


def test_every_row_says_where_when_and_how_surely(compat):
    for row in rows(compat):
        found = [getattr(row, name) for name in type(row).__slots__ if name.endswith("provenance")]
        assert found[0] is not None, row
        for provenance in filter(None, found):
            assert provenance.source
            assert datetime.date.fromisoformat(provenance.date) <= datetime.date(2100, 1, 1)
            assert provenance.how in ("measured", "documented", "claimed")


def test_every_table_is_newest_first(compat):
    for table in (compat.torch, compat.tensorflow):
        versions = [Version(row.version) for row in table]
        assert versions == sorted(versions, reverse=True)
    for cudas in ([row.version for row in compat.toolkits], [row.cuda for row in compat.images]):
        keys = [parse_cuda(cuda) for cuda in cudas]
        assert keys == sorted(keys, reverse=True)
    numbers = [branch.number for branch in compat.branches]
    assert numbers == sorted(numbers, reverse=True)


def test_floors_rise_with_cuda_and_leave_no_toolkit_out(compat):
    for platform in ("linux", "windows"):
        floors = [version_key(getattr(row, platform)) for row in compat.floors]
        assert floors == sorted(floors, reverse=True)
        assert all(driver_floor(compat, row.version, platform) for row in compat.toolkits)
    ranges = [parse_cuda(row.cuda_from) for row in compat.floors]
    assert ranges == sorted(ranges, reverse=True)


def test_no_two_floors_cover_one_cuda(compat):
    for row in compat.toolkits:
        major_minor = parse_cuda(row.version)
        covering = [
            floor
            for floor in compat.floors
            if parse_cuda(floor.cuda_from)
            <= major_minor
            <= (parse_cuda(floor.cuda_to) or (int(floor.cuda_to), 99))
        ]
        assert len(covering) == 1, row.version


def test_paired_drivers_meet_the_floor_and_rise(compat):
    for row in compat.toolkits:
        for os, first, last in (
            ("linux", row.linux_ga, row.linux_last),
            ("windows", row.windows_ga, row.windows_last),
        ):
            assert (first is None) == (last is None)
            if first is None:
                continue
            assert version_key(first) <= version_key(last)
            if row.version == "12.0" and os == "windows":
                # 12.0 GA came with 527.41, below the 528.33 that the floor table asks for: both are NVIDIA's.
                assert (first, driver_floor(compat, "12.0", os)) == ("527.41", "528.33")
                continue
            assert version_key(first) >= version_key(driver_floor(compat, row.version, os)), row.version
    linux = [version_key(row.linux_ga) for row in compat.toolkits if row.linux_ga]
    assert linux == sorted(linux, reverse=True)


def test_toolkits_target_what_the_branches_still_drive(compat):
    assert toolkit(compat, "13.0").archs[0] == 75
    assert 120 not in toolkit(compat, "12.6").archs
    for row in compat.toolkits:
        assert (row.archs is None) == (row.archs_provenance is None)
        if row.archs:
            assert list(row.archs) == sorted(row.archs)
            assert row.archs_provenance.how == "measured"


def test_torch_builds_carry_only_what_their_toolkit_can_target(compat):
    checked = 0
    for release, variant in builds(compat):
        targets = toolkit(compat, variant.tag) if variant.tag != "cpu" else None
        if targets is None or targets.archs is None:
            continue
        for arch in variant.archs or ():
            number = int(re.sub(r"\D", "", arch))
            assert number in targets.archs, (release.version, variant.tag, variant.platform, arch)
            checked += 1
    assert checked > 200


def test_tensorflow_wheels_carry_only_what_their_toolkit_can_target(compat):
    for row in compat.tensorflow:
        targets = toolkit(compat, row.cuda).archs
        for arch in row.archs or ():
            assert targets is None or int(re.sub(r"\D", "", arch)) in targets


def test_archs_are_ascending_cubins_then_ptx(compat):
    for release, variant in builds(compat):
        parsed = [parse_arch(arch) for arch in variant.archs or ()]
        assert parsed == sorted(parsed, key=lambda arch: (arch.kind != "sm", arch.cc)), release.version
        assert (variant.archs is None or variant.tag == "cpu") == (variant.archs_provenance is None)


def test_only_opened_wheels_are_measured(compat):
    for release, variant in builds(compat):
        assert variant.verified == variant.on_default_index, (release.version, variant.tag, variant.platform)
        if variant.archs_provenance is not None and variant.archs_provenance.how == "measured":
            assert variant.on_default_index


def test_default_builds(compat):
    expected = {"2.15.0": "cu132", "2.14.1": "cu130", "2.11.0": "cu130", "2.10.0": "cu128", "2.7.1": "cu126"}
    for version, tag in expected.items():
        assert torch_release(compat, version).default == tag
    for release in compat.torch:
        on_index = {v.platform: v.tag for v in release.variants if v.on_default_index}
        assert set(on_index) == set(release.platforms)
        assert on_index["windows"] == on_index["macos-arm64"] == "cpu"
        # The aarch64 wheel of PyPI has CUDA from 2.11 on.
        assert (on_index["linux-aarch64"] != "cpu") == (Version(release.version) >= Version("2.11"))


def test_every_platform_of_every_release_has_a_cpu_build(compat):
    for release in compat.torch:
        assert {v.platform for v in release.variants if v.tag == "cpu"} == set(release.platforms)


def test_cudnn_of_builds_with_old_archs_still_has_them(compat):
    """cuDNN 9.10.2.21 is the last with Maxwell, Pascal and Volta."""
    for release, variant in builds(compat):
        archs = [parse_arch(arch) for arch in variant.archs or ()]
        if variant.cudnn is not None and any(arch.cc < (7, 5) for arch in archs):
            assert version_key(variant.cudnn) <= (9, 10, 2, 21), (release.version, variant.tag)


def test_companions(compat):
    for release in compat.torch:
        version = Version(release.version)
        assert release.torchvision
        # torchaudio stopped at 2.11.0.
        assert (release.torchaudio is None) == (version >= Version("2.12"))
        assert (release.numpy == "<2") == (version < Version("2.3"))
        for python in release.pythons_on("linux-x86_64"):
            assert re.fullmatch(r"3\.\d+t?", python)
        for platform, pythons in release.fewer_pythons:
            assert set(pythons) < set(release.pythons), platform
    assert torch_release(compat, "2.0.1").torchaudio == "2.0.2"


def test_glibc_floors(compat):
    for release, variant in builds(compat):
        if not variant.platform.startswith("linux"):
            assert variant.glibc is None
        elif Version(release.version) >= Version("2.7"):
            assert variant.glibc == "2.28"
    cu126 = next(v for v in torch_release(compat, "2.6").variants if v.tag == "cu126")
    assert cu126.glibc == "2.28"


def test_tensorflow_extras_are_requirements_of_the_cuda_they_were_built_with(compat):
    for row in compat.tensorflow:
        assert bool(row.and_cuda) == (Version(row.version) >= Version("2.14"))
        major = row.cuda.split(".")[0]
        for requirement in row.and_cuda:
            name = Requirement(requirement).name
            assert name == "tensorrt" or (name.startswith("nvidia-") and name.endswith(f"-cu{major}"))
        if row.nccl:
            SpecifierSet(row.nccl)
        SpecifierSet(row.numpy)
        assert set(row.gpu_platforms) <= set(row.platforms)
    assert tensorflow_release(compat, "2.14").and_cuda_broken


def test_compute_capability_and_family_agree(compat):
    major = {
        "Kepler": {3},
        "Maxwell": {5},
        "Pascal": {6},
        "Volta": {7},
        "Turing": {7},
        "Ampere": {8},
        "Ada": {8},
    }
    major |= {"Hopper": {9}, "Blackwell": {10, 11, 12}, "Blackwell Ultra": {10}}
    for gpu in compat.gpus:
        if gpu.vendor == "amd":
            assert gpu.cc is None and gpu.gfx.startswith("gfx")
        elif gpu.family != "Rubin":  # announced, compute capability not published
            assert parse_cc(gpu.cc)[0] in major[gpu.family]


def test_figures_are_plausible(compat):
    for gpu in compat.gpus:
        assert gpu.memory_gb and all(1 < size < 1000 for size in gpu.memory_gb)
        assert gpu.power_w is None or 5 <= gpu.power_w <= 2000
        assert gpu.bandwidth_gbs is None or 10 <= gpu.bandwidth_gbs <= 30_000
        for name in gpu.unsupported or ():
            assert gpu.peaks is None or getattr(gpu.peaks, name) is None


def test_images_name_existing_patches(compat):
    for image in compat.images:
        assert image.patch is None or image.patch.startswith(image.cuda + ".")
        assert list(image.ubuntu) == sorted(image.ubuntu, key=Version, reverse=True)
        assert image.cudnn in ("-cudnn8-", "-cudnn9-", "-cudnn-")


@pytest.mark.parametrize("name", ["cuda", "drivers", "gpus", "torch", "tensorflow", "images"])
def test_tables_can_be_edited_by_hand(name):
    text = (DATA / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)
    assert "\t" not in text
    assert len(text) < 64_000


def test_every_source_is_used():
    for name in ("cuda", "drivers", "gpus", "torch", "tensorflow", "images"):
        text = (DATA / f"{name}.toml").read_text(encoding="utf-8")
        for source in re.findall(r"^\[sources\.'?([^\]']+)'?\]", text, re.MULTILINE):
            assert f"= '{source}'" in text, (name, source)


def test_reading_twice_gives_the_same_rows(compat):
    again = read_compat(DATA)
    for mine, theirs in itertools.zip_longest(rows(compat), rows(again)):
        assert mine == theirs
