"""A real sshd on loopback, run as the current user with keys and a configuration of its own."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.coverage_notes import require

HOST = "loop-host"


@dataclass
class Server:
    """A server that runs."""

    folder: Path
    port: int
    host: str = HOST
    _configs: int = field(default=0, init=False)

    def config(self, *, proxy: str = "", key: str = "me", port: int | None = None, more: str = "") -> Path:
        """An ssh configuration that reaches it. proxy: a ProxyCommand. key: which of its keys is shown."""
        self._configs += 1
        path = self.folder / f"ssh_config-{self._configs}"
        lines = [
            f"Host {HOST} {HOST}-2",
            "HostName 127.0.0.1",
            f"Port {port or self.port}",
            f"User {getpass.getuser()}",
            f"IdentityFile {self.folder / key}",
            "IdentitiesOnly yes",
            f"UserKnownHostsFile {self.folder / 'known_hosts'}",
            f"ProxyCommand {proxy}" if proxy else "",
            more,
        ]
        path.write_text("\n".join(lines) + "\n")
        return path

    def connections(self) -> list[int]:
        """The sshd processes that serve a connection."""
        main = int((self.folder / "pid").read_text())
        parents = {}
        for entry in Path("/proc").iterdir():
            try:
                fields = entry.joinpath("stat").read_text().rpartition(") ")
            except OSError:
                continue
            if "(sshd" in fields[0]:
                parents[int(entry.name)] = int(fields[2].split()[1])
        found = [pid for pid, parent in parents.items() if parent == main]
        return found + [pid for pid, parent in parents.items() if parent in found]

    def log(self) -> str:
        """What the server says, for a test that fails."""
        return (self.folder / "log").read_text()


def free_port() -> int:
    """One that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def sshd(folder: Path, *lines: str) -> Iterator[Server]:
    """A server with further lines of sshd_config, until the block ends."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")
    require("sshd", program is not None)
    assert program is not None
    folder.mkdir(exist_ok=True)
    for name in ("host", "me", "stranger"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    shutil.copy(folder / "me.pub", folder / "authorized_keys")
    server = Server(folder=folder, port=free_port())
    key = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {key}")
    (folder / "sshd_config").write_text(
        "\n".join(
            (
                *lines,
                f"Port {server.port}",
                "ListenAddress 127.0.0.1",
                f"HostKey {folder / 'host'}",
                f"AuthorizedKeysFile {folder / 'authorized_keys'}",
                f"PidFile {folder / 'pid'}",
                "UsePAM no",
                "StrictModes no",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                "PermitUserEnvironment yes",
            )
        )
        + "\n"
    )
    # Debian's sshd insists on it when it starts as root.
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            [program, "-D", "-e", "-f", str(folder / "sshd_config")], stdin=subprocess.DEVNULL, stderr=log
        )
        try:
            _wait(child, server)
            yield server
        finally:
            child.terminate()
            child.wait()


def _wait(child: subprocess.Popen[bytes], server: Server) -> None:
    while True:
        assert child.poll() is None, server.log()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.02)


def processes(server: Server) -> list[int]:
    """What runs in sessions of this server: the environment of each names its port."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _is_of(entry, f"127.0.0.1 {server.port}\0".encode()):
            found.append(int(entry.name))
    return found


def _is_of(entry: Path, mark: bytes) -> bool:
    try:
        alive = entry.joinpath("stat").read_text().rpartition(") ")[2][:1] not in ("Z", "X")
        return alive and mark in entry.joinpath("environ").read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return False


def wait_until(state: Callable[[], bool]) -> None:
    """A state that never comes is a test that times out."""
    while not state():
        time.sleep(0.02)
