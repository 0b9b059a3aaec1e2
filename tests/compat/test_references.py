"""Published figures: strict to load, and given only to the very device that they are of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envkit.compat.load import CompatDataError, load_compat
from envkit.compat.references import (
    Reference,
    datasheet_peak,
    elsewhere,
    load_references,
    precision_gain,
    read_references,
    references_for,
)

H100, H200, PCIE = "NVIDIA H100 80GB HBM3", "NVIDIA H200", "NVIDIA H100 PCIe"
GIB = 1 << 30
SOURCE = "[sources.x]\nsource = 'somebody'\ndate = '2026-11-22'\nhow = 'documented'\n"
ROW = """[[reference]]
what = 'a figure'
workload = 'cnn'
framework = 'torch'
devices = ['NVIDIA H100 80GB HBM3']
precisions = ['bf16']
value = 1
unit = 'samples/s'
comparable = 'close'
conditions = 'a machine'
source = 'x'
"""


def table(tmp_path: Path, text: str) -> tuple[Reference, ...]:
    (tmp_path / "references.toml").write_text(text)
    return read_references(tmp_path)


def test_every_row_is_of_devices_that_the_tables_have() -> None:
    known = {gpu.name for gpu in load_compat().gpus}
    found = load_references()
    assert len(found) > 40
    assert {name for row in found for name in row.devices} <= known
    for row in found:
        assert row.provenance.source and row.provenance.date
        assert row.conditions


def test_no_row_claims_more_than_the_datasheet() -> None:
    """Arithmetic and memory bandwidth above the peak are a slip of the pen."""
    gpus = {gpu.name: gpu for gpu in load_compat().gpus}
    checked = 0
    for row in load_references():
        for name in row.devices:
            gpu = gpus[name]
            if row.workload == "gemm":
                peak = max(getattr(gpu.peaks, precision) or 0 for precision in row.precisions)
                assert 0.5 * peak < row.value / 1e12 < peak, row
                checked += 1
            elif row.workload == "memory-bandwidth":
                assert gpu.bandwidth_gbs is not None
                assert 0.5 * gpu.bandwidth_gbs < row.value / 1e9 < gpu.bandwidth_gbs, row
                checked += 1
    assert checked >= 9


def test_an_h100_finds_its_figures() -> None:
    (gemm,) = references_for("gemm", "torch", "bf16", H100)
    assert (gemm.value, gemm.comparable) == (794.5e12, "same")
    assert references_for("gemm", "tensorflow", "bf16", H100) == (gemm,), "a matrix product has no framework"
    (memory,) = references_for("memory-bandwidth", "torch", None, H200)
    assert (memory.value, memory.comparable) == (3.11e12, "close")
    (resnet,) = references_for("resnet50", "torch", "fp16", H100)
    assert (resnet.value, resnet.comparable) == (2790, "order-of-magnitude")
    assert [row.value for row in references_for("resnet50", "torch", "tf32", H100)] == [1895]
    assert [row.value for row in references_for("resnet50", "torch", "bf16", H100, 8)] == [22071]
    assert references_for("resnet50", "torch", "bf16", PCIE)[0].value == 1976


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA H100 NVL", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA H100 96GB HBM3", "NVIDIA H100",
        "H100", "AMD EPYC 9B14", "cpu", "", "NVIDIA GeForce RTX 4090",
    ],
)  # fmt: skip
def test_another_device_gets_none(name: str) -> None:
    for workload in ("gemm", "resnet50", "memory-bandwidth"):
        assert references_for(workload, "torch", "bf16", name) == ()


def test_other_precisions_frameworks_and_numbers_get_none() -> None:
    assert references_for("resnet50", "torch", "fp32", H100) == ()
    assert references_for("resnet50", "tensorflow", "bf16", H100) == ()
    assert references_for("resnet50", "torch", "bf16", H100, 2) == ()
    assert references_for("mlp", "torch", "bf16", H100) == ()


def test_the_same_measurement_on_other_devices() -> None:
    (resnet,) = references_for("resnet50", "torch", "bf16", H100)
    others = {one.device: round(one.ratio, 2) for one in elsewhere(resnet)}
    assert others == {H200: 1.10, "NVIDIA B200": 1.10, PCIE: 0.71}
    assert [one.ratio for one in elsewhere(resnet)] == sorted(
        (o.ratio for o in elsewhere(resnet)), reverse=True
    )
    (dgx,) = references_for("resnet50", "torch", "tf32", "NVIDIA A100-SXM4-40GB")
    assert elsewhere(dgx) == (), "another publisher measured otherwise"


@pytest.mark.parametrize("name, memory", [(H100, 79.65), (H200, 139.8), (PCIE, 79.65)])
def test_the_peak_of_a_device_that_is_known_whole(name: str, memory: float) -> None:
    watts = {H100: 700, H200: 700, PCIE: 350}[name]
    peak = datasheet_peak(load_compat(), name, "bf16", memory=int(memory * GIB), power_limit=watts)
    assert peak is not None
    assert peak.flops == {H100: 989e12, H200: 989e12, PCIE: 756e12}[name]
    assert peak.form_factor == ("PCIe" if name == PCIE else "SXM")
    assert peak.provenance.how == "documented"


@pytest.mark.parametrize(
    "name, precision, memory, watts",
    [
        (H100, "bf16", 79.65, 500),  # a power cap
        (H100, "bf16", 94.5, 700),  # the 96 GB model
        (H100, "bf16", None, 700),
        (H100, "bf16", 79.65, None),
        (H100, "int4", 79.65, 700),
        ("NVIDIA H100", "bf16", 79.65, 700),
        ("NVIDIA H100 80GB HBM3 MIG 3g.40gb", "bf16", 79.65, 700),
        ("NVIDIA H100 NVL", "bf16", 94, 400),  # its peaks are from memory
        ("a GPU of tomorrow", "bf16", 79.65, 700),
    ],
)
def test_no_peak_rather_than_a_guess(
    name: str, precision: str, memory: float | None, watts: float | None
) -> None:
    size = None if memory is None else int(memory * GIB)
    assert datasheet_peak(load_compat(), name, precision, memory=size, power_limit=watts) is None


def test_what_another_precision_gives_by_the_datasheet() -> None:
    assert precision_gain(load_compat(), H100, "tf32", "bf16") == 2
    assert precision_gain(load_compat(), "cpu", "fp32", "bf16") is None


def test_a_good_table_is_read(tmp_path: Path) -> None:
    (row,) = table(tmp_path, SOURCE + ROW)
    assert (row.nproc, row.value, row.spread) == (1, 1.0, None)
    (row,) = table(
        tmp_path, SOURCE + ROW.replace("framework = 'torch'\n", "").replace("precisions = ['bf16']\n", "")
    )
    assert (row.framework, row.precisions) == (None, ())


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("value = 1", "value = 0", "value: a figure above zero is needed"),
        ("value = 1", "value = 'fast'", "value: expected a number"),
        ("value = 1\n", "", "value: a figure above zero is needed"),
        ("value = 1", "value = 1\nnproc = 0", "nproc: at least one is needed"),
        ("devices = ['NVIDIA H100 80GB HBM3']", "devices = []", "devices: at least one is needed"),
        ("'close'", "'very'", "comparable: 'very' is none of same, close, order-of-magnitude"),
        ("'samples/s'", "'images'", "unit: 'images' is none of"),
        ("['bf16']", "['int8']", "precisions"),
        ("'torch'", "'jax'", "framework: 'jax' is none of torch, tensorflow"),
        ("source = 'x'", "source = 'y'", "source: 'y' is not in [sources]"),
        ("source = 'x'\n", "", "source: missing key"),
        ("conditions = 'a machine'", "conditions = ''", "conditions: empty string"),
        ("comparable", "colour = 'red'\ncomparable", "colour: unknown key"),
    ],
)
def test_a_slip_in_the_table_names_itself(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in ROW
    with pytest.raises(CompatDataError) as error:
        table(tmp_path, SOURCE + ROW.replace(old, new))
    assert str(error.value).startswith("references.toml: reference[0] a figure: ")
    assert said in str(error.value)


def test_a_row_twice_and_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(CompatDataError, match="duplicate row"):
        table(tmp_path, SOURCE + ROW + ROW)
    with pytest.raises(CompatDataError, match=r"references\.toml: missing file"):
        read_references(tmp_path / "none")


def test_doctor_does_not_pay_for_it() -> None:
    """Neither the tables that doctor loads nor its rules bring the published figures along."""
    code = (
        "import sys, envkit.cli.doctor, envkit.doctor.judge\n"
        "from envkit.compat import load_compat\n"
        "load_compat()\n"
        "print('envkit.compat.references' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
