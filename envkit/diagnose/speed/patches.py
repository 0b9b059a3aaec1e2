"""Fixes for speed as changes to the person's own files. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from envkit.diagnose.model import Change, Gain, Speed
from envkit.diagnose.patch import Patch, edited
from envkit.diagnose.patch_source import Edit, Source, applied, called, keyword, number
from envkit.diagnose.speed.trace import Settings
from envkit.diagnose.trace import Trace

Places = Mapping[str, tuple[str, int]]
"""File and line of what was made: `loader`, `optimizer`."""
_Make = Callable[[Source, int | None, str], Iterator[Edit]]
_OPTIMISERS = ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop", "NAdam")
HELPED = 0.02
"""Gain from which a change is worth making."""
_WORKERS = 5
"""Place of num_workers among a DataLoader's arguments."""


def with_patches(speed: Speed, trace: Trace, files: Mapping[str, str]) -> Speed:
    """The speed with the change of the person's file in each gain that it is known for.

    files: their text by path. trace: of the process that was judged.
    """
    known = places(trace)
    return replace(speed, gains=tuple(_patched(one, files, known) for one in speed.gains))


def _patched(gain: Gain, files: Mapping[str, str], known: Places) -> Gain:
    changes = _changes(gain)
    if not changes or gain.patch is not None:
        return gain
    return replace(gain, patch=patch(changes, files, known))


def _changes(gain: Gain) -> tuple[Change, ...]:
    """Of a gain of several changes together: each of them."""
    if gain.change is None:
        return ()
    if gain.change.name != "together":
        return (gain.change,)
    pairs = (one.partition("=") for one in gain.change.value.split(", "))
    return tuple(Change(name=name, value=value) for name, _, value in pairs)


def places(trace: Trace) -> dict[str, tuple[str, int]]:
    """Where the loader whose batches are trained on, and the optimiser, were made."""
    found: dict[str, tuple[str, int]] = {}
    loaders = sorted((one for one in trace.speed.loaders if one.training), key=lambda one: -one.waited)
    if loaders and loaders[0].stack:
        found["loader"] = loaders[0].stack[0].file, loaders[0].stack[0].line
    name = (trace.speed.settings or Settings()).optimizer
    made = [one for one in trace.optimizers if one.stack and (name is None or one.name == name)]
    if made:
        found["optimizer"] = made[-1].stack[0][0], made[-1].stack[0][1]
    return found


def patch(changes: Sequence[Change], files: Mapping[str, str], known: Places) -> str | None:
    """All of some changes as a unified diff; None where one of them cannot be made in these files."""
    return "".join(one.diff for one in _patches(changes, files, known)) or None


def best(speed: Speed) -> Gain | None:
    """The change to make: of those that were tried and helped the best, several together counting as one;
    where nothing was tried, the first for the primary cause. None that changes what is trained.
    """
    known = [one for one in speed.gains if one.patch and one.free and one.same_losses is not False]
    if any(one.measured is not None for one in speed.gains):
        helped = [one for one in known if one.measured is not None and one.measured[0] >= HELPED]
        return max(helped, key=lambda one: one.measured or (0.0, 0.0), default=None)
    key = None if speed.primary is None else speed.primary.key
    promising = (one for one in known if one.predicted is not None and one.predicted[1] >= HELPED)
    return next((one for one in promising if one.key == key), None)


def best_patches(speed: Speed, trace: Trace, files: Mapping[str, str]) -> tuple[Patch, ...]:
    """The files as the best change makes them; () where there is none."""
    gain = best(speed)
    return () if gain is None else _patches(_changes(gain), files, places(trace))


def _patches(changes: Sequence[Change], files: Mapping[str, str], known: Places) -> tuple[Patch, ...]:
    """The files that change; () where one of the changes cannot be made in these files."""
    texts = dict(files)
    for one in sorted(changes, key=lambda one: one.name in _LINES):  # lines of others stay as they are
        file = _file(one, texts, known)
        make = _MAKERS.get(one.name) or _LINES.get(one.name)
        if file is None or make is None:
            return ()
        source = Source(texts[file], ast.parse(texts[file]))
        texts[file] = applied(texts[file], tuple(make(source, _line(one, known), one.value)))
    found = (_edited(path, text, texts[path]) for path, text in files.items())
    return tuple(one for one in found if one is not None)


