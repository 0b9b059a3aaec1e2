"""The tables of `build`: what they must say of each other and of the other tables."""

import datetime
import re
import shutil
from importlib import resources

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envkit.compat import (
    CompatDataError,
    companion,
    conda_builds,
    download_size,
    driver_floor,
    extra_names,
    extra_rule,
    load_compat,
    parse_arch,
    parse_cuda,
    python_image,
    read_compat,
    system_image,
    tensorflow_exact,
    tensorflow_release,
    tool_pin,
    toolkit,
    torch_exact,
    torch_release,
)

DATA = resources.files("envkit.compat") / "data"
TABLES = ("wheels", "companions", "extras", "conda", "bases")
PYTHON = re.compile(r"3\.\d+t?")


@pytest.fixture(scope="module")
def catalog():
    return load_compat().catalog


def rows(catalog):
    yield from catalog.wheels
    yield from catalog.companions
    yield from (rule for extra in catalog.extras for rule in extra.rules)
    yield from catalog.conda
    yield from catalog.conda_cuda
    yield from catalog.systems
    yield from catalog.pythons
    yield from catalog.tools


def test_the_catalogue_is_read_once_and_only_when_asked_for(tmp_path):
    for source in DATA.iterdir():
        if source.name.endswith(".toml"):
            shutil.copy(str(source), tmp_path / source.name)
    compat = read_compat(tmp_path)
    (tmp_path / "conda.toml").write_text("broken", encoding="utf-8")
    with pytest.raises(CompatDataError, match=r"conda\.toml"):
        _ = compat.catalog
    assert load_compat().catalog is load_compat().catalog


def test_every_row_says_where_when_and_how_surely(catalog):
    for row in rows(catalog):
        assert row.provenance.source
        assert datetime.date.fromisoformat(row.provenance.date)
        assert row.provenance.how in ("measured", "documented", "claimed")


@pytest.mark.parametrize("name", TABLES)
def test_tables_can_be_edited_by_hand(name):
    text = (DATA / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)
    assert len(text) < 64_000
    for source in re.findall(r"^\[sources\.'?([^\]']+)'?\]", text, re.MULTILINE):
        assert f"= '{source}'" in text, source


def test_a_wheel_set_is_a_build_of_the_framework_tables(compat, catalog):
    for row in catalog.wheels:
        assert row.tag == "cpu" or toolkit(compat, row.tag), row
        if row.framework == "torch":
            builds = {(v.tag, v.platform) for v in torch_exact(compat, row.version).variants}
            assert (row.tag, row.platform) in builds, row
        else:
            release = tensorflow_exact(compat, row.version)
            assert row.platform in release.platforms
            assert row.tag in ("cpu", "cu" + release.cuda.replace(".", ""))
        assert row.wheel_bytes < row.installed_bytes, row
        assert row.cuda_bytes <= row.cuda_installed_bytes
        for requirement in row.requires:
            assert Requirement(requirement).name.startswith(("nvidia-", "cuda-", "triton"))


def test_every_default_linux_build_has_its_size(compat, catalog):
    have = {(row.version, row.tag, row.platform) for row in catalog.wheels if row.framework == "torch"}
    for release in compat.torch:
        for variant in release.variants:
            if variant.on_default_index and variant.platform.startswith("linux"):
                assert (release.version, variant.tag, variant.platform) in have


def test_required_wheels_agree_with_the_columns_of_the_torch_table(compat, catalog):
    checked = 0
    for row in catalog.wheels:
        if row.framework != "torch" or not row.requires:
            continue
        variant = next(
            v
            for v in torch_exact(compat, row.version).variants
            if (v.tag, v.platform) == (row.tag, row.platform)
        )
        pins = {Requirement(r).name: str(Requirement(r).specifier) for r in row.requires}
        for name, specifier in pins.items():
            if name.startswith("nvidia-cudnn"):
                assert specifier == f"=={variant.cudnn}"
                checked += 1
            if name.startswith("nvidia-nccl"):
                assert specifier == f"=={variant.nccl}"
            if name == "cuda-toolkit" or name.startswith("nvidia-cuda-runtime"):
                assert parse_cuda(specifier.removeprefix("==")) == parse_cuda(row.tag)
            if name == "triton":
                triton = torch_exact(compat, row.version).triton
                assert SpecifierSet(specifier).contains(triton)
    assert checked >= 20


