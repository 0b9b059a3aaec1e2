"""The environment that the script sees is its own; programs that it starts are watched all the same.

What `envkit diagnose` adds is taken out of `os.environ` and left in the C library's environment, which is
what a child gets. Launchers hand a copy of `os.environ` to their workers: that copy gets it again, in
`subprocess`.
"""

import os

_NAMES = ("ENVKIT_WATCH_DIR", "ENVKIT_TRY", "ENVKIT_STOP", "ENVKIT_AGAIN")
_kept = {}
"""Ours, by name."""
_inject = []
"""The folder that stands first in PYTHONPATH."""


def get(name):
    """One of ours, or None."""
    return _kept.get(name, os.environ.get(name))


def hide(folder):
    """Take ours out of `os.environ`. folder: the one that was put on PYTHONPATH."""
    _inject.append(folder)
    data = os.environ._data
    for name in [name for name in _NAMES if name in os.environ]:
        _kept[name] = os.environ[name]
        del data[os.environ.encodekey(name)]
    first, separator, rest = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    if first == folder:
        key = os.environ.encodekey("PYTHONPATH")
        if separator:
            data[key] = os.environ.encodevalue(rest)
        else:
            del data[key]


def subprocess(module):
    """Have what `subprocess` starts be watched, too."""
    from . import weave

    weave.changed(module.Popen, "_execute_child", "env", given)


def given(env):
    """The environment for a child in place of one that the script gave."""
    try:
        if env is None:  # the C library's: the script may have changed the path there
            os.putenv("PYTHONPATH", _path(os.environ.get("PYTHONPATH")))
            return None
        if not isinstance(env, dict) or not _is_ours(env):
            return env
        return {**_kept, **env, "PYTHONPATH": _path(env.get("PYTHONPATH"))}
    except Exception:  # the script's child is started as the script says
        return env


def _path(path):
    if path is not None and path.split(os.pathsep)[0] == _inject[0]:
        return path
    return _inject[0] if path is None else _inject[0] + os.pathsep + path


def _is_ours(env):
    """Whether it was made from this process's: one that is meant to be clean stays so."""
    common = sum(1 for name, value in os.environ.items() if env.get(name) == value)
    return bool(_kept) and 2 * common > len(os.environ)
