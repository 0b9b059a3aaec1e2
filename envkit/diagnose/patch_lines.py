"""Operations on the guilty line in a form that stays finite, and gives the same where it was. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from envkit.diagnose.patch_source import Edit, Source, called, keyword, number

_LOGS = ("log", "log2", "log10")
_ROOTS = ("sqrt", "rsqrt")
_BOTH_ENDS = ("acos", "asin", "arccos", "arcsin", "atanh", "arctanh", "erfinv")
_ABOVE_ONE = ("acosh", "arccosh")
_EXPONENTIAL = ("exp", "expm1", "exp2", "sinh", "cosh")
_SAFE = ("clamp", "clamp_min", "clip", "maximum", "clip_by_value", "max")
_NOT_NEGATIVE = ("sum", "norm", "std", "abs", "count_nonzero", "vector_norm", "linalg_norm", "nansum")
_FIXED = ("len", "size", "sqrt", "numel", "float", "int")
_TINIEST = 6e-8
"""The smallest float16 that is not zero; an epsilon below it is none there."""
_EPSILONS = ("eps", "epsilon", "tiny", "EPS", "EPSILON", "TINY", "smooth", "delta")


def _kind(owner: str) -> str:
    return owner.split(".")[0]


def _at_least(source: Source, node: ast.expr, owner: str, least: str) -> str | None:
    """The text of a value that is at least something, or None where it is by now."""
    if _is_safe(node):
        return None
    text = source.text(node)
    kind = _kind(owner)
    if kind == "tf":
        return f"tf.maximum({text}, {least})"
    if kind in ("ops", "K", "keras", "np", "numpy", "jnp"):
        return f"{owner if kind in ('ops', 'K', 'keras') else kind}.maximum({text}, {least})"
    if kind == "math":
        return f"max({text}, {least})"
    return f"{source.within(node)}.clamp_min({least})"


def _between(source: Source, node: ast.expr, owner: str, low: str, high: str) -> str | None:
    kind = _kind(owner)
    inner = node
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and called(node) in ("clamp", "clip")
    ):
        if source.text(node).replace(" ", "").endswith(f"{low},{high})".replace(" ", "")):
            return None
        inner = node.func.value if kind in ("", "torch") else node
        if kind in ("", "torch") and source.text(node.func.value) == "torch":
            inner = node.args[0]
    text = source.text(inner)
    if kind == "tf":
        return None if "clip_by_value" in text else f"tf.clip_by_value({text}, {low}, {high})"
    if kind in ("ops", "K", "keras"):
        return None if ".clip(" in text else f"{owner}.clip({text}, {low}, {high})"
    if kind in ("np", "numpy", "jnp"):
        return None if ".clip(" in text else f"{kind}.clip({text}, {low}, {high})"
    if kind == "math":
        return None if text.startswith("min(") else f"min(max({text}, {low}), {high})"
    return f"{source.within(inner)}.clamp({low}, {high})"


def _edits(source: Source, node: ast.expr, text: str | None) -> Iterator[Edit]:
    if text is not None:
        yield source.replaced(node, text)


def log(source: Source, line: int | None) -> Iterator[Edit]:
    """log(x) of at least 1e-6."""
    for _, value, owner in source.calls(_LOGS, line):
        yield from _edits(source, value, _at_least(source, value, owner, "1e-6"))
    for _, value, owner in source.calls(("log1p",), line):
        yield from _edits(source, value, _at_least(source, value, owner, "-1 + 1e-6"))
    for call, value, owner in source.calls(("logit",), line):
        if keyword(call, "eps") is None and len(call.args) < 2:
            yield from _edits(source, value, _between(source, value, owner, "1e-6", "1 - 1e-6"))
    for call, _, owner in source.calls(("xlogy",), line):
        if owner and len(call.args) > 1:
            yield from _edits(source, call.args[1], _at_least(source, call.args[1], owner, "1e-6"))


def root(source: Source, line: int | None) -> Iterator[Edit]:
    """sqrt(x) of at least 1e-12, whose derivative is finite; powers likewise."""
    for _, value, owner in source.calls(_ROOTS, line):
        yield from _edits(source, value, _at_least(source, value, owner, "1e-12"))
    for call, value, owner in source.calls(("pow",), line):
        exponents = call.args[1:] if owner else call.args
        if exponents and _is_fraction(exponents[0]):
            yield from _edits(source, value, _at_least(source, value, owner, "1e-12"))
    for call, first, owner in source.calls(("hypot",), line):
        second = call.args[1 if owner else 0] if len(call.args) > (1 if owner else 0) else None
        if second is not None and _kind(owner) in ("torch", ""):
            text = f"torch.sqrt({source.within(first)}.square() + {source.within(second)}.square() + 1e-12)"
            yield source.replaced(call, text)
    for node in source.on(line):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _is_fraction(node.right):
            yield from _edits(source, node.left, _at_least(source, node.left, "torch", "1e-12"))


def _is_fraction(node: ast.expr) -> bool:
    """Whether an exponent is, or may be, no whole number."""
    value = number(node)
    if value is not None:
        return not value.is_integer()
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


def division(source: Source, line: int | None) -> Iterator[Edit]:
    """An epsilon below; of what is never negative, at least that."""
    for node in source.on(line):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _is_fixed(source, node.right):
            yield from _edits(source, node.right, _denominator(source, node.right))
    for call, _, owner in source.calls(("div", "divide", "true_divide"), line):
        below = call.args[1 if owner else 0] if len(call.args) > (1 if owner else 0) else None
        if below is not None and not _is_fixed(source, below):
            yield from _edits(source, below, _denominator(source, below))
    for _, value, owner in source.calls(("rsqrt", "reciprocal"), line):
        if not _is_safe(value):
            text = f"{source.text(value)} + 1e-12"
            yield source.replaced(value, text if owner else f"({text})")


def _denominator(source: Source, node: ast.expr) -> str | None:
    if _is_safe(node):
        return None
    if called(node) in _NOT_NEGATIVE and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = source.text(node.func.value).split(".")[0]
        if owner in ("np", "numpy", "jnp"):
            return f"{owner}.maximum({source.text(node)}, 1e-6)"
        if owner not in ("tf", "ops", "K", "keras", "math", "self"):
            return f"{source.text(node)}.clamp_min(1e-6)"
    text = source.text(node)
    return f"({text} + 1e-6)"


def _is_safe(node: ast.expr) -> bool:
    """Whether a bound or an epsilon is there by now."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return any((number(one) or 0) > 0 for one in (node.left, node.right))
    return called(node) in _SAFE


