"""Containers that answer one question and go away."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from envkit.core.proc import Result


def gpu_options(gpus: bool) -> dict[str, Any]:
    """What passes all GPUs of the host."""
    if not gpus:
        return {}
    from docker.types import DeviceRequest

    return {"device_requests": [DeviceRequest(count=-1, capabilities=[["gpu"]])]}


def tar(files: Mapping[str, bytes], folders: Sequence[str] = ()) -> bytes:
    """A tar of files whose folders anybody may read: the container's user is not ours.

    folders: made beside them, for anybody to write to.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in folders:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777
            archive.addfile(entry)
        for path, data in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size = len(data)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def waited(container: Any, limit: float, start: float) -> Result:
    """How a container that was started at `start` ended, within `limit` seconds."""
    from requests.exceptions import RequestException

    try:
        code = int(container.wait(timeout=limit)["StatusCode"])
        state = "done"
    except RequestException:
        code, state = -9, "timeout"
    out = container.logs(stdout=True, stderr=False)
    err = container.logs(stdout=False, stderr=True)
    return Result(
        state=state,  # type: ignore[arg-type]
        # The engine reports a fatal signal as a shell does.
        code=None if state == "timeout" else 128 - code if 128 < code < 160 else code,
        stdout=out.decode("utf-8", "replace"),
        stderr=err.decode("utf-8", "replace"),
        seconds=time.monotonic() - start,
    )


def removed(client: Any, name: str) -> None:
    """Take a container away, should there be one of that name."""
    from docker.errors import DockerException

    try:
        client.api.remove_container(name, force=True, v=True)
    except DockerException:  # it was never made, is gone already, or the engine is
        pass
