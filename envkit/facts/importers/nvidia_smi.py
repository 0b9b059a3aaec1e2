"""The table that `nvidia-smi` prints, of drivers 300 to 615, and its messages when it has none to print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from envkit.facts.gpu_model import Ecc, Gpu, GpuProcess, MigInstance, Nvml
from envkit.facts.host_model import Host
from envkit.facts.importers import gpu_names, probes, smi_errors
from envkit.facts.importers.nvidia_smi_gpu import process_name
from envkit.facts.importers.text import lines, spans
from envkit.facts.importers.values import integer, number, pci, percent, present, size, yes
from envkit.facts.model import Snapshot

REPORT = "an nvidia-smi table"
_BANNER = re.compile(r"^.{0,40}NVIDIA-SMI[ \t]+\d{3}[\d.]{0,12}", re.MULTILINE)
_SMI = re.compile(r"NVIDIA-SMI\s+(\d{3}(?:\.\d{1,4}){1,3})")
_DRIVER = re.compile(r"(?:Driver|KMD) Version:\s*(\d{3}(?:\.\d{1,4}){0,3})")
_CUDA = re.compile(r"CUDA (?:UMD |Driver )?Version:\s*(\d{1,3}\.\d{1,3})")
_NAME = re.compile(r"\s*(\d{1,4})\s+(\S.{0,100}?)\s+(On|Off|N/A|WDDM|TCC|MCDM|ERR!)\s*")
_BUS = re.compile(r"\s*([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])\s+(On|Off|N/A|ERR!)\s*")
_STATUS = re.compile(
    r"\s*(\d{1,3}%|N/A|ERR!)\s+(\d{1,3}C|N/A|ERR!)\s+(P\d{1,2}|N/A|ERR!)\s+(\d{1,5}W|N/A|ERR!|Unknown Error)"
    r"\s*/\s*(\d{1,5}W|N/A|ERR!|Unknown Error)\s*"
)
_MEMORY = re.compile(r"\s*(\d{1,12}MiB|N/A|ERR!)\s*/\s*(\d{1,12}MiB|N/A|ERR!)\s*")
_LOAD = re.compile(r"\s*(\d{1,3}%|N/A|ERR!)\s+(Default|E\. ?Process|E\. ?Thread|Prohibited|N/A|ERR!)\s*")
_MIG_MODE = re.compile(r"\s*(Enabled|Disabled)(\*?)\s*")
_INSTANCE = re.compile(r"\s*(\d{1,4})\s+\d{1,4}\s+\d{1,4}\s+\d{1,4}\s*")
_PROCESS = re.compile(
    r"\|\s+(\d{1,4})\s+(?:(?:N/A|\d{1,3})\s+(?:N/A|\d{1,3})\s+)?(\d{1,10})\s+(C\+G|M\+C|C|G)\s+"
    r"(\S.{0,200}?)\s+(\d{1,10}MiB|N/A)\s*\|?"
)
_MODES: dict[str, Any] = {
    "Default": "default", "EProcess": "exclusive-process", "EThread": "exclusive-thread",
    "Prohibited": "prohibited",
}  # fmt: skip
_KINDS: dict[str, Any] = {"C": "compute", "G": "graphics", "C+G": "compute", "M+C": "mps"}
_MOST = 256


@dataclass(slots=True)
class _Seen:
    """What the lines of one table have told so far."""

    gpus: dict[int, Gpu] = field(default_factory=dict)
    current: int | None = None
    instances: dict[int, list[MigInstance]] = field(default_factory=dict)
    no_instances: bool = False
    processes: dict[int, dict[int, GpuProcess]] = field(default_factory=dict)
    processes_told: bool = False
    not_supported: set[int] = field(default_factory=set)


def banners(text: str) -> Iterator[tuple[int, str]]:
    """Where each table begins, and the text from there to the next one."""
    for start, end in spans(_BANNER, text) if "NVIDIA-SMI" in text else ():
        yield start, text[start:end]


def read(text: str, lost: Nvml | None = None) -> Snapshot:
    """What one table tells; `lost` is the message on GPUs that are missing from it."""
    seen = _Seen()
    for line in lines(text):
        _line(seen, line)
    gpus = tuple(_finished(seen, gpu) for _, gpu in sorted(seen.gpus.items()))
    head = text[:1000]
    smi, driver, newest = _SMI.search(head), _DRIVER.search(head), _CUDA.search(head)
    nvml = Nvml(
        state="ok",
        driver_version=driver[1] if driver else None,
        cuda_version=newest[1] if newest else None,
        device_count=len(gpus) or None,
        gpus=gpus or None,
    )
    if lost is not None:
        nvml = smi_errors.with_lost(nvml, lost)
    host = _host(text, smi[1] if smi else None, nvml.driver_version)
    if not nvml.gpus and lost is None:
        return probes.partial(REPORT, Snapshot(driver=probes.driver_alone(nvml), host=host))
    return probes.partial(REPORT, Snapshot(nvml=nvml, host=host))


def read_failure(said: Nvml) -> Snapshot:
    """What a message in place of a table tells."""
    return probes.partial("nvidia-smi's message", Snapshot(nvml=said))


def _line(seen: _Seen, line: str) -> None:
    if "|" not in line:
        return
    if (process := _PROCESS.match(line.lstrip())) is not None:
        _process(seen, process)
        return
    if "No running processes found" in line:
        seen.processes_told = True
    elif "No MIG devices found" in line:
        seen.no_instances = True
    elif "Not Supported" in line and (index := integer(line.strip("| "))) is not None:
        seen.not_supported.add(index)
    cells = line.strip().strip("|").split("|")
    if len(cells) >= 3:
        _cells(seen, cells)


def _cells(seen: _Seen, cells: list[str]) -> None:
    name, bus = _NAME.fullmatch(cells[0]), _BUS.fullmatch(cells[1])
    if name is not None and bus is not None and len(seen.gpus) < _MOST:
        _first_row(seen, name, bus, cells[2].strip())
    elif seen.current is None:
        return
    elif (instance := _INSTANCE.fullmatch(cells[0])) is not None:
        memory = _MEMORY.fullmatch(cells[1])
        if memory is not None:
            one = MigInstance(uuid=None, memory=size(memory[2]))
            seen.instances.setdefault(int(instance[1]), []).append(one)
    elif (status := _STATUS.fullmatch(cells[0])) is not None:
        _second_row(seen, status, cells)
    elif not cells[0].strip() and (mode := _MIG_MODE.fullmatch(cells[2])) is not None:
        on = mode[1] == "Enabled"
        gpu = seen.gpus[seen.current]
        seen.gpus[seen.current] = replace(gpu, mig_mode=on, mig_pending=on != bool(mode[2]))


def _first_row(seen: _Seen, row: re.Match[str], bus: re.Match[str], errors: str) -> None:
    """Index, name, persistence; bus address, display; uncorrected errors, which are `Off` without ECC."""
    index, shown = int(row[1]), present(row[2])
    seen.current = index
    seen.gpus[index] = Gpu(
        index=index,
        name=shown,
        pci_address=pci(bus[1]),
        compute_capability=None if shown is None else gpu_names.compute_capability(shown),
        persistence=yes(row[3]),
        display_active=yes(bus[2]),
        ecc=_ecc(errors),
    )


def _ecc(cell: str) -> Ecc | None:
    count = integer(cell)
    if count is not None:
        return Ecc(enabled=True, uncorrected_volatile=count)
    return Ecc(enabled=False) if cell == "Off" else None


def _second_row(seen: _Seen, status: re.Match[str], cells: list[str]) -> None:
    """Fan, temperature, state, power; memory; load and compute mode."""
    gpu = seen.gpus[seen.current or 0]
    memory, load = _MEMORY.fullmatch(cells[1]), _LOAD.fullmatch(cells[2])
    broken = [text for text in status.groups() if text in ("ERR!", "Unknown Error")]
    state = integer(status[3][1:]) if status[3].startswith("P") else None
    seen.gpus[gpu.index] = replace(
        gpu,
        state="error" if len(broken) >= 3 else "ok",
        error="nvidia-smi shows ERR! for most of its readings" if len(broken) >= 3 else None,
        temperature=number(status[2].rstrip("C")),
        performance_state=state,
        power_draw=number(status[4].rstrip("W")),
        power_limit=number(status[5].rstrip("W")),
        memory_used=size(memory[1]) if memory else None,
        memory_total=size(memory[2]) if memory else None,
        utilization_gpu=percent(load[1].rstrip("%")) if load else None,
        compute_mode=_MODES.get(re.sub(r"[. ]", "", load[2])) if load else None,
    )


def _process(seen: _Seen, row: re.Match[str]) -> None:
    seen.processes_told = True
    one = GpuProcess(
        pid=int(row[2]), name=process_name(row[4]), memory=size(row[5]), kind=_KINDS.get(row[3], "compute")
    )
    of_gpu = seen.processes.setdefault(int(row[1]), {})
    if len(of_gpu) < 4096:
        of_gpu[one.pid] = one


def _finished(seen: _Seen, gpu: Gpu) -> Gpu:
    """The GPU with what the tables below its rows say of it."""
    instances: tuple[MigInstance, ...] | None = None
    if gpu.index in seen.instances:
        instances = tuple(seen.instances[gpu.index])
    elif gpu.mig_mode is False or (gpu.mig_mode and (seen.no_instances or seen.instances)):
        instances = ()
    processes = None
    if seen.processes_told and gpu.index not in seen.not_supported:
        processes = tuple(seen.processes.get(gpu.index, {}).values())
    return replace(gpu, mig_instances=instances, processes=processes)


def _host(text: str, smi: str | None, driver: str | None) -> Host | None:
    """Windows by its driver models; WSL, where the program is Linux's and the driver Windows'."""
    if re.search(r"TCC/WDDM|Driver-Model", text[:3000]):
        return Host(system="Windows")
    if smi is None or driver is None or smi == driver:
        return None
    ours, theirs = smi.split("."), driver.split(".")
    # Windows' drivers have two numbers and are numbered a little ahead of Linux' of the same branch.
    if len(ours) == 3 and len(theirs) == 2 and 0 <= int(theirs[0]) - int(ours[0]) <= 1:
        return Host(system="Linux", wsl=2)
    return None
