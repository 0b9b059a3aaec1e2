"""A copy of the process has one thread: the locks of others are free, and what they would do is not awaited.

Progress bars, writers of logs and the kernel of a notebook have threads. A fork takes none of them along, but
their locks and queues as they were.
"""

import gc
import queue
import sys
import threading


def make(stuck):
    """Make this copy live without the threads that it does not have.

    stuck: called where the one thread there is waits for what no other will ever do; does not return.
    """
    _locks()
    _waiting(stuck)
    _progress()
    _notebook()


def _locks():
    """A lock whose owner is gone is free. Only those that know their owner: the others may be ours."""
    kind = type(threading.RLock())
    found = {id(one): one for one in gc.get_referents(*gc.get_objects()) if type(one) is kind}
    for lock in found.values():
        if lock.acquire(False):
            lock.release()
        else:
            lock._at_fork_reinit()


def _waiting(stuck):
    """Queues that a thread emptied: what is put into a full one is lost, and nothing is waited for."""
    plain_put, plain_wait = queue.Queue.put, threading.Condition.wait

    def put(self, item, block=True, timeout=None):
        if block and timeout is None and _is_alone() and 0 < self.maxsize <= self._qsize():
            return
        plain_put(self, item, block, timeout)

    def join(self):
        if _is_alone():
            return
        with self.all_tasks_done:
            while self.unfinished_tasks:
                self.all_tasks_done.wait()

    def wait(self, timeout=None):
        if timeout is None and _is_alone():
            stuck()
        return plain_wait(self, timeout)

    queue.Queue.put, queue.Queue.join, threading.Condition.wait = put, join, wait


def _is_alone():
    return threading.active_count() <= 1


def _progress():
    """tqdm's lock is one of all processes: a copy that ended with it would stop the script."""
    tqdm = getattr(sys.modules.get("tqdm.std"), "tqdm", None)
    if tqdm is not None:
        tqdm.monitor_interval = 0
        tqdm.set_lock(threading.RLock())


def _notebook():
    """What goes to a notebook's page goes through sockets of which this copy has none."""
    streams = sys.modules.get("ipykernel.iostream")
    if streams is not None:
        streams.OutStream.write = lambda self, text: len(text)
        streams.OutStream.flush = lambda self: None
        streams.IOPubThread.schedule = lambda self, call: None
        streams.IOPubThread.send_multipart = lambda self, *args, **kwargs: None
    session = sys.modules.get("jupyter_client.session")
    if session is not None:
        session.Session.send = lambda self, *args, **kwargs: None
