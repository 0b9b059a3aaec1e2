"""What an import says of each probe: which of a machine's facts a pasted report holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from envkit import __version__
from envkit.facts.gpu_model import NvidiaDriver, Nvml
from envkit.facts.model import ProbeStatus, Snapshot

NAMES = (
    "python", "nvml", "storage", "containers", "driver", "cuda", "host", "processes", "scheduler", "cpu",
    "memory", "limits", "pci", "amd", "network", "kernel_log", "environment", "deep",
)  # fmt: skip
"""The probes whose facts rules ask for."""
_MISSING = "does not hold this"
_PART = "holds only a part of this"
_BY_NAME = "; the compute capability is that of the GPU's name"


def statuses(
    report: str, *, whole: Collection[str] = (), part: Collection[str] = ()
) -> tuple[ProbeStatus, ...]:
    """The status of every probe.

    report: the kind of report, with its article: `a collect_env report`.
    whole: the probes whose facts it holds. part: those of which it holds some.
    """
    found = []
    for name in NAMES:
        if name in whole:
            found.append(ProbeStatus(name=name, state="ok", detail=f"from {report}"))
        else:
            words = _PART if name in part else _MISSING
            found.append(ProbeStatus(name=name, state="skipped", detail=f"{report} {words}"))
    return tuple(found)


def partial(report: str, snapshot: Snapshot, *, whole: Collection[str] = ()) -> Snapshot:
    """The snapshot with its statuses: what it holds is a part, but for the probes of `whole`."""
    held = [name for name in NAMES if getattr(snapshot, name, None) is not None]
    found = statuses(report, whole=whole, part=held)
    if any(gpu.compute_capability for gpu in (snapshot.nvml.gpus or () if snapshot.nvml else ())):
        found = tuple(
            replace(one, detail=f"{one.detail}{_BY_NAME}") if one.name == "nvml" else one for one in found
        )
    return replace(snapshot, envkit=__version__, probes=found)


def driver_alone(nvml: Nvml) -> NvidiaDriver | None:
    """The driver of a report that was cut before its GPUs: whether NVML lists any is then not known."""
    return NvidiaDriver(module_version=nvml.driver_version) if nvml.driver_version else None


def rank(status: ProbeStatus) -> int:
    """How much a status has to say of its facts; 0 is most."""
    if status.state == "ok":
        return 0
    if status.state == "skipped":
        return 1 if _PART in status.detail else 3
    return 2
