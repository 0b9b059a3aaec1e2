"""Where this person's pip and uv look for packages: taken over where no option says otherwise.

Sources: "Configuration Files" in pip's documentation (global files, user files, the site file,
PIP_CONFIG_FILE, then the environment; `[install]` goes before `[global]`), and uv's list of environment
variables, which uv itself would follow.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_KEYS = ("index-url", "extra-index-url", "find-links", "cert")
_UV = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
}
"""Where uv is told the same; the first counts most."""
_LIMIT = 1 << 16
"""Bytes read of a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PipConfig:
    """What is set, credentials and all: only `envkit.build.indexes` may see it."""

    index_url: str | None = None
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    cert: str | None = None
    origins: tuple[tuple[str, str], ...] = ()
    """(key, where it is set): a file, or the name of a variable."""

    def origin(self, key: str) -> str:
        """Where a key ("index-url") is set."""
        return dict(self.origins).get(key, "")


def read(env: Mapping[str, str], *, home: Path, prefix: Path, etc: Path = Path("/etc")) -> PipConfig:
    """pip's and uv's settings. home: of the person. prefix: of the environment whose pip is meant."""
    found: dict[str, tuple[str, str]] = {}
    for path in _files(env, home, prefix, etc):
        found.update((key, (value, str(path))) for key, value in _settings(path))
    for key in _KEYS:
        # uv makes the environments here: what it was told itself counts most.
        for name in (f"PIP_{key.upper().replace('-', '_')}", *reversed(_UV.get(key, ()))):
            if env.get(name, "").strip():
                found[key] = (env[name].strip(), name)
    values = {key: value for key, (value, _) in found.items()}
    return PipConfig(
        index_url=_last(values.get("index-url", "")),
        extra=_list(values.get("extra-index-url", "")),
        find_links=_list(values.get("find-links", "")),
        cert=values.get("cert"),
        origins=tuple((key, where) for key, (_, where) in found.items()),
    )


def here() -> PipConfig:
    """Of this process: the pip of the active environment."""
    prefix = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX") or sys.prefix
    try:
        home = Path.home()
    except RuntimeError:  # nobody's home
        home = Path("/nonexistent")
    return read(os.environ, home=home, prefix=Path(prefix))


def _files(env: Mapping[str, str], home: Path, prefix: Path, etc: Path) -> Iterator[Path]:
    """In the order in which a later one counts more."""
    named = env.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    own = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    if sys.platform == "win32":
        yield Path(env.get("PROGRAMDATA") or "C:/ProgramData") / "pip/pip.ini"
        users = (home / "pip/pip.ini", Path(env.get("APPDATA") or home) / "pip/pip.ini")
    elif sys.platform == "darwin":
        yield Path("/Library/Application Support/pip/pip.conf")
        library = home / "Library/Application Support/pip"
        users = (home / ".pip/pip.conf", (library if library.is_dir() else own / "pip") / "pip.conf")
    else:
        folders = (env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
        yield from (Path(folder) / "pip/pip.conf" for folder in folders if folder)
        yield etc / "pip.conf"
        users = (home / ".pip/pip.conf", own / "pip/pip.conf")
    if not named:
        yield from users
    yield prefix / ("pip.ini" if sys.platform == "win32" else "pip.conf")
    if named:
        yield Path(named)


def _settings(path: Path) -> Iterator[tuple[str, str]]:
    """The keys of a file that say something, `[install]` last."""
    parser = configparser.RawConfigParser()
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            parser.read_string(file.read(_LIMIT))
    except (OSError, configparser.Error):
        return
    for section in ("global", "install"):
        for name, value in parser.items(section) if parser.has_section(section) else ():
            key = name.lower().replace("_", "-").lstrip("-")
            if key in _KEYS and value.strip():
                yield key, value.strip()


def _list(text: str) -> tuple[str, ...]:
    """Several values: pip parts them by spaces and lines, uv's find-links by commas; `name=URL` is uv's."""
    words = [word for part in text.split() for word in (part.split(",") if "://" not in part else [part])]
    return tuple(_unnamed(word) for word in words if word)


def _last(text: str) -> str | None:
    found = _list(text)
    return found[-1] if found else None


def _unnamed(word: str) -> str:
    name, separator, rest = word.partition("=")
    return rest if separator and "://" in rest and "://" not in name and "/" not in name else word
