"""In a repeated run: paths below the folders that the first run wrote to lead to their stand-ins.

The working directory is such a stand-in already; what the script names in full is led there here. Both hold
the same names, so that reading and writing see one folder.
"""

import builtins
import io
import os

_ONE = (
    *("open", "mkdir", "stat", "lstat", "listdir", "scandir", "remove", "unlink", "rmdir", "access", "chdir"),
    *("chmod", "utime", "truncate", "readlink", "mkfifo"),
)
_TWO = ("rename", "replace", "link", "symlink")


class Moved:
    """Where things are. folders: real folders, each of which has its stand-in below root."""

    def __init__(self, root, folders):
        self._root = root
        self._home = os.path.dirname(root) + os.sep
        self._folders = tuple(folder.rstrip(os.sep) for folder in folders)

    def path(self, path):
        """The path to use in place of one that is absolute; others are as they are."""
        if not isinstance(path, (str, os.PathLike)):
            return path
        text = os.fspath(path)
        if not isinstance(text, str) or not text.startswith(os.sep) or text.startswith(self._home):
            return path
        for folder in self._folders:
            if text == folder or text.startswith(folder + os.sep):
                return self._root + text
        return path

    def begin(self):
        """From now on."""
        where = self.path
        for name in _ONE:
            if hasattr(os, name):
                setattr(os, name, _first(getattr(os, name), where))
        for name in _TWO:
            setattr(os, name, _both(getattr(os, name), where))
        builtins.open = io.open = _first(io.open, where)


def _first(plain, where):
    def call(path=".", *args, **kwargs):
        return plain(where(path), *args, **kwargs)

    return _named(call, plain)


def _both(plain, where):
    def call(source, target, *args, **kwargs):
        return plain(where(source), where(target), *args, **kwargs)

    return _named(call, plain)


def _named(call, plain):
    call.__name__, call.__doc__ = plain.__name__, plain.__doc__
    return call
