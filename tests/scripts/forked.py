"""Runs training programs one after another, each in a process of its own; the framework is imported once.

`python forked.py torch` (or `tensorflow`) imports the framework, then reads one JSON line per program:
`{"path", "argv", "output", "limit"}`. Each program runs in a forked child as `python path argv...` would
run it: its own `__main__`, `sys.argv`, first entry of `sys.path` and random state. Nothing of the framework
has been used before the fork, so that no state is shared. The answer is a JSON line: `{"code", "seconds"}`,
where seconds are the child's CPU time; a program that runs past its limit ends by SIGALRM.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import runpy
import signal
import sys
import traceback

NEEDED = {"torch": ["numpy", "torch", "torch.utils.data"], "tensorflow": ["numpy", "tensorflow", "keras"]}


def child(order: dict) -> None:
    """Become the program; never returns."""
    handle = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.argv = [order["path"], *order["argv"]]
    sys.path[0] = os.path.dirname(order["path"])
    signal.alarm(order["limit"])
    code = 0
    try:
        runpy.run_path(order["path"], run_name="__main__")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Serve until stdin ends."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in NEEDED[sys.argv[1]]:
        importlib.import_module(name)
    for line in sys.stdin:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        _, status = os.waitpid(pid, 0)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        answer = {"code": os.waitstatus_to_exitcode(status), "seconds": round(seconds, 2)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
