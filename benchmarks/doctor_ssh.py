"""How long `envkit doctor --ssh` takes beside `envkit doctor` on the same machine, in interleaved pairs, with
and without a round trip of 50 ms, and how often it asks the other side.

    python benchmarks/doctor_ssh.py            # starts an sshd of its own on loopback; needs openssh-server

`relay HOST PORT SECONDS` is the ProxyCommand that holds back every byte by SECONDS in each direction.
"""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pairs import Pair, machine, options, save, spread, wall

sys.path.insert(0, str(Path(__file__).parents[1]))

ROUND_TRIPS = (0.0, 0.05)
"""Seconds."""


def main() -> None:
    if sys.argv[1:2] == ["relay"]:
        relay(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
        return
    from tests.remote.server import sshd

    chosen = options(__doc__ or "").parse_args()
    python = "/usr/bin/python3"
    here = [str(Path(sys.executable).with_name("envkit")), "doctor", "--python", python]
    with tempfile.TemporaryDirectory() as folder, sshd(Path(folder)) as server:
        every: list[Pair] = []
        for seconds in ROUND_TRIPS:
            proxy = f"{sys.executable} {__file__} relay %h %p {seconds / 2}" if seconds else ""
            config = server.config(proxy=proxy)
            there = [*here, "--ssh", server.host, "--ssh-config", str(config)]
            plain = ["ssh", "-F", str(config), server.host, "true"]
            bare = [wall(plain) for _ in range(3)]
            check(there)
            pairs = [Pair(ours=wall(there), theirs=wall(here)) for _ in range(chosen.pairs)]
            check(there)
            print(f"round trip {seconds * 1000:.0f} ms, on {machine()}, {len(pairs)} pairs")
            print(f"  doctor --ssh, s   : {spread([pair.ours for pair in pairs])}")
            print(f"  doctor here, s    : {spread([pair.theirs for pair in pairs])}")
            print(f"  ssh HOST true, s  : {spread(bare)}")
            print(f"  {asked(server.host, config, python)}", flush=True)
            every += pairs
        save(every, chosen.save)


def check(command: list[str]) -> None:
    """A run that fails early would be a fast one."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or done.stderr:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr}")


def asked(host: str, config: Path, python: str) -> str:
    """Where the time of one run goes."""
    from envkit.doctor.gather import gather
    from envkit.remote import connect

    start = time.perf_counter()
    with connect(host, python=python, config=config) as remote:
        connected, before = time.perf_counter() - start, remote.questions
        gather(remote.machine, python=python)
        read, questions = time.perf_counter() - start - connected, remote.questions - before
    end = time.perf_counter() - start - connected - read
    return (
        f"of one run: {connected:.2f} s until the machine has answered, {read:.2f} s for the probes"
        f" ({questions} questions, most at the same time), {end:.2f} s to tidy up"
    )


def relay(host: str, port: int, seconds: float) -> None:
    """Standard input to the server and back, every byte `seconds` late."""
    connection = socket.create_connection((host, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ways = (
        threading.Thread(target=late, args=(lambda: os.read(0, 1 << 16), connection.sendall, seconds)),
        threading.Thread(target=late, args=(lambda: connection.recv(1 << 16), to_stdout, seconds)),
    )
    for way in ways:
        way.daemon = True
        way.start()
    ways[1].join()


def to_stdout(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def late(read: Callable[[], bytes], write: Callable[[bytes], object], seconds: float) -> None:
    line: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def pass_on() -> None:
        while True:
            due, data = line.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                return
            write(data)

    passing = threading.Thread(target=pass_on, daemon=True)
    passing.start()
    try:
        while data := read():
            line.put((time.monotonic() + seconds, data))
    except OSError:
        pass
    line.put((time.monotonic() + seconds, b""))
    passing.join()


if __name__ == "__main__":
    main()
