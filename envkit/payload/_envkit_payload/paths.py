"""sys.path as data: what each directory holds, listed once."""

import os
import sys


class Paths:
    """The entries of sys.path that are directories, and their names.

    entries: absolute directories in order, each once.
    library: the directories of the standard library.
    loaded: names of the modules that Python had loaded when it came to the payload.
    """

    def __init__(self, path, loaded, emit):
        self._emit = emit
        self._names = {}
        self.loaded = loaded
        self.cwd = _cwd()
        dynamic = [entry for entry in path if os.path.basename(entry) == "lib-dynload"]
        self.library = frozenset(
            dynamic + [os.path.dirname(entry) for entry in dynamic] + [os.path.dirname(os.__file__)]
        )
        self.entries = []
        for entry in path:
            entry = os.path.join(self.cwd, entry) if self.cwd else entry
            if entry and entry not in self.entries and not entry.endswith(".zip"):
                self.entries.append(entry)

    def names(self, folder):
        """The names in a directory; an empty set when it is absent or may not be read."""
        if folder not in self._names:
            self._emit.at(folder)
            try:
                self._names[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]

    def sites(self):
        """The directories that hold installed distributions, in order."""
        return [entry for entry in self.entries if entry not in self.library and self.is_site(entry)]

    def is_site(self, entry):
        """Whether distributions are installed in a directory of sys.path."""
        if os.path.basename(entry) in ("site-packages", "dist-packages"):
            return True
        return any(name.endswith((".dist-info", ".egg-info")) for name in self.names(entry))

    def module(self, entry, name):
        """The file that `import name` would take from a directory, or None.

        A folder without `__init__.py` is a namespace package, which any later regular one overrides.
        """
        names = self.names(entry)
        if name in names and os.path.exists(os.path.join(entry, name, "__init__.py")):
            return os.path.join(entry, name)
        if name + ".py" in names:
            return os.path.join(entry, name + ".py")
        return None

    def package(self, name):
        """The folder that `import name` would take, the first on sys.path that is a package, or None."""
        for entry in self.entries:
            found = self.module(entry, name)
            if found is not None:
                return found if not found.endswith(".py") else None
        return None


def _cwd():
    try:
        return os.getcwd()
    except OSError:  # the directory was deleted
        return ""


def is_venv():
    """Whether this interpreter runs in a virtual environment."""
    return sys.prefix != sys.base_prefix
