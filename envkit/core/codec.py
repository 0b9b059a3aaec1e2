"""Values to JSON and back: one loader for every `--from`, one saver for every `--save`.

Unknown fields of a loaded file are kept: `Loaded.raw` holds the file as it was, and `overlay` lays the value
over it. An unknown major schema version is refused.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from envkit.core.errors import BadInputError, DiskError

T = TypeVar("T")

MAX_BYTES = 64 << 20
"""The largest input file."""
MAX_DEPTH = 100
"""The deepest nesting of an input file; what envkit saves has about ten levels."""

# JSON escapes what is below the space. DEL, C1 and direction overrides act on a terminal, too.
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded(Generic[T]):
    """A typed value and the JSON that it came from."""

    value: T
    raw: dict[str, Any]


def to_json(value: Any) -> Any:
    """Dicts, lists or tuples, and scalars."""
    return msgspec.to_builtins(value)


def from_json(kind: type[T], data: Any) -> T:
    """What `to_json` was given. Raises msgspec.ValidationError."""
    return msgspec.convert(data, kind)


def dumps(value: Any, *, indent: int = 2) -> str:
    """JSON text of a value or of builtins, with nothing in it that acts on a terminal."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=indent).decode()
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read_input(source: str | Path, *, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file, or of standard input for `-`. Raises BadInputError."""
    try:
        if str(source) == "-":
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(limit + 1)
    except OSError as error:
        raise BadInputError(
            f"cannot read {source}: {error.strerror or error}", todo="check the path and its permissions"
        ) from error
    if len(data) > limit:
        raise BadInputError(
            f"{source} is larger than {limit >> 20} MiB", todo="give a file that envkit saved with --save"
        )
    return data


def loads(kind: type[T], data: bytes, *, name: str, where: str, strict: bool = True) -> Loaded[T]:
    """A value of schema `envkit.<name>/<major>` from JSON bytes. Raises BadInputError.

    strict: no number is taken from text. JSON itself has no NaN.
    """
    todo = f"give a file that envkit saved with --save (schema envkit.{name})"
    if not data.strip():
        raise BadInputError(f"{where} is empty", todo=todo)
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadInputError(f"{where} is not JSON that can be read: {error}", todo=todo) from error
    if not isinstance(raw, dict):
        raise BadInputError(f"{where} holds JSON, but not an object", todo=todo)
    if not _is_shallow(raw):
        raise BadInputError(f"{where} is nested more than {MAX_DEPTH} levels deep", todo=todo)
    _check_schema(raw.get("schema"), name, where)
    try:
        return Loaded(value=msgspec.convert(raw, kind, strict=strict), raw=raw)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadInputError(f"{where} is not a valid {name}: {error}", todo=todo) from error


def load(kind: type[T], source: str | Path, *, name: str) -> Loaded[T]:
    """`loads` from a file, or from standard input for `-`."""
    where = "standard input" if str(source) == "-" else str(source)
    return loads(kind, read_input(source), name=name, where=where)


def _is_shallow(raw: Any) -> bool:
    level = [raw]
    for _ in range(MAX_DEPTH):
        inner = (node.values() if isinstance(node, dict) else node for node in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return True
    return False


def _check_schema(schema: Any, name: str, where: str) -> None:
    family, _, major = str(schema or "").partition("/")
    if family != f"envkit.{name}":
        found = f"its schema is {schema!r}" if schema else "it has no schema"
        raise BadInputError(
            f"{where} is not an envkit {name}: {found}", todo=f"give a file with schema envkit.{name}/1"
        )
    if major.split(".")[0] != "1":
        raise BadInputError(
            f"{where} has schema {schema}, and this envkit reads envkit.{name}/1",
            todo="update envkit if the file is newer, or save it again with this version",
        )


def overlay(raw: Any, value: Any) -> Any:
    """`value` laid over `raw`: fields that only `raw` has are kept, at every depth."""
    if isinstance(raw, Mapping) and isinstance(value, Mapping):
        return {**raw, **{key: overlay(raw.get(key), item) for key, item in value.items()}}
    if isinstance(raw, list) and isinstance(value, list | tuple) and len(raw) == len(value):
        return [overlay(old, new) for old, new in zip(raw, value, strict=True)]
    return value


def write_text(target: str | Path, text: str) -> None:
    """Write a file whole or not at all; `-` is standard output. Raises DiskError.

    A device or a pipe (`/dev/null`, `>(...)`) is written to and never replaced; a link stays a link.
    """
    if str(target) == "-":
        sys.stdout.write(text)
        return
    try:
        try:
            mode = os.stat(target).st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            _replace(Path(os.path.realpath(target)), text, mode)
    except OSError as error:
        raise DiskError(
            f"cannot write {target}: {error.strerror or error}",
            todo="give a path in a directory that exists and that you may write to, with space left",
        ) from error


def _replace(path: Path, text: str, mode: int | None) -> None:
    """Make or replace a regular file; one that was there keeps its mode."""
    if mode is not None and not os.access(path, os.W_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    temporary = path.with_name(f".envkit-{os.urandom(8).hex()}")
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
