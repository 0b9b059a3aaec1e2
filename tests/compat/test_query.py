"""Drivers, releases, and what fits a machine."""

import pytest

from envkit.compat import (
    base_image,
    cuda_range_for_driver,
    driver_can_jit,
    driver_floor,
    driver_meets,
    drivers_needed,
    fitting_torch,
    last_driver_branch,
    parse_cuda,
    tensorflow_release,
    toolkit,
    torch_release,
    version_key,
)


@pytest.mark.parametrize(
    ("text", "cuda"),
    [
        ("12.6", (12, 6)),
        ("12.6.85", (12, 6)),
        ("cu126", (12, 6)),
        ("cu118", (11, 8)),
        ("CU130", (13, 0)),
        ("+cu130", (13, 0)),
        ("13.0", (13, 0)),
        ("CUDA 11.8", (11, 8)),
        ("V12.4.131", (12, 4)),
        ("cu92", (9, 2)),
        ("12", None),
        ("cu12", None),
        ("cpu", None),
        ("", None),
        ("rocm6.2", None),
        (None, None),
    ],
)
def test_parse_cuda(text, cuda):
    assert parse_cuda(text) == cuda


def test_version_key():
    assert version_key("535.104.05") == (535, 104, 5)
    assert version_key("R615") == (615,)
    assert version_key("580") == (580,)
    assert version_key("470.82.01-server") == (470, 82, 1)
    assert version_key("560.35.03") < version_key("560.35.05") < version_key("570.26") < version_key("1000")
    with pytest.raises(ValueError, match="not a driver version"):
        version_key("unknown")


@pytest.mark.parametrize(
    ("driver", "floor", "meets"),
    [
        ("580.65.06", "580", True),
        ("580", "580", True),
        ("579.99", "580", False),
        ("525.60.13", "525.60.13", True),
        ("525.60.11", "525.60.13", False),
        ("R525", "525.60.13", True),
        ("515", "525.60.13", False),
        ("1000.1", "580", True),
    ],
)
def test_driver_meets(driver, floor, meets):
    assert driver_meets(driver, floor) is meets


@pytest.mark.parametrize(
    ("cuda", "platform", "floor"),
    [
        ("cu130", "linux", "580"),
        ("13.5", "linux-aarch64", "580"),
        ("13.9", "linux", "580"),
        ("12.0", "linux", "525.60.13"),
        ("cu126", "linux-x86_64", "525.60.13"),
        ("cu126", "windows", "528.33"),
        ("11.8", "linux", "450.80.02"),
        ("11.1", "linux", "450.80.02"),
        ("11.0", "linux", "450.36.06"),
        ((10, 2), "windows", "441.22"),
        ("9.2", "linux", None),
        ("14.0", "linux", None),
        ("11.9", "linux", None),
        ("nonsense", "linux", None),
    ],
)
def test_driver_floor(compat, cuda, platform, floor):
    assert driver_floor(compat, cuda, platform) == floor


@pytest.mark.parametrize(
    ("driver", "platform", "newest"),
    [
        ("615.40", "linux", "13.0"),
        ("580.65.06", "linux", "13.0"),
        ("575.57.08", "linux", "12.0"),
        ("535.104.05", "linux", "12.0"),
        ("525.60.13", "linux", "12.0"),
        ("527.41", "windows", "11.1"),
        ("470.256.02", "linux", "11.1"),
        ("450.51.06", "linux", "11.0"),
        ("440.33.01", "linux", "10.2"),
        ("390.157", "linux", None),
    ],
)
def test_cuda_range_for_driver(compat, driver, platform, newest):
    found = cuda_range_for_driver(compat, driver, platform)
    assert (found and found.cuda_from) == newest


def test_drivers_needed_names_floor_and_paired_driver(compat):
    needed = drivers_needed(compat, "cu126")
    assert (needed.cuda, needed.floor, needed.paired_ga, needed.paired_last) == (
        "12.6",
        "525.60.13",
        "560.28.03",
        "560.35.05",
    )
    assert drivers_needed(compat, "12.6", "windows").paired_last == "561.17"
    assert drivers_needed(compat, "13.4").branch == 615
    unknown = drivers_needed(compat, "12.7")
    assert (unknown.floor, unknown.paired_ga) == ("525.60.13", None)


