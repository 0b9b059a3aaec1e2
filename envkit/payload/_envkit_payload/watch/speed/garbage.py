"""Seconds that Python's garbage collection took."""

import gc
import time


class Garbage:
    """Times each collection; `more` gives what a moment says of it."""

    def __init__(self):
        self.seconds = 0.0
        self.full = 0
        """Collections of all generations."""
        self._since = None

    def install(self, unseen):
        """unseen: keeps a function out of torch's compiler."""
        clock = time.perf_counter

        def collected(phase, about):
            if phase == "start":
                self._since = clock()
            elif self._since is not None:
                self.seconds += clock() - self._since
                self._since = None
                self.full += about.get("generation") == 2

        unseen(collected)
        gc.callbacks.append(collected)

    def more(self):
        """Fields of a moment."""
        return {"collected": round(self.seconds, 6), "collections": self.full}
