"""The order of what happens at the end; threads and destructors that fail."""

import atexit
import os
import sys
import threading
import time


class Loud:
    def __repr__(self):
        return "loud"

    def __del__(self):
        raise RuntimeError("from a destructor")


def fails():
    raise ValueError("in a thread")


atexit.register(print, "registered first")
atexit.register(print, "registered last")
thread = threading.Thread(target=fails, name="worker")
thread.start()
thread.join()
Loud()
threading.Thread(target=lambda: time.sleep(0.1) or print("one more thread")).start()
sys.stdout.write("no newline ")
if sys.argv[1:] == ["at-once"]:
    sys.stdout.flush()
    os._exit(7)
raise KeyError("the end")
