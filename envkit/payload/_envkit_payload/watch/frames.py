"""Which line of the person's own code is running."""

import os
import sys
import sysconfig

OURS = set()
"""Code objects of wrappers that stand between the script and the framework."""
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_INSTALLED = ("site-packages", "dist-packages")
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
        return filename == "<stdin>" or filename.startswith("<ipython-input")
    path = os.path.realpath(filename)
    if path.startswith(_HERE + os.sep) or any(f"{os.sep}{place}{os.sep}" in path for place in _INSTALLED):
        return False
    return not path.startswith(_LIBRARIES)


def is_ours(filename):
    """Whether a file is a part of the watcher."""
    return filename.startswith(_HERE + os.sep)


def same(one, other):
    """Whether two names are of one file."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def path_of(filename):
    """A file's name as traces have it."""
    return filename if filename.startswith("<") else os.path.abspath(filename)


def persons(found, limit=8):
    """Of frames, (file, line, function) innermost first: those of the person.

    Where there is none, since all of the program is installed, those outside of the frameworks.
    """
    found = list(found)
    own = [(path_of(file), line, name) for file, line, name in found if is_users(file)]
    if not own:
        own = [(path_of(file), line, name) for file, line, name in found if _is_installed(file)]
    return own[:limit]


def users(limit=8):
    """The person's frames that are running now, innermost first: (file, line, function)."""
    found = []
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code not in OURS:
            found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return persons(found, limit)


def _is_installed(filename):
    """Whether a file is of an installed package that is no framework."""
    parts = filename.replace("\\", "/").split("/")
    for place in ("site-packages", "dist-packages"):
        if place in parts[:-1] and not filename.startswith(_HERE + os.sep):
            return parts[parts.index(place) + 1] not in _FRAMEWORKS
    return False


_FRAMEWORKS = (
    "torch",
    "functorch",
    "numpy",
    "keras",
    "tensorflow",
    "lightning",
    "pytorch_lightning",
    "accelerate",
)
