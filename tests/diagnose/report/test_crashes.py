"""Errors that end programs: real ones, as the watcher writes them, and what is said of them."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path

import pytest

from envkit.diagnose.analyzers.crash import crash, headline
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.patch_sizes import fitted
from envkit.diagnose.read import read
from envkit.diagnose.trace import Trace
from tests.coverage_notes import require
from tests.payload.targets import torch_python

HERE = Path(__file__).parent
TENSORFLOW = HERE.parents[2] / ".venv-tensorflow/bin/python"
PROGRAMS = {"torch": HERE / "crashes_torch.py", "keras": HERE / "crashes_keras.py"}

TORCH = {
    "linear_features": (
        "shape-mismatch",
        "fc1 (Linear) takes 400 features and is given 864",
        "Linear(864, 120)",
    ),
    "not_flattened": ("shape-mismatch", "(8, 6, 12, 12) was not flattened", "x.flatten(1)"),
    "conv_channels": ("shape-mismatch", "conv (Conv2d) takes 1 channel and is given 3", "Conv2d(3, 6, ...)"),
    "channels_last": ("shape-mismatch", "has them last", "permute(0, 3, 1, 2)"),
    "no_channel": ("shape-mismatch", "no dimension for it", "x.unsqueeze(1)"),
    "flat_images": ("shape-mismatch", "2 dimensions, (8, 784)", "x.reshape(-1, 1, 28, 28)"),
    "kernel_too_large": ("shape-mismatch", "its kernel 5 x 5 is larger than", "Pool less often"),
    "pooled_away": ("shape-mismatch", "nothing is left of an input of 1x3x3", "Pool less often"),
    "batch_norm": ("shape-mismatch", "1 (BatchNorm2d) takes 6 features and is given 16", "BatchNorm2d(16)"),
    "batch_norm_dimensions": ("shape-mismatch", "takes 4D dimensions and is given 2D", "BatchNorm1d"),
    "layer_norm": ("shape-mismatch", "normalises (256,) and is given (4, 128)", "LayerNorm(128)"),
    "lstm_input": ("shape-mismatch", "LSTM takes 10 features at each place and is given 20", "input_size 20"),
    "lstm_hidden": ("shape-mismatch", "should have the shape (1, 4, 32)", "x.size(0)"),
    "batches_differ": ("shape-mismatch", "predictions for 16 samples and targets for 8", "x.flatten(1)"),
    "label_from_one": ("label-out-of-range", "a label is 10", ""),
    "label_too_large": ("label-out-of-range", "run from 0 to 11, and the model predicts 10", "at least 12"),
    "embedding_rows": ("embedding-index-out-of-range", "is given the index 120", "Embedding(121, 32)"),
    "one_hot_targets": ("wrong-loss-for-task", "one class number a sample", "y.squeeze(1)"),
    "bce_shapes": ("shape-mismatch", "predictions have the shape (8, 1) and targets (8,)", "y.unsqueeze(1)"),
    "bce_logits": ("wrong-output-activation", "outside of 0 to 1", "with_logits"),
    "broadcast": ("shape-mismatch", "prediction (8, 10), target (8, 5)", "Make both sizes equal"),
    "own_matmul": ("shape-mismatch", "3 and 5 should be equal", "a @ b.T"),
    "concatenated": ("shape-mismatch", "Sizes of tensors must match", ""),
    "viewed": ("shape-mismatch", "each of 8 has 400", "x.flatten(1)"),
    "collated": ("shape-mismatch", "(3, 32, 32) at 0, (1, 32, 32) at 1", "convert('RGB')"),
    "worker": ("shape-mismatch", "(7,) at 0, (9,) at 1", "pad_sequence"),
    "worker_resizes": ("shape-mismatch", "samples of one batch differ in shape", "pad_sequence"),
    "state_dict": ("shape-mismatch", "(3, 4) in the checkpoint and (2, 4) in the model", "strict=False"),
    "labels_float": ("api-misuse", "class numbers as whole numbers", "y.long()"),
    "labels_int32": ("api-misuse", "class numbers as whole numbers", "y.long()"),
    "float64_input": ("api-misuse", "Double and Float: x, input", "x.float()"),
    "bytes_input": ("api-misuse", "unsigned char and float: input", "x.float()"),
    "no_grad_loss": ("graph-detached", "does not require grad", ""),
    "twice": ("api-misuse", "backward through the graph a second time", ""),
    "in_place": ("api-misuse", "modified by an inplace operation", ""),
    "not_scalar": ("api-misuse", "only for scalar outputs", ""),
    "empty_optimizer": ("parameters-not-in-optimizer", "empty parameter list", ""),
    "not_a_leaf": ("parameters-not-in-optimizer", "non-leaf Tensor", ""),
    "one_in_batch_norm": ("batchnorm-single-value", "(1, 8) has one value a channel", "drop_last=True"),
    "numpy_broadcast": ("shape-mismatch", "a (8, 10), b (8, 5)", "Make the sizes equal"),
    "attention": ("shape-mismatch", "takes 512 features and is given 256", "MultiheadAttention(256"),
    "einsum": ("shape-mismatch", "previously seen size 3", ""),
    "not_imported": ("api-misuse", "plt was not imported", "import matplotlib.pyplot as plt"),
    "other_framework": ("api-misuse", "SGD is PyTorch's and has no apply_gradients", "optimizer.step()"),
    "out_of_memory": (
        "oom-host",
        "asked for 256 TiB of memory at once",
        "200 numbers are kept with the graph",
    ),
}
KERAS = {
    "dense_axis": ("shape-mismatch", "(None, 784) and is given (None, 28, 28)", "Flatten"),
    "conv_dimensions": ("shape-mismatch", "takes 4 dimensions and is given 3", "x[..., None]"),
    "input_shape": ("shape-mismatch", "takes 3072 in axis -1 and is given (8, 784)", "Make its input 784"),
    "labels_for_one_hot": ("wrong-loss-for-task", "(None,) and predictions (None, 10)", "sparse_categorical"),
    "one_hot_for_labels": ("wrong-loss-for-task", "takes class numbers", "categorical_crossentropy"),
    "shrunk_away": ("shape-mismatch", "kernel is larger than what is left", "padding='same'"),
    "concatenated": ("shape-mismatch", "matching shapes except for the concatenation axis", ""),
    "reshaped": ("shape-mismatch", "(28, 28) holds 784 values and (10, 10) 100", "-1 in its place"),
    "cardinality": ("shape-mismatch", "8 inputs and 5 targets", "as many targets as inputs"),
    "label_range": ("label-out-of-range", "a label is 10, and the model predicts 10 classes", "11 units"),
    "own_product": ("shape-mismatch", "3 and 5 should be equal", "a @ b.T"),
    "own_sum": ("shape-mismatch", "a (8, 3), b (8, 5)", "Make the sizes equal"),
    "float64": ("api-misuse", "is given double and takes float", "tf.cast(x, tf.float32)"),
    "embedding": ("embedding-index-out-of-range", "the index 12 is looked up in a table of 10", "13 rows"),
    "not_compiled": ("api-misuse", "compile()", ""),
    "no_gradient": ("graph-detached", "No gradients provided", ""),
}


@cache
def seen(framework: str) -> dict[str, Trace]:
    """Each case as the host reads it."""
    python = torch_python() if framework == "torch" else TENSORFLOW
    require(framework, Path(python).exists())
    program = PROGRAMS[framework]
    done = subprocess.run(
        [str(python), str(program)], capture_output=True, text=True, timeout=100, check=True, cwd=HERE
    )
    found = {}
    for line in done.stdout.splitlines():
        case = json.loads(line)
        assert not [name for name in case if name.endswith("_trouble")], case
        found[case["case"]] = _read(case)
    return found


def _read(case: dict[str, object]) -> Trace:
    """As from a trace of one line."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "1.jsonl").write_text(json.dumps({"kind": "end", **case}) + "\n")
        (trace,) = read(folder)
    return trace


