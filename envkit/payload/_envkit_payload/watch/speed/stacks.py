"""Stacks as the trace has them: each written once, and by its number from then on."""

import itertools
import operator
import os
import sys

from .. import frames

_DEEP = 40
"""Frames of a stack, innermost first."""
_UPDATES = (os.path.join("torch", "optim") + os.sep, os.path.join("keras", "src", "optimizers") + os.sep)


_read = operator.attrgetter("f_code", "f_lineno")
_call = operator.methodcaller("__call__")


def rows_of(thread):
    """Code and line of each frame of a thread, innermost first; [] where it runs no Python.

    All of it is one call of C, in which no other thread can run: line and caller belong together, and no
    frame ends while it is read.
    """
    rows = []
    first = map(dict.get, map(_call, (sys._current_frames,)), (thread,))
    chain = itertools.accumulate(itertools.chain(first, itertools.repeat("f_back", _DEEP - 1)), getattr)
    try:
        rows.extend(map(_read, chain))
    except AttributeError:  # of None, beyond the outermost
        pass
    return rows


class Stacks:
    """Numbers of stacks."""

    def __init__(self):
        self._numbers = {}
        self._codes = {}
        """(file, function, whether it is the person's; None = ours), by code object."""
        self._files = {}
        """(file, whether it is the person's; None = ours), by its name in code."""
        self.new = []
        """Stacks that were not written yet: (number, frames)."""
        self._kinds = {}
        """By number: of an update, or of the script that an update called."""

    def number(self, frame):
        """The number of the stack that ends in this frame."""
        rows = []
        while frame is not None and len(rows) < _DEEP:
            rows.append((frame.f_code, frame.f_lineno))
            frame = frame.f_back
        return self.number_of(rows)

    def number_of(self, rows):
        """The number of a stack. rows: code and line of each frame, innermost first."""
        key = tuple(rows)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
            written = self._frames(key)
            self.new.append((number, written))
            self._kinds[number] = _kind(written)
        return number

    def updates(self, number, closure):
        """Whether a stack is that of an update, as it should be. closure: whether updates call the script."""
        kind = self._kinds.get(number, "update")
        return kind == "update" or (kind == "called" and not closure)

    def _frames(self, key):
        found = []
        for code, line in key:
            known = self._codes.get(code)
            if known is None:
                known = self._codes[code] = self._known(code)
            if known[2] is not None:
                found.append([known[0], line or code.co_firstlineno, known[1], known[2]])
        return found

    def _known(self, code):
        path = code.co_filename
        file = self._files.get(path)
        if file is None:
            users = None if frames.is_ours(path) else frames.is_users(path)
            file = self._files[path] = (frames.path_of(path) if users else path, users)
        return file[0], code.co_name, None if code in frames.OURS else file[1]


def _kind(written):
    """`called` where the person's own lines run within an optimiser, `update` where its own do, else None."""
    users = False
    for path, _, _, theirs in written:
        if any(one in path for one in _UPDATES):
            return "called" if users else "update"
        users = users or theirs
    return None
