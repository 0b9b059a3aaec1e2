"""Which line of a long text is its failure; texts in other languages; messages broken in two."""

from __future__ import annotations

import pytest

from envkit.match.match import explain_text
from envkit.match.shape import shape_of

CAUGHT = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    import flash_attn_2_cuda
ImportError: flash_attn_2_cuda.so: undefined symbol: _ZN3c104cuda9SetDeviceEi

going on without it
step 1
step 2
Traceback (most recent call last):
  File "train.py", line 9, in <module>
    loss.backward()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
"""

CHAINED = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
OSError: CUDA_HOME environment variable is not set. Please set it to your CUDA install root.

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in <module>
RuntimeError: DataLoader worker (pid 3) is killed by signal: Killed.
"""


def keys(text: str) -> list[str]:
    return [match.key for match in explain_text(text).causes]


def test_the_traceback_that_ended_the_program_comes_before_one_that_was_caught() -> None:
    assert shape_of(CAUGHT.encode()).chains == ((1, 4), (9, 12))
    assert keys(CAUGHT) == ["oom-gpu", "extension-abi-mismatch"]


def test_tracebacks_of_one_chain_count_alike() -> None:
    assert shape_of(CHAINED.encode()).chains == ((1, 9),)
    assert keys(CHAINED)[:2] == ["cuda-home-nvcc-missing", "oom-host"]


def test_chains_with_prefixes_and_without_end() -> None:
    lines = ("Traceback (most recent call last):", '  File "a.py", line 1', "KeyError: 1")
    text = "".join(f"[rank0]: {line}\n" for line in lines) + "\nx\n"
    assert shape_of(text.encode()).chains == ((1, 3),)
    assert shape_of(b"Traceback (most recent call last):\n  File").chains == ((1, 2),)
    assert shape_of(b"no traceback").chains == ()


def test_an_aside_alone_is_what_there_is() -> None:
    aside = "I tensorflow/tsl/cuda/cudart_stub.cc:28] Could not find cuda drivers on your machine"
    assert keys(aside)
    assert (
        keys(f"{aside}\nRuntimeError: operator torchvision::nms does not exist")[0]
        == "torch-torchvision-mismatch"
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("OSError: libnccl.so.2: 无法打开共享对象文件: 没有那个文件或目录", "nccl-lib-mismatch"),
        (
            "libGL.so.1: Kann die Shared-Object-Datei nicht öffnen: Datei oder Verzeichnis nicht gefunden",
            "libgl-missing",
        ),
        ("bash: nvcc : commande introuvable\nnvcc: commande introuvable", "cuda-home-nvcc-missing"),
        ("Ungültiger Maschinenbefehl (Speicherabzug geschrieben)", "cpu-instruction-set"),
    ],
)
def test_other_languages(text: str, key: str) -> None:
    match = explain_text(text).causes[0]
    assert match.key == key
    assert match.evidence[0].value in text, "evidence is what the text says, not its translation"


@pytest.mark.parametrize("at", range(40, 92, 4))
def test_a_message_broken_in_two_anywhere(at: int) -> None:
    library = "/lib/x86_64-linux-gnu/libstdc++.so.6"
    message = f"ImportError: {library}: version `GLIBCXX_3.4.32' not found (required by /x/_C.so)"
    cut = message.find(" ", at)
    broken = message[:cut] + "\n" + message[cut + 1 :]
    assert keys(broken)[0] == "libstdcxx-too-old"


def test_two_lines_that_have_nothing_to_do_with_each_other() -> None:
    assert keys("all files are in GLIBCXX_3.4.\n\nthe page was not found") == []
    assert keys("we use libcudnn.so.9 on this cluster, and it works well for all of us.\nnot found: x") == []
