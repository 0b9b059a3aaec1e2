"""Writes derived releases into the TOML tables, as text, so that comments and order stay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from compat_companions import PINNED, Found, companion_of, companion_row
from compat_diff import Change, Seen
from compat_index import Index

from envkit.compat import TensorflowRelease, TorchRelease, TorchVariant

_WRITABLE = {
    "torch": ("pythons", "free_threaded", "triton"),
    "tensorflow": (
        *("pythons", "platforms", "nccl", "and_cuda", "numpy", "keras", "protobuf", "tensorboard"),
        *("glibc", "archs"),
    ),
}
_PINS = ("cudnn", "nccl")
_VARIANT_WRITABLE = (*_PINS, "archs")


def write(folder: Path, seen: Seen, index: Index, date: str) -> Iterator[str]:
    """Writes the changes of one project; says of each whether it was written or wants a person."""
    path = folder / f"{seen.project}.toml"
    text = path.read_text(encoding="utf-8")
    source = f"index-{date}"
    for change in seen.changes:
        written = _apply(text, seen, change, source)
        yield f"{'written' if written else 'by hand'}: {change}"
        text = written or text
        if written and change.field is None and seen.project == "torch":
            version = change.where.split(" ")[1]
            for name in PINNED:
                found = companion_of(index, name, version)
                if found is not None:
                    text = _with_companion(folder, text, version, found, source, date)
                    yield f"written: {name} {found.version} beside torch {version}"
            yield f"by hand: torchcodec beside torch {version} (its README names the torch of each version)"
    path.write_text(_with_source(text, source, date), encoding="utf-8")


def _with_companion(folder: Path, text: str, version: str, found: Found, source: str, date: str) -> str:
    """The torch table with the companion's version; its own row goes into companions.toml."""
    path = folder / "companions.toml"
    companions = path.read_text(encoding="utf-8")
    if f"[[companion]]\nname = '{found.name}'\nversion = '{found.version}'\n" not in companions:
        at = companions.index(f"[[companion]]\nname = '{found.name}'\n")
        companions = companions[:at] + companion_row(found, source) + "\n" + companions[at:]
        path.write_text(_with_source(companions, source, date), encoding="utf-8")
    start, end = _block(text, "torch", version)
    return text[:start] + _set(text[start:end], found.name, f"'{found.version}'") + text[end:]


def _apply(text: str, seen: Seen, change: Change, source: str) -> str | None:
    """The text with one change, or None where a person has to decide."""
    version = change.where.split(" ")[1]
    release = next((one for one in seen.releases if one.version == version), None)
    if release is None:
        return None
    if change.field is None:
        return _insert(text, seen.project, release, source)
    start, end = _block(text, seen.project, version)
    row = text[start:end]
    if "(" in change.where:
        tag, platform = re.findall(r"\((\w+), ([\w-]+)\)", change.where)[0]
        new = _set_variant(row, tag, platform, change) if change.field in _VARIANT_WRITABLE else None
    elif change.field in _WRITABLE[seen.project]:
        new = _set(row, change.field, _toml(change.new))
    else:
        new = None
    return None if new is None else text[:start] + new + text[end:]


def _block(text: str, project: str, version: str) -> tuple[int, int]:
    """Where the row of a version starts and ends, its leading comment not counted."""
    header = f"[[{project}]]\n"
    start = text.index(f"{header}version = '{version}'\n")
    end = text.find(f"\n{header}", start)
    return start, len(text) if end < 0 else end + 1


def _toml(value: object) -> str | None:
    """A value as the tables write it; None for None: such a key is left out."""
    if value is None:
        return None
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value) + " }"
    if isinstance(value, tuple):
        parts = [f"'{part}'" for part in value]
        line = "[" + ", ".join(parts) + "]"
        return line if len(line) < 200 else "[\n" + "".join(f"  {part},\n" for part in parts) + "]"
    raise TypeError(f"no table holds a {type(value).__name__}")


def _set(row: str, key: str, value: str | None) -> str:
    pattern = re.compile(rf"^{key} = (?:\[\n.*?^\]|[^\n]*)\n", re.MULTILINE | re.DOTALL)
    line = "" if value is None else f"{key} = {value}\n"
    if pattern.search(row):
        return pattern.sub(lambda _: line, row, count=1)
    # A new key goes right after the version.
    return re.sub(r"^(version = [^\n]*\n)", lambda found: found[1] + line, row, count=1, flags=re.MULTILINE)


def _set_variant(row: str, tag: str, platform: str, change: Change) -> str | None:
    """Changes a key of the line of one build; None when that line also serves other platforms."""
    start = f"{{ tag = '{tag}', platforms = ['{platform}'], "
    at = row.find(start)
    if at < 0:
        return None
    end = row.index("\n", at)
    line, value = row[at:end], _toml(change.new)
    assigned = re.compile(rf"{change.field} = (?:\[[^\]]*\]|'[^']*'), ")
    new = "" if value is None else f"{change.field} = {value}, "
    line = assigned.sub(lambda _: new, line) if assigned.search(line) else line.replace(start, start + new)
    return row[:at] + line + row[end:]


