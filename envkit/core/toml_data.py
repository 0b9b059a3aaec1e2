"""TOML files that ship with envkit, parsed once and not at every start.

The standard library's parser takes 40 ms for those that doctor needs. Python keeps in `__pycache__` what it
compiles; these files are handed to it as sources of one literal, so that it keeps them, too, and by its own
rules: time and size of the file, PYTHONDONTWRITEBYTECODE, a folder that may not be written.
"""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any


class _Loader(SourceFileLoader):
    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:  # type: ignore[override]
        import tomllib

        content = tomllib.loads(bytes(data).decode("utf-8"))
        return compile(f"content = {content!r}", path, "exec", dont_inherit=True, optimize=_optimize)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of one of our own files: tables, arrays, texts, finite numbers and booleans; no dates.

    Each call gives a value of its own. Raises OSError, and ValueError where it is not TOML in UTF-8.
    """
    name = path.stem
    code = _Loader(name, str(path)).get_code(name)
    found: dict[str, Any] = {"__builtins__": {}}
    exec(code or "", found)  # a literal: it calls nothing
    content: dict[str, Any] = found["content"]
    return content
