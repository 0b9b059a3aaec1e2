"""What must be equal for two results to be compared: the machine and what trained on it. Pure.

No name of a person or a host, and nothing that changes without the speed changing, as the kernel's version.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from envkit.bench.samples import ProcessSamples
from envkit.core.text import count
from envkit.facts.model import Snapshot

_MEASURES = re.compile(r"/(?:workloads/|bench|steptimer|steady)")
"""Files of the payload that decide what is measured, and how."""


def machine(snapshot: Snapshot, payload: Mapping[str, bytes]) -> dict[str, str]:
    """Of this machine, and of the measuring code. What was not read is told as `unknown`."""
    found: dict[str, str] = {}
    cpu, memory = snapshot.cpu, snapshot.memory
    found["cpu"] = (cpu.model if cpu is not None else None) or "unknown"
    found["cpus"] = count(cpu.effective) if cpu is not None and cpu.effective else "unknown"
    found["quota"] = _quota(snapshot)
    found["memory"] = _rounded(memory.total if memory is not None else None)
    gpus = tuple(gpu for gpu in (snapshot.nvml.gpus if snapshot.nvml is not None else None) or ())
    named = Counter(f"{gpu.name or 'unknown'}{_watts(gpu.power_limit)}" for gpu in gpus)
    if named:
        found["gpus"] = ", ".join(f"{number} x {name}" for name, number in sorted(named.items()))
        driver = snapshot.nvml.driver_version if snapshot.nvml is not None else None
        found["driver"] = driver or "unknown"
    found["payload"] = digest(payload)
    return found


def whole(machine: Mapping[str, str], processes: Iterable[ProcessSamples]) -> dict[str, str]:
    """With what the processes of arm A said of their Python, framework and device."""
    environments = [each.environment for each in processes if each.arm == "A" and each.environment]
    if not environments:
        return dict(machine)
    said = environments[0]
    found = {
        "framework": f"{said.framework} {said.version}",
        "python": ".".join(said.python.split(".")[:2]),
        "device": f"{said.device.kind} {said.device.name}".strip(),
    }
    for name, value in (("cuda", said.cuda), ("cudnn", said.cudnn)):
        if value is not None:
            found[name] = value
    if said.threads is not None and said.world == 1:
        found["threads"] = str(said.threads)
    return {**machine, **found}


def digest(files: Mapping[str, bytes]) -> str:
    """Of the payload's files that measure, by their paths: other code measures something else."""
    total = hashlib.sha256()
    for path in sorted(path for path in files if _MEASURES.search(path)):
        total.update(path.encode() + b"\0" + hashlib.sha256(files[path]).digest())
    return total.hexdigest()[:12]


def differences(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[str, ...]:
    """`driver: 570.86 and 580.65`, one a name that is not the same in both."""
    names = dict.fromkeys((*a, *b))
    return tuple(
        f"{name}: {a.get(name, 'not told')} and {b.get(name, 'not told')}"
        for name in names
        if a.get(name) != b.get(name)
    )


def _quota(snapshot: Snapshot) -> str:
    cpu = snapshot.cpu
    if cpu is None or (cpu.quota is None and cpu.cgroup is None):
        return "unknown"
    return "none" if cpu.quota is None else f"{count(cpu.quota)} CPUs"


def _rounded(total: int | None) -> str:
    """Bytes as GiB, to two significant digits."""
    if not total:
        return "unknown"
    return f"{float(f'{total / 2**30:.2g}'):g} GiB"


def _watts(limit: float | None) -> str:
    return "" if limit is None else f" at {limit:.0f} W"
