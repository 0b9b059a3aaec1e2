"""What torch.compile compiled, when, for how long and why: from torch's own record, which is only read."""

import re
import sys
import time
from collections import deque

from .. import frames

_UTILS = "torch._dynamo.utils"
_REASON = 400
"""Characters of a reason."""
_FRAME = re.compile(r"Line: (\d+), Name: (.*), Filename: (.*)", re.DOTALL)


class Compiled:
    """Reads the record now and then; nothing where the script compiles nothing."""

    def __init__(self, recorder, step):
        """step: tells how many steps are done."""
        self._recorder = recorder
        self._step = step
        self._known = deque(maxlen=512)
        """Entries that were told of."""

    def tell(self):
        """Write what is new. Raises AttributeError where torch has no such record."""
        utils = sys.modules.get(_UTILS)
        if utils is None or getattr(getattr(utils, "__spec__", None), "_initializing", False):
            return
        for one in utils.get_compilation_metrics():
            if not any(one is known for known in self._known):
                self._known.append(one)
                self._one(one)

    def _one(self, entry):
        seconds, began = _seconds(entry), _began(entry)
        if seconds is None:
            return
        place = _place(entry)
        if getattr(entry, "is_forward", None) is False:  # the backward pass of what was compiled before
            why, place = "", "the backward pass"
        else:
            why = getattr(entry, "recompile_reason", None) or ""
        failed = getattr(entry, "fail_type", None)
        self._recorder(
            "compiled",
            step=self._step(),
            seconds=round(seconds, 4),
            what=place,
            why=str(why)[:_REASON],
            **({"failed": str(failed)} if failed else {}),
            **({} if began is None else {"over": round(began + seconds - time.time() + time.monotonic(), 6)}),
        )


def _place(entry):
    """`file:line function`: of the person, where it is theirs or called by a line of theirs."""
    path = getattr(entry, "co_filename", None)
    if path is not None and frames.is_users(path):
        return "{}:{} {}".format(frames.path_of(path), entry.co_firstlineno, entry.co_name)
    for one in reversed(getattr(entry, "stack_trace", None) or ()):  # the innermost last
        found = _FRAME.fullmatch(str(one))
        if found is not None and frames.is_users(found[3]):
            return "{}:{} {}".format(frames.path_of(found[3]), found[1], found[2])
    return "{}:{} {}".format(
        path or "?", getattr(entry, "co_firstlineno", None) or 0, getattr(entry, "co_name", "?")
    )


def _seconds(entry):
    for name, unit in (("duration_us", 1e-6), ("entire_frame_compile_time_s", 1.0)):
        value = getattr(entry, name, None)
        if value:
            return value * unit
    start, end = getattr(entry, "start_time_us", None), getattr(entry, "end_time_us", None)
    return (end - start) * 1e-6 if start and end else None


def _began(entry):
    micro = getattr(entry, "start_time_us", None)
    return micro * 1e-6 if micro else getattr(entry, "start_time", None)
