"""What a job, a scheduler or an environment variable lets a program see of the GPUs."""

from __future__ import annotations

import re

from envkit.compat import Compat, version_key
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.gpu_model import Gpu, Library
from envkit.facts.model import Snapshot

_DEBUG_VARIABLES = {
    # The first nine are those of DCGM's and gpud's checks.
    "NSIGHT_CUDA_DEBUGGER": "puts CUDA under a debugger",
    "CUDA_INJECTION32_PATH": "loads a library into every CUDA program",
    "CUDA_INJECTION64_PATH": "loads a library into every CUDA program",
    "CUDA_AUTO_BOOST": "changes how clocks are chosen",
    "CUDA_ENABLE_COREDUMP_ON_EXCEPTION": "writes GPU core dumps",
    "CUDA_COREDUMP_FILE": "writes GPU core dumps",
    "CUDA_DEVICE_WAITS_ON_EXCEPTION": "hangs the program on a GPU error",
    "CUDA_PROFILE": "turns the legacy profiler on",
    "COMPUTE_PROFILE": "turns the legacy profiler on",
    "OPENCL_PROFILE": "turns the legacy profiler on",
    "CUDA_LAUNCH_BLOCKING": "makes every kernel launch wait, for debugging",
    "NCCL_P2P_DISABLE": "keeps GPUs from copying to each other directly",
    "PYTORCH_NO_CUDA_MEMORY_CACHING": "turns torch's memory cache off",
    "TORCH_USE_CUDA_DSA": "turns on device-side assertions",
}
"""Variable -> what it does when it is set."""

_THREAD_COUNTS = {
    "OMP_NUM_THREADS": r"\s*[0-9]{1,9}(\s*,\s*[0-9]{1,9})*\s*",
    "MKL_NUM_THREADS": r"\s*[0-9]{1,9}\s*",
    "OPENBLAS_NUM_THREADS": r"\s*[0-9]{1,9}\s*",
    "NUMEXPR_NUM_THREADS": r"\s*[0-9]{1,9}\s*",
}
"""Variable -> what it may hold (OpenMP 5.2: OMP_NUM_THREADS is a list of positive integers)."""

_HIDE_ALL = frozenset({"", "-1", "NoDevFiles", "none", "void"})


def cuda_visible_devices_invalid(snapshot: Snapshot, compat: Compat) -> Outcome:
    """CUDA_VISIBLE_DEVICES names devices that do not exist, or hides all."""
    if snapshot.env is None:
        return unknown(views.because(snapshot, "environment"))
    value = views.env(snapshot, "CUDA_VISIBLE_DEVICES")
    if value is None:
        return ok("CUDA_VISIBLE_DEVICES is not set")
    nvml = snapshot.nvml
    if nvml is None or nvml.state in ("hung", "failed"):
        return unknown(views.because(snapshot, "nvml"))
    if nvml.gpus is None or nvml.state != "ok":
        return not_applicable("NVML lists no GPU to hide")
    shown = fact("CUDA_VISIBLE_DEVICES", repr(value), "environment")
    count = fact("GPUs", len(nvml.gpus), "NVML")
    if value.strip() in _HIDE_ALL:
        if snapshot.scheduler is not None and snapshot.scheduler.gpus == ():
            return not_applicable("the scheduler gave this job no GPU")
        return problem(
            "CUDA_VISIBLE_DEVICES hides every GPU from CUDA programs", shown, count, severity="warning"
        )
    # A comma at the end names nothing, and all before it counts.
    names = [name.strip() for name in value.rstrip(", ").split(",")]
    for place, name in enumerate(names):
        if not _names_a_device(name, nvml.gpus):
            rest = (
                f"; CUDA ignores it and the {len(names) - place - 1} after it" if names[place + 1 :] else ""
            )
            return problem(
                f"CUDA_VISIBLE_DEVICES names {name!r}, and there is no such GPU{rest}",
                shown,
                count,
                severity="warning" if place else None,
            )
    if len(set(names)) < len(names):
        return problem(
            "CUDA_VISIBLE_DEVICES names a device twice: CUDA then sees none", shown, count, confidence=0.9
        )
    return ok(f"CUDA_VISIBLE_DEVICES={value} names GPUs that exist")


def _names_a_device(name: str, devices: tuple[Gpu, ...]) -> bool:
    if re.fullmatch(r"\+?[0-9]+", name):
        number = views.whole(name.removeprefix("+"))
        return number is not None and number < len(devices)
    if name.startswith("GPU-"):
        matching = [gpu for gpu in devices if gpu.uuid and gpu.uuid.lower().startswith(name.lower())]
        return len(matching) == 1 or all(gpu.uuid is None for gpu in devices)
    if name.startswith("MIG-"):
        instances = [mig for gpu in devices for mig in gpu.mig_instances or ()]
        known = [mig.uuid for mig in instances if mig.uuid]
        return not known or any(uuid.lower().startswith(name.lower()) for uuid in known) or "/" in name
    return False


