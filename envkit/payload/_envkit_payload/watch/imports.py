"""To be told when the script has imported a framework, without importing it."""

import sys


class _Loader:
    """Stands before a module's loader until it has run, then takes itself away."""

    def __init__(self, loader, told):
        self._loader = loader
        self._told = told

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        # The module sees the loader that it would have seen.
        module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        try:
            self._told(module)
        except Exception:  # the watcher's trouble is never the script's
            pass


class _Finder:
    def __init__(self, wanted):
        self._wanted = wanted

    def find_spec(self, name, path=None, target=None):
        told = self._wanted.get(name)
        if told is None:
            return None
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        if spec.loader is not None and hasattr(spec.loader, "exec_module"):
            del self._wanted[name]
            spec.loader = _Loader(spec.loader, told)
        return spec


def after(wanted):
    """Call `wanted[name](module)` once the script has imported `name`."""
    sys.meta_path.insert(0, _Finder(dict(wanted)))
