"""Parameters and buffers that were registered and never written to since: they hold what was in memory."""

import linecache
import sys
import weakref

from .. import frames, patches

_MOST = 4096
"""Kept before those that are gone are forgotten."""
_DEEP = 12
"""Frames looked through for the person's own."""


class Made:
    """Where each parameter and buffer was registered, and as which version of itself."""

    def __init__(self, torch):
        self._kept = {}
        self._most = _MOST
        module = torch.nn.modules.module
        for name in (
            "register_module_parameter_registration_hook",
            "register_module_buffer_registration_hook",
        ):
            register = getattr(module, name, None)  # torch 2.0 and later
            if register is not None:
                patches.keep(register(self._registered))

    def _registered(self, module, name, one):
        if one is None or id(one) in self._kept:
            return
        if len(self._kept) >= self._most:  # models made over and over: forget those that are gone
            self._kept = {key: kept for key, kept in self._kept.items() if kept[0]() is not None}
            self._most = max(_MOST, 2 * len(self._kept))
        try:
            self._kept[id(one)] = (weakref.ref(one), one._version, _callers())
        except Exception:  # a kind of tensor that has no version, or cannot be referred to
            pass

    def untouched(self, one):
        """Where it was registered if nothing wrote to it since: (file, line, text of the line), or None."""
        kept = self._kept.get(id(one))
        if kept is None or kept[0]() is not one or one._version != kept[1]:
            return None
        return next(
            ((file, line, linecache.getline(file, line).strip()) for file, line in kept[2] if _users(file)),
            ("", 0, ""),
        )


def _users(file):
    return frames.is_users(file)


def _callers():
    """(file, line) of the frames that are running, innermost first; told apart only when it matters."""
    found = []
    frame = sys._getframe(2)
    while frame is not None and len(found) < _DEEP:
        found.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return found
