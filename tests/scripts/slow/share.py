"""A stand-in for a slow network share: a process that gives out blocks of a file at a limited rate."""

import multiprocessing
import os
import time

CHUNK = 1 << 15


def serve(path, orders, pipe, rate):
    with open(path, "rb") as file, open(pipe, "wb", buffering=0) as out:
        while True:
            order = orders.recv()
            if order is None:
                return
            offset, length = order
            file.seek(offset)
            due = time.perf_counter()
            while length:
                piece = file.read(min(CHUNK, length))
                out.write(piece)
                length -= len(piece)
                due += len(piece) / rate
                time.sleep(max(0.0, due - time.perf_counter()))


class Share:
    """Reads blocks of a file through the share."""

    def __init__(self, path, folder, rate):
        pipe = os.path.join(folder, "share")
        os.mkfifo(pipe)
        self.orders, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self.server = context.Process(target=serve, args=(path, theirs, pipe, rate), daemon=True)
        self.server.start()
        self.stream = open(pipe, "rb", buffering=0)  # noqa: SIM115

    def read(self, offset, length):
        self.orders.send((offset, length))
        parts = []
        while length:
            part = self.stream.read(min(CHUNK, length))  # SLOW
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def close(self):
        self.orders.send(None)
        self.server.join()
        self.stream.close()
