"""Releases that no table has, worked out from real metadata: the tables are the proof."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import InvalidVersion

from envkit.compat import (
    WheelFile,
    derive_tensorflow,
    derive_torch,
    fitting_torch,
    kernel_for,
    tensorflow_release,
    torch_release,
)

PAGES = Path(__file__).parent / "pages"
DATE = "2026-12-23"
TABLE = ("default", "platforms", "pythons", "free_threaded", "fewer_pythons", "triton")


@pytest.fixture(scope="module")
def index():
    """Files of a recorded release, under its own or another version."""
    opened = json.loads((PAGES / "opened.json").read_text(encoding="utf-8"))

    def files(project, like, version=None, *, deep=False):
        page = json.loads((PAGES / f"{project}.json").read_text(encoding="utf-8"))
        found = []
        for name in (file["filename"] for file in page["files"]):
            if name.startswith(f"{project}-{like}-"):
                known = opened.get(name, {})
                found.append(
                    WheelFile(
                        name=name.replace(f"-{like}-", f"-{version or like}-", 1),
                        requires=tuple(known["requires"]) if known else None,
                        archs=tuple(known["archs"]) if deep and "archs" in known else None,
                    )
                )
        return found

    return files


@pytest.mark.parametrize("version", ["2.15.0", "2.14.1", "2.13.0", "2.12.1"])
def test_torch_metadata_gives_what_the_table_says(compat, index, version):
    row, found = (
        torch_release(compat, version),
        derive_torch(compat, version, index("torch", version), date=DATE),
    )
    assert {name: getattr(found, name) for name in TABLE} == {name: getattr(row, name) for name in TABLE}
    mine = {v.platform: v for v in row.variants if v.on_default_index}
    theirs = {v.platform: v for v in found.variants}
    assert mine.keys() == theirs.keys()
    for platform, variant in mine.items():
        for name in ("tag", "cudnn", "nccl", "glibc", "archs"):
            assert getattr(theirs[platform], name) == getattr(variant, name), (platform, name)


def test_a_release_of_no_table_is_marked_as_derived(compat, index):
    found = derive_torch(compat, "2.16.0", index("torch", "2.15.0", "2.16.0"), date=DATE)
    assert found.how_sure == "derived"
    assert found.provenance.date == DATE and "torch 2.16.0" in found.provenance.source
    assert all(variant.provenance.how == "derived" and not variant.verified for variant in found.variants)
    # A neighbour's companions would be a guess.
    assert found.torchvision is None and "torchvision" in found.claimed
    cuda = next(v for v in found.variants if v.platform == "linux-x86_64")
    assert (cuda.tag, cuda.archs_provenance.how) == ("cu132", "derived")
    assert "as torch 2.15.0 (cu132)" in cuda.archs_provenance.source
    assert kernel_for(cuda.archs, "9.0") == "cubin"


def test_a_derived_release_answers_the_same_questions(compat, index):
    found = derive_torch(compat, "2.16.0", index("torch", "2.15.0", "2.16.0"), date=DATE)
    with_it = replace(compat, torch=(found, *compat.torch))
    best = fitting_torch(with_it, driver="595.58.03", ccs=["9.0"], python="3.15", glibc="2.36")[0]
    assert (best.release.version, best.release.how_sure) == ("2.16.0", "derived")


def test_architectures_read_in_the_wheel_win(compat, index):
    found = derive_torch(compat, "2.16.0", index("torch", "2.15.0", "2.16.0", deep=True), date=DATE)
    cuda = next(v for v in found.variants if v.platform == "linux-aarch64")
    assert cuda.archs == ("sm_80", "sm_90", "sm_100", "sm_110", "sm_120")
    assert cuda.archs_provenance.source == "architecture list in the wheel of torch 2.16.0"


def test_a_cuda_that_no_release_had_yet_has_unknown_architectures(compat, index):
    files = [
        replace(f, requires=f.requires and tuple(r.replace("13.2.2", "13.4.1") for r in f.requires))
        for f in index("torch", "2.15.0", "2.16.0")
    ]
    found = derive_torch(compat, "2.16.0", files, date=DATE)
    assert found.default == "cu134"
    cuda = next(v for v in found.variants if v.platform == "linux-x86_64")
    assert cuda.archs is None and cuda.archs_provenance is None


def test_a_linux_file_whose_metadata_was_not_read_is_no_cpu_build(compat, index):
    files = [replace(file, requires=None) for file in index("torch", "2.15.0", "2.16.0")]
    found = derive_torch(compat, "2.16.0", files, date=DATE)
    assert {v.platform for v in found.variants} == {"macos-arm64"}
    assert derive_torch(compat, "2.16.0", [f for f in files if "macos" not in f.name], date=DATE) is None


def test_local_versions_name_the_build(compat):
    names = [
        *(f"torch-2.16.0+cu126-cp312-cp312-{end}.whl" for end in ("manylinux_2_28_x86_64", "win_amd64")),
        "torch-2.16.0+cpu-cp312-cp312-manylinux_2_28_aarch64.whl",
        "torch-2.16.0+rocm7.1-cp312-cp312-manylinux_2_28_x86_64.whl",
        "torch-2.15.0+cu126-cp312-cp312-win_amd64.whl",
        "torch-2.16.0-2-cp312-cp312-notaplatform.whl",
        "torchvision-2.16.0-cp312-cp312-win_amd64.whl",
        "torch-2.16.0.tar.gz",
        "garbage",
    ]
    found = derive_torch(compat, "2.16.0", [WheelFile(name=name) for name in names], date=DATE)
    assert {(v.tag, v.platform, v.on_default_index) for v in found.variants} == {
        ("cu126", "linux-x86_64", False),
        ("cu126", "windows", False),
        ("cpu", "linux-aarch64", False),
    }
    assert found.platforms == () and found.pythons == ("3.12",)


def test_old_requirements_and_file_names(compat):
    old = (
        'nvidia-cuda-runtime-cu12 (==12.1.105) ; platform_system == "Linux" and platform_machine == "x86_64"',
        'nvidia-cudnn-cu12 (==8.9.2.26) ; platform_system == "Linux" and platform_machine == "x86_64"',
        'triton (==2.2.0) ; platform_system == "Linux" and platform_machine == "x86_64"',
        "opt-einsum (>=3.3) ; extra == 'opt-einsum'",
        "not a requirement at all ===",
    )
    files = [
        WheelFile(name="torch-2.2.9-cp311-cp311-manylinux1_x86_64.whl", requires=old),
        WheelFile(name="torch-2.2.9-cp311-cp311-manylinux2014_aarch64.whl", requires=old),
        # The second build of a file: a name with six fields.
        WheelFile(name="torch-2.2.9-3-cp313-cp313t-manylinux1_x86_64.whl"),
    ]
    found = derive_torch(compat, "2.2.9", files, date=DATE)
    assert {(v.tag, v.platform, v.cudnn, v.glibc) for v in found.variants} == {
        ("cu121", "linux-x86_64", "8.9.2.26", "2.17"),
        ("cpu", "linux-aarch64", None, "2.17"),
    }
    assert (found.pythons, found.free_threaded, found.triton) == (("3.11",), ("3.13t",), "2.2.0")
    # The same minor is in the tables, so its companions are known, and claimed.
    assert found.torchvision == "0.17.2"


def test_nothing_comes_of_nothing(compat):
    assert derive_torch(compat, "2.16.0", [], date=DATE) is None
    assert derive_tensorflow(compat, "2.22.0", [], date=DATE) is None
    with pytest.raises(InvalidVersion):
        derive_torch(compat, "newest", [], date=DATE)


@pytest.mark.parametrize("version", ["2.21.0", "2.20.0", "2.19.1"])
def test_tensorflow_metadata_gives_what_the_table_says(compat, index, version):
    row = tensorflow_release(compat, version)
    found = derive_tensorflow(compat, version, index("tensorflow", version, deep=True), date=DATE)
    for name in (
        *("pythons", "platforms", "gpu_platforms", "cuda", "cudnn", "nccl", "and_cuda", "archs", "numpy"),
        *("keras", "protobuf", "tensorboard", "tf_keras", "glibc", "cpu_wheel"),
    ):
        assert getattr(found, name) == getattr(row, name), name
    assert found.provenance.how == found.build_provenance.how == found.archs_provenance.how == "derived"


def test_a_new_tensorflow_says_whose_architectures_it_lends(compat, index):
    found = derive_tensorflow(compat, "2.22.0", index("tensorflow", "2.21.0", "2.22.0"), date=DATE)
    assert found.archs == tensorflow_release(compat, "2.21").archs
    assert found.archs_provenance.source == "as tensorflow 2.21.0; not read"
    assert found.tf_keras is None
