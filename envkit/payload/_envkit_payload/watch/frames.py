"""Which line of the person's own code is running."""

import os
import sys
import sysconfig

OURS = set()
"""Code objects of wrappers that stand between the script and the framework."""
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = tuple(
    os.path.realpath(path) + os.sep
    for path in {
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
    }
    if path
)


def is_users(filename):
    """Whether a file is the person's own: not ours, not the standard library, not an installed package."""
    if not filename or filename.startswith("<"):
        return filename == "<stdin>"
    path = os.path.realpath(filename)
    if path.startswith(_HERE + os.sep) or f"{os.sep}site-packages{os.sep}" in path:
        return False
    return not path.startswith(_LIBRARIES)


def same(one, other):
    """Whether two names are of one file."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def users(limit=8):
    """The person's frames that are running now, innermost first: (file, line, function)."""
    found = []
    frame = sys._getframe(1)
    while frame is not None and len(found) < limit:
        if is_users(frame.f_code.co_filename):
            found.append((os.path.abspath(frame.f_code.co_filename), frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return found
