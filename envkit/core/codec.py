"""Values to JSON and back: one loader for every `--from`, one saver for every `--save`.

Unknown fields of a loaded file are kept: `Loaded.raw` holds the file as it was, and `overlay` lays the value
over it. An unknown major schema version is refused.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from envkit.core.errors import BadInputError, DiskError

T = TypeVar("T")

MAX_BYTES = 64 << 20
"""The largest input file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded(Generic[T]):
    """A typed value and the JSON that it came from."""

    value: T
    raw: dict[str, Any]


def to_json(value: Any) -> Any:
    """Dicts, lists and scalars."""
    return msgspec.to_builtins(value)


def dumps(value: Any, *, indent: int = 2) -> str:
    """JSON text of a value or of builtins."""
    data = msgspec.json.encode(value)
    return msgspec.json.format(data, indent=indent).decode()


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


def loads(kind: type[T], data: bytes, *, name: str, where: str) -> Loaded[T]:
    """A value of schema `envkit.<name>/<major>` from JSON bytes. Raises BadInputError."""
    todo = f"give a file that envkit saved with --save (schema envkit.{name})"
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadInputError(f"{where} is not JSON that can be read: {error}", todo=todo) from error
    if not isinstance(raw, dict):
        raise BadInputError(f"{where} holds JSON, but not an object", todo=todo)
    _check_schema(raw.get("schema"), name, where)
    try:
        return Loaded(value=msgspec.convert(raw, kind), raw=raw)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadInputError(f"{where} is not a valid {name}: {error}", todo=todo) from error


def load(kind: type[T], source: str | Path, *, name: str) -> Loaded[T]:
    """`loads` from a file, or from standard input for `-`."""
    return loads(
        kind, read_input(source), name=name, where="standard input" if source == "-" else str(source)
    )


def _check_schema(schema: Any, name: str, where: str) -> None:
    family, _, major = str(schema or "").partition("/")
    if family != f"envkit.{name}":
        found = f"its schema is {schema!r}" if schema else "it has no schema"
        raise BadInputError(
            f"{where} is not an envkit {name}: {found}", todo=f"give a file with schema envkit.{name}/1"
        )
    if major.split(".")[0] != "1":
        raise BadInputError(
            f"{where} has schema {schema}, which is newer than this envkit reads",
            todo="update envkit, or save the file again with this version",
        )


def overlay(raw: Any, value: Any) -> Any:
    """`value` laid over `raw`: fields that only `raw` has are kept, at every depth."""
    if isinstance(raw, Mapping) and isinstance(value, Mapping):
        return {**raw, **{key: overlay(raw.get(key), item) for key, item in value.items()}}
    if isinstance(raw, list) and isinstance(value, list) and len(raw) == len(value):
        return [overlay(old, new) for old, new in zip(raw, value, strict=True)]
    return value


def write_text(target: str | Path, text: str) -> None:
    """Write a file whole or not at all; `-` is standard output. Raises DiskError."""
    if str(target) == "-":
        sys.stdout.write(text)
        return
    path = Path(target)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes 0600, which would surprise a person
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise DiskError(
            f"cannot write {target}: {error.strerror or error}",
            todo="give a path in a directory that exists and that you may write to, with space left",
        ) from error
