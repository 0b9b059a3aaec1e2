"""The environment that fits a machine: the torch that a fix installs, and the build command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envkit.compat import Compat
from envkit.core.text import shell_word
from envkit.doctor import views
from envkit.doctor.answer import Answer
from envkit.facts.model import Snapshot
from envkit.resolve.fit import wants_gpu
from envkit.resolve.hosts import snapshot_host
from envkit.resolve.model import Plan
from envkit.resolve.request import Framework, Host, Request, TargetGpu
from envkit.resolve.resolve import resolve

_BESIDE = ("torchvision", "torchaudio")


def torch_for(snapshot: Snapshot, compat: Compat, *, ignore_driver: bool = False) -> Plan | None:
    """The newest torch for this machine's driver, GPUs, libc and target Python, with the torchvision and
    torchaudio that are installed there where one goes with all of them.

    None when no torch of the tables does, or no GPU can be asked what it needs.
    """
    gpus = tuple(
        TargetGpu(name=gpu.name or f"GPU {gpu.index}", cc=cc)
        for gpu in views.gpus(snapshot)
        if (cc := views.capability(gpu))
    )
    if not gpus:
        return None
    host = replace(snapshot_host(snapshot, compat), gpus=gpus)
    host = replace(host, driver=None) if ignore_driver else host
    request = Request(framework="torch", hosts=(host,), device="gpu", python=views.python_minor(snapshot))
    beside = tuple(name for name in _BESIDE if views.distribution(snapshot, name))
    for extras in dict.fromkeys((beside, ())):
        plan = resolve(replace(request, extras=extras), compat)
        if isinstance(plan, Plan):
            return plan
    return None


def build_note(answer: Answer, compat: Compat, sources: Sequence[str] = ()) -> str | None:
    """The sentence that names the build command for a machine; None where all is well, or it gives no plan.

    sources: the files of `--from` where the machine is another one.
    """
    snapshot = answer.snapshot
    if snapshot is None or "-" in sources or (snapshot.over == "ssh" and not sources):
        return None
    builds = [build.name for build in views.builds(snapshot)]
    if answer.verdict == "healthy" and builds:
        return None
    framework: Framework = "tensorflow" if builds and set(builds) == {"tensorflow"} else "torch"
    options = _options(framework, snapshot_host(snapshot, compat), compat)
    if options is None:
        return None
    elsewhere = [word for source in sources for word in ("--from", shell_word(source))]
    command = " ".join(["envkit build", "--framework", framework, *options, *elsewhere])
    return f"The environment that fits this machine: `{command}`"


def _options(framework: Framework, host: Host, compat: Compat) -> tuple[str, ...] | None:
    """What has to be said so that the command gives a plan; None where nothing does."""
    request = Request(framework=framework, hosts=(host,))
    gpu = wants_gpu(request)
    if gpu is None:
        return None
    request = replace(request, device="gpu" if gpu else "cpu")
    device = "--gpu" if gpu else "--cpu"
    for own_libc, rest in ((False, ()), (True, ("--as", "docker"))):
        if isinstance(resolve(replace(request, own_libc=own_libc), compat), Plan):
            return (device, *rest)
    return None
