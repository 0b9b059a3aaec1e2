"""The looks at a thread: what they see, and that the script sees nothing of them."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from envkit.diagnose.read import lines
from tests.diagnose.speed.test_target_torch import PAYLOAD, part

ROOT = Path(__file__).parents[3]

SCRIPT = """
import faulthandler, gc, os, sys, threading, time, warnings
sys.path.insert(0, sys.argv[1])
from _envkit_payload.watch.record import Recorder
from _envkit_payload.watch.speed.phases import Phases
from _envkit_payload.watch.speed.sampler import Sampler
sys.path.pop(0)
warnings.simplefilter("error")
phases, faults, usual = Phases(), [], sys.getswitchinterval()
sampler = Sampler(Recorder(sys.argv[2]), phases, lambda: 7, faults.append)
sampler.start()

def busy(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass

def trains():
    phases.begin("backward")
    busy(0.4)
    phases.end("backward")

{body}
sampler.finish()
assert not faults, faults
assert sys.getswitchinterval() == usual
print("done")
"""


def run(tmp_path: Path, body: str) -> str:
    """Run it with the sampler on; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("{body}", body), str(PAYLOAD), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.endswith("done\n")
    return done.stdout


def told(tmp_path: Path, kind: str) -> list[dict[str, object]]:
    return [one for file in tmp_path.glob("*.jsonl") for one in lines(str(file)) if one["kind"] == kind]


def test_looks_have_step_phase_and_the_line_that_runs(tmp_path):
    run(tmp_path, "trains()")
    found = told(tmp_path, "stacks")
    known = {number: frames for line in found for number, frames in line["new"]}
    looks = [one for line in found for one in line["seen"]]
    inside = [one for one in looks if one[1] == "backward"]
    assert inside and all(one[0] == 7 for one in looks)
    assert all([frame[2] for frame in known[one[2]]][:2] == ["busy", "trains"] for one in inside[1:-1])
    assert told(tmp_path, "moment")[-1]["threads"] == 1  # the thread is over before the last line


def test_the_script_sees_one_thread(tmp_path):
    body = """
trains()
assert threading.enumerate() == [threading.main_thread()] and threading.active_count() == 1
frames = max(len(sys._current_frames()) for _ in range(3))
assert frames == 1, frames
assert gc.isenabled()
"""
    run(tmp_path, body)


def test_forks_of_the_script_are_as_without_us(tmp_path):
    body = """
for _ in range(3):
    trains()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if sys.getswitchinterval() == usual and sampler._stop is None or sys.version_info < (3, 12)
                 and sys.getswitchinterval() == usual else 1)
    assert os.waitpid(pid, 0)[1] == 0
trains()
"""
    run(tmp_path, body)
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
    assert sum(len(one["seen"]) for one in told(tmp_path, "stacks")) > 20


def test_frames_that_end_while_garbage_is_collected_do_no_harm(tmp_path):
    """Until Python 3.12 such a look read memory that was free."""
    body = """
def collected(*_):
    for one in range(300):
        str(one)

gc.callbacks.append(collected)
gc.set_threshold(10)
sampler.first = 0.0005
phases._train()

def deep(left):
    return [deep(left - 1), [left]] if left else [[one] for one in range(20)]

end = time.perf_counter() + 2
while time.perf_counter() < end:
    deep(600)
"""
    run(tmp_path, body)


def test_rows_are_those_of_the_thread():
    stacks, ready, over = part("stacks"), threading.Event(), threading.Event()

    def waits():
        ready.set()
        over.wait()

    thread = threading.Thread(target=waits)
    thread.start()
    ready.wait()
    time.sleep(0.01)
    rows = stacks.rows_of(thread.ident)
    over.set()
    thread.join()
    assert "waits" in [code.co_name for code, _ in rows]
    assert rows[-1][0].co_name == "_bootstrap"
    assert stacks.rows_of(thread.ident) == []


def _called(path: str, inner):
    """A function of a file of that name, which calls `inner`."""
    scope = {"inner": inner}
    exec(compile("def step():\n    return inner()\n", path, "exec"), scope)
    return scope["step"]


def test_an_update_that_calls_the_script_is_told_from_its_own_work():
    stacks = part("stacks")
    optimizer = os.path.join(os.sep, "x", "site-packages", "torch", "optim", "sgd.py")
    known = stacks.Stacks()
    here = threading.get_ident()

    def number():
        return known.number_of(stacks.rows_of(here))

    within = _called(optimizer, lambda: number())()
    assert known.updates(within, False) and not known.updates(within, True)
    own = known.number_of([(_called(optimizer, None).__code__, 1)])
    assert known.updates(own, True)
    assert not known.updates(number(), False)


def test_garbage_is_counted():
    garbage = part("garbage").Garbage()
    before = list(gc.callbacks)
    garbage.install(lambda function: None)
    try:
        gc.collect()
        gc.collect(0)
    finally:
        gc.callbacks[:] = before
    assert garbage.more()["collections"] == 1
    assert garbage.seconds > 0