def test_gpu_builds_are_large_and_cpu_builds_need_nothing(catalog):
    for row in catalog.wheels:
        if row.tag == "cpu":
            assert not row.requires
            assert row.download_bytes < 0.4e9
        elif row.requires:
            assert 1.5e9 < row.download_bytes < 5e9, row


def test_every_companion_of_the_torch_table_has_its_row(compat, catalog):
    for release in compat.torch:
        for exact in (release, *(torch_exact(compat, patch.version) for patch in release.older)):
            for name in ("torchvision", "torchaudio", "torchcodec"):
                version = getattr(exact, name)
                row = version and companion(catalog, name, version)
                assert version is None or row is not None, (exact.version, name, version)
                if row and row.torch:
                    assert SpecifierSet(row.torch).contains(exact.version), (exact.version, name, version)
                if row and exact is release:
                    reaches = row.pythons_on("linux-x86_64")
                    assert reaches is None or set(reaches) & set(release.pythons)


def test_companion_pythons(catalog):
    vision = companion(catalog, "torchvision", "0.29.2")
    assert vision.pythons_on("linux-x86_64") is None and vision.requires_python == ">=3.10,!=3.14.1"
    assert vision.pythons_on("macos-x86_64") == ()
    codec = companion(catalog, "torchcodec", "0.17.0")
    assert codec.torch is None
    assert "3.14t" in codec.pythons_on("linux-x86_64") and "3.15" not in codec.pythons_on("linux-x86_64")
    assert "3.14t" not in codec.pythons_on("windows")
    assert companion(catalog, "torchaudio", "2.11.0").torch is None
    assert companion(catalog, "torchaudio", "2.12.0") is None
    for row in catalog.companions:
        for platform in row.platforms:
            assert all(PYTHON.fullmatch(python) for python in row.pythons_on(platform) or ())


def test_every_release_has_one_rule_for_every_extra(compat, catalog):
    assert set(extra_names(catalog)) == {
        *("jupyter", "tensorboard", "transformers", "accelerate", "lightning"),
        *("torchvision", "torchaudio", "torchcodec", "torch-geometric", "keras"),
    }
    releases = [("torch", row.version) for row in compat.torch]
    releases += [("tensorflow", row.version) for row in compat.tensorflow]
    for extra in catalog.extras:
        for framework, version in releases:
            found = [
                rule
                for rule in extra.rules
                if rule.framework == framework
                and (rule.since is None or Version(rule.since) <= Version(version))
                and (rule.below is None or Version(version) < Version(rule.below))
            ]
            assert len(found) == 1, (extra.name, framework, version)
            assert extra_rule(catalog, extra.name, framework, version) is found[0]


def test_a_companion_rule_has_a_version_in_the_frameworks_row(compat, catalog):
    for extra in catalog.extras:
        for release in compat.torch:
            rule = extra_rule(catalog, extra.name, "torch", release.version)
            if rule.companion:
                assert getattr(release, extra.name), (extra.name, release.version)
            elif extra.name in ("torchvision", "torchaudio", "torchcodec"):
                assert getattr(release, extra.name) is None and rule.refused
        for release in compat.tensorflow:
            if extra_rule(catalog, extra.name, "tensorflow", release.version).companion:
                assert SpecifierSet(getattr(release, extra.name))


@pytest.mark.parametrize(
    ("name", "framework", "version", "expected"),
    [
        ("transformers", "torch", "2.15.0", "transformers>=4.48"),
        ("transformers", "torch", "2.5.1+cu124", "transformers>=4.46,<5.20"),
        ("transformers", "torch", "2.1.2", "transformers>=4.35,<4.56"),
        ("transformers", "torch", "1.13.1", "transformers>=4.26,<4.48"),
        ("transformers", "tensorflow", "2.21.0", "transformers>=4.40,<5"),
        ("lightning", "torch", "2.0.1", "lightning>=2.0,<2.4"),
        ("jupyter", "tensorflow", "2.15.1", "jupyterlab>=4"),
    ],
)
def test_extra_rule(catalog, name, framework, version, expected):
    assert extra_rule(catalog, name, framework, version).requirements[0] == expected


