"""To be told when the script has imported a framework, without importing it.

Nothing stands between the import system and the module: its spec knows when it is done, and then becomes an
ordinary one. So `find_spec` answers as it would, and a traceback of a failed import has no frame of ours.
"""

import sys

_PLAIN = type(sys.__spec__)


class ModuleSpec(_PLAIN):
    """A spec that tells when the import system has run its module."""

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)
        if name == "_initializing" and not value:
            told = self.__dict__.pop("_envkit_told", None)
            self.__class__ = _PLAIN
            module = sys.modules.get(self.name)  # not there where it raised
            if told is not None and module is not None:
                told(self.name, module)


class _Finder:
    def __init__(self, wanted):
        self._wanted = wanted

    def find_spec(self, name, path=None, target=None):
        if name not in self._wanted:
            return None
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        if type(spec) is _PLAIN:
            spec._envkit_told = self._told
            spec.__class__ = ModuleSpec
        return spec

    def _told(self, name, module):
        told = self._wanted.pop(name, None)
        if not self._wanted and self in sys.meta_path:
            sys.meta_path.remove(self)
        try:
            if told is not None:
                told(module)
        except Exception:  # the watcher's trouble is never the script's
            pass


def after(wanted):
    """Call `wanted[name](module)` once the script has imported `name`, at once where it has.

    Returns what stands on sys.meta_path.
    """
    wanted = dict(wanted)
    for name in [name for name in wanted if name in sys.modules]:
        wanted.pop(name)(sys.modules[name])
    finder = _Finder(wanted)
    sys.meta_path.insert(0, finder)
    return finder
