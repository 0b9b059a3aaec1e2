"""A container that is listened to while it runs, and that an interrupt gives time to end."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envkit.core.proc import Result
from envkit.core.text import plain
from envkit.engine.containers import gpu_options, removed, tar

if TYPE_CHECKING:
    from docker import DockerClient

_TICK = 0.2
_MOST = 32 << 20
"""Bytes kept of each stream."""
_SHARED = 1 << 30
"""Bytes of /dev/shm: the engine's 64 MiB are too few for worker processes that hand over batches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attended:
    """What to run, and who is told of it."""

    image: str
    argv: tuple[str, ...]
    limit: float
    """Seconds."""
    files: Mapping[str, bytes]
    """Path in the container to content, put there before it starts."""
    env: Mapping[str, str]
    gpus: bool = False
    grace: float = 0.0
    """Seconds that it has to end, told by SIGINT, when the person interrupts."""
    out: Callable[[bytes], None] | None = None
    """Told each piece of standard output."""
    started: Callable[[int], None] | None = None
    """Told the process id, where the engine runs on this machine."""
    fetch: str | None = None
    """A folder of the container to fetch at the end, however it ended."""
    fetched: Callable[[bytes], None] | None = None
    """Told its tar."""
    err: Callable[[bytes], None] | None = None
    """Told each piece of standard error."""
    folders: tuple[str, ...] = ()
    """Made in the container, for anybody to write to."""
    mounts: tuple[str, ...] = ()
    """Folders of this machine that are seen in it at the same path; only of an engine on this machine."""
    workdir: str | None = None
    user: str | None = None
    """`uid:gid`; None = the image's."""
    network: str = "none"


class Streams:
    """The container's two streams, read in a thread: waiting for an engine's connection has no limit."""

    def __init__(
        self, attached: Iterator[tuple[bytes | None, bytes | None]], out: Any, err: Any = None
    ) -> None:
        self.stdout, self.stderr = bytearray(), bytearray()
        self._out = out
        self._err = err
        self._queue: queue.SimpleQueue[tuple[bytes | None, bytes | None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(attached,), daemon=True).start()

    def _read(self, attached: Iterator[tuple[bytes | None, bytes | None]]) -> None:
        try:
            for pair in attached:
                self._queue.put(pair)
        except Exception:  # the connection broke: how the container ended is asked of the engine itself
            pass
        self._queue.put(None)

    def drain(self, deadline: float) -> bool:
        """Take what comes until the streams end (True) or the deadline is there."""
        while (left := deadline - time.monotonic()) > 0:
            try:
                pair = self._queue.get(timeout=min(left, _TICK))
            except queue.Empty:
                continue
            if pair is None:
                return True
            out, err = pair
            if out:
                self.stdout += out[: _MOST - len(self.stdout)]
                if self._out is not None:
                    self._out(out)
            if err:
                self.stderr += err[: _MOST - len(self.stderr)]
                if self._err is not None:
                    self._err(err)
        return False


def attend(client: DockerClient, what: Attended, *, local: bool) -> Result:
    """Run it in a new container, and take that away. Raises KeyboardInterrupt after its grace."""
    from docker.errors import DockerException

    start = time.monotonic()
    name = f"envkit-{secrets.token_hex(6)}"
    try:
        with _container(client, what, name) as container:
            streams = Streams(container.attach(stream=True, logs=True, demux=True), what.out, what.err)
            container.start()
            _tell_pid(container, what, local=local)
            return _ended(container, what, streams, start)
    except DockerException as error:
        return Result(state="failed", stderr=plain(str(error), limit=2000))
    finally:
        removed(client, name)


@contextmanager
def _container(client: DockerClient, what: Attended, name: str) -> Iterator[Any]:
    container = client.containers.create(
        what.image,
        list(what.argv),
        name=name,
        entrypoint="",
        network_mode=what.network,
        environment=dict(what.env),
        shm_size=_SHARED,
        volumes={folder: {"bind": folder, "mode": "rw"} for folder in what.mounts},
        working_dir=what.workdir,
        user=what.user,
        **gpu_options(what.gpus),
    )
    if what.files or what.folders:
        container.put_archive("/", tar(what.files, what.folders))
    try:
        yield container
    finally:
        if what.fetch is not None and what.fetched is not None:
            what.fetched(_archive(container, what.fetch))


def _archive(container: Any, folder: str) -> bytes:
    """The tar of a folder; empty where it cannot be had."""
    from docker.errors import DockerException

    try:
        chunks, _ = container.get_archive(folder)
        return b"".join(chunks)
    except DockerException:
        return b""


def _tell_pid(container: Any, what: Attended, *, local: bool) -> None:
    if what.started is None or not local:
        return
    container.reload()
    pid = int(container.attrs.get("State", {}).get("Pid") or 0)
    if pid > 0:
        what.started(pid)


def _ended(container: Any, what: Attended, streams: Streams, start: float) -> Result:
    try:
        over = streams.drain(start + what.limit)
    except KeyboardInterrupt:
        _interrupt(container, what, streams)
        raise
    code = _code(container) if over else None
    if code is None:
        _kill(container)
        streams.drain(time.monotonic() + 1)
    return Result(
        state="timeout" if code is None else "done",
        # The engine reports a fatal signal as a shell does.
        code=128 - code if code is not None and 128 < code < 160 and code != 130 else code,
        stdout=streams.stdout.decode("utf-8", "replace"),
        stderr=streams.stderr.decode("utf-8", "replace"),
        seconds=time.monotonic() - start,
    )


def _interrupt(container: Any, what: Attended, streams: Streams) -> None:
    from docker.errors import DockerException

    try:
        container.kill("SIGINT")
        streams.drain(time.monotonic() + what.grace)
    except DockerException:  # it has ended
        pass


def _kill(container: Any) -> None:
    from docker.errors import DockerException

    try:
        container.kill()
    except DockerException:
        pass


def _code(container: Any) -> int | None:
    """Its exit code; None when it still runs although its streams have ended."""
    from requests.exceptions import RequestException

    try:
        return int(container.wait(timeout=10)["StatusCode"])
    except RequestException:
        return None