def test_ptx_needs_the_paired_driver(compat):
    assert driver_can_jit(compat, "535.104.05", "12.6") is False
    assert driver_can_jit(compat, "560.28.03", "12.6") is True
    assert driver_can_jit(compat, "610.43.02", "13.4") is False
    assert driver_can_jit(compat, "615.36.01", "13.4") is True
    assert driver_can_jit(compat, "615.36.01", "13.5") is None


@pytest.mark.parametrize(
    ("cc", "number"),
    [("3.5", 470), ("5.2", 580), ("6.1", 580), ("7.0", 580), ("7.5", None), ("9.0", None), ("99.9", None)],
)
def test_last_driver_branch(compat, cc, number):
    found = last_driver_branch(compat, cc)
    assert (found and found.number) == number


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.14.1", "2.14.1"),
        ("2.14.1+cu126", "2.14.1"),
        ("2.14.0", "2.14.1"),
        ("2.10", "2.10.0"),
        ("2.1", "2.1.2"),
        ("2.7.0a0+ecf3bae40a.nv25.02", "2.7.1"),
        ("2.16.0.dev20261101", None),
        ("1.12.1", None),
        ("latest", None),
    ],
)
def test_torch_release(compat, text, version):
    found = torch_release(compat, text)
    assert (found and found.version) == version


def test_tensorflow_release(compat):
    assert tensorflow_release(compat, "2.17.0").version == "2.17.1"
    assert tensorflow_release(compat, "2.21").pythons == ("3.10", "3.11", "3.12", "3.13")
    assert tensorflow_release(compat, "3.0") is None


def test_toolkit_and_image(compat):
    assert toolkit(compat, "cu128").archs[-1] == 120
    assert toolkit(compat, "12.7") is None
    assert base_image(compat, "12.6").cudnn == "-cudnn-"
    assert base_image(compat, "cu121").cudnn == "-cudnn8-"
    assert base_image(compat, "13.2").ubuntu == ("24.04", "22.04")
    assert base_image(compat, "12.7") is None


FITS = [
    # driver, compute capabilities, options, version, tag
    ("580.95.05", ["9.0"], {}, "2.15.0", "cu132"),
    ("580.95.05", ["12.0"], {}, "2.15.0", "cu132"),
    ("580.95.05", ["6.1"], {}, "2.14.1", "cu126"),
    ("580.95.05", ["7.0"], {}, "2.14.1", "cu126"),
    ("580.95.05", ["7.5"], {}, "2.15.0", "cu132"),
    ("535.104.05", ["8.0"], {}, "2.14.1", "cu126"),
    ("535.104.05", ["8.9", "8.6"], {}, "2.14.1", "cu126"),
    ("575.57.08", ["12.0"], {}, "2.11.0", "cu129"),
    ("570.26", ["12.0"], {"python": "3.9"}, "2.8.0", "cu128"),
    ("470.256.02", ["8.0"], {}, "2.7.1", "cu118"),
    ("470.256.02", ["3.7"], {}, "2.7.1", "cu118"),
    ("450.80.02", ["7.0"], {}, "2.7.1", "cu118"),
    ("580.95.05", ["6.1", "8.6"], {}, "2.14.1", "cu126"),
    ("580.95.05", ["9.0"], {"python": "3.10"}, "2.14.1", "cu130"),
    ("580.95.05", ["9.0"], {"python": "3.9.18"}, "2.8.0", "cu128"),
    ("580.95.05", ["9.0"], {"python": "3.15t"}, "2.15.0", "cu132"),
    ("580.95.05", ["9.0"], {"python": "3.13t"}, "2.11.0", "cu130"),
    ("580.95.05", ["9.0"], {"glibc": "2.27"}, "2.6.0", "cu124"),
    ("580.95.05", ["9.0"], {"glibc": "2.28"}, "2.15.0", "cu132"),
    ("580.95.05", ["11.0"], {"platform": "linux-aarch64"}, "2.15.0", "cu132"),
    ("570.26", ["12.1"], {"platform": "linux-aarch64"}, "2.11.0", "cu128"),
    ("580.95", ["6.1"], {"platform": "windows"}, "2.14.1", "cu126"),
    (None, ["9.0"], {}, "2.15.0", "cu132"),
    (None, ["5.2"], {}, "2.14.1", "cu126"),
    (None, [], {}, "2.15.0", "cpu"),
    ("535.104.05", [], {"python": "3.12"}, "2.15.0", "cpu"),
]


