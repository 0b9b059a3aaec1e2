"""The person's own lines in stacks of code that TensorFlow's AutoGraph wrote anew into files of its own."""

from .. import frames, weave
from .stacks import Stacks

_GENERATED = "__autograph_generated_file"
_FIRST = 1_000_000
"""Number of the first stack: torch's looks, where a script has both, count from 0."""


class Sources:
    """Where generated lines come from."""

    def __init__(self):
        self._maps = {}

    def install(self):
        """Keep the map that AutoGraph makes of each file."""
        from tensorflow.python.autograph.pyct import loader

        weave.around(loader, "load_ast", after=lambda found, *_, **__: self._loaded(found))

    def _loaded(self, found):
        module, _, lines = found
        if lines:
            self._maps[module.__file__] = {place.lineno: origin for place, origin in lines.items()}

    def of(self, path, line, name):
        """(file, line, function) as the person wrote it; as given where that is not known."""
        lines = self._maps.get(path)
        if not lines or not line:
            return path, line, name
        near = max((one for one in lines if one <= line), default=None)
        origin = None if near is None else lines[near]
        if origin is None or not origin.loc.filename or not origin.loc.lineno:
            return path, line, name
        shown = origin.function_name or name
        return frames.path_of(origin.loc.filename), origin.loc.lineno, shown


class OwnStacks(Stacks):
    """Stacks with the person's lines."""

    def __init__(self, sources):
        super().__init__()
        self._sources = sources

    def number_of(self, rows):
        """See `Stacks.number_of`."""
        count = len(self.new)
        number = super().number_of(rows)
        self.new[count:] = [(_FIRST + one, written) for one, written in self.new[count:]]
        return _FIRST + number

    def updates(self, number, closure):
        """See `Stacks.updates`."""
        return super().updates(number - _FIRST, closure)

    def _frames(self, key):
        found = []
        for path, line, name, users in super()._frames(key):
            if _GENERATED in path:
                path, line, name = self._sources.of(path, line, name)
                users = users and _GENERATED not in path and frames.is_users(path)
            found.append([path, line or 0, name, users])
        return found
