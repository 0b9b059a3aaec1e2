"""A table that is wrong stops the load and says where: through the code path that reads the real ones."""

import shutil
from importlib import resources

import pytest

from envkit.compat import CompatDataError, load_compat, read_compat

DATA = resources.files("envkit.compat") / "data"


@pytest.fixture
def tables(tmp_path):
    """A copy of the real tables, to be broken."""
    for source in DATA.iterdir():
        if source.name.endswith(".toml"):
            shutil.copy(str(source), tmp_path / source.name)
    return tmp_path


def edit(tables, name, old, new):
    path = tables / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} no longer has {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(tables, *words):
    with pytest.raises(CompatDataError) as caught:
        read_compat(tables)
    for word in words:
        assert word in str(caught.value)


def test_the_real_tables_load_once():
    assert load_compat() is load_compat()


def test_a_copy_loads(tables):
    assert len(read_compat(tables).torch) == len(load_compat().torch)


KEEP = "version = '12.6'\n"
UNKNOWN_KEYS = [
    ("cuda.toml", KEEP, KEEP + "dirver = '1'\n", "toolkit", "12.6", "dirver"),
    ("cuda.toml", "[[toolkit]]", "[extra]\na = 1\n[[toolkit]]", "extra"),
    ("drivers.toml", "number = 535\n", "number = 535\nend = '2026'\n", "535", "end"),
    (
        "drivers.toml",
        "[forward_compatibility]\n",
        "[forward_compatibility]\nx = 1\n",
        "forward_compatibility",
        "x",
    ),
    ("gpus.toml", "bf16 = 209.5,", "bf17 = 209.5,", "RTX 5090", "peaks", "bf17"),
    ("gpus.toml", "documented = { power_w", "documented = { colour", "documented", "colour"),
    ("gpus.toml", "vendor = 'nvidia'\n", "vendor = 'nvidia'\ncolour = 'green'\n", "group", "colour"),
    (
        "torch.toml",
        "{ tag = 'cu132',",
        "{ label = 'x', tag = 'cu132',",
        "2.15.0",
        "variants[0] cu132",
        "label",
    ),
    (
        "torch.toml",
        "default = { linux-x86_64",
        "default = { beos = 'cpu', linux-x86_64",
        "2.15.0",
        "default",
        "beos",
    ),
    ("tensorflow.toml", "build_source = 'tested'", "build_source = 'tested'\nkeres = '3'", "keres"),
    ("images.toml", "cuda = '12.6'\n", "cuda = '12.6'\nos = 'x'\n", "12.6", "os"),
    ("images.toml", "how = 'documented'\n", "how = 'documented'\nwho = 'me'\n", "sources", "who"),
]
MISSING_KEYS = [
    ("cuda.toml", KEEP, "", "toolkit[8]", "version", "missing key"),
    ("cuda.toml", "archs_source = 'ptxas'\n", "", "13.5", "archs_source"),
    ("drivers.toml", "linux = '580'\n", "", "floor[0] 13.0", "linux", "missing key"),
    ("drivers.toml", "last_for_source = 'debian-470'\n", "", "470", "last_for_source"),
    ("gpus.toml", "form_factor = 'PCIe', power_w = 575", "power_w = 575", "RTX 5090", "form_factor"),
    ("gpus.toml", "source = 'cuda-gpus'\ngpus", "gpus", "source", "missing key"),
    (
        "torch.toml",
        "claimed = ['torchcodec']\nsource = 'wheel'\n",
        "claimed = ['torchcodec']\n",
        "2.15.0",
        "source",
    ),
    (
        "torch.toml",
        "default = { linux-x86_64 = 'cu132', ",
        "default = { ",
        "2.15.0",
        "default",
        "linux-x86_64",
    ),
    ("tensorflow.toml", "cudnn = '9.3'\n", "", "2.21.0", "cudnn", "missing key"),
    ("images.toml", "cudnn = '-cudnn9-'\n", "", "12.3", "cudnn", "missing key"),
    ("images.toml", "date = '2026-11-22'\n", "", "sources", "date", "missing key"),
]
WRONG_TYPES = [
    ("cuda.toml", "archs = [75,", "archs = ['75',", "13.5", "archs", "'75'"),
    ("cuda.toml", "branch = 615", "branch = '615'", "13.4", "branch", "integer"),
    ("drivers.toml", "number = 615", "number = true", "branch[0]", "number", "integer"),
    ("drivers.toml", "kind = 'NFB'", "kind = 'BETA'", "610", "kind", "BETA"),
    ("drivers.toml", "linux = '525.60.13'", "linux = 'R525'", "12.0", "R525"),
    ("drivers.toml", "cuda_to = '12'", "cuda_to = '12.x'", "12.0", "range"),
    ("gpus.toml", "memory_gb = [32]", "memory_gb = 32", "memory_gb", "list"),
    ("gpus.toml", "cc = '12.0'", "cc = '120'", "cc", "120"),
    ("gpus.toml", "vendor = 'nvidia'", "vendor = 'nvidea'", "vendor", "nvidea"),
    ("gpus.toml", "power_w = 575", "power_w = '575 W'", "RTX 5090", "power_w", "number"),
    ("torch.toml", "platforms = ['linux-x86_64']", "platforms = ['linux']", "2.15.0", "platforms"),
    ("torch.toml", "version = '2.15.0'", "version = 2.15", "version", "string"),
    ("torch.toml", "version = '2.15.0'", "version = 'newest'", "version", "newest"),
    ("torch.toml", "'sm_75'", "'sm75'", "2.15.0", "archs", "sm75"),
    ("torch.toml", "{ tag = 'cpu',", "{ tag = 'cpu', archs = ['sm_80'], archs_source = 'wheel',", "archs"),
    ("tensorflow.toml", "version = '2.21.0'", "version = ''", "version", "empty"),
    ("images.toml", "date = '2026-11-22'", "date = 'yesterday'", "sources", "date", "yesterday"),
    ("images.toml", "how = 'documented'", "how = 'guessed'", "sources", "how", "guessed"),
    ("images.toml", "[[image]]", "[image]", "images.toml"),
    ("images.toml", "cuda = '12.6'", "cuda = 12.6", "image", "cuda", "string"),
]
DANGLING = [
    ("cuda.toml", "source = 'index'", "source = 'indx'", "13.5", "source", "indx"),
    ("cuda.toml", "branch = 615", "branch = 999", "13.4", "branch", "999"),
    ("drivers.toml", "'Maxwell', ", "'Maxwel', ", "580", "last_for", "Maxwel"),
    ("gpus.toml", "gpus = ['Quadro RTX 6000', ", "gpus = ['Quadro RTX 6001', ", "rtx6000", "Quadro RTX 6001"),
    ("torch.toml", "{ tag = 'cu126',", "{ tag = 'cu127',", "2.14.1", "cu127"),
    (
        "torch.toml",
        "default = { linux-x86_64 = 'cu132'",
        "default = { linux-x86_64 = 'cu126'",
        "2.15.0",
        "linux-x86_64",
    ),
    ("torch.toml", "archs_source = 'wheel-list'", "archs_source = 'wheel-lits'", "2.15.0", "wheel-lits"),
    ("tensorflow.toml", "cuda = '12.5'", "cuda = '12.7'", "2.21.0", "cuda", "12.7"),
    ("images.toml", "cuda = '12.6'", "cuda = '12.7'", "12.7"),
]
DUPLICATES = [
    ("cuda.toml", KEEP, "version = '12.5'\n", "toolkit", "12.5", "duplicate"),
    ("drivers.toml", "number = 595", "number = 580", "branch", "580", "duplicate"),
    ("drivers.toml", "cuda_from = '10.1'", "cuda_from = '10.2'", "floor", "10.2", "duplicate"),
    ("gpus.toml", "'NVIDIA GeForce RTX 5080'", "'NVIDIA GeForce RTX 5090'", "RTX 5090", "duplicate"),
    ("gpus.toml", "'rtx5080'", "'RTX-5090'", "rtx5090", "duplicate"),
    ("gpus.toml", "aliases = ['rtx5080', '5080']", "aliases = ['rtx5080', 'rtx6000']", "rtx6000"),
    ("gpus.toml", "aliases = ['rtx5080', '5080']", "aliases = ['5080', '5080']", "5080", "duplicate"),
    ("torch.toml", "version = '2.13.0'", "version = '2.14.0'", "torch", "(2, 14)", "duplicate"),
    ("torch.toml", "['linux-aarch64']", "['linux-x86_64']", "2.15.0", "cu132", "duplicate"),
    ("torch.toml", "'sm_75', 'sm_80'", "'sm_75', 'sm_75'", "archs", "duplicate"),
    ("tensorflow.toml", "version = '2.20.0'", "version = '2.21.1'", "(2, 21)", "duplicate"),
    ("images.toml", "cuda = '12.6'", "cuda = '12.5'", "image", "12.5", "duplicate"),
]  # fmt: skip


@pytest.mark.parametrize(
    "case",
    UNKNOWN_KEYS + MISSING_KEYS + WRONG_TYPES + DANGLING + DUPLICATES,
    ids=lambda case: " ".join((case[0], *case[3:])),
)
def test_what_is_wrong_names_file_row_and_key(tables, case):
    name, old, new, *words = case
    edit(tables, name, old, new)
    refused(tables, name, *words)


def test_a_missing_file(tables):
    (tables / "gpus.toml").unlink()
    refused(tables, "gpus.toml", "missing file")


def test_a_file_that_is_not_toml(tables):
    (tables / "gpus.toml").write_text("[[group", encoding="utf-8")
    refused(tables, "gpus.toml")
    (tables / "gpus.toml").write_bytes(b"\xff\xfe\x00")
    refused(tables, "gpus.toml")


def test_a_file_without_sources(tables):
    (tables / "images.toml").write_text("[[image]]\ncuda = '12.6'\n", encoding="utf-8")
    refused(tables, "images.toml", "sources", "missing key")
