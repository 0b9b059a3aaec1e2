"""To wait for the end of a process, or of the one that this one belongs to."""

import os
import select
import signal
import time

_EVERY = 1.0
"""Seconds between two looks at whether a process is there, where the kernel does not tell."""


class Origin:
    """A process whose end another one wants to know of at once."""

    def __init__(self, pid):
        self._pid = pid
        self._fd = -1
        try:
            self._fd = os.pidfd_open(pid)
        except (OSError, AttributeError):  # Linux before 5.3: it is looked for now and then
            pass

    def wait(self, descriptor=None):
        """Wait for this process to end, or for something to read. Whether there is something to read."""
        poll = select.poll()
        for one in (descriptor, self._fd):
            if one is not None and one >= 0:
                poll.register(one, select.POLLIN)
        while True:
            ready = dict(poll.poll(None if self._fd >= 0 else 1000 * _EVERY))
            if self.gone(ready):
                return False
            if descriptor in ready:
                return True

    def gone(self, ready=()):
        """Whether it has ended."""
        if self._fd >= 0:
            return self._fd in ready
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        return False

    def close(self):
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def readable(descriptor, seconds):
    """Wait that long for something to read. Whether there is."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, 1000 * seconds)))


def outcome(pid, origin):
    """Wait for a child; its wait status, or None where `origin` ended first: then the child is ended, too."""
    child = Origin(pid)
    try:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status
            if child._fd < 0:
                time.sleep(0.05)
                gone = origin.gone()
            else:
                gone = not origin.wait(child._fd)
            if gone:
                os.kill(pid, signal.SIGKILL)
                return None
    finally:
        child.close()
