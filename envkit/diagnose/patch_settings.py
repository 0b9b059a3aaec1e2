"""Settings of the person's file: learning rate, clipping, masks, keywords of layers and loaders. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from envkit.diagnose.patch_source import Edit, Source, called, keyword, number

_RATES = ("lr", "learning_rate", "LR", "LEARNING_RATE", "learning_rate_init", "base_lr")
_INFINITE = ("float('-inf')", "-float('inf')", "-torch.inf", "-math.inf", "-np.inf", "-numpy.inf", "-inf")
_INFINITE_TOO = ("float('-infinity')", "-float('infinity')", "-np.Inf", "-np.infty")


def masked(source: Source, line: int | None) -> Iterator[Edit]:
    """-inf where scores are masked, anywhere in the file: the softmax only shows it."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in ("masked_fill", "masked_fill_"):
            value = node.args[1] if len(node.args) > 1 else keyword(node, "value")
            scores: ast.expr | None = node.func.value
        elif node.func.attr == "where" and len(node.args) == 3:
            value = next((one for one in node.args[1:] if _is_infinite(source, one)), None)
            scores = next((one for one in node.args[1:] if one is not value), None)
        else:
            continue
        if value is not None and scores is not None and _is_infinite(source, value):
            owner = source.within(scores)
            yield source.replaced(value, f"torch.finfo({owner}.dtype).min")


def _is_infinite(source: Source, node: ast.expr) -> bool:
    text = source.text(node).replace(" ", "").replace('"', "'")
    return text in (*_INFINITE, *_INFINITE_TOO)


def rate(source: Source, line: int | None) -> Iterator[Edit]:
    """A tenth of the learning rate, where one number in the file is it."""
    found = list(_of_line(source, line)) or list(_anywhere(source))
    found = list(dict.fromkeys(found))
    value = number(found[0]) if len(found) == 1 else None
    if value:
        yield source.replaced(found[0], f"{value / 10:.6g}")


def _of_line(source: Source, line: int | None) -> Iterator[ast.expr]:
    """The rate in the call on the line: a number, or the number that its name was given."""
    for node in source.on(line):
        if not isinstance(node, ast.Call):
            continue
        value = next((found for name in _RATES if (found := keyword(node, name)) is not None), None)
        if value is None and "parameters" in source.text(node) and len(node.args) > 1:
            value = node.args[1]
        if value is None:
            continue
        if number(value) is not None:
            yield value
        elif isinstance(value, ast.Name):
            yield from _given(source, value.id)
        elif isinstance(value, ast.Attribute):
            yield from _given(source, value.attr)


def _given(source: Source, name: str) -> Iterator[ast.expr]:
    """Numbers that a name, an attribute or an option of the command line is given."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = any(name in (getattr(one, "id", None), getattr(one, "attr", None)) for one in targets)
            if named and number(node.value) is not None:
                yield node.value
        elif isinstance(node, ast.Call) and called(node) == "add_argument":
            flags = [one.value for one in node.args if isinstance(one, ast.Constant)]
            default = keyword(node, "default")
            if (
                any(str(one).lstrip("-").replace("-", "_") == name for one in flags)
                and number(default) is not None
            ):
                assert default is not None
                yield default
        elif isinstance(node, ast.FunctionDef):
            plain = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            for one, default in zip(plain, node.args.defaults, strict=True):
                if one.arg == name and number(default) is not None:
                    yield default


def _anywhere(source: Source) -> Iterator[ast.expr]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            for one in node.keywords:
                if one.arg in ("lr", "learning_rate") and number(one.value) is not None:
                    yield one.value


def clip(source: Source, line: int | None) -> Iterator[Edit]:
    """Gradients are clipped between backward() and step()."""
    if any(
        called(node) in ("clip_grad_norm_", "clip_grad_norm")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
    ):
        return
    for node in ast.walk(source.tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        asked = [place for place, one in enumerate(body) if _calls(one, "backward") is not None]
        steps = [
            (place, found) for place, one in enumerate(body) if (found := _calls(one, "step")) is not None
        ]
        made = next(((place, found) for place, found in steps if asked and place > asked[0]), None)
        if made is None:
            continue
        place, optimizer = made
        name = source.text(optimizer)
        start, _ = source.span(body[place])
        space = " " * body[place].col_offset
        weights = f"[p for group in {name}.param_groups for p in group['params']]"
        yield Edit(start=start, end=start, text=f"torch.nn.utils.clip_grad_norm_({weights}, 1.0)\n{space}")
        return


def _calls(statement: ast.stmt, method: str) -> ast.expr | None:
    """What a statement calls a method of, without arguments."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == method:
        return value.func.value if method == "backward" or not value.args else None
    return None


def _keyword(names: tuple[str, ...], name: str, value: str) -> Callable[[Source, int | None], Iterator[Edit]]:
    """Add a keyword to the calls of some functions anywhere in the file."""

    def make(source: Source, line: int | None) -> Iterator[Edit]:
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call) or any(one.arg in (name, None) for one in node.keywords):
                continue
            if called(node) in names:
                text = source.text(node)
                end = source.span(node)[1] - 1
                filled = bool(node.args or node.keywords) and not text[:-1].rstrip().endswith(",")
                yield Edit(start=end, end=end, text=f"{', ' if filled else ''}{name}={value}")

    return make


SETTINGS: dict[str, Callable[[Source, int | None], Iterator[Edit]]] = {
    "fully-masked-softmax": masked,
    "lr-too-high": rate,
    "exploding-gradient": clip,
    "ctc-target-too-long": _keyword(("CTCLoss", "ctc_loss"), "zero_infinity", "True"),
    "batchnorm-single-value": _keyword(("DataLoader",), "drop_last", "True"),
    "adam-eps-zero": _keyword(("Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Adamax"), "eps", "1e-4"),
}