def line_of(framework: str, case: str) -> int:
    """The last line of a case's function: where each fails, unless in a forward."""
    lines = PROGRAMS[framework].read_text().splitlines()
    start = lines.index(f"def {case}():")
    return next(
        number for number in range(start + 1, len(lines)) if not lines[number + 1].strip()
    ) + 1  # fmt: skip


def judged(framework: str, case: str) -> Suspicion:
    (found,) = crash(seen(framework)[case])
    return found


@pytest.mark.torch
@pytest.mark.parametrize("case", TORCH)
def test_torch(case: str) -> None:
    key, says, todo = TORCH[case]
    found = judged("torch", case)
    assert found.key == key
    assert says in found.summary
    assert todo in " ".join(step.say for step in found.fix)
    assert found.where.file == str(PROGRAMS["torch"])


@pytest.mark.parametrize("case", KERAS)
def test_keras(case: str) -> None:
    key, says, todo = KERAS[case]
    found = judged("keras", case)
    assert found.key == key
    assert says in found.summary
    assert todo in " ".join(step.say for step in found.fix)
    assert (found.where.file, found.where.line) == (str(PROGRAMS["keras"]), line_of("keras", case))


@pytest.mark.torch
def test_the_line_and_the_layer() -> None:
    where = judged("torch", "linear_features").where
    text = PROGRAMS["torch"].read_text().splitlines()[(where.line or 0) - 1]
    assert "self.fc1(x)" in text
    assert (where.module, where.phase) == ("fc1", "forward")
    assert judged("torch", "broadcast").where.line == line_of("torch", "broadcast")
    assert judged("torch", "worker").where.phase == "data"
    assert judged("torch", "twice").where.phase == "backward"