def bad_env_var(snapshot: Snapshot, compat: Compat) -> Outcome:
    """An environment variable that breaks or slows CUDA is set."""
    if snapshot.env is None:
        return unknown(views.because(snapshot, "environment"))
    for name, form in _THREAD_COUNTS.items():
        value = views.env(snapshot, name)
        if value and (not re.fullmatch(form, value) or not int(re.findall("[0-9]+", value)[0])):
            return problem(
                f"{name}={value} is no number of threads: programs ignore it, or stop at it",
                fact(name, value, "environment"),
                variables=name,
            )
    if views.has_nvidia(snapshot) is False:
        return not_applicable("no NVIDIA GPU on this machine")
    found = [
        (var, _DEBUG_VARIABLES[var.name])
        for var in snapshot.env
        if var.name in _DEBUG_VARIABLES and var.value not in ("", "0") and not _needed(snapshot, var.name)
    ]
    if not found:
        return ok("no debugging variable of CUDA is set")
    first, effect = found[0]
    return problem(
        f"{first.name}={first.value} {effect}",
        *(fact(var.name, var.value, "environment") for var, _ in found),
        variables=" ".join(var.name for var, _ in found),
    )


def _needed(snapshot: Snapshot, name: str) -> bool:
    """Whether a variable only says what these GPUs cannot do anyway."""
    pairs = snapshot.nvml.p2p if snapshot.nvml is not None else None
    return name == "NCCL_P2P_DISABLE" and pairs is not None and all(pair.read != "ok" for pair in pairs)


def slurm_no_gpu_allocated(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The job was not given a GPU by the scheduler."""
    job = snapshot.scheduler
    if job is None:
        return not_applicable("not inside a scheduler's job")
    if job.gpus is None:
        return unknown("what the scheduler granted could not be read")
    if job.gpus:
        return ok(f"the scheduler gave this job {len(job.gpus)} of the GPUs")
    wants = views.wants_gpu(snapshot)
    present = views.has_nvidia(snapshot)
    node_has = present or (snapshot.driver is not None and bool(snapshot.driver.loaded))
    if wants is False:
        return not_applicable("the frameworks here do not ask for a GPU")
    if not node_has and not wants:
        if present is None:
            return unknown(
                f"whether this node has a GPU is not known: {views.because(snapshot, 'pci', 'nvml')}"
            )
        return not_applicable("neither this node nor a framework here is made for GPUs")
    evidence = [fact("job", job.job_id or "?", f"{job.name} environment"), fact("GPUs granted", 0, job.name)]
    if node_has:
        evidence.append(fact("NVIDIA GPU on this node", "yes", "/proc/driver/nvidia"))
    return problem(
        f"this {job.name.upper()} job was given no GPU",
        *evidence,
        severity=None if node_has and wants else "warning",
        confidence=0.95 if node_has else 0.7,
        slurm="yes" if job.name == "slurm" else None,
        other=None if job.name == "slurm" else job.name.upper(),
    )


def colab_no_gpu_runtime(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A hosted notebook that runs without an accelerator."""
    host = snapshot.host
    if host is None:
        return unknown(views.because(snapshot, "host"))
    if host.hosted_notebook is None:
        return not_applicable("not a hosted notebook")
    present = views.has_nvidia(snapshot)
    if present is None:
        return unknown(f"whether there is a GPU could not be read: {views.because(snapshot, 'pci', 'nvml')}")
    if present:
        return ok("the notebook has a GPU")
    if not any(build.cuda for build in views.builds(snapshot)):
        return not_applicable("the notebook's frameworks are CPU builds")
    return problem(
        f"this {host.hosted_notebook} notebook runs without an accelerator",
        fact("hosted notebook", host.hosted_notebook, "environment"),
        fact("NVIDIA devices", "none", "/sys/bus/pci/devices"),
        colab="yes" if host.hosted_notebook == "colab" else None,
        notebook=host.hosted_notebook if host.hosted_notebook != "colab" else None,
    )


def compat_lib_shadow_803(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A forward-compatibility libcuda older than the driver shadows the driver's own."""
    facts = _compat_facts(snapshot)
    if isinstance(facts, Outcome):
        return facts
    library, driver = facts
    if library.version is None:
        return unknown(f"the version of {library.path} could not be read")
    if version_key(library.version) >= version_key(driver):
        return not_applicable("the compatibility library is not older than the driver")
    return problem(
        f"programs load {library.path} ({library.version}), which is older than driver {driver}",
        fact("libcuda that is loaded first", library.path, library.via),
        fact("driver", driver, "NVML"),
        folder=library.path.rpartition("/")[0],
    )


def cuda_forward_compat_804(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The forward-compatibility libcuda is used on a GPU that does not support it."""
    facts = _compat_facts(snapshot)
    if isinstance(facts, Outcome):
        return facts
    library, driver = facts
    if library.version is None:
        return unknown(f"the version of {library.path} could not be read")
    if version_key(library.version) <= version_key(driver):
        return not_applicable("the compatibility library is not newer than the driver")
    consumer = [gpu for gpu in views.gpus(snapshot) if views.is_consumer(gpu)]
    if not consumer:
        return ok("forward compatibility is meant for these GPUs")
    return problem(
        f"{library.path} works on data-centre GPUs only, and this is {consumer[0].name}",
        fact("libcuda that is loaded first", library.path, library.via),
        fact("GPU", consumer[0].name, "NVML"),
        folder=library.path.rpartition("/")[0],
    )


def _compat_facts(snapshot: Snapshot) -> Outcome | tuple[Library, str]:
    if snapshot.libraries is None:
        return unknown(views.because(snapshot, "python"))
    library = views.forward_compat(snapshot)
    if library is None:
        return ok("no compatibility libcuda comes before the driver's own")
    driver = views.driver_version(snapshot)
    if driver is None:
        return not_applicable("no NVIDIA driver on this machine")
    return library, driver[0]


RULES = (
    cuda_visible_devices_invalid,
    bad_env_var,
    slurm_no_gpu_allocated,
    colab_no_gpu_runtime,
    compat_lib_shadow_803,
    cuda_forward_compat_804,
)