def _is_fixed(source: Source, node: ast.expr) -> bool:
    """Whether a denominator is a number that the data cannot make zero."""
    if number(node) is not None:
        return True
    if isinstance(node, ast.Call):
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        plain = owner is None or source.text(owner) in ("math", "np", "numpy")
        return called(node) in _FIXED and (plain or called(node) in ("size", "numel"))
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
    return isinstance(node, ast.Name) and node.id.isupper()


def domain(source: Source, line: int | None) -> Iterator[Edit]:
    """Arguments inside of the domain."""
    for _, value, owner in source.calls(_BOTH_ENDS, line):
        yield from _edits(source, value, _between(source, value, owner, "-1 + 1e-6", "1 - 1e-6"))
    for _, value, owner in source.calls(_ABOVE_ONE, line):
        yield from _edits(source, value, _at_least(source, value, owner, "1 + 1e-6"))
    for _, value, owner in source.calls(_EXPONENTIAL, line):
        yield from _edits(source, value, _at_most(source, value, owner))


def _at_most(source: Source, node: ast.expr, owner: str) -> str | None:
    text, kind = source.text(node), _kind(owner)
    if called(node) in ("clamp_max", "minimum", "min", "clamp", "clip"):
        return None
    if kind == "tf":
        return f"tf.minimum({text}, 80.0)"
    if kind in ("ops", "K", "keras", "np", "numpy", "jnp"):
        return f"{owner if kind in ('ops', 'K', 'keras') else kind}.minimum({text}, 80.0)"
    if kind == "math":
        return f"min({text}, 80.0)"
    return f"{source.within(node)}.clamp_max(80.0)"


def trap(source: Source, line: int | None) -> Iterator[Edit]:
    """The input of the function is made harmless, and not only its result."""
    for make in (log, root, domain, division):
        found = tuple(make(source, line))
        if found:
            yield from found
            return


