"""JSON lines to the host, on a descriptor that nothing else in this process writes to."""

import json
import os


class Emitter:
    """Writes `{"kind": ..., ...}`, one line each, at once: a crash keeps what was written before it."""

    def __init__(self, fd):
        self._fd = fd
        # Whatever a .pth file printed before us may lack its newline.
        self._lead = b"\n"

    def __call__(self, kind, **fields):
        text = json.dumps({"kind": kind, **fields}, ensure_ascii=False, default=str)
        # File names that are not UTF-8 arrive as lone surrogates, which JSON readers refuse.
        data = self._lead + text.encode("utf-8", "replace") + b"\n"
        self._lead = b""
        while data:
            data = data[os.write(self._fd, data) :]

    def at(self, what):
        """Say what is looked at next, before a call that may never return."""
        self("at", what=what)


def take_stdout():
    """An emitter on what was stdout; from here on, prints of others go to stderr."""
    fd = os.dup(1)
    os.dup2(2, 1)
    return Emitter(fd)


def into_folder(folder, rank):
    """An emitter on `folder`/`rank`.jsonl, for processes that share a stdout; prints go to stderr."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "{}.jsonl".format(rank))
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    os.dup2(2, 1)
    return Emitter(fd)


def described(error):
    """`ValueError: text` of an exception, bounded."""
    return "{}: {}".format(type(error).__name__, str(error)[:500])
