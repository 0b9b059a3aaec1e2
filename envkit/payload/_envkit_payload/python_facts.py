"""The interpreter itself: where it comes from, what it searches, what hides a module of it."""

import os
import site
import sys

from . import names
from .paths import is_venv

# Never imported by a framework, and common as names of a project's own folders: no harm is done.
HARMLESS = frozenset(["test", "this", "antigravity", "idlelib", "turtledemo", "lib2to3", "__main__", "venv"])


def read(path):
    """Fields of TargetPython that the interpreter knows of itself."""
    return {
        "version": "{}.{}.{}".format(*sys.version_info[:3]),
        "implementation": sys.implementation.name,
        "free_threaded": "t" in getattr(sys, "abiflags", ""),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "platform_tag": "{}-{}".format(sys.platform, os.uname().machine),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "base_exists": _base_exists(),
        **_kind(),
        "user_site": site.getusersitepackages(),
        "user_site_enabled": bool(site.ENABLE_USER_SITE),
        "paths": path,
        "pythonpath": [e for e in os.environ.get("PYTHONPATH", "").split(os.pathsep) if e],
        "pythonhome": os.environ.get("PYTHONHOME"),
    }


def _base_exists():
    executable = getattr(sys, "_base_executable", None)
    return os.path.isdir(sys.base_prefix) and (not executable or os.path.exists(executable))


def _kind():
    config = _venv_config() if is_venv() else None
    library = os.path.dirname(os.__file__)
    if config is not None:
        kind = "uv" if "uv" in config else "venv"
    elif is_venv():
        kind = "venv"
    elif os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        kind = "conda"
    else:
        kind = "system" if sys.prefix in ("/usr", "/usr/local") else "other"
    return {
        "kind": kind,
        "system_site_packages": None
        if config is None
        else config.get("include-system-site-packages", "").lower() == "true",
        # PEP 668: the mark lies in the standard library's directory and does not count inside a venv.
        "externally_managed": not is_venv() and os.path.exists(os.path.join(library, "EXTERNALLY-MANAGED")),
    }


def _venv_config():
    """pyvenv.cfg as a dict of lower-case keys, or None."""
    try:
        with open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
            pairs = [line.partition("=") for line in file if "=" in line]
    except OSError:
        return None
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def shadows(paths, installed):
    """`module: file` for what hides a module of Python or of a distribution that is looked at.

    installed: (name, location) of the distributions found. A module that lies only in the current directory
    is marked `cwd:`; it hides the real one for `python -m ...` and for a script that lies there.
    """
    found = []
    library_at = min(
        (number for number, entry in enumerate(paths.entries) if entry in paths.library), default=0
    )
    for number, entry in enumerate(paths.entries):
        if entry in paths.library or paths.is_site(entry):
            continue
        later = paths.entries[number + 1 :]
        found += _hidden(paths, entry, later, number < library_at, installed, sys.builtin_module_names)
    if paths.cwd and paths.cwd not in paths.entries and not getattr(sys.flags, "safe_path", False):
        safe = paths.loaded.union(sys.builtin_module_names)
        # What Python loads at its start is loaded before a script's directory is searched.
        hidden = _hidden(paths, paths.cwd, paths.entries, True, installed, safe)
        found += ["cwd:" + line for line in hidden]
    return found


def _hidden(paths, entry, later, ahead_of_library, installed, safe):
    """What one directory hides of the directories after it. `safe`: modules that are never looked for."""
    lines = []
    for name in sorted({name.partition(".")[0] for name in paths.names(entry)}):
        if name in names.MODULES:
            if (names.MODULES[name], entry) in installed:
                continue  # a second installation, not a stray file
            hides = any(paths.module(other, name) for other in later)
        else:
            hides = ahead_of_library and name in _library_names(paths) and name not in safe
        file = paths.module(entry, name) if hides else None
        if file is not None:
            lines.append("{}: {}".format(name, file))
    return lines


def _library_names(paths):
    known = getattr(sys, "stdlib_module_names", None)
    if known is None:  # before Python 3.10
        known = {name.partition(".")[0] for entry in paths.library for name in paths.names(entry)}
    return frozenset(known) - HARMLESS
