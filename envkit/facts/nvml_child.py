"""The process that asks NVML, so that a hang or a crash in the driver's library stays in it.

Started by path: `python -I -S nvml_child.py SECONDS DIRECTORY...`; the directories hold pynvml and envkit and
go to the end of sys.path. It prints JSON lines, each flushed at once, so that what was read before a crash
is kept: `{"system": {...}}` (later ones add to earlier ones), `{"gpu": {...}}` (the last one of an index
counts), `{"p2p": [...]}`, and `{"end": {"hung": [...]}}`, which names the calls that did not return within
SECONDS. It changes nothing.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

SONAME = "libnvidia-ml.so.1"
FOLDERS = (
    "/usr/lib/wsl/lib",
    "/run/opengl-driver/lib",  # NixOS
    "/usr/local/nvidia/lib64",  # device plugins of Kubernetes, CoreOS
    "/usr/local/nvidia/lib",
    "/home/kubernetes/bin/nvidia/lib64",  # GKE
)
"""Where the library lies when the loader does not know of it; `/usr/lib/nvidia-*` too."""
PATIENCE = 0.25
"""Seconds that one GPU may take before the others are asked beside it."""

_INIT_STATES = {
    4: "no-permission",
    6: "no-devices",
    9: "driver-not-loaded",
    15: "gpu-lost",
    18: "version-mismatch",
    28: "no-devices",
    999: "unknown-error",
}
"""nvmlReturn_t of nvmlInit to the state in the snapshot."""
_NO_GPUS = 1
"""NVML_INIT_FLAG_NO_GPUS."""


class Out:
    """JSON lines to a descriptor of our own: a library that prints would spoil them on standard output."""

    def __init__(self) -> None:
        self._fd = os.dup(1)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def line(self, **value: Any) -> None:
        """Write one object and let go of it at once."""
        data = json.dumps(value).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._fd, data) :]


class Worker:
    """Work in a thread that nobody has to wait for: a call into the driver may never return."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._done = threading.Event()
        self._work = work
        self.error: Exception | None = None
        """What ended the work, other than its end."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Whether the work has ended within `seconds`."""
        return self._done.wait(max(0.0, seconds))


def candidates(folders: Iterable[str]) -> list[str]:
    """Files named SONAME in the folders and in /usr/lib/nvidia-*."""
    try:
        driver_folders = sorted(name for name in os.listdir("/usr/lib") if name.startswith("nvidia-"))
    except OSError:
        driver_folders = []
    paths = [f"{folder}/{SONAME}" for folder in (*folders, *(f"/usr/lib/{name}" for name in driver_folders))]
    return [path for path in paths if os.path.exists(path)]


def load(folders: Iterable[str] = FOLDERS) -> tuple[ctypes.CDLL | None, str, str]:
    """The library, or None with the state (`no-library`, `failed`) and the loader's text."""
    errors: list[str] = []
    for name in (SONAME, *candidates(folders)):
        try:
            return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL), "", ""
        except OSError as error:
            errors.append(str(error))
    # A file that is there and cannot be loaded (empty, other architecture, a dependency gone) is not absent.
    absent = all("No such file" in text and SONAME in text and "needed by" not in text for text in errors)
    return None, "no-library" if absent else "failed", errors[0] if absent else errors[-1]


def mapped() -> str | None:
    """The file that the library was loaded from, links resolved, from /proc/self/maps."""
    try:
        with open("/proc/self/maps", errors="replace") as maps:
            paths = (line.rstrip("\n").split(None, 5)[-1] for line in maps if "libnvidia-ml.so" in line)
            return next(paths, None)
    except OSError:
        return None


class Session:
    """One look at the system: loads, initialises, reads the versions and the count."""

    def __init__(self, out: Out) -> None:
        self.out = out
        self.nvml: Any = None
        self.calls: Any = None
        self.count = 0
        self.usable = False
        self.step = "loading " + SONAME

    def current(self) -> str:
        """What it does now."""
        return (self.calls.current if self.calls else "") or self.step

    def open(self) -> None:
        """Fills `nvml` and `count`; writes the system's lines."""
        library, state, detail = load()
        if library is None:
            self.out.line(system={"state": state, "detail": detail})
            return
        self.out.line(system={"library": mapped()})
        try:
            import pynvml  # after the library: it takes longer to import than the rest of this process

            from envkit.facts.nvml_calls import Calls
        except ImportError as error:
            self.out.line(system={"state": "failed", "detail": f"nvidia-ml-py cannot be imported: {error}"})
            return
        pynvml.nvmlLib = library
        self.calls = Calls(pynvml)
        self._init(pynvml)
        self._versions()

    def _init(self, pynvml: Any) -> None:
        # No flags: handles are made one by one later, so that a GPU that is lost does not fail the others
        # (nvmlInit_v2 since NVML 5.319). NO_ATTACH would leave the GPUs unread.
        self.step = "nvmlInit"
        state, detail = "ok", ""
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            state, detail = _INIT_STATES.get(error.value, "failed"), self.calls.text(error)
        if state == "no-devices":
            self.calls.get("nvmlInitWithFlags", _NO_GPUS)  # the versions are told without a GPU
        self.nvml = pynvml
        self.out.line(system={"state": state, "detail": detail})
        self.usable = state in ("ok", "no-devices")

    def _versions(self) -> None:
        calls = self.calls
        facts = {"nvml_version": calls.get("nvmlSystemGetNVMLVersion")}  # answers without initialisation
        if self.usable:
            facts["driver_version"] = calls.get("nvmlSystemGetDriverVersion")
            number = calls.either(("nvmlSystemGetCudaDriverVersion_v2",), ("nvmlSystemGetCudaDriverVersion",))
            facts["cuda_version"] = f"{number // 1000}.{number % 1000 // 10}" if number else None
            facts["device_count"] = calls.get("nvmlDeviceGetCount")
            if facts["device_count"] is None:  # not the same as none
                facts.update(state=_INIT_STATES.get(calls.code, "failed"), detail=calls.error)
            elif facts["device_count"] == 0:
                facts["state"] = "no-devices"
            self.count = facts["device_count"] or 0
        self.out.line(system=facts, unread=calls.unread)


