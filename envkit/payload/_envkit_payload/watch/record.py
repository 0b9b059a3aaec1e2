"""The trace: JSON lines, one file a process, each line written at once."""

import json
import os
import time

_open = os.open
"""Kept, since a copy of the process that repeats a step redirects it."""


class Recorder:
    """Writes lines until something goes wrong, and then never again."""

    def __init__(self, folder):
        self._folder = folder
        self._pid = os.getpid()
        self._fd = None
        self._of = None
        self.on = True
        self.copy = False
        """In a copy of the process that repeats a step: it has nothing to do but that."""
        self.endings = []
        """Called with the exception that ended the script, or None, before the last line."""

    def __call__(self, kind, **fields):
        if not self.on:
            return
        try:
            if self._fd is None:
                path = os.path.join(self._folder, "{}.jsonl".format(self._pid))
                self._fd = _open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fields = dict(kind=kind, at=round(time.monotonic(), 6), **fields)
            data = (json.dumps(fields, default=str) + "\n").encode("utf-8", "replace")
            while data:
                data = data[os.write(self._fd, data) :]
        except (OSError, ValueError, RecursionError):  # a full disk: the script goes on, unwatched
            self.on = False

    def fault(self, where, error):
        """A fault of our own: said once, and the watcher is off."""
        self("watcher-fault", where=where, error="{}: {}".format(type(error).__name__, str(error)[:500]))
        self.on = False
        if self.copy:
            os._exit(1)

    def forked(self):
        """In a child that the script forked: it is not watched."""
        self.on = False
        self.endings.clear()

    def ending(self, error):
        """The script is over."""
        for told in self.endings:
            try:
                told(error)
            except Exception as fault:
                self.fault("end", fault)
        fields = {}
        if error is not None:
            fields = {"error_type": type(error).__name__, "error": str(error)[:2000]}
        self("end", **fields)

    def adopt(self):
        """In a child of ours: lines go to a file of its own."""
        of = self._of or self._pid
        self._of = of
        self._pid = os.getpid()
        self._fd = None
        self.on = self.copy = True
        self("copy", of=of)