def _edited(path: str, before: str, after: str) -> Patch | None:
    return edited(path, before, (Edit(start=0, end=len(before.encode()), text=after),))


def _line(change: Change, known: Places) -> int | None:
    place = known.get(_OF.get(change.name, ""))
    return None if place is None else place[1]


def _file(change: Change, files: Mapping[str, str], known: Places) -> str | None:
    """The file in which a change can be made: where the thing was made, else the only one."""
    place = known.get(_OF.get(change.name, ""))
    paths = list(files) if place is None else [one for one in files if one == place[0]]
    line = None if place is None else place[1]
    make = _MAKERS.get(change.name) or _LINES.get(change.name)
    found = []
    for path in paths:
        try:
            source = Source(files[path], ast.parse(files[path]))
        except (SyntaxError, ValueError, RecursionError):
            continue
        if make is not None and any(True for _ in make(source, line, change.value)):
            found.append(path)
    return found[0] if len(found) == 1 else None


def _calls(source: Source, names: Sequence[str], line: int | None) -> list[ast.Call]:
    """Calls of these on a line; without a line, the only one of the file."""
    nodes = source.on(line) if line is not None else ast.walk(source.tree)
    found = [one for one in nodes if isinstance(one, ast.Call) and called(one) in names]
    return found if line is None and len(found) == 1 else found[:1] if line is not None else []


def _put(source: Source, call: ast.Call, name: str, value: str, place: int | None = None) -> Iterator[Edit]:
    """A keyword of a call with this value; nothing where its arguments cannot be known."""
    given = keyword(call, name)
    if given is None and place is not None and len(call.args) > place:
        given = call.args[place]
    if given is not None:
        if source.text(given) != value:
            yield source.replaced(given, value)
    elif all(one.arg is not None for one in call.keywords) and not _starred(call):
        text, end = source.text(call), source.span(call)[1] - 1
        before = text[:-1].rstrip()
        if (call.args or call.keywords) and call.end_lineno != call.lineno and before != text[:-1]:
            yield _below(source, call, f"{name}={value}")
            return
        filled = bool(call.args or call.keywords) and not before.endswith(",")
        yield Edit(start=end, end=end, text=f"{', ' if filled else ''}{name}={value}")


def _below(source: Source, call: ast.Call, text: str) -> Edit:
    """One more argument on a line of its own, as the others are."""
    last = max((*call.args, *(one.value for one in call.keywords)), key=lambda one: source.span(one)[1])
    end = source.span(last)[1]
    first = call.args[0] if call.args else call.keywords[0].value
    nodes: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    start = min((one.col_offset for one in nodes if one.lineno > call.lineno), default=first.col_offset)
    return Edit(start=end, end=end, text=f",\n{' ' * start}{text}")


def _starred(call: ast.Call) -> bool:
    return any(isinstance(one, ast.Starred) for one in call.args)


def workers(source: Source, line: int | None, value: str) -> Iterator[Edit]:
    """So many workers; those that are new live on from epoch to epoch."""
    for call in _calls(source, ("DataLoader",), line):
        given = keyword(call, "num_workers") or (call.args[_WORKERS] if len(call.args) > _WORKERS else None)
        none = given is None or number(given) == 0
        if none and value != "0" and keyword(call, "persistent_workers") is None and given is None:
            yield from _put(source, call, "num_workers", f"{value}, persistent_workers=True")
            return
        yield from _put(source, call, "num_workers", value, _WORKERS)


def _keyword(names: Sequence[str], name: str, text: Callable[[str], str] = str) -> _Make:
    def make(source: Source, line: int | None, value: str) -> Iterator[Edit]:
        for call in _calls(source, names, line):
            yield from _put(source, call, name, text(value))

    return make


def _true(value: str) -> str:
    return "False" if value in ("0", "False", "false") else "True"


