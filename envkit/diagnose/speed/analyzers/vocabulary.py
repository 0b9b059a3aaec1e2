"""What the words of the person's text say of a line: that it logs, saves, evaluates. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from envkit.diagnose.speed.analyzers.source import calls, chain, function, head, last, own, trainers

_SINKS = frozenset((
    *("print", "pprint", "write", "writelines", "writerow", "writerows", "flush", "savetxt"),
    *("to_csv", "to_json"),
    *("dump", "dumps", "savefig", "imsave", "set_postfix", "set_postfix_str"),
    *("set_description", "add_scalar"),
    *("add_scalars", "add_histogram", "add_image", "add_images", "add_figure", "add_text", "add_embedding"),
    *("log_metric", "log_metrics", "log_dict", "log_artifact", "track", "log_scalar"),
    *("histogram", "bincount"),
    *("confusion_matrix", "classification_report", "roc_auc_score", "f1_score", "accuracy_score", "histc"),
    *("precision_score", "recall_score", "average_precision_score", "info", "debug", "warning", "secho"),
    *("echo", "imshow", "hist", "draw", "figure", "subplots"),
))  # fmt: skip
"""Last names of calls that write, draw or count for people."""
_LOGGERS = frozenset(
    ("logging", "logger", "log", "wandb", "mlflow", "plt", "writer", "tb", "neptune", "tqdm", "pbar")
)
_SAVES = frozenset(
    ("save", "save_pretrained", "save_weights", "save_model", "save_checkpoint", "save_state", "fsync")
)
_RECORDS = re.compile(
    r"(^|_)(log|logs|logging|record|records|report|track|metrics?|stats?|statistics|histograms?|summary|"
    r"summaries|plots?|monitor|dump|tensorboard|visuali[sz]e|diagnostics?)(_|$)"
)
_EVALUATES = re.compile(
    r"(^|_)(eval|evaluate|evaluation|valid|validate|validation|test|accuracy|dev|val)(_|$)"
)
_PYTHON = frozenset(("np", "numpy", "re", "json", "copy", "pd", "cv2", "Image", "scipy"))
"""Modules whose calls run on one CPU and know nothing of the model."""
_SCALARS = frozenset(("sqrt", "log", "exp", "prod", "ceil", "floor", "isnan", "isfinite"))
"""Their functions that a model's line may use for one number: `scores / np.sqrt(width)`."""
_CONVERSIONS = frozenset(("torch.tensor", "torch.as_tensor", "torch.from_numpy"))
_FRAMEWORKS = frozenset(("torch", "F", "nn", "tf", "keras", "jnp"))
_TORCH = re.compile(
    r"\b(torch|F|nn|tf|keras|jnp|K|functional)\.|\.(matmul|mm|bmm|detach|unsqueeze|requires_grad)\b"
)


def writes(names: Iterable[str]) -> bool:
    """Whether one of these calls writes, draws or counts for people."""
    for name in names:
        first, _, end = name.rpartition(".")
        root = first.split(".")[0] if first else ""
        if end in ("info", "debug", "warning"):
            if "log" in first.lower():
                return True
        elif (
            end in _SINKS
            or (end == "log" and root not in ("torch", "np", "numpy", "math", "tf", ""))
            or (root.lower() in _LOGGERS and root != end)
        ):
            return True
    return False


def saves(names: Iterable[str]) -> bool:
    """Whether one of these calls writes a checkpoint."""
    return any(name.rpartition(".")[2] in _SAVES for name in names)


def records(text: str, line: int) -> bool:
    """Whether a line is in a function that is there for writing or counting: by what it calls and by its
    name."""
    around = function(text, line)
    if around is None or around.name in trainers(text):
        return False
    inside = [one for part in around.body for one in ast.walk(part)]
    if any(isinstance(one, ast.Yield | ast.YieldFrom) for one in inside):
        return False
    gives = any(isinstance(one, ast.Return) and one.value is not None for one in inside)
    writing = writes(calls(around.body))
    named = bool(_RECORDS.search(around.name.lower()))
    return (writing and not gives) or (named and (writing or not gives))


