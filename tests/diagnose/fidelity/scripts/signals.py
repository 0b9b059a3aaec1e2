"""Handlers of its own, and the signals that it does not handle."""

import faulthandler
import os
import signal
import sys
import time


def told(number, frame):
    print("got", signal.Signals(number).name, frame.f_code.co_name, flush=True)


def late(number, frame):
    raise TimeoutError("too slow")


print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD))
for one in (signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD):
    signal.signal(one, told)
    os.kill(os.getpid(), one)
signal.signal(signal.SIGALRM, late)
signal.setitimer(signal.ITIMER_REAL, 0.02)
try:
    time.sleep(10)
except TimeoutError as error:
    print("caught", error, flush=True)
if sys.argv[1] == "INT":
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
faulthandler.enable()
signal.signal(getattr(signal, "SIG" + sys.argv[1]), signal.SIG_DFL) if sys.argv[1] != "KILL" else None
os.kill(os.getpid(), getattr(signal, "SIG" + sys.argv[1]))
