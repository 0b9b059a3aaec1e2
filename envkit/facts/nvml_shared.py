"""What a GPU shares with others: fabric, NVLinks, peers, processes. For the child of `nvml_child`."""

from __future__ import annotations

import os
from typing import Any

from envkit.facts import nvml_names as names
from envkit.facts.nvml_calls import INVALID_ARGUMENT, NOT_SUPPORTED, Call, Calls
from envkit.facts.nvml_structs import Fabric, FabricV2, FabricV3, versioned


def pci_address(info: Any) -> str:
    """`0000:01:00.0`, as the kernel writes it; NVML writes the domain with eight digits, in capitals."""
    domain, _, rest = str(info.busId or info.busIdLegacy).lower().partition(":")
    return f"{int(domain, 16):04x}:{rest}"


def fabric(calls: Calls, handle: Any) -> dict[str, Any]:
    """The fields `fabric_state` and `fabric_status`; nothing when the driver does not know of fabrics."""
    info = calls.struct(
        handle,
        ("nvmlDeviceGetGpuFabricInfoV", versioned(FabricV3, 3)),
        ("nvmlDeviceGetGpuFabricInfoV", versioned(FabricV2, 2)),
        ("nvmlDeviceGetGpuFabricInfo", Fabric()),
    )
    if info is None:
        return {}
    state = names.FABRIC_STATES.get(info.state)
    if state in (None, "not-supported"):
        return {"fabric_state": state}
    words = names.fabric_health(getattr(info, "healthMask", 0))
    if state == "completed" and info.status:  # the status says nothing in the other states
        words.insert(0, calls.text(calls.nvml.NVMLError(info.status)))
    return {"fabric_state": state, "fabric_status": "; ".join(words)}


def nvlinks(calls: Calls, handle: Any) -> list[dict[str, Any]] | None:
    """Each NVLink; [] when the GPU has none."""
    links: list[dict[str, Any]] = []
    for link in range(getattr(calls.nvml, "NVML_NVLINK_MAX_LINKS", 18)):
        state = calls.expecting(INVALID_ARGUMENT, "nvmlDeviceGetNvLinkState", handle, link)
        if state is None:  # the last one was before this, or there are none
            if link == 0 and calls.code not in (NOT_SUPPORTED, INVALID_ARGUMENT):
                return None
            break
        links.append({"link": link, "active": bool(state)})  # 2, asleep, is not down
    for entry in links:
        if entry["active"]:
            entry.update(_link_errors(calls, handle, entry["link"]))
    return links


def _link_errors(calls: Calls, handle: Any, link: int) -> dict[str, Any]:
    remote = calls.get("nvmlDeviceGetNvLinkRemotePciInfo", handle, link)
    replay, recovery, *crc = [
        calls.expecting(NOT_SUPPORTED, "nvmlDeviceGetNvLinkErrorCounter", handle, link, counter)
        for counter in names.LINK_COUNTERS
    ]
    if replay is None and recovery is None:  # newer GPUs count in fields only
        values = calls.fields(handle, *((field, link) for field in names.LINK_FIELDS))
        replay, recovery, *crc = (values.get((field, link)) for field in names.LINK_FIELDS)
    counted = [count for count in crc if count is not None]
    return {
        "peer": None if remote is None else pci_address(remote),
        "replay_errors": replay,
        "recovery_errors": recovery,
        "crc_errors": sum(counted) if counted else None,
    }


def pairs(calls: Calls, gpus: list[tuple[int, Any]]) -> list[dict[str, Any]]:
    """What each pair of GPUs, given by index and handle, can do with each other."""
    found = []
    for at, (a, one) in enumerate(gpus):
        for b, other in gpus[at + 1 :]:
            read = calls.get("nvmlDeviceGetP2PStatus", one, other, 0)  # NVML_P2P_CAPS_INDEX_READ
            level = calls.get("nvmlDeviceGetTopologyCommonAncestor", one, other)
            read, level = names.P2P_STATES.get(read), names.TOPOLOGY_LEVELS.get(level)
            found.append({"a": a, "b": b, "read": read, "level": level})
    return found


def processes(calls: Calls, handle: Any) -> list[dict[str, Any]] | None:
    """Who holds memory on the GPU; a process that is in several lists has its strongest kind."""
    found: dict[int, dict[str, Any]] = {}
    known = False
    for kind, word in (("graphics", "Graphics"), ("compute", "Compute"), ("mps", "MPSCompute")):
        entries = calls.either(*((name, handle) for (name,) in process_lists(calls.nvml, word)))
        known = known or (entries is not None and kind != "mps")
        for entry in entries or ():
            before = found.get(entry.pid, {}).get("memory") or 0
            found[entry.pid] = {
                "pid": entry.pid,
                "name": process_name(entry.pid),
                "memory": max(before, entry.usedGpuMemory or 0) or None,
                "kind": kind,
                "own": is_own(entry.pid),
            }
    return list(found.values()) if known else None


def process_lists(nvml: Any, word: str) -> list[Call]:
    """The versions of a process list, best first.

    Drivers 535.43 to 535.86 fill a longer struct in version 3 than any other driver; they are known by a
    function that they have and one that they lack. Their version 2 is sound.
    """
    base = f"nvmlDeviceGet{word}RunningProcesses"
    library = nvml.nvmlLib
    longer = hasattr(library, "nvmlDeviceGetConfComputeMemSizeInfo") and not hasattr(
        library, "nvmlDeviceGetRunningProcessDetailList"
    )
    return [(base + "_v2",)] if longer else [(base + "_v3",), (base + "_v2",)]


def process_name(pid: int) -> str | None:
    """The kernel's name of a process, never its command line; None when it cannot be seen from here."""
    try:
        with open(f"/proc/{pid}/comm", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def is_own(pid: int) -> bool:
    """Whether it is this process, the one that started it, or of that one's process group."""
    parent = os.getppid()
    try:
        return pid in (os.getpid(), parent) or os.getpgid(pid) == os.getpgid(parent)
    except OSError:
        return False
