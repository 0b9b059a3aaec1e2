"""Whatever is done to a paste, the answer is a Snapshot that can be judged and saved, or a BadInputError."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envkit.core.codec import dumps, to_json
from envkit.core.errors import BadInputError
from envkit.facts.importers.detect import import_text
from tests.facts.importers.pastes import NAMES, problems, sample

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
names = st.sampled_from(NAMES)


def survives(data: bytes) -> None:
    try:
        snapshot = import_text(data, "paste")
    except BadInputError:
        return
    problems(snapshot)
    shown = dumps(to_json(snapshot))
    assert "\x1b" not in shown and "\0" not in shown


@FUZZ
@given(names, st.integers(0, 20_000), st.integers(0, 20_000))
def test_cut(name: str, start: int, length: int) -> None:
    survives(sample(name)[start : start + length])


@FUZZ
@given(names, st.integers(0, 20_000))
def test_cut_at_the_end(name: str, length: int) -> None:
    survives(sample(name)[:length])


@FUZZ
@given(names, st.integers(0, 1 << 32))
def test_shuffled_lines(name: str, seed: int) -> None:
    lines = sample(name).splitlines()
    random.Random(seed).shuffle(lines)
    survives(b"\n".join(lines))


@FUZZ
@given(names, st.lists(st.tuples(st.integers(0, 8000), st.binary(max_size=8)), max_size=20))
def test_overwritten_bytes(name: str, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(sample(name))
    for place, new in changes:
        data[place : place + len(new)] = new
    survives(bytes(data))


@FUZZ
@given(names, names, st.integers(0, 6000))
def test_mixed_pastes(first: str, second: str, cut: int) -> None:
    survives(sample(first)[:cut] + b"\n" + sample(second))


@FUZZ
@given(
    names, st.sampled_from(["9" * 5000, "-1", "1e999", "NaN", "٣", "0x10", "", "∞", "\u202e12"]), st.randoms()
)
def test_other_numbers(name: str, number: str, rng: random.Random) -> None:
    words = sample(name).decode().split(" ")
    for _ in range(10):
        place = rng.randrange(len(words))
        if any(letter.isdigit() for letter in words[place]):
            words[place] = number
    survives(" ".join(words).encode())


@FUZZ
@given(st.binary(max_size=3000))
def test_binary(data: bytes) -> None:
    survives(data)


@FUZZ
@given(st.text(alphabet="|-+=: \nGPU0129NVIDIA-SMI PyTorch version MiB/%W.", max_size=3000))
def test_look_alikes(text: str) -> None:
    survives(("PyTorch version: 2.0\nIs debug build: False\n| NVIDIA-SMI 535.1\n" + text).encode())


@pytest.mark.parametrize(
    "line",
    [
        "| NVIDIA-SMI 535.104.05 Driver Version: 535.104.05 |\n",
        "PyTorch version: 2.0\nIs debug build: False\n",
        "GPU 00000000:01:00.0\n    Product Name : x\n",
        "Failed to initialize NVML: Driver/library version mismatch\n",
        "Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost\n",
        "> " * 5000 + "\n",
        "[pip3] " + "a" * 9000 + "\n",
        "|" * 9000 + "\n",
        " " * 9000 + "x\n",
        ": " * 5000 + "\n",
        "GPU models and configuration: " + "GPU 0: " * 1000 + "\n",
        "- `transformers` version: " + "(" * 5000 + "\n",
        "torch version " + "." * 9000 + "\n",
        "\n\t\n ",
    ],
)
@pytest.mark.timeout(90)  # what a pattern that backtracks does not end within
def test_long_and_repeated_lines(line: str) -> None:
    head = "PyTorch version: 2.0\nIs debug build: False\nAttached GPUs : 1\n- `transformers` version: 1.0\n"
    head += "DeepSpeed general environment info:\nxFormers 0.0.1\n"
    survives((head + line * (2_000_000 // len(line))).encode())


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_among_two_megabytes_of_log(name: str) -> None:
    noise = b"2026-05-01 12:00:00 INFO step 1000 loss 0.123 lr 1e-4 tokens/s 12345\n" * 30_000
    import_text(noise + sample(name) + noise, "log")


@pytest.mark.parametrize("size", [1 << 13, 1 << 20, 20 << 20])
def test_a_large_binary_file_is_refused_as_one(size: int) -> None:
    """Without looking for reports in it: that took half a minute for 60 MB."""
    data = (random.Random(1).randbytes(1 << 13) * (size >> 13))[:size]
    with pytest.raises(BadInputError, match="it is binary"):
        import_text(data, "core")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "around",
    [b"\0" * 100_000, b"\x1b[31m\x07\x08\x08\r" * 2_000, "é日本語\n".encode() * 2_000, b"\xe9\n" * 4_000],
    ids=["zeros", "terminal", "utf-8", "latin-1"],
)
def test_a_report_among_odd_bytes_is_no_binary_file(name: str, around: bytes) -> None:
    import_text(around + b"\n" + sample(name) + b"\n" + around, "log")
