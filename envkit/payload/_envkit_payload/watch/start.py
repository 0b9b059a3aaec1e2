"""The start of the watcher in a process, before the script runs; it imports no framework."""

import atexit
import os
import sys
import time

from . import environ, imports, record, stdlib
from .copies import forks
from .ending import fatal
from .rerun import repeatable

_started = []


def start(folder, inject):
    """Watch this process, once, from before its script. folder: where its trace goes.

    inject: the folder on PYTHONPATH.
    """
    if _started:
        return
    recorder = record.Recorder(folder)
    _started.append(recorder)
    environ.hide(inject)
    seed, repeated = None, {}
    try:
        seed, repeated = repeatable.prepare(recorder, folder)
    except Exception as error:
        recorder("note", where="repeatable", error=str(error))
    process(recorder, seed=seed)
    try:
        fatal.listen(folder)
    except Exception as error:
        recorder("note", where="fatal", error=str(error))
    # A worker that the script forks is not the script; what it does is not its training.
    os.register_at_fork(after_in_child=recorder.forked)
    forks.listen()
    imports.after(_both({**repeated, "subprocess": environ.subprocess}, frameworks(recorder)))
    atexit.register(_end, recorder)


def _both(first, second):
    """Two tables of what is done after an import as one."""

    def told(name):
        return lambda module: [table[name](module) for table in (first, second) if name in table]

    return {name: told(name) for name in (*first, *second)}


def process(recorder, **more):
    """Write down which process this is."""
    recorder(
        "process",
        python="{}.{}.{}".format(*sys.version_info[:3]),
        executable=sys.executable,
        argv=list(getattr(sys, "orig_argv", None) or [sys.executable]),
        parent=os.getppid(),
        rank=os.environ.get("RANK"),
        world=os.environ.get("WORLD_SIZE"),
        clock=time.monotonic(),
        **more,
    )


def frameworks(recorder):
    """What is done with each framework, by the name of its module."""
    return {
        "torch": lambda module: _torch(module, recorder),
        "tensorflow": lambda module: _tensorflow(module, recorder),
        "keras": lambda module: _keras(module, recorder),
    }


def _torch(torch, recorder):
    try:
        with stdlib.Only():
            from . import torch_install

        torch_install.install(torch, recorder)
    except Exception as error:
        recorder.fault("install", error)


def _tensorflow(tensorflow, recorder):
    try:
        with stdlib.Only():
            from .tf import watch as tensorflow_watch

        tensorflow_watch.install(tensorflow, recorder)
        _changed("tensorflow", tensorflow, recorder)
        keras = sys.modules.get("keras")  # TensorFlow may import it while it is imported itself
        if keras is not None and not getattr(keras.__spec__, "_initializing", False):
            _keras(keras, recorder)
    except Exception as error:
        recorder.fault("install", error)


def _keras(keras, recorder):
    try:
        with stdlib.Only():
            from . import keras_watch

        keras_watch.install(keras, recorder)
        _changed("keras", keras, recorder)
    except Exception as error:
        recorder.fault("install", error)


def _changed(name, module, recorder):
    """In a trial of speed: the changes that are tried."""
    if environ.get("ENVKIT_AGAIN"):
        with stdlib.Only():
            from .speed import trial

        if trial.wanted():
            getattr(trial, name)(module, recorder)


def _end(recorder):
    """At the end of the script: how it ended, as far as Python knows."""
    error = getattr(sys, "last_value", None)
    recorder.ending(error)
    if type(error) is KeyboardInterrupt:
        _interrupted()


def _interrupted():
    """Python ends by SIGINT after the script did; every `eval` of a text since then made it forget that."""

    def again():
        raise KeyboardInterrupt

    try:
        eval("again()", {"again": again})
    except KeyboardInterrupt:
        pass
