"""A person's own command, run as their shell would run it: with the terminal, and with its signals."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_KERNEL = 0x80
"""SI_KERNEL of sigaction(2): the terminal sent it, and the command in its foreground got it, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How the command ended."""

    code: int | None = None
    signal: int | None = None
    """The signal that ended it."""


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    stdout_to_stderr: bool = False,
    meanwhile: Callable[[int], None] | None = None,
) -> Ended:
    """Run a command to its end, however long that takes; signals sent to us reach it.

    meanwhile: called about twice a second with its process id.

    Raises OSError as exec does.
    """
    waited = {*_PASSED_ON, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        child = _started(tuple(argv), dict(env), before, stdout_to_stderr)
        while child.poll() is None:
            if meanwhile is not None:
                meanwhile(child.pid)
            got = signal.sigtimedwait(waited, 0.5)
            if got is None or got.si_signo == signal.SIGCHLD or got.si_code == _FROM_KERNEL:
                continue
            if got.si_pid != child.pid:  # (else it sent it to its whole group, and knows)
                os.kill(child.pid, got.si_signo)
        while signal.sigtimedwait(waited, 0) is not None:  # the Ctrl-C that ended it was for it
            pass
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    code = child.returncode
    return Ended(signal=-code) if code < 0 else Ended(code=code)


def _started(
    argv: tuple[str, ...], env: dict[str, str], mask: set[int | signal.Signals], stdout_to_stderr: bool
) -> subprocess.Popen[bytes]:
    def start(command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=env,
            stdout=sys.stderr.fileno() if stdout_to_stderr else None,
            # What the shell opened for it (`3< file`, `<(command)`) is its own; ours are closed by exec.
            close_fds=False,
            # What is blocked here would be blocked there, too.
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask) and None,
        )

    try:
        return start(argv)
    except OSError as error:
        if error.errno != errno.ENOEXEC or "/" not in argv[0]:
            raise
        return start(("/bin/sh", *argv))  # a script without `#!`, as shells do


def end_as(ended: Ended) -> None:
    """End this process as a command ended that was killed by a signal; returns where it was not.

    Who waits for this process (a shell in a loop, a scheduler) sees what it would have seen.
    """
    if ended.signal is None:
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # this one's memory says nothing
        signal.signal(ended.signal, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {ended.signal})
    os.kill(os.getpid(), ended.signal)
