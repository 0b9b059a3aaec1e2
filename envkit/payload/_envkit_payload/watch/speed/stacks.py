"""Stacks as the trace has them: each written once, and by its number from then on."""

from .. import frames

_DEEP = 40
"""Frames of a stack, innermost first."""


class Stacks:
    """Numbers of stacks."""

    def __init__(self):
        self._numbers = {}
        self._codes = {}
        """(file, function, whether it is the person's; None = ours), by code object."""
        self.new = []
        """Stacks that were not written yet: (number, frames)."""

    def number(self, frame):
        """The number of the stack that ends in this frame."""
        key, found = [], frame
        while found is not None and len(key) < 2 * _DEEP:
            key += (found.f_code, found.f_lineno)
            found = found.f_back
        key = tuple(key)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
            self.new.append((number, self._frames(key)))
        return number

    def _frames(self, key):
        found = []
        for code, line in zip(key[::2], key[1::2]):
            known = self._codes.get(code)
            if known is None:
                known = self._codes[code] = self._known(code)
            if known[2] is not None:
                found.append([known[0], line or 0, known[1], known[2]])  # (some instructions have no line)
        return found

    @staticmethod
    def _known(code):
        path = code.co_filename
        if code in frames.OURS or frames.is_ours(path):
            return path, code.co_name, None
        users = frames.is_users(path)
        return frames.path_of(path) if users else path, code.co_name, users
