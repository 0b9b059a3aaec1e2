"""Files of ours with high numbers: what the script opens has the numbers that it would have."""

import fcntl
import os

_LEAST = 600
"""Below the usual limit of 1024."""


def high(fd):
    """The same open file under a high number that no child inherits; the given one is closed."""
    try:
        number = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LEAST)
    except (OSError, ValueError):  # a lower limit
        return fd
    os.close(fd)
    return number


def pipe():
    """`os.pipe()` with such numbers."""
    read, write = os.pipe()
    return high(read), high(write)
