"""A copy of a process without the threads and without the files of the one that it is a copy of."""

from __future__ import annotations

import subprocess
import sys

from tests.scripts.corpus import ROOT

BEGIN = f"""\
import os, queue, shutil, sys, threading, time
sys.path.insert(0, {str(ROOT / "envkit" / "payload")!r})
from _envkit_payload.watch.copies import alone, pretend
"""


def _run(text, cwd):
    done = subprocess.run(
        (sys.executable, "-c", BEGIN + text), cwd=cwd, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_what_other_threads_held_is_free_and_what_they_would_do_is_not_awaited(tmp_path):
    """A lock, a full queue, the end of a queue; and a wait that nothing can end is known as such."""
    said = _run(
        """
class Bar:
    def __init__(self):
        self.lock = threading.RLock()
bar, held, jobs = Bar(), threading.Event(), queue.Queue(2)
def draw():
    with bar.lock:
        held.set()
        time.sleep(60)
threading.Thread(target=draw, daemon=True).start()
held.wait()
jobs.put(0)
pid = os.fork()
if pid == 0:
    alone.make(lambda: os._exit(3))
    with bar.lock:
        for number in range(5):
            jobs.put(number)
    jobs.join()
    os.write(1, b"free\\n")
    threading.Event().wait()
    os._exit(4)
print(os.waitpid(pid, 0)[1] >> 8)
""",
        tmp_path,
    )
    assert said == "free\n3\n"


def test_locks_of_ones_own_stay(tmp_path):
    """A lock that the one thread itself holds is still its own, and is left as often as it was taken."""
    said = _run(
        """
lock = [threading.RLock()]
with lock[0]:
    alone.make(lambda: os._exit(3))
    with lock[0]:
        print(lock[0]._is_owned())
print(lock[0]._is_owned())
""",
        tmp_path,
    )
    assert said == "True\nFalse\n"


def test_files_are_saved_moved_and_removed_in_belief_only(tmp_path):
    """The script goes on as if it had done so; nothing has changed on the disk."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "weights").write_text("kept")
    (tmp_path / "trace").mkdir()
    said = _run(
        """
pretend.make(os.path.abspath("trace"))
os.makedirs("runs/new/one", exist_ok=True)
os.makedirs("runs/new/one", exist_ok=True)
os.mkdir("old")
print(os.path.isdir("runs/new/one"), os.listdir("runs/new/one"))
os.remove("old/weights")
os.replace("old/weights", "old/best")
shutil.rmtree("old")
os.rmdir("runs/new/one")
open("trace/lines", "w").write("written")
try:
    os.listdir("nowhere")
except FileNotFoundError:
    print("nowhere")
""",
        tmp_path,
    )
    assert said == "True []\nnowhere\n"
    assert (tmp_path / "old" / "weights").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["lines", "old", "trace", "weights"]