def _insert(text: str, project: str, release: TorchRelease | TensorflowRelease, source: str) -> str | None:
    """A new row on top, or in place of the minor's earlier patch."""
    earlier = _earlier(text, project, release.version)
    if earlier is not None:
        # What TensorFlow's metadata says changes with the patch: a person has to look at the row.
        return _patch(text, earlier, release) if isinstance(release, TorchRelease) else None
    row = (
        _torch_row(release, source) if isinstance(release, TorchRelease) else _tensorflow_row(release, source)
    )
    at = text.index(f"[[{project}]]\n")
    # Comments right above the first row belong to it.
    while text[:at].endswith("\n") and (line := text[:at].rstrip("\n").rsplit("\n", 1)[-1]).startswith("# "):
        at -= len(line) + 1
    return text[:at] + row + "\n" + text[at:]


def _earlier(text: str, project: str, version: str) -> str | None:
    """The patch of the same minor that the table has."""
    minor = re.escape(".".join(version.split(".")[:2]))
    found = re.search(rf"^\[\[{project}\]\]\nversion = '({minor}\.[^']*)'", text, re.MULTILINE)
    return found[1] if found else None


def _patch(text: str, earlier: str, release: TorchRelease) -> str:
    """The minor's row under its new patch; the earlier one goes to `older` with what differs."""
    start, end = _block(text, "torch", earlier)
    row = text[start:end]
    kept = [f"version = '{earlier}'"]
    for key in ("triton", "torchvision", "torchaudio"):
        old = re.search(rf"^{key} = '([^']*)'$", row, re.MULTILINE)
        if old and (key != "triton" or old[1] != release.triton):
            kept.append(f"{key} = '{old[1]}'")
    line = "  { " + ", ".join(kept) + " },\n"
    if "older = [\n" in row:
        row = row.replace("older = [\n", "older = [\n" + line, 1)
    else:
        row = row.replace("variants = [\n", f"older = [\n{line}]\nvariants = [\n", 1)
    row = row.replace(f"version = '{earlier}'\n", f"version = '{release.version}'\n", 1)
    for key in _WRITABLE["torch"]:
        row = _set(row, key, _toml(getattr(release, key) or None))
    for variant in release.variants:
        if variant.on_default_index and variant.cudnn:
            for key in _PINS:
                change = Change(where="", field=key, old=None, new=getattr(variant, key))
                row = _set_variant(row, variant.tag, variant.platform, change) or row
    return text[:start] + row + text[end:]


def _lines(pairs: Iterable[tuple[str, object]]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in pairs if value not in (None, ()))


def _torch_row(release: TorchRelease, source: str) -> str:
    default = tuple((v.platform, v.tag) for v in release.variants if v.on_default_index)
    glibc = {v.platform: v.glibc for v in release.variants if v.glibc}
    text = "[[torch]]\n" + _lines(
        (
            ("version", release.version),
            ("default", default),
            ("pythons", release.pythons),
            ("free_threaded", release.free_threaded),
            ("fewer_pythons", release.fewer_pythons),
            ("glibc", tuple(glibc.items())),
            ("triton", release.triton),
            ("source", source),
        )
    )
    builds = "".join(f"  {{ {_variant(variant, source)} }},\n" for variant in release.variants)
    return f"{text}variants = [\n{builds}]\n"


def _variant(variant: TorchVariant, source: str) -> str:
    parts = [f"tag = '{variant.tag}'", f"platforms = ['{variant.platform}']"]
    read = variant.archs_provenance is not None and "architecture list" in variant.archs_provenance.source
    # Architectures of a neighbour are good enough to derive with, never to write down.
    if variant.archs and read:
        parts += [f"archs = {_toml(variant.archs)}", f"archs_source = '{source}'"]
    parts += [f"{key} = '{value}'" for key in ("cudnn", "nccl") if (value := getattr(variant, key))]
    return ", ".join([*parts, f"source = '{source}'"])


def _tensorflow_row(release: TensorflowRelease, source: str) -> str:
    read = release.archs_provenance is not None and "architecture list" in release.archs_provenance.source
    return "[[tensorflow]]\n" + _lines(
        (
            ("version", release.version),
            ("pythons", release.pythons),
            ("platforms", release.platforms),
            ("gpu_platforms", release.gpu_platforms),
            ("cuda", release.cuda),
            ("cudnn", release.cudnn),
            ("build_source", source),
            ("nccl", release.nccl),
            ("archs", release.archs if read else None),
            ("archs_source", source if read else None),
            ("numpy", release.numpy),
            ("keras", release.keras),
            ("protobuf", release.protobuf),
            ("tensorboard", release.tensorboard),
            ("cpu_wheel", release.cpu_wheel),
            ("glibc", release.glibc),
            ("and_cuda", release.and_cuda),
            ("source", source),
        )
    )


def _with_source(text: str, source: str, date: str) -> str:
    """The table with the source of the new rows, after the others; as it is when no row names it."""
    if f"= '{source}'" not in text or f"[sources.{source}]" in text:
        return text
    entry = (
        f"[sources.{source}]\nsource = 'PyPI wheel metadata (tools/update_compat.py)'\n"
        f"date = '{date}'\nhow = 'measured'\n\n"
    )
    at = re.search(r"^(?:# [^\n]*\n)*\[\[", text, re.MULTILINE)
    if at is None:
        raise ValueError("a table without rows")
    return text[: at.start()] + entry + text[at.start() :]