def test_extras_that_cannot_be_had_say_why(catalog):
    gone = extra_rule(catalog, "torchaudio", "torch", "2.15.0")
    assert gone.refused and "2.11.0" in gone.reason
    assert extra_rule(catalog, "lightning", "tensorflow", "2.21.0").refused
    assert extra_rule(catalog, "nonsense", "torch", "2.15.0") is None


def test_conda_builds_carry_only_what_their_toolkit_can_target(compat, catalog):
    virtual = {row.cuda: row.virtual_cuda for row in catalog.conda_cuda}
    checked = 0
    for row in catalog.conda:
        Version(row.version)
        assert row.pythons and all(PYTHON.fullmatch(python) for python in row.pythons)
        assert (row.cuda is None) == (row.build == "cpu*") == (row.tag == "cpu")
        if row.cuda is None:
            assert row.archs == () and not row.needs_cuda
            continue
        assert virtual[row.cuda] == f">={row.cuda_major}"
        targets = toolkit(compat, row.cuda)
        assert targets is not None, row.cuda
        assert driver_floor(compat, row.cuda) is not None
        for arch in row.archs or ():
            number = int(re.sub(r"\D", "", arch))
            assert targets.archs is None or number in targets.archs, (row.version, row.cuda, arch)
            assert parse_arch(arch)
            checked += 1
    assert checked > 300


def test_conda_builds_newest_first(catalog):
    found = conda_builds(catalog, "torch", "linux-64")
    assert [(row.version, row.tag) for row in found[:3]] == [
        ("2.13.0", "cu130"),
        ("2.13.0", "cu129"),
        ("2.13.0", "cpu"),
    ]
    # What no wheel of that age offers any more: Pascal beside Blackwell.
    assert {"sm_60", "sm_120"} <= set(found[1].archs)
    assert found[0].glibc == "2.28" and found[0].needs_cuda and found[0].build == "cuda130*"
    tegra = [row for row in conda_builds(catalog, "torch", "linux-aarch64") if row.arm_variant == "tegra"]
    assert tegra[0].archs == ("sm_87", "compute_87")
    assert conda_builds(catalog, "tensorflow", "linux-64")[0].version == "2.19.1"
    assert conda_builds(catalog, "tensorflow", "win-64") == ()


def test_images(catalog):
    assert system_image(catalog, "ubuntu:24.04").python == "3.12"
    assert system_image(catalog, "debian:bookworm").libc_version == "2.36"
    assert system_image(catalog, "alpine:3.22").libc == "musl"
    assert system_image(catalog, "beos:5") is None
    assert python_image(catalog, "3.15").debian[0] == "trixie"
    assert python_image(catalog, "3.14t") is None
    assert Version(tool_pin(catalog, "uv").version) >= Version("0.13")


def test_images_that_plans_name_are_systems(compat, catalog):
    for image in compat.images:
        for ubuntu in image.ubuntu:
            assert ubuntu == "16.04" or system_image(catalog, f"ubuntu:{ubuntu}"), ubuntu
    pythons = {row.python for row in catalog.pythons}
    for release in (*compat.torch, *compat.tensorflow):
        assert set(release.pythons) <= pythons


def test_download_size_of_a_measured_build(catalog):
    found = download_size(catalog, "torch", "2.15.0", "cu132", "linux-x86_64")
    assert found.how == "measured"
    assert 3.0e9 < found.download_bytes < 3.3e9 < found.installed_bytes
    cpu = download_size(catalog, "tensorflow", "2.21.0", "cpu", "linux-x86_64")
    assert 0.25e9 < cpu.download_bytes < 0.3e9


def test_download_size_of_an_unmeasured_build_names_its_neighbour(catalog):
    found = download_size(catalog, "torch", "2.14.1", "cu126", "linux-x86_64")
    assert (found.how, found.basis) == ("claimed", "torch 2.7.1 (cu126, linux-x86_64)")
    found = download_size(catalog, "torch", "2.11.0", "cu129", "linux-x86_64")
    assert found.basis == "torch 2.10.0 (cu128, linux-x86_64)"
    found = download_size(catalog, "torch", "2.15.0", "cpu", "linux-x86_64")
    assert found.basis == "torch 2.13.0 (cpu, linux-x86_64)"
    assert download_size(catalog, "torch", "2.15.0", "cu132", "windows") is None
    assert download_size(catalog, "torch", "newest", "cu126", "linux-x86_64") is None


