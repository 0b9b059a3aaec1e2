"""What faulthandler writes when a signal ends Python. Pure."""

from __future__ import annotations

import re

from envkit.diagnose.trace_crash import Crash, CrashFrame

_ERROR = re.compile(r"^Fatal Python error: (?P<what>.{1,200})$", re.MULTILINE)
_FRAME = re.compile(
    r'^  File "(?P<file>[^"\n]{1,1000})", line (?P<line>\d{1,9}) in (?P<name>[^\n]{1,200})$', re.M
)
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib(?:64)?/python3\.\d+/")


def crash(text: str) -> Crash | None:
    """The fatal error with its Python stack; None when there was none."""
    found = _ERROR.search(text)
    if found is None:
        return None
    frames = [
        CrashFrame(file=one["file"], line=int(one["line"]), function=one["name"], users=_users(one["file"]))
        for one in _FRAME.finditer(text, found.end())
    ]
    return Crash(type="Fatal Python error", text=found["what"].strip(), frames=tuple(reversed(frames)))


def _users(file: str) -> bool:
    return not file.startswith("<") and _LIBRARY.search(file) is None
