"""Ctrl-C, seen between two steps."""

import contextlib
import signal


class Interrupt:
    """Ctrl-C and SIGTERM: a request while steps are measured; elsewhere, and again, KeyboardInterrupt.

    So a step is never cut in half and what was measured is told, but nothing else holds a person up.
    """

    def __init__(self):
        self.asked = False
        self._patient = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on)

    def _on(self, number, frame):
        again, self.asked = self.asked, True
        if again or not self._patient:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def patient(self):
        """While this is open, the first signal only sets `asked`."""
        self._patient = True
        try:
            yield
        finally:
            self._patient = False

    def check(self):
        """KeyboardInterrupt when it was asked for."""
        if self.asked:
            raise KeyboardInterrupt
