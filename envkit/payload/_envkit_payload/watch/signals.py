"""Exceptions that the script's own signal handlers raise, perhaps while one of our hooks runs."""

import functools
import signal


def raised(error):
    """Whether an exception came out of a signal handler: it is the script's and passes through."""
    codes = set()
    for number in signal.valid_signals():
        code = _code(signal.getsignal(number))
        if code is not None:
            codes.add(code)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False


def _code(handler):
    """The code object of a handler that is written in Python."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    for one in (handler, getattr(handler, "__func__", None), getattr(type(handler), "__call__", None)):
        if hasattr(one, "__code__"):
            return one.__code__
    return None
