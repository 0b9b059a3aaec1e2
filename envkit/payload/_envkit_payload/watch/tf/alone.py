"""While a step is repeated in the process that trains: it reaches nothing outside of itself."""

import contextlib
import logging
import sys

from .calls import Silent


class Quiet:
    """Nothing is printed, logged or summarised, and no iterator moves, while a step is repeated."""

    def __enter__(self):
        from tensorflow.python.data.ops import iterator_ops

        self._streams = sys.stdout, sys.stderr
        self._level = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        sys.stdout = sys.stderr = _Nowhere()
        kind = iterator_ops.OwnedIterator
        self._kind, self._next = kind, kind._next_internal
        kind._next_internal = _refuse
        return self

    def __exit__(self, *error):
        self._kind._next_internal = self._next
        sys.stdout, sys.stderr = self._streams
        logging.disable(self._level)
        return False


class CannotRepeat(Exception):
    """The step takes its data from something that must not move."""


def _refuse(iterator):
    raise CannotRepeat("the step takes its batch from an iterator")


class _Nowhere:
    encoding = "utf-8"
    errors = "replace"

    def write(self, text):
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

    def fileno(self):
        raise OSError("there is no file")


@contextlib.contextmanager
def alone(tf):
    """Nothing is printed or written, no iterator moves, and tf.functions run as plain Python."""
    was = tf.config.functions_run_eagerly()
    with Quiet(), Silent():
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(was)