def _option(name: str) -> _Make:
    """A keyword of the optimiser on the line, whatever it is called."""

    def make(source: Source, line: int | None, value: str) -> Iterator[Edit]:
        if line is None:
            return
        made = [
            one
            for one in source.on(line)
            if isinstance(one, ast.Call) and (_is_kind(one) or "optim" in source.text(one.func).lower())
        ]
        for call in made[:1]:
            yield from _put(source, call, name, _true(value))

    return make


def _is_kind(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and called(node) in (
        "SGD",
        "Adam",
        "AdamW",
        "Adagrad",
        "RMSprop",
        "NAdam",
    )


def _off(names: Sequence[str]) -> _Make:
    """What switches something on switches it off."""

    def make(source: Source, line: int | None, value: str) -> Iterator[Edit]:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and called(node) in names and node.args:
                if not isinstance(node.args[0], ast.Constant) or node.args[0].value is True:
                    yield source.replaced(node.args[0], "False")
            elif isinstance(node, ast.Call) and called(node) == "detect_anomaly" and called(node) in names:
                text = source.text(node.func).replace("detect_anomaly", "set_detect_anomaly")
                yield source.replaced(node, f"{text}(False)")

    return make


def anomaly(source: Source, line: int | None, value: str) -> Iterator[Edit]:
    """No anomaly detection, also where a trainer is asked for it."""
    yield from _off(("set_detect_anomaly", "detect_anomaly"))(source, line, value)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and (given := keyword(node, "detect_anomaly")) is not None:
            yield source.replaced(given, "False")


def threads(source: Source, line: int | None, value: str) -> Iterator[Edit]:
    """The number that the script sets, or a line that sets it."""
    calls = [
        one for one in ast.walk(source.tree)
        if isinstance(one, ast.Call) and called(one) == "set_num_threads" and len(one.args) == 1
    ]  # fmt: skip
    if len(calls) == 1:
        yield source.replaced(calls[0].args[0], value)
    elif not calls:
        yield from _after_import(source, f"torch.set_num_threads({value})")


def _after_import(source: Source, text: str) -> Iterator[Edit]:
    """A line after the last import at the top of a file that imports torch."""
    imports = [one for one in source.tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    if "torch" in [name.name for one in imports if isinstance(one, ast.Import) for name in one.names]:
        end = source.span(imports[-1])[1]
        yield Edit(start=end, end=end, text=f"\n\n{text}")


def _inserted(text: str) -> _Make:
    def make(source: Source, line: int | None, value: str) -> Iterator[Edit]:
        yield from _after_import(source, text)

    return make


def dtype(source: Source, line: int | None, value: str) -> Iterator[Edit]:
    """float32 where the file asks for float64 as the default."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and called(node) in ("set_default_dtype", "set_floatx") and node.args:
            text = source.text(node.args[0])
            if "float64" in text or "double" in text:
                yield source.replaced(
                    node.args[0], text.replace("float64", "float32").replace("double", "float32")
                )


_OF = {
    "workers": "loader", "persistent": "loader", "pin": "loader", "prefetch": "loader",
    "foreach": "optimizer", "fused": "optimizer",
}  # fmt: skip
_MAKERS: dict[str, _Make] = {
    "workers": workers,
    "persistent": _keyword(("DataLoader",), "persistent_workers", _true),
    "pin": _keyword(("DataLoader",), "pin_memory", _true),
    "prefetch": _keyword(("DataLoader",), "prefetch_factor"),
    "foreach": _option("foreach"),
    "fused": _option("fused"),
    "anomaly": anomaly,
    "deterministic": _off(("use_deterministic_algorithms",)),
    "dynamic": _keyword(("compile",), "dynamic", _true),
    "dtype": dtype,
    "map-parallel": _keyword(("map",), "num_parallel_calls", lambda value: "tf.data.AUTOTUNE"),
    "eager": _off(("run_functions_eagerly",)),
}
_LINES: dict[str, _Make] = {
    "threads": threads,
    "flush-denormal": _inserted("torch.set_flush_denormal(True)"),
    "tf32": _inserted('torch.set_float32_matmul_precision("high")'),
}
"""Those that may add a line."""