class Device:
    """One GPU, read by a worker and written once, by whoever comes first: the worker or the deadline."""

    def __init__(self, session: Session, index: int) -> None:
        from envkit.facts.nvml_calls import Calls
        from envkit.facts.nvml_read import Reader

        self.index = index
        self.calls = Calls(session.nvml)
        self.reader = Reader(self.calls, index)
        self._out = session.out
        self._lock = threading.Lock()
        self._written = False
        self.worker = Worker(self._read)

    def _read(self) -> None:
        # A later line for the same GPU takes this one's place; a crash leaves it, and so tells the GPU.
        self._out.line(gpu={"index": self.index, "state": "error", "error": "not read to its end"})
        extra = {}
        try:
            self.reader.read()
        except Exception as error:  # what was read before is kept
            extra = {"state": "error", "error": f"{type(error).__name__}: {error}"}
        self._write(extra)

    def answered(self) -> bool:
        """Whether it was read to its end and is there."""
        return self.worker.wait(0) and self.reader.facts["state"] == "ok"

    def give_up(self) -> str | None:
        """The call that did not return; what was read before it is kept. None when the GPU has answered."""
        call = self.calls.current or "a call"
        if not self._write({"state": "error", "error": "did not answer"}, f"{call}: did not answer"):
            return None
        return f"{call} of GPU {self.index}"

    def _write(self, extra: dict[str, Any], *unread: str) -> bool:
        with self._lock:
            first, self._written = not self._written, True
        if first:
            self._out.line(gpu={**self.reader.facts, **extra}, unread=[*self.calls.unread, *unread])
        return first


def read_all(session: Session, deadline: float) -> list[str]:
    """Read every GPU, then what pairs of them can do. The calls that did not return by the deadline."""
    devices: list[Device] = []
    in_turn = True
    for index in range(session.count):
        devices.append(Device(session, index))
        # In turn while all is well; when one is slow (cold, or stuck) the rest are asked at once.
        in_turn = in_turn and devices[-1].worker.wait(min(PATIENCE, deadline - time.monotonic()))
    late = [device for device in devices if not device.worker.wait(deadline - time.monotonic())]
    hung = [device.give_up() for device in late]
    answered = [(device.index, device.reader.handle) for device in devices if device.answered()]
    if len(answered) > 1:
        hung.append(read_pairs(session, answered, deadline))
    return [call for call in hung if call]


def read_pairs(session: Session, gpus: list[tuple[int, Any]], deadline: float) -> str | None:
    """Write what pairs of GPUs can do. The call that did not return by the deadline, if any."""
    from envkit.facts.nvml_calls import Calls
    from envkit.facts.nvml_shared import pairs

    calls = Calls(session.nvml)
    found: list[dict[str, Any]] = []
    # A GPU that hung leaves no time; a pair is asked for in microseconds, so a moment is enough.
    worker = Worker(lambda: found.extend(pairs(calls, gpus)))
    if not worker.wait(max(0.1, deadline - time.monotonic())):
        return calls.current or "nvmlDeviceGetP2PStatus"
    session.out.line(p2p=found, unread=calls.unread)
    return None


def main(argv: list[str]) -> None:
    """See the module's text."""
    deadline = time.monotonic() + float(argv[1])
    sys.path.extend(argv[2:])
    out = Out()
    session = Session(out)
    opening = Worker(session.open)
    if not opening.wait(deadline - time.monotonic()):
        hung = [session.current()]
    elif opening.error is not None:
        raise opening.error
    else:
        hung = read_all(session, deadline)
    out.line(end={"hung": hung})
    os._exit(0)  # nvmlShutdown and a thread that is stuck would both hold an ordinary exit


if __name__ == "__main__":
    main(sys.argv)
