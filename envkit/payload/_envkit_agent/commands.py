"""What is run on the machine, and what is asked of a socket there; each with a time limit."""

import errno
import os
import selectors
import signal
import socket
import subprocess
import time

MOST_OUTPUT = 8 << 20
"""Bytes kept of each stream of a child, and of a socket's answer."""
PIPE = 1 << 20
"""Bytes that a pipe may hold: the most that a child leaves behind when it ends."""


def kill(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def run(agent, question, blob):
    """Run a command to its end or to its limit, in a session of its own."""
    start = time.monotonic()
    try:
        child = subprocess.Popen(
            question["argv"],
            stdin=subprocess.PIPE if question["stdin"] else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=question["env"],
            start_new_session=True,
        )
    except FileNotFoundError:
        return {"state": "absent", "stderr": question["argv"][0] + ": not found"}
    except PermissionError as error:
        return {"state": "denied", "stderr": str(error)}
    except (OSError, ValueError) as error:
        return {"state": "failed", "stderr": str(error)}
    agent.children.add(child.pid)
    agent.tell_guard("+%d" % child.pid)
    try:
        out, err, ended = drain(child, blob if question["stdin"] else None, start + question["limit"])
        if not ended:
            kill(child.pid)
            try:
                child.wait(0.2)
            except subprocess.TimeoutExpired:
                pass
    finally:
        agent.children.discard(child.pid)
        agent.tell_guard("-%d" % child.pid)
        for stream in (child.stdin, child.stdout, child.stderr):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass
    value = {
        "state": "done" if ended else "timeout",
        "code": child.returncode if ended else None,
        "seconds": time.monotonic() - start,
        "cut": len(out),
    }
    return value, out + err


def drain(child, stdin, deadline):
    """Both streams until they close and the child ends, or until the deadline, as envkit.core.proc does."""
    buffers = {child.stdout: bytearray(), child.stderr: bytearray()}
    pending = stdin
    late = 0
    with selectors.DefaultSelector() as selector:
        for stream in buffers:
            selector.register(stream, selectors.EVENT_READ)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            selector.register(child.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            seconds = deadline - time.monotonic()
            over = child.poll() is not None
            ready = selector.select(0 if over else min(seconds, 0.05)) if seconds > 0 else []
            if seconds <= 0 or (over and (not ready or late > PIPE)):
                break
            for key, _ in ready:
                if key.fileobj is child.stdin:
                    try:
                        pending = pending[os.write(key.fd, pending[: 1 << 16]) :]
                    except BrokenPipeError:
                        pending = b""
                    if not pending:
                        selector.unregister(child.stdin)
                        child.stdin.close()
                    continue
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                    continue
                late += len(chunk) if over else 0
                buffers[key.fileobj] += chunk[: max(0, MOST_OUTPUT - len(buffers[key.fileobj]))]
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
        ended = True
    except subprocess.TimeoutExpired:
        ended = False
    return bytes(buffers[child.stdout]), bytes(buffers[child.stderr]), ended


def talk(agent, question, blob):
    """Send the blob to a Unix socket; the answer ends with the connection or with its Content-Length."""
    deadline = time.monotonic() + question["seconds"]
    data = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        while True:
            connection.settimeout(left(deadline))
            try:
                connection.connect(question["path"])
                break
            except BlockingIOError:  # the backlog is full: nobody accepts
                time.sleep(0.02)
        connection.sendall(blob)
        while len(data) < MOST_OUTPUT and not whole(data):
            connection.settimeout(left(deadline))
            chunk = connection.recv(1 << 16)
            if not chunk:
                break
            data += chunk
    return None, data


def left(deadline):
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise OSError(errno.ETIMEDOUT, "no answer in time")
    return seconds


def whole(data):
    head, mark, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:] if mark else ():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return len(body) >= int(value.strip())
    return False
