"""What nvidia-smi prints in place of a report."""

from __future__ import annotations

import re
from dataclasses import replace

from envkit.core.text import one_line
from envkit.facts.gpu_model import Gpu, Nvml, NvmlState
from envkit.facts.importers.values import pci, version

_INIT = "Failed to initialize NVML: "
_SAYINGS: tuple[tuple[str, NvmlState], ...] = (
    (_INIT + "Driver/library version mismatch", "version-mismatch"),
    (_INIT + "Driver Not Loaded", "driver-not-loaded"),
    (r"NVIDIA-SMI has failed because it couldn'?t communicate with the NVIDIA driver", "driver-not-loaded"),
    (_INIT + "(?:Insufficient Permissions|No permission)", "no-permission"),
    (_INIT + "GPU is lost", "gpu-lost"),
    (_INIT + "(?:Not Found|Shared library not found)", "no-library"),
    (r"NVIDIA-SMI couldn'?t find libnvidia-ml\.so library", "no-library"),
    (_INIT + r"[^\n]{1,200}", "unknown-error"),
)
"""Messages, the general one last, and the state of NVML that each means."""
_FAILURES = tuple((re.compile(saying, re.IGNORECASE), state) for saying, state in _SAYINGS)
_HEADS = ("failed to initialize nvml", "nvidia-smi has failed", "nvidia-smi couldn")
"""Each saying begins with one of these, which are found much faster in the megabytes of a log."""
_NO_DEVICES = re.compile(
    r"^[ \t]{0,40}No devices (?:were )?found\.?[ \t]{0,40}$", re.IGNORECASE | re.MULTILINE
)
_HANDLE = re.compile(
    r"Unable to determine the device handle for (?:GPU|gpu)\s?(\d{0,3})(?::\s?|\s?)"
    r"([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]):\s{0,4}([^\n]{1,200})"
)
_LIBRARY = re.compile(r"NVML library version: ([^\n]{1,40})")
_MOST = 256


def messages(text: str) -> list[tuple[int, Nvml]]:
    """Each message of a text, where it begins and what it says of NVML; of equal ones the last."""
    found: list[tuple[int, Nvml]] = []
    small = text.lower()
    lost = _handles(text) if "device handle" in small else ()
    if lost:
        gone = any(gpu.state == "lost" for gpu in lost)
        state: NvmlState = "gpu-lost" if gone else "unknown-error"
        start = next(_HANDLE.finditer(text)).start()
        found.append((start, Nvml(state=state, detail=lost[0].error or "", gpus=lost)))
    taken: set[int] = set()
    for pattern, state in _FAILURES if any(head in small for head in _HEADS) else ():
        said = [one for one in pattern.finditer(text) if one.start() not in taken]
        taken.update(one.start() for one in said)
        if said:
            found.append((said[-1].start(), _failed(state, one_line(said[-1][0]), text)))
    none = [one.start() for one in _NO_DEVICES.finditer(text)] if "no devices" in small else []
    if none and not lost:
        nvml = Nvml(state="no-devices", detail="No devices were found", device_count=0, gpus=())
        found.append((none[-1], nvml))
    return found


def _failed(state: NvmlState, detail: str, text: str) -> Nvml:
    library = _LIBRARY.search(text) if state == "version-mismatch" else None
    return Nvml(state=state, detail=detail, nvml_version=version(library[1]) if library else None)


def failure(text: str) -> Nvml | None:
    """The message that says most: GPUs that are lost, else the last one; None where there is none."""
    found = messages(text)
    named = next((said for _, said in found if said.gpus), None)
    return named or max(found, key=lambda pair: pair[0], default=(0, None))[1]


def _handles(text: str) -> tuple[Gpu, ...]:
    gpus: dict[str, Gpu] = {}
    for found in _HANDLE.finditer(text):
        address = pci(found[2])
        if address is None or len(gpus) >= _MOST:
            continue
        said = one_line(found[3])
        gpus[address] = Gpu(
            index=int(found[1]) if found[1] else len(gpus),
            state="lost" if "lost" in said.lower() else "error",
            error=said,
            pci_address=address,
        )
    return tuple(gpus.values())


def with_lost(nvml: Nvml, failed: Nvml) -> Nvml:
    """A report that lists GPUs, and the message on those that it could not list."""
    if not nvml.gpus:
        return replace(failed, driver_version=nvml.driver_version, cuda_version=nvml.cuda_version)
    listed = {gpu.pci_address for gpu in nvml.gpus}
    missing = tuple(gpu for gpu in failed.gpus or () if gpu.pci_address not in listed)
    if not missing:
        return nvml
    taken = {gpu.index for gpu in nvml.gpus}
    free = (number for number in range(2 * _MOST + len(taken)) if number not in taken)
    numbered = tuple(gpu if gpu.index not in taken else replace(gpu, index=next(free)) for gpu in missing)
    gpus = tuple(sorted((*nvml.gpus, *numbered), key=lambda gpu: gpu.index))
    return replace(nvml, detail=failed.detail, gpus=gpus, device_count=len(gpus))
