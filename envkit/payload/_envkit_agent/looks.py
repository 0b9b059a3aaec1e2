"""What is read of the machine: files, directories, links, devices that log. Nothing is written."""

import errno
import fnmatch
import os
import threading
import time

MOST_ENTRIES = 100000
MOST_BYTES = 48 << 20
"""Of one answer."""
RECORD = 1 << 13
"""Bytes that one read of a log device must have room for."""


def look(agent, question, blob):
    """Read what is wanted, each topic in a thread of its own; of one that is late, what it has by then."""
    finished = []
    waiting = threading.Semaphore(0)
    for number, topic in enumerate(question["topics"]):
        arguments = (agent, number, topic, question["exact"], finished, waiting)
        work = threading.Thread(target=read_topic, args=arguments)
        work.daemon = True
        work.start()
    deadline = None if question["seconds"] is None else time.monotonic() + question["seconds"]
    for _ in question["topics"]:
        if not waiting.acquire(True, None if deadline is None else max(0.0, deadline - time.monotonic())):
            break
    entries, blobs, start, done = {}, [], 0, []
    for number, spec, found in list(finished):
        size = sum(len(entry.get("data", b"")) for entry in found.values())
        if len(entries) + len(found) > MOST_ENTRIES or start + size > MOST_BYTES:
            continue  # not done: each path is asked for when it is needed
        done.append([number, spec])
        for path, entry in found.items():
            data = entry.pop("data", None)
            if data is not None:
                entry["at"] = [start, len(data)]
                start += len(data)
                blobs.append(data)
            entries.setdefault(path, {}).update(entry)
    return {"entries": entries, "done": done}, b"".join(blobs)


def read_topic(agent, number, topic, exact, finished, waiting):
    for spec, (kind, pattern, extra) in enumerate(topic):
        found = {}
        for path in [pattern] if exact else expand(agent, pattern):
            entry = LOOKS[kind](agent, path, extra)
            if entry is not None:
                found[path] = entry
            elif exact or not wild(pattern):
                found[path] = {"absent": True}
        finished.append((number, spec, found))
    waiting.release()


def wild(text):
    return "*" in text or "[" in text


def expand(agent, pattern):
    """Paths that may fit; whether they are there is seen when they are looked at."""
    paths = [""]
    for part in pattern.split("/")[1:]:
        if not wild(part):
            paths = [path + "/" + part for path in paths]
            continue
        longer = []
        for path in paths:
            try:
                names = os.listdir(agent.at(path or "/"))
            except (OSError, ValueError):
                continue
            longer.extend(path + "/" + name for name in sorted(names) if fnmatch.fnmatchcase(name, part))
        paths = longer
    return paths


def gone(agent, path, error):
    """None for what is not there, else the entry of what cannot be read."""
    try:
        there = os.path.lexists(agent.at(path))
    except ValueError:
        there = False
    return {"there": True, "errno": getattr(error, "errno", None) or errno.EIO} if there else None


def look_read(agent, path, limit):
    try:
        data = read_bytes(agent.at(path), limit)
    except (OSError, ValueError) as error:
        return gone(agent, path, error)
    return {"there": True, "data": data, "limit": limit}


def look_ls(agent, path, extra):
    try:
        return {"there": True, "ls": sorted(os.listdir(agent.at(path)))}
    except (OSError, ValueError) as error:
        found = gone(agent, path, error)
        return found if found is None else {"there": True, "ls": None}


def look_stat(agent, path, extra):
    where = agent.at(path)
    try:
        if not os.path.lexists(where):
            return None
    except ValueError:
        return None
    try:
        link = os.readlink(where)
    except OSError:
        link = None
    access = sum(mode for mode in (os.R_OK, os.W_OK, os.X_OK) if os.access(where, mode))
    return {"there": True, "link": link, "access": access}


def look_walk(agent, path, depth):
    """Paths of the files below a directory, as Machine.walk_names has them, or None for no directory."""
    found = []
    stack = [(path.rstrip("/"), depth)]
    while stack:
        folder, left = stack.pop()
        try:
            entries = sorted(os.scandir(agent.at(folder)), key=lambda entry: entry.name)
        except (OSError, ValueError):
            if folder == path.rstrip("/"):
                return gone(agent, path, None)
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if left > 0:
                    stack.append((folder + "/" + entry.name, left - 1))
            else:
                found.append(folder + "/" + entry.name)
    return {"there": True, "walk": {str(depth): found}}


LOOKS = {"read": look_read, "ls": look_ls, "stat": look_stat, "walk": look_walk}


def read_bytes(path, limit):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        chunks = []
        while limit > 0:
            chunk = os.read(fd, min(limit, 1 << 16))
            if not chunk:
                break
            chunks.append(chunk)
            limit -= len(chunk)
        return b"".join(chunks)
    finally:
        os.close(fd)


def real(agent, question, blob):
    return os.path.realpath(agent.at(question["path"]))


def leads(agent, question, blob):
    try:
        os.stat(agent.at(question["path"]))
    except PermissionError:
        return None
    except (OSError, ValueError):
        return False
    return True


def stanzas(agent, question, blob):
    """The file with only those stanzas that begin as wanted."""
    data = read_bytes(agent.at(question["path"]), question["limit"])
    start = question["start"].encode()
    begins = tuple(text.encode() for text in question["begins"])
    kept = [start + part for part in (b"\n" + data).split(start)[1:] if part.startswith(begins)]
    return None, b"".join(kept)


def records(agent, question, blob):
    """The newest records of a log device that hold one of the words."""
    words = [word.encode() for word in question["words"]]
    deadline = time.monotonic() + question["seconds"]
    kept, size = [], 0
    fd = os.open(agent.at(question["path"]), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        while time.monotonic() < deadline:
            try:
                chunk = os.read(fd, RECORD)
            except BlockingIOError:
                break
            except BrokenPipeError:  # overwritten while we read
                continue
            if not chunk:
                break
            kept.append(chunk)
            size += len(chunk)
            while size > question["keep"]:
                size -= len(kept.pop(0))
    finally:
        os.close(fd)
    lines = b"".join(kept).split(b"\n")
    return None, b"\n".join(line for line in lines if any(word in line for word in words))
