"""Divisions by zero and the like that numpy meets while a step is repeated, with the person's line."""

import linecache
import re
import sys

from .. import frames

_MOST = 8
_CALLS = (
    ("log", r"\blog(2|10|1p)?\s*\("), ("sqrt", r"\bsqrt\s*\(|\*\*\s*0?\.|\bpower\s*\("),
    ("exp", r"\bexp\w*\s*\("),
    ("std", r"\b(std|var)\s*\("), ("mean", r"\b(nan)?mean\s*\("), ("div", r"/"),
)  # fmt: skip
"""What a line does that numpy may have met there."""


class Calls:
    """Asks numpy to tell of what it would warn of."""

    def __init__(self, recorder):
        self._recorder = recorder
        self._lines = set()
        self._plain = None

    def begin(self):
        """From here on. What the script wants raised is still raised."""
        numpy = sys.modules.get("numpy")
        if numpy is None or not hasattr(numpy, "seterrcall"):
            return
        kept = {name: how for name, how in numpy.geterr().items() if name != "under" and how != "raise"}
        self._plain = (numpy, numpy.seterr(**dict.fromkeys(kept, "call")), numpy.seterrcall(self._met))

    def end(self):
        """No more."""
        if self._plain is not None:
            numpy, how, call = self._plain
            numpy.seterr(**how)
            numpy.seterrcall(call)

    def _met(self, what, flag):
        stack = frames.users()
        if not stack or stack[0][:2] in self._lines or len(self._lines) >= _MOST:
            return
        self._lines.add(stack[0][:2])
        line = linecache.getline(*stack[0][:2])
        call = next((name for name, pattern in _CALLS if re.search(pattern, line)), None)
        if call in ("std", "mean") and "/" in line:
            call = "div"
        self._recorder("numpy", what=what, call=call, stack=stack)
