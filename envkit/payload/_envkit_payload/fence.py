"""Start a command that can write to some folders and to nothing else: `fence.py CWD FOLDER... -- COMMAND...`.

By Landlock (Linux 5.13 and later, no privileges needed): the kernel holds it for the command and all that it
starts, whatever they are written in. Where there is no Landlock the command runs without.

The figures are those of linux/landlock.h and linux/prctl.h; the calls have the same numbers on all
architectures.
"""

import ctypes
import os
import sys

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_WRITE_FILE = 1 << 1
_FIRST = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
"""Of version 1: writing to files, and removing and making all kinds of entries."""
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_OF_FILES = _WRITE_FILE | _TRUNCATE


class _Ruleset(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def version():
    """Landlock's version of this kernel, 0 without."""
    found = ctypes.CDLL(None, use_errno=True).syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    return max(found, 0)


def fence(folders):
    """From now on this process and its children write below `folders` only. Returns whether that is so."""
    libc, known = ctypes.CDLL(None, use_errno=True), version()
    if not known:
        return False
    rights = _FIRST | (_REFER if known >= 2 else 0) | (_TRUNCATE if known >= 3 else 0)
    asked = _Ruleset(rights)
    rules = libc.syscall(_CREATE, ctypes.byref(asked), ctypes.c_size_t(ctypes.sizeof(asked)), 0)
    if rules < 0:
        return False
    for folder in folders:
        try:
            opened = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        given = rights if os.path.isdir(folder) else rights & _OF_FILES
        rule = _Beneath(given, opened)
        libc.syscall(_ADD, rules, _PATH_BENEATH, ctypes.byref(rule), 0)
        os.close(opened)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return libc.syscall(_RESTRICT, rules, 0) == 0


def main(arguments):
    """As the module says."""
    split = arguments.index("--")
    cwd, folders, command = arguments[0], arguments[1:split], arguments[split + 1 :]
    os.chdir(cwd)
    os.environ["PWD"] = cwd
    fence(folders)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