def empty(source: Source, line: int | None) -> Iterator[Edit]:
    """A mean of nothing is zero."""
    for call, value, owner in source.calls(("mean",), line):
        if not owner and not call.args and not call.keywords and isinstance(value, ast.Subscript):
            text = source.text(value)
            yield source.replaced(call, f"({text}.sum() / max({text}.numel(), 1))")
    for node in source.on(line):
        if isinstance(node, ast.Call) and called(node) in ("cross_entropy", "nll_loss"):
            yield from _counted(source, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _is_fixed(source, node.right):
            below = node.right
            if called(below) in ("sum", "count_nonzero") and isinstance(below, ast.Call):
                yield source.replaced(below, f"{source.text(below)}.clamp_min(1)")


def _counted(source: Source, call: ast.Call) -> Iterator[Edit]:
    """A sum over the targets that count, divided by how many there are, at least one."""
    target = call.args[1] if len(call.args) > 1 else keyword(call, "target")
    known = {one.arg for one in call.keywords}
    if target is None or known - {"ignore_index", "target", "input"} or len(call.args) > 2:
        return
    ignored = keyword(call, "ignore_index")
    value = source.text(ignored) if ignored is not None else "-100"
    text = source.text(call)
    comma = "" if text.rstrip(") \n").endswith(",") else ", "
    counted = f'{text[:-1].rstrip()}{comma}reduction="sum")'
    yield source.replaced(call, f"({counted} / ({source.text(target)} != {value}).sum().clamp_min(1))")


def epsilon(source: Source, line: int | None) -> Iterator[Edit]:
    """Epsilons that float16 holds: on the line, else those that have such a name."""
    found = [node for node in source.on(line) if isinstance(node, ast.Constant) and _is_tiny(node)]
    if not found:
        found = list(_named(source))
    for node in found:
        yield source.replaced(node, "1e-4")


def _is_tiny(node: ast.expr | None) -> bool:
    value = number(node)
    return value is not None and isinstance(node, ast.Constant) and 0 < value < _TINIEST


def _named(source: Source) -> Iterator[ast.Constant]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg in _EPSILONS and _is_tiny(node.value):
            yield node.value  # type: ignore[misc]
        elif isinstance(node, ast.Assign) and _is_tiny(node.value):
            names = [getattr(one, "id", getattr(one, "attr", "")) for one in node.targets]
            if any(name in _EPSILONS for name in names):
                yield node.value  # type: ignore[misc]
        elif isinstance(node, ast.FunctionDef):
            plain = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            for one, default in zip(plain, node.args.defaults, strict=True):
                if one.arg in _EPSILONS and _is_tiny(default):
                    yield default  # type: ignore[misc]


def unset(source: Source, line: int | None) -> Iterator[Edit]:
    """Small random values in memory that nothing was written to."""
    nodes = list(source.on(line)) or []
    if not any(_is_unset(source, node) for node in nodes):
        nodes = [one for node in ast.walk(source.tree) if called_parameter(node) for one in ast.walk(node)]
    for node in nodes:
        if isinstance(node, ast.Call) and _is_unset(source, node):
            inner = source.text(node)[len(source.text(node.func)) :]
            text = f"torch.randn{inner} * 0.02"
            yield source.replaced(node, f"({text})" if source.follows(node) == "." else text)


def called_parameter(node: ast.AST) -> bool:
    """Whether a node makes a parameter."""
    return isinstance(node, ast.Call) and called(node) == "Parameter"


def _is_unset(source: Source, node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not node.args:
        return False
    name = source.text(node.func)
    sized = all(not isinstance(one, ast.List | ast.Tuple) for one in node.args)
    return name == "torch.empty" or (name in ("torch.Tensor", "torch.FloatTensor") and sized)


LINES: dict[str, Callable[[Source, int | None], Iterator[Edit]]] = {
    "log-of-zero": log,
    "sqrt-at-zero": root,
    "division-by-zero": division,
    "domain-error": domain,
    "where-gradient-trap": trap,
    "empty-reduction": empty,
    "fp16-eps-underflow": epsilon,
    "uninitialised-memory": unset,
}
