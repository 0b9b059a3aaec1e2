"""Copies of the process that the script does not notice: none is its child, none hears its signals.

A child that waits would be one more for `os.wait()`, `SIGCHLD` and `psutil`. So a copy is forked by a process
that ends at once, and belongs to the system's first process. It ends when the script's process does.
"""

import os
import sys

_PR_SET_PDEATHSIG = 1
_own = []
"""Not empty while a fork of ours is made: the script's `os.register_at_fork` is not told."""
_MESSAGES = ("This process (pid=", "os.fork() was called")
"""Warnings of Python 3.12 and of JAX at each fork, beginnings."""
_OF_LIBRARY = ("threading", "logging", "concurrent.futures.thread", "multiprocessing.util", "asyncio.events")
"""Of Python's own these must know."""


def listen():
    """From now on what the script registers with `os.register_at_fork` is called for its own forks only."""
    plain = os.register_at_fork

    def register_at_fork(**hooks):
        if sys._getframe(1).f_globals.get("__name__") not in _OF_LIBRARY:
            hooks = {when: _unless_ours(hook) for when, hook in hooks.items()}
        return plain(**hooks)

    register_at_fork.__doc__, register_at_fork.__qualname__ = plain.__doc__, plain.__qualname__
    register_at_fork.__module__ = plain.__module__
    os.register_at_fork = register_at_fork


def _unless_ours(hook):
    if not callable(hook):
        return hook
    return lambda: None if _own else hook()


class _Ours:
    """A pattern of `warnings.filters`."""

    def match(self, text):
        return text.startswith(_MESSAGES)


def why_not():
    """Why this process is not to be forked, or None."""
    import signal

    handler = signal.getsignal(signal.SIGCHLD)
    if handler not in (signal.SIG_DFL, signal.SIG_IGN) and not _is_loaders(handler):
        return "the script handles SIGCHLD"
    try:
        with open("/proc/sys/vm/overcommit_memory", "rb") as file:
            if file.read().strip() == b"2":
                return "memory is not overcommitted"
    except OSError:
        pass
    return None


def _is_loaders(handler):
    """Whether it is that of torch's DataLoader, which only looks after its workers, and no other below it."""
    code = getattr(handler, "__code__", None)
    if code is None or not code.co_filename.endswith("signal_handling.py"):
        return False
    return not any(callable(one.cell_contents) for one in handler.__closure__ or ())


def detached():
    """Fork. 0 in the copy; in this process its number. Raises OSError where no process can be made."""
    read, write = os.pipe()
    pid = _fork()
    if pid == 0:
        copy = -1
        try:
            copy = _fork()
        finally:
            if copy:  # the one between
                if copy > 0:
                    os.write(write, str(copy).encode())
                os._exit(0)
        os.close(read)
        os.close(write)
        _alone()
        return 0
    os.close(write)
    try:
        text = os.read(read, 32)
    finally:
        os.close(read)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:  # the script lets the system reap its children
            pass
    if not text:
        raise OSError("no process could be made")
    return int(text)


def _fork():
    """`os.fork` without a warning, and without what the script does at its forks."""
    filters = getattr(sys.modules.get("warnings"), "filters", None)
    entry = ("ignore", _Ours(), Warning, None, 0)
    _own.append(True)
    if filters is not None:
        filters.insert(0, entry)
    try:
        return os.fork()
    finally:
        _own.pop()
        if filters is not None and entry in filters:
            filters.remove(entry)


def _alone():
    """In a copy: no signal of the terminal or of the script's group; first to go where memory is short."""
    import signal

    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def end_with_parent():
    """In a child: when its parent ends, it does."""
    import ctypes
    import signal

    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        pass
