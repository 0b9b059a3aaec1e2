"""Images and the nodes of a cluster that run them."""

from __future__ import annotations

import re

from envkit.compat import Compat, parse_cuda, version_key
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.model import Snapshot

_CONDITION = re.compile(r"(cuda|driver)(>=|<=|>|<|=|!=)(\d+(?:\.\d+)*)")
_MEANS = {
    ">=": lambda one, two: one >= two,
    "<=": lambda one, two: one <= two,
    ">": lambda one, two: one > two,
    "<": lambda one, two: one < two,
    "=": lambda one, two: one == two,
    "!=": lambda one, two: one != two,
}


def container_driver_too_old(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The image asks for a newer CUDA than the host's driver offers, and was started all the same."""
    inside = views.in_container(snapshot)
    if inside is None or snapshot.env is None:
        return unknown(views.because(snapshot, "host", "environment"))
    if not inside:
        return not_applicable("not inside a container")
    required = views.env(snapshot, "NVIDIA_REQUIRE_CUDA")
    if not required:
        return not_applicable("this image states no CUDA version that it needs")
    missing = views.without_nvidia(snapshot)
    if missing is not None:
        return missing
    driver = views.driver_version(snapshot)
    offered = snapshot.nvml.cuda_version if snapshot.nvml is not None else None
    if driver is None or offered is None:
        return unknown(views.because(snapshot, "nvml"))
    known = {"cuda": offered, "driver": driver[0]}
    if any(_met(alternative, known) for alternative in required.split()):
        return ok(f"driver {driver[0]} offers what this image asks for")
    asked = parse_cuda(next(iter(re.findall(r"cuda>=(\d+\.\d+)", required)), None))
    same_major = asked is not None and asked[0] == int(offered.partition(".")[0])
    needed = f"{asked[0]}.{asked[1]}" if asked else required.split()[0]
    return problem(
        f"this image asks for CUDA {needed}, and the host's driver {driver[0]} offers CUDA {offered}",
        fact("NVIDIA_REQUIRE_CUDA", required[:200], "environment"),
        fact("newest CUDA of the driver", offered, "nvmlSystemGetCudaDriverVersion_v2"),
        # Within a major only what compiles PTX needs the newer driver.
        severity="note" if same_major else None,
        confidence=0.8,
    )


def _met(alternative: str, known: dict[str, str]) -> bool:
    """Whether every condition of `cuda>=12.8,driver>=550` holds; a brand is taken for the right one."""
    conditions = [condition for condition in alternative.split(",") if not condition.startswith("brand")]
    parsed = [_CONDITION.fullmatch(condition) for condition in conditions]
    return bool(parsed) and all(
        match is not None and _MEANS[match[2]](*_comparable(known[match[1]], match[3])) for match in parsed
    )


def _comparable(have: str, asked: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """As many parts of each as the condition names: driver 470.82 is one of `driver<471`."""
    parts = asked.count(".") + 1
    return version_key(have)[:parts], version_key(asked)[:parts]


def k8s_device_plugin_runtime(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A Kubernetes node with a GPU whose container runtime does not know the nvidia runtime."""
    if views.in_container(snapshot):
        return not_applicable("inside a container")
    containers = snapshot.containers
    if containers is None:
        return unknown(views.because(snapshot, "containers"))
    if containers.kubelet is False:
        return not_applicable("no Kubernetes node")
    missing = views.without_nvidia(snapshot)
    if missing is not None:
        return missing
    if containers.kubelet is None:
        return unknown("whether this is a Kubernetes node could not be read")
    specs = [spec.path for spec in containers.cdi or () if spec.kind == "nvidia.com/gpu" and not spec.error]
    if containers.containerd_nvidia or specs:
        return ok("the node's container runtime knows of NVIDIA GPUs")
    if containers.containerd_nvidia is None:
        return unknown("the configuration of containerd or CRI-O could not be read")
    return problem(
        "this Kubernetes node has an NVIDIA GPU, and its container runtime is not told of one",
        fact("configuration of containerd and CRI-O", "does not name nvidia", "/etc/containerd, /etc/crio"),
        fact("CDI specifications", "none", "/etc/cdi, /var/run/cdi"),
        severity="warning",
        confidence=0.7,
    )


RULES = (container_driver_too_old, k8s_device_plugin_runtime)
