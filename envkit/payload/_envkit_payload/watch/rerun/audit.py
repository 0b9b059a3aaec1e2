"""What a script reaches outside of itself: files it writes, machines it talks to, programs it starts.

Python's own audit hook tells; a library that writes from C tells nothing. Only where a run may be repeated
(`--try`): a hook that is once there stays, and every event costs a fraction of a microsecond.
"""

import os
import sys
import threading

_MOST = 4000
"""Lines a process."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SILENT = ("/dev/", "/proc/", "/sys/")


class Audit:
    """Writes a line for each thing, the first time."""

    def __init__(self, recorder, folder):
        """folder: our own files."""
        self._recorder = recorder
        self._own = folder + os.sep
        self._seen = set()
        self._host = threading.local()
        self._ways = {
            "open": self._open,
            "os.mkdir": self._made,
            "os.symlink": self._linked,
            "os.link": self._linked,
            "os.rename": self._linked,
            "os.remove": self._gone,
            "os.rmdir": self._gone,
            "os.truncate": self._gone,
            "sqlite3.connect": self._made,
            "socket.getaddrinfo": self._looked_up,
            "socket.connect": self._connects,
            "socket.sendto": self._connects,
            "subprocess.Popen": self._starts,
            "os.exec": self._starts,
            "os.posix_spawn": self._starts,
            "os.spawn": lambda mode, program, *more: self._starts(program, *more),
            "os.system": lambda command: self._told("child", _text(command)),
        }

    def begin(self):
        """From now on, for good."""
        ways, recorder = self._ways, self._recorder

        def hook(event, arguments):
            way = ways.get(event)
            if way is not None and not recorder.copy:
                try:
                    way(*arguments)
                except Exception:  # the script's own call goes on, whatever it was
                    pass

        sys.addaudithook(hook)

    def writes(self, path):
        """A file is about to be written."""
        path = _text(path)
        if path in self._seen or path.startswith(_SILENT) or "__pycache__" in path:
            return
        self._seen.add(path)
        whole = os.path.abspath(path)
        if not whole.startswith(self._own) and not whole.startswith(_SILENT):
            self._line("write", whole, new=not os.path.lexists(whole))

    def saves(self, path):
        """As `saves` below tells of a path: it is written where the script says."""
        try:
            self.writes(path)
        except Exception:  # it is written all the same
            pass
        return path

    def _open(self, path, mode, flags):
        if flags & _WRITES and not isinstance(path, int):
            self.writes(path)

    def _made(self, path, *more):
        self.writes(path)

    def _linked(self, source, target, *more):
        self.writes(target)

    def _gone(self, path, *more):
        path = os.path.abspath(_text(path))
        if not path.startswith(self._own) and os.path.lexists(path):
            self._told("remove", path)

    def _looked_up(self, host, *more):
        self._host.name = _text(host) if host else None

    def _connects(self, socket, address):
        if isinstance(address, tuple) and len(address) >= 2:
            name = getattr(self._host, "name", None) or address[0]
            self._told("connect", "{}:{}".format(name, address[1]), address=str(address[0]))

    def _starts(self, program, *more):
        arguments = more[0] if more and isinstance(more[0], (list, tuple)) else ()
        words = [_text(one) for one in arguments][:4] or [_text(program)]
        self._told("child", " ".join(words)[:200], program=_text(program or words[0]))

    def _told(self, what, name, **more):
        if (what, name) not in self._seen:
            self._seen.add((what, name))
            self._line(what, name, **more)

    def _line(self, what, name, **more):
        if len(self._seen) < _MOST:
            self._recorder("reach", what=what, name=name, **more)


def _text(value):
    return os.fsdecode(value) if isinstance(value, (str, bytes, os.PathLike)) else str(value)


def saves(torch, told):
    """torch.save writes from C. told: called with each path, gives the one that is written."""
    kind = getattr(torch.serialization, "_open_zipfile_writer_file", None)
    if kind is None:
        return
    plain = kind.__init__

    def __init__(self, name, *args, **kwargs):
        return plain(self, told(name), *args, **kwargs)

    kind.__init__ = __init__


def saves_tensors(safetensors, told):
    """safetensors writes from Rust. told: as above."""
    plain = getattr(safetensors, "serialize_file", None)
    if plain is None:
        return

    def serialize_file(tensor_dict, filename, *args, **kwargs):
        return plain(tensor_dict, told(filename), *args, **kwargs)

    serialize_file.__doc__ = plain.__doc__
    safetensors.serialize_file = serialize_file
