"""Reads TOML tables strictly: a key that is missing, misspelt or of the wrong type names itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, TypeVar, get_args

from envkit.compat.model import Platform, Provenance, RowHow

T = TypeVar("T")


class CompatDataError(ValueError):
    """A compatibility table that cannot be trusted; the message names file, row and key."""


class Row:
    """One table of a file. Every key is taken once; `done` refuses what nobody took."""

    __slots__ = ("_left", "_sources", "label")

    def __init__(self, label: str, data: object, sources: Mapping[str, Provenance]) -> None:
        self.label = label
        if not isinstance(data, dict):
            raise CompatDataError(f"{label}: expected a table, found {type(data).__name__}")
        self._left: dict[str, Any] = dict(data)
        self._sources = sources

    def error(self, key: str, problem: str) -> CompatDataError:
        return CompatDataError(f"{self.label}: {key}: {problem}")

    def _take(self, key: str, kind: type[T] | tuple[type[T], ...], what: str) -> T | None:
        value = self._left.pop(key, None)
        # bool is an int to isinstance, never to a table.
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise self.error(key, f"expected {what}, found {value!r}")
        return value

    def _need(self, key: str, value: T | None) -> T:
        if value is None:
            raise self.error(key, "missing key")
        return value

    def opt_text(self, key: str) -> str | None:
        value = self._take(key, str, "a string")
        if value == "":
            raise self.error(key, "empty string")
        return value

    def text(self, key: str) -> str:
        return self._need(key, self.opt_text(key))

    def opt_choice(self, key: str, choices: object) -> Any:
        """One of the strings of a Literal type."""
        value = self.opt_text(key)
        if value is not None and value not in get_args(choices):
            raise self.error(key, f"{value!r} is none of {', '.join(get_args(choices))}")
        return value

    def choice(self, key: str, choices: object) -> Any:
        return self._need(key, self.opt_choice(key, choices))

    def flag(self, key: str) -> bool:
        """True or false; a key that is absent is false."""
        value = self._left.pop(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"expected true or false, found {value!r}")
        return value

    def opt_int(self, key: str) -> int | None:
        return self._take(key, int, "an integer")

    def integer(self, key: str) -> int:
        return self._need(key, self.opt_int(key))

    def opt_number(self, key: str) -> float | None:
        value = self._take(key, (int, float), "a number")
        return None if value is None else float(value)

    def _opt_list(self, key: str, check: Callable[[Any], bool], what: str) -> tuple[Any, ...] | None:
        values = self._take(key, list, f"a list of {what}")
        if values is None:
            return None
        for value in values:
            if not check(value):
                raise self.error(key, f"expected {what}, found {value!r}")
        if len(set(values)) != len(values):
            raise self.error(key, f"duplicate entry in {values!r}")
        return tuple(values)

    def opt_texts(self, key: str) -> tuple[str, ...] | None:
        return self._opt_list(key, lambda v: isinstance(v, str) and v != "", "non-empty strings")

    def texts(self, key: str) -> tuple[str, ...]:
        return self._need(key, self.opt_texts(key))

    def choices(self, key: str, choices: object) -> tuple[Any, ...]:
        return self._need(
            key, self._opt_list(key, get_args(choices).__contains__, f"one of {get_args(choices)}")
        )

    def opt_ints(self, key: str) -> tuple[int, ...] | None:
        return self._opt_list(key, lambda v: isinstance(v, int) and not isinstance(v, bool), "integers")

    def numbers(self, key: str) -> tuple[float, ...]:
        values = self._opt_list(
            key, lambda v: isinstance(v, (int, float)) and not isinstance(v, bool), "numbers"
        )
        return tuple(float(value) for value in self._need(key, values))

    def opt_row(self, key: str) -> Row | None:
        """A nested table."""
        value = self._left.pop(key, None)
        return None if value is None else Row(f"{self.label}: {key}", value, self._sources)

    def row(self, key: str) -> Row:
        return self._need(key, self.opt_row(key))

    def rows(self, key: str, name_key: str) -> Iterator[Row]:
        """The tables of an array, each labelled with its index and its value of `name_key`."""
        tables = self._need(key, self._take(key, list, "an array of tables"))
        for index, table in enumerate(tables):
            name = table.get(name_key) if isinstance(table, dict) else None
            yield Row(f"{self.label}: {key}[{index}] {name or '?'}", table, self._sources)

    def untaken(self) -> tuple[str, ...]:
        """Keys nobody took yet, for tables whose keys are data."""
        return tuple(self._left)

    def opt_provenance(self, key: str = "source") -> Provenance | None:
        name = self.opt_text(key)
        if name is None:
            return None
        if name not in self._sources:
            raise self.error(key, f"{name!r} is not in [sources]")
        return self._sources[name]

    def provenance(self, key: str = "source") -> Provenance:
        return self._need(key, self.opt_provenance(key))

    def done(self) -> None:
        if self._left:
            raise self.error(next(iter(self._left)), "unknown key")


def read_sources(top: Row) -> dict[str, Provenance]:
    """The [sources] table of a file: id -> where, when and how surely a row was read."""
    table = top.row("sources")
    found = {}
    for name in table.untaken():
        row = table.row(name)
        found[name] = Provenance(
            source=row.text("source"), date=row.text("date"), how=row.choice("how", RowHow)
        )
        try:
            date.fromisoformat(found[name].date)
        except ValueError:
            raise row.error("date", f"{found[name].date!r} is not an ISO date") from None
        row.done()
    return found


def each(
    top: Row, key: str, name_key: str, read: Callable[[Row], T], *, optional: bool = False
) -> tuple[T, ...]:
    """The rows of an array, each read whole: what `read` left over is an error."""
    if optional and key not in top.untaken():
        return ()
    found = []
    for row in top.rows(key, name_key):
        found.append(read(row))
        row.done()
    return tuple(found)


def table(top: Row, key: str, name_key: str, read: Callable[[Row], T]) -> tuple[T, ...]:
    """The rows of a file that holds one array and nothing else."""
    found = each(top, key, name_key, read)
    top.done()
    return found


def archs_provenance(row: Row, archs: object) -> Provenance | None:
    """Where `archs` was read: there when they are, and only then."""
    provenance = row.opt_provenance("archs_source")
    if (archs is None) != (provenance is None):
        raise row.error("archs_source", "goes with archs: both or neither")
    return provenance


def per_platform(row: Row, read: Callable[[Row, str], T]) -> tuple[tuple[Platform, T], ...]:
    """A table whose keys are platforms."""
    found = tuple(
        (platform, read(row, platform)) for platform in get_args(Platform) if platform in row.untaken()
    )
    row.done()
    return found
