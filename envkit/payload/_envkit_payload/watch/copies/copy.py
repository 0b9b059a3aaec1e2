"""Paused copies of the process, as the process that made them sees them."""

import json
import os
import signal
import time

from .memory import enough_memory
from .origin import readable

LIMIT = 60.0
"""Seconds that a repetition may take."""
AGE = 0.15
"""Share of all steps that an older copy is at least old, once there are that many."""
GRACE = 5.0
"""Seconds beyond its time that one may take to say how it went."""
END = b"end\n"


class Copy:
    """A paused copy, as the process that made it sees it."""

    def __init__(self, pid, order, done, step):
        self.pid = pid
        self.step = step
        self._order = order
        self._done = done
        self._stuck = False

    def ask(self, order, limit=LIMIT):
        """Send an order and wait for its end. The state that it ended in: its word, `crashed`, `timeout`."""
        if self._stuck:
            return "timeout"
        # The one that answers ends itself at its limit; who waits allows it a little more.
        os.write(self._order, (json.dumps(dict(order, limit=limit)) + "\n").encode())
        deadline, text = time.monotonic() + limit + GRACE, b""
        while not text.endswith(b"\n"):
            if not readable(self._done, deadline - time.monotonic()):
                self._stuck = True
                return "timeout"
            piece = os.read(self._done, 1 << 16)
            if not piece:
                return "crashed"
            text += piece
        return text.decode().strip()

    def leave(self):
        """End what it ran on to; it waits again where it was made."""
        self.ask({"leave": True}, GRACE)

    def drop(self):
        """End it."""
        try:
            if self._stuck:
                os.kill(self.pid, signal.SIGKILL)
            else:
                # Closing the pipe is not enough: workers that the script forked since hold it open, too.
                os.write(self._order, END)
        except (BrokenPipeError, ProcessLookupError):
            pass
        self.forget()

    def forget(self):
        """In a process that the script forked: the copy is not its own."""
        os.close(self._order)
        os.close(self._done)


class Older:
    """Copies from further back, of which the oldest is `AGE` to nearly twice `AGE` of all steps old.

    A learning rate that is too high has spoilt the weights before the step that failed: a smaller one can
    only be tried from before that. A copy costs what the process has written to since it was made, so that
    none is kept where memory is short.
    """

    def __init__(self):
        self._kept = []

    def all(self):
        """All of them, the oldest first."""
        return tuple(self._kept)

    def newest(self):
        """Take the newest out, or None."""
        return self._kept.pop() if self._kept else None

    def keep(self, copy, step):
        """A copy that was just replaced: keep it, or end it. step: the steps done by now."""
        if not enough_memory():
            self.drop()
            copy.drop()
            return
        if len(self._kept) < 2:
            self._kept.append(copy)
        elif step - self._kept[1].step >= AGE * step:
            self._kept.pop(0).drop()
            self._kept.append(copy)
        else:
            copy.drop()

    def drop(self):
        """Let go of all."""
        for copy in self._kept:
            copy.drop()
        self._kept.clear()
