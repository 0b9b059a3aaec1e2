"""A worker of torchrun ends when torchrun does.

torchrun gives each worker a session of its own, so that ending torchrun's process group, as one does after a
time limit, leaves them behind: they would go on computing, or wait for each other for ever.
"""

import os
import signal

_PR_SET_PDEATHSIG = 1


def end_with_parent():
    """Have the kernel end this process when its parent ends; where that cannot be had, nothing changes."""
    parent = os.getppid()
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (ImportError, OSError, AttributeError):  # no ctypes, no Linux
        return
    if os.getppid() != parent:  # it ended meanwhile
        os.kill(os.getpid(), signal.SIGKILL)
