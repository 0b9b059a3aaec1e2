"""Texts of all shapes to causes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envkit.causes import catalogue
from envkit.causes.signatures import signatures
from envkit.match.lines import candidates, prefilter
from envkit.match.match import explain_text
from tests.match.innocent import TEXTS

OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
STEP = "2024-05-01 10:11:12,123 INFO step {} loss 0.{} lr 1e-4 throughput 1234 samples/s\n"


def keys(text: str | bytes) -> list[str]:
    return [match.key for match in explain_text(text).causes]


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_is_recognised_where_nothing_is_wrong(name: str) -> None:
    assert keys(TEXTS[name]) == []


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "\0", b"", b"\xff\xfe", b"\x00\x01\x02" * 1000, "\x1b[31m\x1b[0m"]
)
def test_a_text_without_words_says_nothing(text: str | bytes) -> None:
    assert keys(text) == []


def test_confidence_and_evidence() -> None:
    match = explain_text(f"first\n\nTraceback\n{OOM}\n").causes[0]
    assert match.key == "oom-gpu" and 0.9 < match.confidence < 1
    assert match.evidence[0].source == "line 4"
    assert match.evidence[0].value == OOM
    assert match.deciding_fact is None


def test_the_root_outranks_its_consequences() -> None:
    text = """\
Loss.cu:250: nll_loss_forward: block: [0,0,0], thread: [3,0,0] Assertion `t >= 0 && t < n_classes` failed.
Traceback (most recent call last):
RuntimeError: CUDA error: device-side assert triggered
During handling of the above exception, another exception occurred:
RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`
Killed
"""
    assert keys(text)[0] == "label-out-of-range"


def test_an_explained_cause_comes_after_what_explains_it() -> None:
    refused = "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4"
    found = keys(f"CUDA driver version is insufficient for CUDA runtime version\n{refused}")
    assert found[0] == "container-driver-too-old"
    assert "driver-too-old" in catalogue()[found[0]].explains


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: ("Ünïcödé\n" + text).encode("latin-1"),
        lambda text: b"\x00\xff\xfe\x80" * 50 + b"\n" + text.encode() + b"\n" + bytes(range(256)),
        lambda text: text.replace("memory", "\x1b[1;31mmemory\x1b[0m"),
        lambda text: f"[bold]{text}[/bold]",
        lambda text: text.upper(),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "50%|####\r" * 100 + text,
        lambda text: "> " + text.replace("out of memory", "out of\n> memory"),
        lambda text: text.replace("CUDA out", "CUDA\n    out"),
        lambda text: "[rank3]: " + text,
        lambda text: '{"log": "' + text + '\\n", "stream": "stderr"}',
    ],
)
def test_the_form_of_a_text_does_not_matter(wrap: Callable[[str], str | bytes]) -> None:
    assert keys(wrap(f"hello\n{OOM}\n"))[0] == "oom-gpu"


def test_foreign_text_is_inert() -> None:
    text = f"\x1b]0;title\x07\x1b[31m{OOM}\x1b[0m \u202e[red]x[/red]"
    value = explain_text(text).causes[0].evidence[0].value
    assert "\x1b" not in value and "\u202e" not in value and "[red]" in value


def test_a_log_of_fifty_megabytes() -> None:
    lines = [STEP.format(number, number * 7919 % 10**6) for number in range(300_000)]
    lines += [
        f"worker-{chr(97 + n % 26) * (n % 40 + 1)} says {chr(97 + n // 26 % 26) * 90}\n"
        for n in range(250_000)
    ]
    lines.insert(200_000, OOM + "\n")
    text = "".join(lines)
    assert len(text) > 45_000_000
    match = explain_text(text).causes[0]
    assert match.key == "oom-gpu"
    assert match.evidence[0].source == "line 200001"


def test_many_lines_that_all_match_are_bounded() -> None:
    wanted = prefilter(["out of memory"])
    text = "".join(
        f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676 % 26)} out of memory\n"
        for n in range(17_000)
    )
    kept = candidates(text, wanted)
    assert len(kept) <= 6_000
    assert (kept[0].number, kept[-1].number) == (1, 17_000)


def test_one_line_of_ten_megabytes() -> None:
    assert keys("x" * 5_000_000 + OOM + "y" * 5_000_000)[0] == "oom-gpu"
    assert keys("out of memor" * 800_000) == []


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=2_000), st.binary(max_size=2_000)))
def test_any_text_is_taken(text: str | bytes) -> None:
    assert all(0 <= match.confidence <= 1 for match in explain_text(text).causes)


PIECES = st.sampled_from([piece for signature in signatures() for piece in signature.line.text])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=12), st.sampled_from(["\n", " ", "\t", "'"])
)
def test_any_mixture_of_messages_is_ranked(parts: list[str], between: str) -> None:
    causes = explain_text(between.join(parts)).causes
    assert len({match.key for match in causes}) == len(causes) <= 8
    assert all(match.evidence for match in causes)


def test_a_log_that_was_not_written_to_its_end_is_in_no_other_encoding():
    message = b"RuntimeError: The NVIDIA driver on your system is too old (found version 11040).\n"
    found = explain_text(b"\0" * 100_000 + message)
    assert [match.key for match in found.causes] == ["driver-too-old"]
