"""Watching a part of a process that runs already: a cell of a notebook, a block of a program."""

import os
import sys

from . import imports, patches, record, start

_recorders = []
"""The one in use; in a child that the script forks it is off."""

_registered = []


def watched():
    """Whether this process is watched already, by `envkit diagnose` or by a block around this one."""
    return bool(start._started or _recorders)


class Session:
    """From the begin of a block to its end."""

    def __init__(self, folder, try_seconds):
        """folder: where the trace goes. try_seconds: for trials; None = nothing is tried."""
        self._recorder = recorder = record.Recorder(folder)
        if not _registered:
            _registered.append(True)
            os.register_at_fork(after_in_child=_forked)
        _recorders.append(recorder)
        self._before = os.environ.pop("ENVKIT_TRY", None)
        if try_seconds is not None:
            os.environ["ENVKIT_TRY"] = str(try_seconds)
        start.process(recorder)
        self._finder = imports.after(start.frameworks(recorder))

    def end(self, error):
        """The block is over. error: the exception that ended it, or None. In a copy this does not return."""
        recorder = self._recorder
        recorder.ending(error)
        recorder.close()
        patches.undo()
        _recorders.remove(recorder)
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        os.environ.pop("ENVKIT_TRY", None)
        if self._before is not None:
            os.environ["ENVKIT_TRY"] = self._before


def _forked():
    for recorder in _recorders:
        recorder.forked()
