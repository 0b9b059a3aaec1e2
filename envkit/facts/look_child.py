"""Looks at directories that may hang, in a process that can be left behind.

Run by path as `python -I -S look_child.py`, standard library only. Standard input is one JSON object:
`{"statfs": [path, ...], "which": [name, ...], "path": "<PATH>", "limit": seconds}`. Each item is looked at in
its own thread, and one JSON line is printed for each as soon as it is known; items that have not answered
within `limit` are printed with state `timeout`. A thread that is stuck in the kernel holds up nothing else.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import Any


def look_at(path: str) -> dict[str, Any]:
    """Space, inodes and access of a directory or, where it is not there yet, of its nearest parent.

    Sizes are bytes; `free` is what an ordinary user may still write.
    """
    # Links are resolved first: a cache is often a link to a scratch disk that has yet to be filled.
    place, exists = os.path.realpath(path), True
    while True:
        try:
            # The error of a directory that may not be entered must be told from one that is not there.
            os.stat(place)
            break
        except (FileNotFoundError, NotADirectoryError):
            exists = False
            parent = os.path.dirname(place)
            if parent == place:
                raise
            place = parent
    start = time.monotonic()
    found = os.statvfs(place)
    seconds = time.monotonic() - start
    return {
        "state": "ok" if exists else "absent",
        "real": place,
        "total": found.f_blocks * found.f_frsize,
        "free": found.f_bavail * found.f_frsize,
        "inodes_total": found.f_files,
        "inodes_free": found.f_favail,
        "read_only": bool(found.f_flag & os.ST_RDONLY),
        "writable": os.access(place, os.W_OK | os.X_OK),
        "seconds": round(seconds, 6),
    }


def look_for(name: str, search: str) -> dict[str, Any]:
    """The first executable file of that name on a PATH; `found` is empty when there is none."""
    for folder in search.split(os.pathsep):
        file = os.path.join(folder, name)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return {"state": "ok", "found": file}
    return {"state": "ok", "found": ""}


def _answer(kind: str, item: str, search: str, answers: queue.Queue[dict[str, Any]]) -> None:
    try:
        found = look_at(item) if kind == "statfs" else look_for(item, search)
    except (OSError, ValueError) as error:
        denied = isinstance(error, PermissionError)
        found = {"state": "denied" if denied else "failed", "detail": str(error)}
    answers.put({kind: item, **found})


def main() -> None:
    """Answer one request, then end at once, whatever still hangs."""
    request = json.loads(sys.stdin.buffer.read())
    deadline = time.monotonic() + float(request.get("limit", 1.0))
    items = [(kind, item) for kind in ("statfs", "which") for item in dict.fromkeys(request.get(kind, ()))]
    answers: queue.Queue[dict[str, Any]] = queue.Queue()
    for kind, item in items:
        arguments = (kind, item, request.get("path", os.defpath), answers)
        threading.Thread(target=_answer, args=arguments, daemon=True).start()
    pending = dict.fromkeys(items)
    while pending:
        try:
            answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        kind = "statfs" if "statfs" in answer else "which"
        pending.pop((kind, answer[kind]), None)
        _print(answer)
    for kind, item in pending:
        _print({kind: item, "state": "timeout"})
    # Not sys.exit: the interpreter's own end waits for locks that a stuck thread may hold.
    os._exit(0)


def _print(answer: dict[str, Any]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
