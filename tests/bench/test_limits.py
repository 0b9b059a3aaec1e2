"""Which ceiling bounds what, shares of it, and the datasheet's peak, from values made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.bench.limits import bounding, ceilings, mfu, power_limit, reached
from envkit.bench.samples import Device, Limit, Options, ProcessSamples, Run
from envkit.compat import load_compat
from envkit.target.conditions import Conditions, GpuFacts, GpuMoment, Moment

COMPAT = load_compat()
GIB = 1 << 30
SXM = Device(kind="cuda", name="NVIDIA H100 80GB HBM3", index=0, uuid="GPU-1", memory=85_029_158_912)
PCIE = Device(kind="cuda", name="NVIDIA H100 PCIe", index=0, memory=85_024_112_640)
NVL = Device(kind="cuda", name="NVIDIA H100 NVL", index=0, memory=99_851_436_032)


def a_run(workload: str = "transformer", *, precision: str = "bf16", flops: float | None = 4e9) -> Run:
    """100 steps of 10 ms."""
    return Run(
        workload=workload,
        batch_size=8,
        items=1000,
        unit="tokens",
        options=Options(framework="torch", device="cuda", precision=precision),
        flops=flops,
        steps=100,
        seconds=1.0,
        began=10.0,
        ended=11.0,
    )


def gemm(rate: float, precision: str = "bf16", shape: str = "8192x8192x8192") -> Limit:
    return Limit(
        what="gemm", unit="FLOP/s", precision=precision, shape=shape, samples=(rate, rate * 1.1, rate * 0.9)
    )


def bandwidth(rate: float) -> Limit:
    return Limit(what="memory-bandwidth", unit="B/s", samples=(rate,))


def process(*limits: Limit) -> ProcessSamples:
    return ProcessSamples(arm="A", number=0, began=0.0, ended=1.0, how="done", limits=limits)


def test_training_is_bound_by_matrix_products_in_its_own_precision() -> None:
    found = bounding(a_run(), (bandwidth(1e12), gemm(2e12, "fp32"), gemm(8e11)))
    assert found is not None
    assert (found.limit.what, found.limit.precision) == ("gemm", "bf16")
    assert found.ceiling == 8e11
    assert found.reached == pytest.approx(4e11)
    assert found.share == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("run", "limits"),
    [
        (a_run(), (gemm(8e11, "fp32"),)),
        (a_run(), (bandwidth(1e12),)),
        (a_run(), ()),
        (a_run(flops=None), (gemm(8e11),)),
        (a_run("dataloader"), (gemm(8e11), bandwidth(1e12))),
        (replace(a_run(), steps=0), (gemm(8e11),)),
        (a_run(), (replace(gemm(8e11), samples=()),)),
    ],
)
def test_without_the_right_ceiling_there_is_none(run: Run, limits: tuple[Limit, ...]) -> None:
    assert bounding(run, limits) is None
    assert reached([(run, limits)]).ceiling is None


def test_copies_are_bound_by_the_memory_and_reductions_by_the_links() -> None:
    copies = bounding(a_run("memcpy", flops=None), (gemm(8e11), bandwidth(2e5)))
    assert copies is not None and copies.share == pytest.approx(0.5)
    links = Limit(what="allreduce", unit="B/s", samples=(4e5,))
    sums = bounding(a_run("allreduce", flops=None), (bandwidth(2e5), links))
    assert sums is not None and sums.share == pytest.approx(0.25)


def test_the_share_is_of_the_ceiling_of_the_same_process() -> None:
    """The machine was half as fast for the second process: its ceiling says so, and the share stays."""
    slow = replace(a_run(), seconds=2.0)
    found = reached([(a_run(), (gemm(8e11),)), (slow, (gemm(4e11),)), (a_run(), (gemm(8e11),))])
    assert found.ceiling is not None
    assert found.ceiling.share == pytest.approx(0.5)
    assert found.ceiling.value.median == 8e11
    assert (found.ceiling.value.low, found.ceiling.value.unit) == (None, "FLOP/s")


def test_a_share_is_never_above_1() -> None:
    just = reached([(a_run(), (gemm(3.9e11),))])
    assert just.ceiling is not None and just.ceiling.share == 1.0 and just.note == ""
    disturbed = reached([(a_run(), (gemm(2e11),))])
    assert disturbed.ceiling is not None and disturbed.ceiling.share is None
    assert disturbed.note.startswith("it reached 2.00 times the measured gemm ceiling")


def test_ceilings_are_medians_over_processes_whatever_shape_was_best() -> None:
    found = ceilings(
        [
            process(gemm(1e12), bandwidth(5e9)),
            process(gemm(3e12, shape="4096x4096x4096"), bandwidth(7e9)),
            process(gemm(2e12)),
        ]
    )
    assert [(one.what, one.value.median, one.shape) for one in found] == [
        ("gemm", 2e12, "8192x8192x8192"),
        ("memory-bandwidth", 6e9, ""),
    ]


def test_mfu_takes_the_peak_of_the_form_factor() -> None:
    """The same silicon is sold with 989 and with 756 TFLOP/s."""
    sxm, pcie = mfu(378e12, "bf16", SXM, 700.0, COMPAT), mfu(378e12, "bf16", PCIE, 350.0, COMPAT)
    assert sxm.value == pytest.approx(378 / 989)
    assert pcie.value == pytest.approx(378 / 756)
    assert mfu(378e12, "tf32", SXM, 700.0, COMPAT).value == pytest.approx(378 / 494.5)
    assert sxm.note == pcie.note == ""


@pytest.mark.parametrize(
    ("device", "watts", "why"),
    [
        (SXM, 500.0, "none is known for a NVIDIA H100 80GB HBM3 with 85 GB and a power limit of 500 W"),
        (SXM, None, "the power limit of NVIDIA H100 80GB HBM3 was not read"),
        (replace(SXM, memory=None), 700.0, "the memory of NVIDIA H100 80GB HBM3 was not read"),
        (replace(SXM, memory=96 * GIB), 700.0, "with 103 GB"),
        (replace(SXM, name="NVIDIA H100 80GB HBM3 MIG 1g.10gb", memory=10 * GIB), 700.0, "MIG 1g.10gb"),
        (replace(SXM, name="NVIDIA H100"), 700.0, "none is known for a NVIDIA H100 "),
        (replace(SXM, name="NVIDIA X9000"), 700.0, "none is known for a NVIDIA X9000"),
        (NVL, 400.0, "none is known for a NVIDIA H100 NVL"),  # nobody has read its figures in a source
    ],
)
def test_no_mfu_rather_than_a_guess(device: Device, watts: float | None, why: str) -> None:
    found = mfu(100e12, "bf16", device, watts, COMPAT)
    assert found.value is None
    assert why in found.note


def test_mfu_is_never_above_1() -> None:
    found = mfu(800e12, "bf16", PCIE, 350.0, COMPAT)
    assert found.value is None
    assert found.note.startswith("106 % of the datasheet's peak of the NVIDIA H100 PCIe (PCIe) cannot be")


def test_a_cpu_has_no_datasheet_and_needs_no_excuse() -> None:
    found = mfu(1e11, "fp32", Device(kind="cpu", name="some CPU"), None, COMPAT)
    assert (found.value, found.note) == (None, "")
    assert mfu(None, "bf16", SXM, 700.0, COMPAT).note == ""


def conditions(*watts: tuple[float, int, float], uuids: tuple[str, ...] = ()) -> Conditions:
    """watts: instant, index and power limit of a GPU."""
    return Conditions(
        moments=tuple(
            Moment(at=at, gpus=(GpuMoment(index=index, power_limit=limit),)) for at, index, limit in watts
        ),
        gpus=tuple(GpuFacts(index=index, uuid=uuid) for index, uuid in enumerate(uuids)),
    )


def test_the_power_limit_is_the_lowest_while_it_ran() -> None:
    seen = conditions((9.0, 0, 300.0), (10.2, 0, 700.0), (10.9, 0, 500.0), (12.0, 0, 300.0))
    assert power_limit(seen, a_run(), replace(SXM, uuid=None)) == 500.0
    assert power_limit(None, a_run(), SXM) is None
    assert power_limit(seen, replace(a_run(), began=None), SXM) is None


def test_of_several_gpus_the_one_with_its_uuid_counts() -> None:
    both = conditions((10.2, 0, 300.0), (10.4, 1, 700.0), uuids=("GPU-0", "GPU-1"))
    assert power_limit(both, a_run(), SXM) == 700.0
    assert power_limit(both, a_run(), replace(SXM, uuid=None)) is None
    assert power_limit(both, a_run(), replace(SXM, uuid="GPU-9")) is None
    other = conditions((10.2, 0, 300.0), uuids=("GPU-0",))
    assert power_limit(other, a_run(), SXM) is None
