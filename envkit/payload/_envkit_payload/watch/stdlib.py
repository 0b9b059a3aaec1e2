"""Our own imports, unfelt by the script: from the standard library, and forgotten again.

A person's folder may hold a `statistics.py`. What we import must neither run that, nor be what the script
gets when it asks for its own.
"""

import os
import sys

_KEPT = ("threading", "signal", "ctypes", "random", "logging")
"""These have one state a process."""
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))


class Only:
    """Within it nothing but the standard library and ourselves can be imported."""

    def __enter__(self):
        self._path = list(sys.path)
        self._known = set(sys.modules)
        self._folders = set(sys.path_importer_cache)
        sys.path[:] = [one for one in self._path if one == _LIBRARY or one.endswith(os.sep + "lib-dynload")]

    def __exit__(self, *error):
        sys.path[:] = self._path
        for folder in set(sys.path_importer_cache) - self._folders:
            del sys.path_importer_cache[folder]
        for name in set(sys.modules) - self._known:
            if not name.startswith("_") and name.partition(".")[0] not in _KEPT:
                sys.modules.pop(name, None)
