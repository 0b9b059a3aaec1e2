"""A fatal signal (SIGSEGV, SIGABRT, ...) leaves the Python stack beside the trace."""

import faulthandler
import os

from .. import descriptors

_kept = []


def listen(folder):
    """From now on. folder: that of the traces."""
    if faulthandler.is_enabled():  # the person's own, which writes where they want it
        return
    path = os.path.join(folder, "{}.fatal".format(os.getpid()))
    fd = descriptors.high(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
    _kept.append(fd)
    faulthandler.enable(file=fd, all_threads=False)
