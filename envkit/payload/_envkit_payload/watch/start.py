"""The start of the watcher in a process, before the script runs; it imports no framework."""

import atexit
import os
import sys
import time

from . import imports, record

_started = []


def start(folder):
    """Watch this process, once. folder: where its trace goes."""
    if _started:
        return
    recorder = record.Recorder(folder)
    _started.append(recorder)
    recorder(
        "process",
        python="{}.{}.{}".format(*sys.version_info[:3]),
        executable=sys.executable,
        argv=list(getattr(sys, "orig_argv", None) or [sys.executable]),
        parent=os.getppid(),
        rank=os.environ.get("RANK"),
        world=os.environ.get("WORLD_SIZE"),
        clock=time.monotonic(),
    )
    # A worker that the script forks is not the script; what it does is not its training.
    os.register_at_fork(after_in_child=recorder.forked)
    imports.after(
        {
            "torch": lambda module: _torch(module, recorder),
        }
    )
    atexit.register(_end, recorder)


def _torch(torch, recorder):
    try:
        from . import torch_watch

        torch_watch.install(torch, recorder)
    except Exception as error:
        recorder.fault("install", error)


def _end(recorder):
    """At the end of the script: how it ended, as far as Python knows."""
    error = getattr(sys, "last_value", None)
    recorder.ending(error)
