"""B beside A, from one run and from two files."""

from dataclasses import replace

import pytest

from envkit.bench import compare
from envkit.bench.model import BenchResult, Interval, WorkloadResult
from envkit.bench.samples import Options, ProcessSamples, Run, Samples
from envkit.bench.summary import report
from envkit.core.errors import BadInputError, UsageError
from envkit.report import render

FINGERPRINT = {"cpu": "EPYC", "framework": "torch 2.13.0"}
OPTIONS = Options(framework="torch", device="cpu")
RATES = (100.0, 101.0, 99.5, 100.5, 99.0, 100.2)


def run(workload, rate, options=OPTIONS):
    return Run(
        workload=workload, batch_size=10, items=10, unit="samples", options=options, steps=20,
        seconds=200 / rate, step_seconds=(10 / rate,) * 20,
    )  # fmt: skip


def samples(a, b, *, workload="mlp", options=OPTIONS):
    """A B, B A, A B: rates of the rounds; None = that process measured nothing."""
    processes = []
    for turn, pair in enumerate(zip(a, b, strict=True)):
        sides = [("A", pair[0], OPTIONS), ("B", pair[1], options)]
        for place, (arm, rate, asked) in enumerate(sides[::-1] if turn % 2 else sides):
            processes.append(
                ProcessSamples(
                    arm=arm, number=2 * turn + place, began=0.0, ended=1.0, how="done" if rate else "crashed",
                    runs=(run(workload, rate, asked),) if rate else (),
                )
            )  # fmt: skip
    return Samples(fingerprint=FINGERPRINT, arms=(), processes=tuple(processes), date="")


def result(rates=RATES, *, workload="mlp", unit="samples/s", fingerprint=FINGERPRINT, **fields):
    middle = sorted(rates)[len(rates) // 2]
    one = WorkloadResult(
        workload=workload, framework="torch", device="cpu", precision="fp32", options=OPTIONS,
        throughput=Interval(median=middle, low=None, high=None, unit=unit), processes=tuple(rates),
    )  # fmt: skip
    return BenchResult(
        fingerprint=fingerprint, results=(replace(one, **fields),), date="2026-01-02T03:04:05Z"
    )


def times(factor, rates=RATES):
    return tuple(rate * factor for rate in rates)


@pytest.mark.parametrize(("factor", "verdict"), [(0.9, "slower"), (1.0, "same"), (1.2, "faster")])
def test_two_arms(factor, verdict):
    (found,) = compare.arms(samples(RATES, times(factor)))
    assert (found.workload, found.verdict) == ("mlp", verdict)
    assert found.ratio == pytest.approx(factor, rel=0.01)
    assert found.a.unit == "samples/s"
    assert found.b.median == pytest.approx(found.a.median * factor)


def test_arms_are_compared_by_round():
    """The machine halves its speed for some rounds: only neighbours show that B is slower."""
    a = (100.0, 101.0, 50.0, 50.5, 50.2, 99.0, 100.5, 100.2)
    (found,) = compare.arms(samples(a, times(0.92, a)))
    assert found.verdict == "slower"
    apart = compare.files(result(a), result(times(0.92, a))).compared[0]
    assert apart.verdict == "inconclusive"


def test_a_round_without_one_side_does_not_count():
    a = (*RATES, 100.0, 10.0)
    b = (*times(0.9), None, 9.0)
    (found,) = compare.arms(samples(a, b))
    assert found.verdict == "slower"
    assert found.ratio == pytest.approx(0.9)


def test_one_arm_has_nothing_beside_it():
    lonely = samples(RATES, (None,) * 6)
    assert compare.arms(lonely) == ()


def test_no_round_has_both():
    (found,) = compare.arms(samples((100.0, None), (None, 90.0)))
    assert (found.verdict, found.low) == ("inconclusive", None)
    assert "no round has both" in found.why


def test_few_rounds_are_inconclusive():
    (found,) = compare.arms(samples(RATES[:4], times(0.5, RATES[:4])))
    assert (found.verdict, found.low) == ("inconclusive", None)
    assert "at least 5" in found.why


def test_arms_with_other_options_meet():
    (found,) = compare.arms(samples(RATES, times(1.5), options=replace(OPTIONS, precision="bf16")))
    assert found.verdict == "faster"


def test_two_files():
    found = compare.files(result(), result(times(0.8)))
    assert [one.verdict for one in found.compared] == ["slower"]
    assert compare.APART in found.notes
    assert found.results == ()
    shown = render(report(found, verbose=False), "text")
    assert "slower" in shown
    assert "measured apart" in " ".join(shown.split())


def test_two_files_that_are_the_same():
    assert compare.files(result(), result(RATES[::-1])).compared[0].verdict == "same"


def test_other_machines_are_refused_unless_told():
    other = result(times(0.8), fingerprint={**FINGERPRINT, "cpu": "Xeon"})
    with pytest.raises(UsageError, match="cpu: EPYC and Xeon") as caught:
        compare.files(result(), other)
    assert "--anyway" in caught.value.todo
    found = compare.files(result(), other, anyway=True)
    assert found.compared[0].verdict == "slower"
    assert "compared although they differ: cpu: EPYC and Xeon" in found.notes


def test_a_machine_that_was_not_steady_may_be_the_difference():
    moved = ("the clock fell from 3.4 to 1.2 GHz",)
    found = compare.files(result(), result(times(0.8), unstable=moved)).compared[0]
    assert found.verdict == "inconclusive"
    assert "B: the clock fell" in found.why
    assert "slower by 20" in found.why
    same = compare.files(result(unstable=moved), result(RATES[::-1])).compared[0]
    assert same.verdict == "same"


def test_what_was_asked_for_differently_is_told():
    found = compare.files(result(), result(times(1.4), precision="bf16", batch_size=32)).compared[0]
    assert found.verdict == "faster"
    assert found.why == "precision: A fp32, B bf16, batch: A none, B 32"


def test_files_without_a_common_workload():
    with pytest.raises(BadInputError, match="A has mlp, B has cnn"):
        compare.files(result(), result(workload="cnn"))
    with pytest.raises(BadInputError, match="no workload in common"):
        compare.files(result(), result(unit="tokens/s"))


def test_a_workload_of_one_file_is_told():
    both = replace(result(), results=(*result().results, *result(workload="cnn").results))
    found = compare.files(both, result())
    assert [one.workload for one in found.compared] == ["mlp"]
    assert "only in one of both: cnn" in found.notes


@pytest.mark.parametrize("processes", [(), (0.0,) * 6, (float("nan"),) * 6, (100.0,) * 3])
def test_files_with_useless_figures_are_inconclusive(processes):
    found = compare.files(result(), result(processes=processes)).compared[0]
    assert (found.verdict, found.low) == ("inconclusive", None)
    assert found.why


def test_foreign_text_is_inert():
    nasty = "mlp\x1b[31m\nx"
    found = compare.files(
        result(workload=nasty),
        result(times(0.8), workload=nasty, precision="bf\x1b16", unstable=("a\x1b[2Jb\nc",)),
    )
    (one,) = found.compared
    assert "\x1b" not in one.workload + one.why
    assert "\n" not in one.workload + one.why


def test_several_numbers_of_workers():
    several = replace(result(), results=(*result().results, *result(nproc=2).results))
    found = compare.files(several, several)
    assert [one.workload for one in found.compared] == ["mlp, 1 workers", "mlp, 2 workers"]
