"""The trace: JSON lines, one file a process, each line written at once."""

import os
import time

from . import descriptors, lines

_open = os.open
"""Kept, since a copy of the process that repeats a step redirects it."""


class Recorder:
    """Writes lines until something goes wrong, and then never again."""

    def __init__(self, folder):
        self.folder = folder
        self._pid = os.getpid()
        self._fd = None
        self._file = None
        """Which file it is: a script that closes all numbers may give this one to a file of its own."""
        self._of = None
        self.on = True
        self.over = False
        self.copy = False
        """In a copy of the process that repeats a step: it has nothing to do but that."""
        self.endings = []
        """Called with the exception that ended the script, or None, before the last line."""

    def __call__(self, kind, **fields):
        if not self.on:
            return
        try:
            fd = self._opened()
            data = (lines.encode(dict(kind=kind, at=round(time.monotonic(), 6), **fields)) + "\n").encode()
            while data:
                data = data[os.write(fd, data) :]
        except Exception:  # a full disk: the script goes on, unwatched
            self.on = False

    def _opened(self):
        if self._fd is None:
            path = os.path.join(self.folder, "{}.jsonl".format(self._pid))
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._fd = descriptors.high(_open(path, flags, 0o600))
            self._file = _identity(self._fd)
        if _identity(self._fd) != self._file:
            raise OSError("no longer our file")
        return self._fd

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
        self.over = True
        for told in self.endings:
            try:
                told(error)
            except Exception as fault:
                self.fault("end", fault)
        from .ending import crash

        self("end", **crash.seen(error))

    def close(self):
        """No more lines."""
        self.on = False
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def adopt(self):
        """In a child of ours: lines go to a file of its own."""
        of = self._of or self._pid
        self._of = of
        self._pid = os.getpid()
        self._fd = None
        self.on = self.copy = True
        self("copy", of=of)


def _identity(fd):
    seen = os.fstat(fd)
    return seen.st_dev, seen.st_ino