def test_exact_releases(compat):
    assert torch_exact(compat, "2.14.1+cu126") is torch_release(compat, "2.14.1")
    older = torch_exact(compat, "2.12.0")
    assert (older.version, older.triton, older.torchvision) == ("2.12.0", "3.7.0", "0.27.0")
    assert older.free_threaded == ("3.13t", "3.14t") and older.torchcodec == "0.16.0"
    assert older.variants == torch_release(compat, "2.12").variants
    assert torch_exact(compat, "2.14.7") is None
    assert torch_exact(compat, "2.16.0") is None
    assert tensorflow_exact(compat, "2.21.0") is tensorflow_release(compat, "2.21")
    assert tensorflow_exact(compat, "2.21.3") is None


def test_driver_branches_report_the_cuda_of_the_toolkits_paired_with_them(compat):
    known = {row.number: row for row in compat.branches}
    for row in compat.toolkits:
        number = row.branch or (row.linux_ga and int(row.linux_ga.split(".")[0]))
        if number:
            assert known[number].cuda == row.version
    assert known[565].cuda == "12.7" and toolkit(compat, "12.7") is None
    for branch in compat.branches:
        assert branch.max_cuda_major is None or parse_cuda(branch.cuda)[0] == branch.max_cuda_major


def test_toolkits_name_their_wheels(compat):
    for row in compat.toolkits:
        major = int(row.version.split(".")[0])
        assert row.wheels in ("none", "plain" if major >= 13 else f"cu{major}")
        assert row.latest is None or row.latest.startswith(row.version + ".")
        assert (row.gcc_max is None) == (row.gcc_provenance is None)
        assert (row.glibc is None) == (row.glibc_provenance is None)
        assert row.archs is None or row.ptx[0] == f"compute_{row.archs[0]}"
    assert toolkit(compat, "13.2").sass[0] == "sm_75"
    assert toolkit(compat, "10.2").sass is None


BREAKS = [
    ("wheels.toml", "tag = 'cu132'", "tag = 'cu132'\nlabel = 1", "label", "unknown key"),
    ("wheels.toml", "'triton~=3.9.0'", "'triton~~3.9.0'", "requires", "not a requirement"),
    ("wheels.toml", "version = '2.15.0'", "version = 'newest'", "version", "not a version"),
    ("wheels.toml", "source = 'cpu-wheel'", "source = 'cpu-weel'", "source", "cpu-weel"),
    ("wheels.toml", "tag = 'cu132'", "tag = 'cu127'", "cu127"),
    ("conda.toml", "cuda = '12.9', pythons", "cuda = '12.7', pythons", "12.7"),
    ("torch.toml", "torchvision = '0.28.0'", "torchvision = '0.28.9'", "2.13.0", "0.28.9"),
    ("companions.toml", "torch = '==2.13.0'", "torch = '=2.13.0'", "torch", "not a version specifier"),
    ("companions.toml", "name = 'torchvision'\n", "", "name", "missing key"),
    ("extras.toml", "companion = true,", "companion = 1,", "companion", "true or false"),
    ("extras.toml", "reason = 'is made for torch', ", "", "reason", "missing key"),
    ("extras.toml", "name = 'keras'", "name = 'tensorboard'", "tensorboard", "duplicate"),
    ("conda.toml", "archs = ['sm_75'", "archs = ['sm75'", "archs", "sm75"),
    ("conda.toml", "needs_cuda = true", "needs_cuda = 'yes'", "needs_cuda", "true or false"),
    ("bases.toml", "debian = ['trixie'", "debian = ['sid'", "debian", "sid"),
    ("bases.toml", "gcc = 14", "gcc = '14'", "gcc", "an integer"),
]


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: " ".join((case[0], *case[3:])))
def test_what_is_wrong_names_file_and_key(tmp_path, case):
    name, old, new, *words = case
    for source in DATA.iterdir():
        if source.name.endswith(".toml"):
            shutil.copy(str(source), tmp_path / source.name)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    compat = read_compat(tmp_path)
    with pytest.raises(CompatDataError) as caught:
        _ = compat.catalog
    for word in (name, *words):
        assert word in str(caught.value)
