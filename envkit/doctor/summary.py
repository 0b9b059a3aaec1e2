"""A Snapshot and its findings as a Report: what a person reads."""

from __future__ import annotations

from collections.abc import Iterator

from envkit.core import text
from envkit.core.report import Column, KeyValues, Pair, Report, Section, Table, Text
from envkit.doctor import views
from envkit.doctor.answer import Answer
from envkit.facts.gpu_model import Gpu
from envkit.facts.model import CONTRADICTION, Snapshot
from envkit.match.model import Explanation


def report(answer: Answer, *, environment: str | None = None) -> Report:
    """The report of a doctor run. environment: what to build on this machine, in a sentence, told last."""
    snapshot = answer.snapshot if answer.snapshot is not None else Snapshot()
    sections = [*_disagreements(snapshot)]
    sections += [Section(title="This machine", blocks=(KeyValues(pairs=tuple(_machine(snapshot))),))]
    if answer.error is not None:
        sections.append(_error(answer.error))
    sections += [section for section in _details(snapshot) if section.blocks]
    return Report(
        command="envkit doctor",
        verdict=answer.verdict,
        headline=headline(snapshot),
        conclusion=_conclusion(answer),
        findings=answer.findings,
        sections=tuple(sections),
        notes=(*_notes(snapshot), *([environment] if environment else [])),
    )


def _conclusion(answer: Answer) -> str:
    """Where nothing is wrong here, and a text says that something was."""
    if answer.verdict != "healthy" or answer.error is None or not answer.error.causes:
        return ""
    key = answer.error.causes[0].key
    return f"Nothing wrong was found here; the text points to {key}: `envkit explain {key}`."


def _error(explanation: Explanation) -> Section:
    """What the error text points to; `envkit explain KEY` tells the rest."""
    if not explanation.causes:
        return Section(title="The error text", blocks=(Text(text="Nothing that envkit knows is in it."),))
    rows = tuple(
        (
            match.key,
            f"{match.confidence:.0%}",
            match.evidence[0].value if match.evidence else "",
            match.deciding_fact or "",
        )
        for match in explanation.causes
    )
    titles = ("cause", "sure", "because of", "what would decide")
    columns = tuple(Column(title=title, align="right" if title == "sure" else "left") for title in titles)
    return Section(title="The error text points to", blocks=(Table(columns=columns, rows=rows),))


def _disagreements(snapshot: Snapshot) -> Iterator[Section]:
    """Where several pastes say different things of one machine, before all that was made of them."""
    said = [
        f"{status.name}: {one}"
        for status in snapshot.probes
        for one in status.detail.partition(CONTRADICTION)[2].split("; ")
        if one
    ]
    if said:
        ask = "Are they of one machine, and of one time? What is taken is judged below."
        blocks = tuple(Text(text=line) for line in (*said, ask))
        yield Section(title="The reports contradict each other", blocks=blocks)


def headline(snapshot: Snapshot) -> str:
    """What was looked at, in one line."""
    parts = []
    if snapshot.host is not None and snapshot.host.os_name:
        parts.append(snapshot.host.os_name)
    parts.append(_gpu_words(snapshot))
    if snapshot.python is not None and snapshot.python.version:
        parts.append(f"Python {snapshot.python.version}")
    parts += [f"{build.name} {build.version}" for build in views.builds(snapshot)]
    return " · ".join(parts)


def _gpu_words(snapshot: Snapshot) -> str:
    devices = snapshot.nvml.gpus if snapshot.nvml is not None and snapshot.nvml.gpus else ()
    if devices:
        names = sorted({gpu.name or "NVIDIA GPU" for gpu in devices})
        return f"{len(devices)} x {names[0]}" if len(devices) > 1 and len(names) == 1 else ", ".join(names)
    pci = snapshot.pci
    if pci is None:
        return "GPUs not read"
    real = [device for device in pci if device.vendor != "other"]
    found = ", ".join(device.name or f"{device.vendor} GPU" for device in real)
    if not found and views.has_nvidia(snapshot) is None and snapshot.nvml is not None:
        return f"GPUs unknown (NVML: {snapshot.nvml.detail or snapshot.nvml.state})"
    return found or "no GPU"