@pytest.mark.parametrize(("driver", "ccs", "options", "version", "tag"), FITS)
def test_the_newest_torch_that_fits(compat, driver, ccs, options, version, tag):
    best = fitting_torch(compat, driver=driver, ccs=ccs, **options)[0]
    assert (best.release.version, best.variant.tag) == (version, tag)


@pytest.mark.parametrize(
    ("driver", "ccs", "options"),
    [
        ("440.33", ["7.0"], {}),  # older than any floor of a build listed here
        ("535.104.05", ["12.0"], {"python": "3.15"}),
        ("580.95.05", ["6.1", "12.0"], {}),  # no one build carries Pascal and Blackwell
        ("470.256.02", ["9.0"], {"platform": "macos-arm64"}),
        ("580.95.05", ["9.0"], {"glibc": "2.12"}),
        ("580.95.05", ["3.0"], {}),
        ("580.95.05", ["11.0"], {}),  # Thor is aarch64 only
    ],
)
def test_nothing_fits(compat, driver, ccs, options):
    assert fitting_torch(compat, driver=driver, ccs=ccs, **options) == ()


def test_pascal_and_blackwell_on_windows_share_cu128_of_2_8(compat):
    """Windows builds carried sm_61 and sm_120 together for two releases; Linux ones never did."""
    best = fitting_torch(compat, driver="580.95", ccs=["6.1", "12.0"], platform="windows")[0]
    assert (best.release.version, best.variant.tag) == ("2.8.0", "cu128")


def test_choices_come_newest_first_as_versions_not_as_text(compat):
    choices = fitting_torch(compat, driver="580.95.05", ccs=["8.0"])
    minors = list(dict.fromkeys(choice.release.version.rsplit(".", 1)[0] for choice in choices))
    assert minors[:7] == ["2.15", "2.14", "2.13", "2.12", "2.11", "2.10", "2.9"]
    of_2_14 = [choice.variant.tag for choice in choices if choice.release.version == "2.14.1"]
    assert of_2_14 == ["cu130", "cu132", "cu126"]


def test_a_choice_gives_the_words_of_the_fix(compat):
    pascal = fitting_torch(compat, driver="580.95.05", ccs=["6.1"])[0]
    assert pascal.requirement == "torch==2.14.1"
    assert pascal.index_url == "https://download.pytorch.org/whl/cu126"
    assert pascal.kernels == (("6.1", "cubin"),)
    assert fitting_torch(compat, driver="580.95.05", ccs=["9.0"])[0].index_url is None
    cpu = fitting_torch(compat, driver=None, ccs=[])[0]
    assert cpu.index_url == "https://download.pytorch.org/whl/cpu"
    windows = fitting_torch(compat, driver="580.95", ccs=["8.6"], platform="windows")[0]
    assert windows.index_url is not None


def test_ptx_builds_are_offered_only_to_drivers_that_compile_them(compat):
    """A GPU after 12.x has only compute_120 in these builds, and 580.65.06 is the driver of CUDA 13.0."""

    def tags(driver):
        found = fitting_torch(compat, driver=driver, ccs=["13.0"])
        assert {choice.kernels for choice in found} == {(("13.0", "ptx"),)}
        return {choice.variant.tag for choice in found}

    assert tags("580.64") == {"cu128", "cu129"}
    assert tags("580.65.06") == {"cu128", "cu129", "cu130"}
    assert tags("595.45.04") == {"cu128", "cu129", "cu130", "cu132"}
    assert fitting_torch(compat, driver="535.104.05", ccs=["13.0"]) == ()


def test_wrong_inputs_are_errors(compat):
    with pytest.raises(ValueError, match="not a driver version"):
        fitting_torch(compat, driver="newest", ccs=["8.0"])
    with pytest.raises(ValueError, match="not a compute capability"):
        fitting_torch(compat, driver="580", ccs=["Ampere"])
