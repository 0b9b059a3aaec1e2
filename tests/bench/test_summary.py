"""What a person reads of a result."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from envkit.bench import words
from envkit.bench.model import BenchResult, Ceiling, Interval
from envkit.bench.summary import conclusion, report, verdict
from envkit.core.finding import Finding
from envkit.core.report import Bars, Block, KeyValues, Report, Section, Table
from envkit.report import Options, render
from tests.bench import results
from tests.report.hostile import HOSTILE


def text(result: BenchResult, width: int = 100, *, verbose: bool = False) -> str:
    options = Options(width=width, verbose=verbose)
    return render(report(result, verbose=verbose), "text", options)


def section(made: Report, title: str) -> Section:
    return next(one for one in made.sections if one.title == title)


def blocks(made: Report, kind: type[Block]) -> list[Block]:
    return [block for one in made.sections for block in one.blocks if isinstance(block, kind)]


@pytest.mark.parametrize("name", results.ALL)
@pytest.mark.parametrize("form", ("text", "markdown", "html", "json"))
def test_every_result_is_told_in_every_format(name: str, form: str) -> None:
    result = results.ALL[name]()
    said = " ".join(render(report(result), form, Options(width=80)).split())
    assert conclusion(result).split(".")[0] in said
    for one in result.results:
        assert one.workload in said


@pytest.mark.parametrize("name", ("laptop", "h100"))
def test_it_is_one_screen_of_80_cells(name: str) -> None:
    lines = text(results.ALL[name](), 80).splitlines()
    assert len(lines) <= 52
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if re.fullmatch(r"\s+\w{1,3}", line)], "a cut word"


def test_what_the_laptop_did() -> None:
    said = text(results.laptop())
    assert said.startswith(
        "envkit bench · 13th Gen Intel Core i7-1360P · torch 2.13.0+cpu · fp32 · 3 processes\n"
    )
    assert re.search(r"cnn +2,765 samples/s +2,682 to 2,875 +36.2 ms +47.4 ms", said)
    assert "Note: no interval: 3 processes, 5 are needed (--repeat 5)" in said
    assert "95 % interval" not in said
    assert re.search(r"transformer: 214 GFLOP/s  █+ +52 %", said)
    assert "Each process" not in said
    assert "✓ 4 workloads ran and learnt." in said


def test_with_v_there_is_all_of_it() -> None:
    said = text(results.laptop(), verbose=True)
    for words_ in ("Each process", "Whether it learns", "0f3c5a7e9b1d", "2,900 to 3,400 MHz", "quick, eager"):
        assert words_ in said
    h100 = text(results.h100(), verbose=True)
    assert "channels last" in h100
    assert "771 TFLOP/s [768 to 774]" in h100


def test_the_interval_comes_with_five_processes() -> None:
    said = text(results.h100())
    assert re.search(r"transformer +412,300 tokens/s +409,900 to 414,800", said)
    assert "no interval" not in said
    assert "of the datasheet's peak" in said
    assert "94 % of 2,790 samples/s (ResNet-50 training, mixed precision)" in said
    assert "measured otherwise: only the order of magnitude counts" in said
    assert "54.2 GB/s [53.7 to 54.7]" in said


def test_each_ceiling_is_a_full_bar_above_what_it_bounds() -> None:
    (bars,) = blocks(report(results.h100()), Bars)
    assert isinstance(bars, Bars)
    assert [(bar.label, bar.value) for bar in bars.bars[:2]] == [
        ("gemm bf16: 771 TFLOP/s", 100),
        ("mlp: 8.48 TFLOP/s", 1.1),
    ]


def test_what_would_be_faster_at_the_ceiling() -> None:
    said = text(results.h100())
    assert "transformer: close to what this machine gives (gemm bf16)." in said
    assert re.search(r"NVIDIA B200 +2\.2 times \(best BF16 matrix product", said)
    slow = replace(results.h100(), results=results.h100().results[:3])
    assert "What would be faster" not in text(slow), "none of them is at its ceiling"


def test_a_ceiling_is_not_held_by_itself() -> None:
    gemm = replace(results.h100().results[3], workload="gemm")
    assert "What would be faster" not in text(replace(results.h100(), results=(gemm,)))


def test_a_wider_type_on_the_same_gpu_is_faster_narrower() -> None:
    one = results.h100().results[3]
    assert one.ceiling is not None
    fp32 = replace(one, precision="fp32", ceiling=replace(one.ceiling, precision="fp32", share=0.9))
    said = text(replace(results.h100(), results=(fp32,)))
    assert re.search(
        r"tf32 +up to 7\.4 times by the datasheet; measure it: envkit bench transformer --vs", said
    )
    assert re.search(r"bf16 +up to 15 times by the datasheet", said)
    cpu = replace(fp32, device="cpu", device_name="cpu")
    said = text(replace(results.laptop(), results=(cpu,)))
    assert "tf32" not in said
    assert "datasheet;" not in said


def test_why_it_may_be_unstable_is_said_once() -> None:
    said = text(results.throttled())
    assert said.count("sw-power-cap") == 1
    assert re.search(r"all +the power cap held", said)
    assert re.search(r"transformer, resnet50 +another process used the GPU: python", said)
    assert "The figures may be unstable. One finding says more." in said
    assert "sudo nvidia-smi -pl 700" in said
    assert verdict(results.throttled()) == "problems"


def test_a_comparison_says_what_it_could_have_seen() -> None:
    said = text(results.compared(), 80)
    assert re.search(r"cnn +slower +-12\.7 % +-14\.9 % to -10\.6 % +3\.0 %", said)
    assert re.search(r"rnn +cannot tell", said)
    assert "rnn: the interval holds no difference and one of 19 %" in said
    assert said.index("B beside A") < said.index("Throughput")
    assert re.search(r"mlp +A +118,400 samples/s.*\n +mlp +B +", said), "sides of one workload stand together"
    assert "Share of what" not in said
    assert (
        re.sub(r"\s+", " ", said)
        .strip()
        .endswith("B is slower in cnn; faster in transformer; the same in mlp; not to be told from A in rnn.")
    )


def test_two_files_are_compared_with_their_figures() -> None:
    """Where only the comparison is there, it carries the throughput of both."""
    only = replace(results.compared(), results=(), ceilings=())
    assert re.search(r"cnn +slower .* 10,000 samples/s +8,730 samples/s", text(only, 120))


@pytest.mark.parametrize(
    "kept, expected",
    [
        (("same",), "same"),
        (("same", "faster"), "faster"),
        (("faster", "inconclusive"), "inconclusive"),
        (("faster", "slower", "inconclusive"), "slower"),
    ],
)
def test_the_verdict_of_a_comparison_is_the_worst(kept: tuple[str, ...], expected: str) -> None:
    base = results.compared()
    rows = tuple(one for one in base.compared if one.verdict in kept)
    assert verdict(replace(base, compared=rows)) == expected


def test_scaling_shows_efficiency_and_what_is_not_measured() -> None:
    said = text(results.scaling())
    assert "Scaling of transformer, weak: the same batch for each process" in said
    assert re.search(r"4 +1,554,000 tokens/s +1,544,000 to 1,563,000 +94 % +4\.3 %", said)
    assert "8 processes: not measured: 4 GPUs are here" in said
    bars = [block for block in blocks(report(results.scaling()), Bars) if isinstance(block, Bars)]
    assert [bar.value for bar in bars[1].bars] == [100.0, 98.1, 94.2]


def test_what_failed_is_told_with_what_went_on() -> None:
    said = text(results.failed())
    assert re.search(r"rnn +failed: the process was killed by signal 11", said)
    assert re.search(r"transformer +does not learn: the loss went from 2\.31 to 2\.29", said)
    assert "Note: cnn: out of memory at batch 100: halved to 50" in said
    assert "! 2 workloads ran and learnt. Failed: rnn, transformer, resnet50." in said
    assert "Traceback of transformer" not in said
    assert 'File "x.py", line 3' in text(results.failed(), verbose=True)


def test_an_interrupt_keeps_what_there_is() -> None:
    assert "2 workloads ran and learnt. Interrupted: what was measured until then is here." in text(
        results.interrupted()
    )
    assert "? Interrupted before anything was measured." in text(results.nothing())
    assert verdict(results.nothing()) == "unknown"


def test_what_did_not_learn_is_not_counted_as_learnt() -> None:
    base = results.laptop()
    check = base.results[0].check
    assert check is not None
    wrong = replace(base.results[0], check=replace(check, ok=False, last=2.3))
    said = text(replace(base, results=(wrong, *base.results[1:])))
    assert "4 workloads ran, 3 learnt." in said
    assert re.search(r"mlp +64 +26\.5 ms +412 MiB +NO", said)


def test_findings_are_the_reports_own() -> None:
    one = Finding(key="cpu-quota", outcome="problem", severity="error", title="The quota")
    made = report(replace(results.laptop(), findings=(one, one)))
    assert made.findings == (one, one)
    assert "Start with the first finding." in made.conclusion


def test_columns_that_nobody_could_read_are_left_out() -> None:
    tables = [
        block for block in section(report(results.laptop()), "Each step").blocks if isinstance(block, Table)
    ]
    assert [column.title for column in tables[0].columns] == [
        "workload",
        "batch",
        "first step",
        "RAM",
        "learnt",
    ]


def test_several_frameworks_have_a_column() -> None:
    base = results.laptop()
    keras = tuple(replace(one, framework="tensorflow") for one in base.results)
    said = text(replace(base, results=(*base.results, *keras)))
    assert re.search(r"cnn +torch .*\n +cnn +tensorflow ", said)


def test_a_ceiling_that_bounds_nothing_is_listed() -> None:
    made = report(replace(results.laptop(), results=()))
    (pairs,) = section(made, "Share of what this machine gave beside it").blocks
    assert isinstance(pairs, KeyValues)
    assert [(pair.key, pair.value) for pair in pairs.pairs] == [
        ("gemm fp32", "412 GFLOP/s"),
        ("memory", "38.4 GB/s"),
    ]


@pytest.mark.parametrize("form", ("text", "markdown", "html"))
def test_foreign_words_do_nothing(form: str) -> None:
    for word in HOSTILE:
        base = results.failed()
        failure = replace(base.failures[0], workload=word, error=word, traceback=word)
        row = replace(base.results[0], workload=word, device_name=word, notes=(word,), unstable=(word,))
        said = render(
            report(replace(base, results=(row,), failures=(failure,), fingerprint={word: word})),
            form,
            Options(verbose=True),
        )
        assert "\x1b" not in said
        assert form != "html" or "<script" not in said


@pytest.mark.parametrize("value", (0.0, 1e-320, 1e300, float("nan"), float("inf"), -5.0))
def test_odd_figures_do_not_stop_the_report(value: float) -> None:
    odd = Interval(median=value, low=value, high=value, unit="samples/s")
    flops = Interval(median=value, low=value, high=value, unit="FLOP/s")
    base = results.h100()
    top = Ceiling(what="gemm", value=flops, share=value, precision="bf16")
    rows = tuple(
        replace(one, throughput=odd, ceiling=top, achieved=value, energy=value) for one in base.results
    )
    scaled = tuple(replace(one, throughput=odd, efficiency=value) for one in results.scaling().scaling)
    compared = tuple(
        replace(one, ratio=value, low=value, a=odd, b=flops) for one in results.compared().compared
    )
    for form in ("text", "markdown", "html"):
        assert render(
            report(replace(base, results=rows, scaling=scaled, compared=compared)),
            form,
            Options(verbose=True),
        )


@pytest.mark.parametrize(
    "value, unit, expected",
    [
        (2764.9, "samples/s", "2,765 samples/s"),
        (118_402.3, "samples/s", "118,400 samples/s"),
        (0.04217, "samples/s", "0.04217 samples/s"),
        (7, "tokens/s", "7 tokens/s"),
        (794.5e12, "FLOP/s", "794 TFLOP/s"),
        (999.7e9, "FLOP/s", "1.00 TFLOP/s"),
        (54.2e9, "B/s", "54.2 GB/s"),
        (12.0, "B/s", "12.0 B/s"),
    ],
)
def test_rates_are_short(value: float, unit: str, expected: str) -> None:
    assert words.rate(value, unit) == expected


def test_shares_do_not_round_up_to_all() -> None:
    assert [words.share(value) for value in (0.998, 1.0, 0.0831, 0.684, 1.2)] == [
        "99 %", "100 %", "8.3 %", "68 %", "120 %",
    ]  # fmt: skip


def test_small_times_and_energies() -> None:
    assert [words.seconds(value) for value in (0.00054, 0.0362, 4.2, 75.0, 0.0)] == [
        "540 µs", "36.2 ms", "4.20 s", "75.0 s", "0 s",
    ]  # fmt: skip
    assert [words.joules(value) for value in (0.264, 1.7e-4, 3.0)] == ["264 mJ", "170 µJ", "3.00 J"]
