"""The short lists that libraries print for bug reports: `transformers env` and its relatives, `ds_report`,
`python -m xformers.info`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envkit.facts.gpu_model import CudaOnMachine, Gpu, Nvml
from envkit.facts.host_model import Host, Memory
from envkit.facts.importers import gpu_names, packages, probes, systems
from envkit.facts.importers.collect_env import version_of_torch
from envkit.facts.importers.text import lines
from envkit.facts.importers.values import cuda, present, size, version, wheel_cuda
from envkit.facts.model import Snapshot
from envkit.facts.python_model import Distribution, TargetPython, TorchFacts

HF_REPORT = "a Hugging Face env list"
DEEPSPEED_REPORT = "a ds_report"
XFORMERS_REPORT = "an xformers.info report"
_HF = re.compile(
    r"^[ \t]{0,40}[-*] [`🤗 ]{0,4}"
    r"(?:transformers|accelerate|diffusers|datasets|huggingface[_-]hub|peft)`? version:",
    re.MULTILINE | re.IGNORECASE,
)
_VERSION = re.compile("[Vv][Ee][Rr][Ss][Ii][Oo][Nn]:")
"""What `_HF` holds, for a first look at the megabytes of a log."""
_HF_LINE = re.compile(
    r"\s*[-*] (?:🤗 )?`?([A-Za-z][\w -]{0,60}?)`?(?: version)?(?: ?\([^()]{1,40}\))?\??: ?(.*)"
)
_HF_VERSION = re.compile(
    r"\s*[-*] (?:🤗 )?`?([A-Za-z][\w-]{0,40})`? version(?: ?\([^()]{1,40}\))?: ?(\S{1,80}).*"
)
_DEEPSPEED = re.compile(r"DeepSpeed (?:general environment info|C\+\+/CUDA extension op report)")
_DOTTED = re.compile(r"\s*([A-Za-z][\w ()/.]{2,50}?) ?\.{2,60} ?(.*)")
_XFORMERS = re.compile(r"^[ \t]{0,40}xFormers (\d[\w.+-]{0,60})[ \t]{0,40}$", re.MULTILINE)
_XFORMERS_LINE = re.compile(r"\s*([a-z][\w.@-]{1,60}):\s{1,80}(\S.*)")
_LEFT_OUT = frozenset({"python", "cuda", "driver", "jax", "jaxlib", "flax"})
"""What is no package; and JAX, whose CUDA plugins these lists do not name: it would look CPU-only."""


def is_hf(text: str) -> bool:
    """Whether the text holds a list of `transformers env`, `accelerate env` or the like."""
    return _VERSION.search(text) is not None and _HF.search(text) is not None


def is_deepspeed(text: str) -> bool:
    """Whether the text holds a ds_report."""
    return _DEEPSPEED.search(text) is not None


def is_xformers(text: str) -> bool:
    """Whether the text holds the output of `python -m xformers.info`."""
    return "xFormers " in text and _XFORMERS.search(text) is not None


def read_hf(text: str) -> Snapshot:
    """`transformers env`, `accelerate env`, `diffusers-cli env`, `datasets-cli env`, `hf env`."""
    fields: dict[str, str] = {}
    listed: dict[str, Distribution] = {}
    for line in lines(text):
        if (entry := _HF_LINE.fullmatch(line)) is not None:
            fields.setdefault(entry[1].strip().lower(), entry[2])
        entry = _HF_VERSION.fullmatch(line)
        if entry is None or entry[1].lower() in _LEFT_OUT:
            continue
        one = packages.distribution("torch" if entry[1].lower() == "pytorch" else entry[1], entry[2])
        if one is not None:
            listed.setdefault(one.name, one)
    torch = _torch(version_of_torch(fields.get("pytorch")), None, None)
    host = systems.joined(systems.of_platform(fields.get("platform")), _notebook(fields))
    ram = size(present(fields.get("system ram")))
    return probes.partial(
        HF_REPORT,
        Snapshot(
            host=host,
            memory=Memory(total=ram) if ram else None,
            nvml=_nvml(fields),
            python=_python(HF_REPORT, present(fields.get("python")), listed, torch),
        ),
    )


def _notebook(fields: Mapping[str, str]) -> Host:
    said = fields.get("running on google colab", "")
    return Host(hosted_notebook="colab" if said.strip().lower() == "yes" else None)


def _nvml(fields: Mapping[str, str]) -> Nvml | None:
    """The one GPU that torch named, or those that nvidia-smi listed with their memory."""
    name = present(fields.get("gpu type"))
    memory = None
    if name is None:
        name, _, amount = (present(fields.get("accelerator")) or "").partition(", ")
        memory = size(amount)
    if not name or not gpu_names.is_nvidia(name):
        return None
    cc = gpu_names.compute_capability(name)
    return Nvml(state="ok", gpus=(Gpu(index=0, name=name, memory_total=memory, compute_capability=cc),))


def read_deepspeed(text: str) -> Snapshot:
    """`ds_report`."""
    fields: dict[str, str] = {}
    for line in lines(text):
        if (entry := _DOTTED.fullmatch(line)) is not None:
            fields.setdefault(entry[1].strip().lower(), entry[2].strip())
    shm = size(fields.get("shared memory (/dev/shm) size"))
    nvcc = cuda(present(fields.get("nvcc version")))
    torch = _torch(
        version_of_torch(fields.get("torch version")),
        fields.get("torch cuda version"),
        fields.get("torch hip version"),
    )
    listed: dict[str, Distribution] = {}
    info = (fields.get("deepspeed info") or "").partition(",")[0]
    for name, shown in (("torch", torch.version if torch else ""), ("deepspeed", info)):
        if (one := packages.distribution(name, shown)) is not None:
            listed[name] = one
    return probes.partial(
        DEEPSPEED_REPORT,
        Snapshot(
            memory=Memory(shm_total=shm) if shm is not None else None,
            cuda=CudaOnMachine(nvcc="nvcc", nvcc_version=nvcc) if nvcc else None,
            python=_python(DEEPSPEED_REPORT, None, listed, torch),
        ),
    )


def read_xformers(text: str) -> Snapshot:
    """`python -m xformers.info`: the one report that tells the compute capability."""
    fields: dict[str, str] = {}
    for line in lines(text):
        if (entry := _XFORMERS_LINE.fullmatch(line)) is not None:
            fields.setdefault(entry[1], entry[2])
    listed: dict[str, Distribution] = {}
    own = _XFORMERS.search(text)
    torch = _torch(version_of_torch(fields.get("pytorch.version")), None, None)
    for name, shown in (("xformers", own[1] if own else ""), ("torch", torch.version if torch else "")):
        if (one := packages.distribution(name, shown)) is not None:
            listed[name] = one
    return probes.partial(
        XFORMERS_REPORT,
        Snapshot(nvml=_xformers_gpu(fields), python=_python(XFORMERS_REPORT, None, listed, torch)),
    )


def _xformers_gpu(fields: Mapping[str, str]) -> Nvml | None:
    name = present(fields.get("gpu.name"))
    if name is None or not gpu_names.is_nvidia(name):
        return None
    said = re.fullmatch(r"\d{1,2}\.\d", fields.get("gpu.compute_capability", ""))
    cc = said[0] if said else gpu_names.compute_capability(name)
    return Nvml(state="ok", gpus=(Gpu(index=0, name=name, compute_capability=cc),))


def _torch(shown: str | None, said: str | None, hip: str | None) -> TorchFacts | None:
    """torch, with the CUDA that the report says or that its version names; a bare version names none."""
    if shown is None:
        return None
    hip_version = version(hip)
    if hip_version is not None:
        return TorchFacts(version=shown, path="torch", cuda="", hip=hip_version)
    without = said is not None and said.strip() == "None"
    found = cuda(said) or ("" if without else wheel_cuda(shown))
    return TorchFacts(version=shown, path="torch", cuda=None if "rocm" in shown else found)


def _python(
    report: str, shown: str | None, listed: Mapping[str, Distribution], torch: TorchFacts | None
) -> TargetPython | None:
    number_shown = version(shown)
    if number_shown is None and not listed and torch is None:
        return None
    return TargetPython(
        executable="python",
        chosen_because=report,
        version=number_shown,
        distributions=tuple(listed.values()) or None,
        torch=torch,
    )
