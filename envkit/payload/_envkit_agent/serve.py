"""The agent: reads questions, answers each in a thread of its own, and leaves nothing behind.

It writes MARK (whatever the login shell printed stands before it), then frames both ways:

    >BII: 1 when the rest is deflated; bytes of JSON before that; bytes that follow
    JSON, then a blob

A question is `{"id", "op", ...}`, an answer `{"id", "value"}` or `{"id", "error": [errno, text]}`. A read
that never returns holds up nothing else. What envkit runs here comes as files into one private folder. The
folder goes, and so do the children, when standard input ends; should this process be killed, its guard sees
to that.
"""

import errno
import json
import os
import shutil
import socket
import struct
import sys
import threading
import zlib

from _envkit_agent import commands, folder, looks

MARK = b"\0envkit-agent-1\0"
HEAD = struct.Struct(">BII")
LONGEST_FRAME = 64 << 20
"""Bytes of a question."""


class Agent:
    """Reads questions until standard input ends."""

    def __init__(self, source, out):
        self.source, self.out = source, out
        self.lock = threading.Lock()
        self.root = ""
        self.folder = ""
        self.guard = -1
        self.children = set()

    def at(self, path):
        """Where a path lies; tests ask for a recorded machine below a root."""
        return self.root + path if self.root else path

    def send(self, answer, blob=b""):
        text = json.dumps(answer).encode("ascii")
        body = text + blob
        flag = len(body) > 1024
        wire = zlib.compress(body, 1) if flag else body
        data = HEAD.pack(flag, len(text), len(wire)) + wire
        with self.lock:
            while data:
                data = data[os.write(self.out, data) :]

    def serve(self):
        """Answer until the other side goes."""
        while True:
            head = self.source.read(HEAD.size)
            if len(head) < HEAD.size:
                return
            flag, cut, size = HEAD.unpack(head)
            if size > LONGEST_FRAME:
                return
            body = self.source.read(size)
            if len(body) < size:
                return
            if flag:
                body = zlib.decompress(body)
            question = json.loads(body[:cut].decode("ascii"))
            if question["op"] == "end":
                self.clean()
                self.send({"id": question["id"], "value": None})
                return
            if question["op"] == "hello":  # says where the rest is to look
                self.answer(question, b"")
                continue
            work = threading.Thread(target=self.answer, args=(question, body[cut:]))
            work.daemon = True
            work.start()

    def answer(self, question, blob):
        try:
            value = OPERATIONS[question["op"]](self, question, blob)
            value, blob = value if isinstance(value, tuple) else (value, b"")
            answer = {"id": question["id"], "value": value}
        except (OSError, ValueError) as error:  # ValueError: a NUL in a name, which then names nothing
            number = getattr(error, "errno", None) or errno.ENOENT
            if isinstance(error, socket.timeout):
                number = errno.ETIMEDOUT
            answer, blob = {"id": question["id"], "error": [number, str(error)]}, b""
        self.send(answer, blob)

    def clean(self):
        """End the children and take the folder away."""
        for pid in list(self.children):
            commands.kill(pid)
        if self.folder:
            shutil.rmtree(self.folder, True)

    def tell_guard(self, word):
        if self.guard >= 0:
            os.write(self.guard, word.encode() + b"\n")


def hello(agent, question, blob):
    """Who answers: asked first, with the files that later commands run."""
    agent.root = question.get("root") or ""
    return {
        "python": sys.executable,
        "version": "{}.{}.{}".format(*sys.version_info[:3]),
        "env": dict(os.environ),
        "cwd": os.getcwd(),
        "system": [os.uname()[0], os.uname()[2], os.uname()[4]],
        "glibc": glibc(),
        "host": socket.gethostname(),
        "user": user(),
        "folder": agent.folder,
    }


def glibc():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None


def user():
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER", "")


OPERATIONS = {
    "hello": hello,
    "put": folder.put,
    "look": looks.look,
    "real": looks.real,
    "leads": looks.leads,
    "stanzas": looks.stanzas,
    "records": looks.records,
    "talk": commands.talk,
    "run": commands.run,
}


def main():
    out = os.dup(1)
    os.dup2(2, 1)
    agent = Agent(sys.stdin.buffer, out)
    try:
        agent.folder = folder.make_folder()
    except OSError:
        pass
    else:
        agent.guard = folder.start_guard(agent.folder)
    try:
        os.write(out, MARK)
        agent.serve()
    except OSError:
        pass
    agent.clean()
    os._exit(0)  # threads that hang must not hold the connection
