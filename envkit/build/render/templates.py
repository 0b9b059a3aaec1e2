"""The templates: where they lie, and how they are filled."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

_INSTALLED = Path(__file__).resolve().parents[2] / "_templates"
_CHECKOUT = Path(__file__).resolve().parents[3] / "templates"


@functools.lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def fill(name: str, **values: object) -> str:
    """A template (`docker/Dockerfile.j2`) with its values; one that is missing is an error."""
    return str(_environment().get_template(name).render(**values))