@pytest.mark.torch
def test_the_number_in_the_code_is_changed() -> None:
    """In the file that has one such call, and nothing where two could be meant."""
    resize = judged("torch", "linear_features").change
    assert resize is not None
    one = "import torch.nn as nn\nfc1 = nn.Linear(16 * 5 * 5, 120)\nout = nn.Linear(400, 10)\n"
    change = fitted({"model.py": one, "other.py": "x = 400\n"}, resize)
    assert change is not None
    assert change.text == one.replace("16 * 5 * 5", "864")
    assert fitted({"model.py": one + "more = nn.Linear(400, 120)\n"}, resize) is None
    assert fitted({"model.py": "fc1 = nn.Linear(size, 120)\n"}, resize) is None
    assert fitted({"model.py": "fc1 = nn.Linear(in_features=400, out_features=n)\n"}, resize) is not None
    assert fitted({"model.py": "fc1 = nn.Linear(*sizes)\n", "broken.py": "def ("}, resize) is None


@pytest.mark.torch
def test_what_is_no_error_of_ours_has_no_cause() -> None:
    trace = seen("torch")["none_of_ours"]
    assert crash(trace) == ()
    assert trace.crash is not None and headline(trace.crash) == "KeyError: 'missing'"


@pytest.mark.torch
def test_what_took_the_memory() -> None:
    evidence = {one.what: one.value for one in judged("torch", "out_of_memory").evidence}
    assert {"parameters", "gradients", "states of the optimiser", "other tensors"} <= evidence.keys()
    assert evidence["parameters"] == "39.5 KiB"  # 100 x 100 and 100 numbers of 4 bytes


def test_the_loss_in_the_code_is_changed() -> None:
    change = judged("keras", "labels_for_one_hot").change
    assert change is not None
    once = "model.compile('adam', loss='categorical_crossentropy')\n"
    mended = fitted({"model.py": once}, change)
    assert mended is not None
    assert mended.text == "model.compile('adam', loss='sparse_categorical_crossentropy')\n"
    assert fitted({"model.py": once + once}, change) is None