def evaluates(text: str, line: int, name: str) -> bool:
    """Whether a line evaluates: by its function's name, or since it computes without gradients."""
    if _EVALUATES.search(name.lower()):
        return True
    for one in chain(text, line):
        marks: list[ast.expr] = []
        if isinstance(one, ast.With):
            marks = [item.context_expr for item in one.items]
        elif isinstance(one, ast.FunctionDef):
            marks = list(one.decorator_list)
        if any("no_grad" in ast.unparse(mark) or "inference_mode" in ast.unparse(mark) for mark in marks):
            return True
    return False


def python(nodes: Iterable[ast.AST]) -> bool:
    """Whether a statement is work of Python or NumPy and no part of a model, by what it calls."""
    nodes = tuple(nodes)
    names = calls(nodes)
    if any(isinstance(one, ast.MatMult) for node in nodes for one in ast.walk(node)):
        return False
    if any(name.partition(".")[0] in _FRAMEWORKS and name not in _CONVERSIONS for name in names):
        return False
    for name in names:
        root, _, rest = name.partition(".")
        if name in _CONVERSIONS or (root in _PYTHON and rest and last(name) not in _SCALARS):
            return True
        if last(name) in ("tolist", "deepcopy", "sleep", "sorted"):
            return True
    return False


def tensors(text: str, line: int) -> bool:
    """Whether a line, or the loop around it, speaks of tensors."""
    around = chain(text, line)
    nodes: list[ast.AST] = list(own(text, line))
    nodes += [one for one in around[-2:-1] if isinstance(one, ast.For | ast.While)]
    return any(_TORCH.search(ast.unparse(node)) for node in nodes)


def only_written(text: str, line: int) -> bool:
    """Whether what a line computes goes nowhere but into a line that writes, by the names in its function."""
    around = chain(text, line)
    if len(around) < 1 or not isinstance(around[-1], ast.Assign | ast.AugAssign | ast.AnnAssign):
        return False
    holder = next(
        (one for one in reversed(around[:-1]) if isinstance(one, ast.For | ast.While | ast.FunctionDef)), None
    )
    if holder is None:
        return False
    plain = [one for one in ast.walk(holder) if isinstance(one, ast.stmt) and head(one)]
    return _written(_targets(around[-1]), around[-1], plain, 3)


def _written(names: frozenset[str], source: ast.stmt, among: list[ast.stmt], depth: int) -> bool:
    """Whether all uses of names are writes, or assignments of which the same holds."""
    used = [one for one in among if one is not source and names & _reads(one)]
    if not used or depth == 0:
        return False
    for one in used:
        if writes(calls(head(one))):
            continue
        targets = _targets(one)
        if not targets or targets <= names or not _written(targets, one, among, depth - 1):
            return False
    return True


def _targets(one: ast.stmt) -> frozenset[str]:
    places = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", None)]
    if not isinstance(one, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return frozenset()
    return frozenset(
        each.id for place in places if place for each in ast.walk(place) if isinstance(each, ast.Name)
    )


def _reads(one: ast.stmt) -> frozenset[str]:
    return frozenset(
        each.id
        for node in head(one)
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    )


def syncs(nodes: Iterable[ast.AST]) -> tuple[str, ...]:
    """Calls that wait for a device, as written: `.item()`, `print`."""
    waits = ("item", "cpu", "tolist", "numpy", "nonzero", "synchronize", "isnan", "any", "all", "unique")
    found: list[str] = []
    for name in calls(nodes):
        end = last(name)
        if end in waits:
            found.append(f".{end}()")
        elif name in ("print", "float", "int", "bool", "str"):
            found.append(f"{name}()")
    return tuple(dict.fromkeys(found))
