"""Threads that leave signals to the main one."""

from __future__ import annotations

import signal
import threading


def start_deaf(thread: threading.Thread) -> None:
    """Start a thread that no signal is delivered to.

    The kernel gives a signal of the process to any thread that does not block it: who waits for one with
    `sigtimedwait` would miss it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
