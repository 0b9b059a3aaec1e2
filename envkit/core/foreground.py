"""A person's own command, run as their shell would run it: with the terminal, and with its signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
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


def run(argv: Sequence[str], env: Mapping[str, str], *, stdout_to_stderr: bool = False) -> Ended:
    """Run a command to its end, however long that takes; signals sent to us reach it.

    Raises FileNotFoundError and PermissionError as exec does.
    """
    waited = {*_PASSED_ON, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        child = subprocess.Popen(
            tuple(argv),
            env=dict(env),
            stdout=sys.stderr.fileno() if stdout_to_stderr else None,
            # What is blocked here would be blocked there, too.
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before) and None,
        )
        while child.poll() is None:
            got = signal.sigtimedwait(waited, 0.5)
            if got is None or got.si_signo == signal.SIGCHLD or got.si_code == _FROM_KERNEL:
                continue
            os.kill(child.pid, got.si_signo)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    code = child.returncode
    return Ended(signal=-code) if code < 0 else Ended(code=code)