def _machine(snapshot: Snapshot) -> Iterator[Pair]:
    yield from _host_pairs(snapshot)
    yield from _hardware_pairs(snapshot)
    yield from _gpu_pairs(snapshot)
    yield from _python_pairs(snapshot)
    yield from _container_pairs(snapshot)


def _host_pairs(snapshot: Snapshot) -> Iterator[Pair]:
    host = snapshot.host
    if host is None:
        return
    inside = f", in {host.container}" if host.container else ""
    virtual = f", {host.virtualization}" if host.virtualization not in (None, "none") else ""
    name = host.os_name or host.system or "unknown"
    kernel = f"Linux {host.kernel}" if host.kernel and views.system(snapshot) == "Linux" else ""
    known = ", ".join(part for part in (name, kernel, host.machine) if part)
    yield Pair(key="System", value=f"{known}{virtual}{inside}")
    if snapshot.scheduler is not None:
        job = snapshot.scheduler
        granted = "GPUs not read" if job.gpus is None else text.plural(len(job.gpus), "GPU")
        yield Pair(key="Job", value=f"{job.name} {job.job_id or ''}: {granted}, {job.cpus or '?'} CPUs")


def _hardware_pairs(snapshot: Snapshot) -> Iterator[Pair]:
    cpu, memory = snapshot.cpu, snapshot.memory
    if cpu is not None and cpu.effective is not None:
        usable = text.count(cpu.effective)
        of = f" of {cpu.logical}" if cpu.logical and cpu.effective < cpu.logical else ""
        yield Pair(key="CPU", value=f"{usable}{of} usable, {cpu.model or 'model unknown'}")
    if memory is not None and memory.total is not None:
        limit = f", limited to {text.size(memory.cgroup_limit)}" if memory.cgroup_limit else ""
        shm = f", /dev/shm {text.size(memory.shm_total)}" if memory.shm_total is not None else ""
        available = f"{text.size(memory.available)} available of {text.size(memory.total)}"
        yield Pair(key="Memory", value=available + limit + shm)
    for place in snapshot.storage or ():
        if place.role == "cwd" and place.free is not None:
            free = f"{text.size(place.free)} free on {place.fstype or '?'}"
            yield Pair(key="Disk", value=f"{free} at {place.path}")


def _gpu_pairs(snapshot: Snapshot) -> Iterator[Pair]:
    devices = snapshot.nvml.gpus if snapshot.nvml is not None and snapshot.nvml.gpus else ()
    driver = views.driver_version(snapshot)
    for gpu in devices[:8]:
        yield Pair(key=f"GPU {gpu.index}", value=_gpu_line(gpu))
    if len(devices) > 8:
        yield Pair(key="GPUs", value=f"and {len(devices) - 8} more")
    if not devices:
        yield Pair(key="GPU", value=_gpu_words(snapshot))
    if driver is not None:
        cuda = snapshot.nvml.cuda_version if snapshot.nvml is not None else None
        yield Pair(key="Driver", value=driver[0] + (f", CUDA up to {cuda}" if cuda else ""))


def _gpu_line(gpu: Gpu) -> str:
    if gpu.state != "ok":
        return f"{gpu.name or gpu.pci_address or '?'}: {gpu.error or gpu.state}"
    parts = [gpu.name or "?", f"cc {gpu.compute_capability or '?'}"]
    if gpu.memory_total is not None and gpu.memory_used is not None:
        free = text.size(gpu.memory_total - gpu.memory_used)
        parts.append(f"{free} free of {text.size(gpu.memory_total)}")
    if gpu.temperature is not None:
        parts.append(f"{gpu.temperature:g} °C")
    if gpu.power_draw is not None and gpu.power_limit is not None:
        parts.append(f"{gpu.power_draw:.0f} of {gpu.power_limit:.0f} W")
    return ", ".join(parts)


