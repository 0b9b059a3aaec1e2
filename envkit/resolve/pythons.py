"""Which Python an environment gets."""

from __future__ import annotations

import functools
import re

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envkit.compat import version_key

_MINOR = re.compile(r"(\d+\.\d+)(?:\.\d+)?(t?)")


def valid(asked: str) -> bool:
    """Whether a person's `--python` is a minor ("3.12", "3.14t", "3.12.4") or specifiers (">=3.10")."""
    if _MINOR.fullmatch(asked):
        return True
    try:
        SpecifierSet(asked)
    except InvalidSpecifier:
        return False
    return True


@functools.lru_cache(maxsize=4096)  # a refusal goes through all builds once for every way out
def allowed(pythons: tuple[str, ...], asked: str | None) -> tuple[str, ...]:
    """Those of `pythons` that were asked for, newest first.

    Free-threaded builds ("3.14t") only where one was named.
    """
    ordered = sorted(pythons, key=lambda python: version_key(python.rstrip("t")), reverse=True)
    if asked is None:
        return tuple(python for python in ordered if not python.endswith("t"))
    named = _MINOR.fullmatch(asked)
    if named:
        return tuple(python for python in ordered if python == named[1] + named[2])
    wanted = SpecifierSet(asked)
    return tuple(python for python in ordered if not python.endswith("t") and wanted.contains(python + ".99"))