def _python_pairs(snapshot: Snapshot) -> Iterator[Pair]:
    python = snapshot.python
    if python is None:
        return
    kind = f", {python.kind}" if python.kind else ""
    version = python.version or "not started"
    yield Pair(
        key="Python", value=f"{version}{kind}: {python.executable}", note=f"chosen by {python.chosen_because}"
    )
    for build in views.builds(snapshot):
        cuda = "CPU build" if build.cuda == "" else f"CUDA {build.cuda}" if build.cuda else "CUDA not read"
        archs = f", code for {' '.join(build.archs)}" if build.archs else ""
        yield Pair(key=build.name, value=f"{build.version}, {cuda}{archs}")
    if views.packages_read(snapshot) and not any(views.builds(snapshot)):
        jaxlib = views.distribution(snapshot, "jaxlib")
        yield Pair(key="Framework", value=f"jaxlib {jaxlib.version}" if jaxlib else "none installed in it")


def _container_pairs(snapshot: Snapshot) -> Iterator[Pair]:
    docker = snapshot.containers.docker if snapshot.containers is not None else None
    if docker is None or (docker.state == "absent" and not docker.client_path):
        return
    if docker.state == "ok":
        yield Pair(key="Docker", value=f"engine {docker.version}, storage {docker.storage_driver}")
    else:
        yield Pair(key="Docker", value=f"engine {docker.state}: {docker.detail or 'no socket'}")


def _details(snapshot: Snapshot) -> Iterator[Section]:
    """Sections that -v shows."""
    python = snapshot.python
    if python is not None and python.distributions:
        rows = tuple((d.name, d.version, d.installer, d.location) for d in python.distributions)
        columns = tuple(Column(title=title) for title in ("package", "version", "installed by", "where"))
        yield Section(title="Packages", blocks=(Table(columns=columns, rows=rows),), detail=True)
    if snapshot.libraries:
        found = tuple((lib.soname, lib.version, str(lib.via), lib.path) for lib in snapshot.libraries)
        columns = tuple(Column(title=title) for title in ("library", "version", "found by", "file"))
        yield Section(title="CUDA libraries", blocks=(Table(columns=columns, rows=found),), detail=True)
    if snapshot.deep:
        yield _smoke(snapshot)
    if snapshot.env:
        pairs = tuple(Pair(key=var.name, value=var.value) for var in snapshot.env)
        yield Section(title="Environment variables", blocks=(KeyValues(pairs=pairs),), detail=True)
    probes = tuple((p.name, p.state, p.seconds, p.detail) for p in snapshot.probes)
    columns = (
        Column(title="probe"),
        Column(title="state"),
        Column(title="time", unit="s", align="right"),
        Column(title="detail"),
    )
    yield Section(title="Probes", blocks=(Table(columns=columns, rows=probes),), detail=True)


def _smoke(snapshot: Snapshot) -> Section:
    rows = tuple(
        (check.framework, r.device, r.op, r.dtype, "ok" if r.ok else "WRONG", r.error, r.tolerance, r.detail)
        for check in snapshot.deep or ()
        for r in check.smoke or ()
    )
    titles = ("framework", "device", "operation", "dtype", "result", "relative error", "tolerance", "detail")
    columns = tuple(Column(title=title) for title in titles)
    return Section(title="Small computations", blocks=(Table(columns=columns, rows=rows),), detail=True)


def _notes(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.over == "ssh":
        yield "looked at over ssh; PATH and environment variables are those of a log-in without a terminal"
    for status in snapshot.probes:
        if status.state == "timeout":
            yield f"{status.detail}; --limit SECONDS gives it longer"
