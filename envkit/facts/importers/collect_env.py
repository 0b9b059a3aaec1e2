"""`python -m torch.utils.collect_env`, from torch 0.4 on, and vLLM's descendant of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envkit.facts.gpu_model import CudaOnMachine, Gpu, MigInstance, NvidiaDriver, Nvml
from envkit.facts.host_model import Host
from envkit.facts.importers import gpu_names, lscpu, packages, probes, systems
from envkit.facts.importers.text import lines, spans
from envkit.facts.importers.values import cuda, present, version, wheel_cuda
from envkit.facts.model import Snapshot
from envkit.facts.python_model import TargetPython, TorchFacts

REPORT = "a collect_env report"
_KEYS = frozenset(
    (
        "pytorch version", "is debug build", "cuda used to build pytorch", "rocm used to build pytorch", "os",
        "gcc version", "clang version", "cmake version", "libc version", "python version", "python platform",
        "is cuda available", "cuda runtime version", "cuda_module_loading set to",
        "gpu models and configuration", "nvidia driver version", "cudnn version", "hip runtime version",
        "miopen runtime version", "is xnnpack available", "is xpu available", "caching allocator config",
        "cpu", "versions of relevant libraries", "xpu used to build pytorch", "intel gpu driver version",
        "intel gpu models onboard", "intel gpu models detected",
    )
)  # fmt: skip
_KEY = re.compile(r"\s*([A-Za-z][\w ]{1,40}?)\s*:(?: (.*)|\s*)")
_START = re.compile(r"^[ \t]*PyTorch version[ \t]*:", re.MULTILINE)
_TELLING = re.compile(
    r"^[ \t]*(?:Is debug build|CUDA used to build PyTorch|GPU models and configuration|Nvidia driver version"
    r"|CUDA runtime version)[ \t]*:",
    re.MULTILINE,
)
_GPU = re.compile(r"\s*(?:GPU (\d{1,4}): )(.{1,200})")
_MIG = re.compile(r"\s*(MIG \S{1,30})\s+Device\s+\d{1,3}:?.*")
_UUID = re.compile(r"\s*\(UUID: ((?:GPU|MIG)-[0-9a-fA-F/-]{4,80})\)")
_MOST_GPUS = 256


def found_in(text: str) -> bool:
    """Whether the text holds such a report, or a good part of one."""
    # The literal first: it is found, or not, many times faster than an expression.
    return "PyTorch version" in text and bool(_START.search(text)) and bool(_TELLING.search(text))


def read(text: str) -> Snapshot:
    """What the report tells. A paste that holds several is read by `parts` first."""
    fields, values = _fields(text)
    block = lscpu.fields(values.get("cpu", ()))
    host = systems.joined(
        systems.of_name(fields.get("os")),
        systems.of_platform(fields.get("python platform")),
        systems.of_libc(fields.get("libc version")),
        Host(machine=lscpu.architecture(block), virtualization=lscpu.hypervisor(block)),
        _compiler(fields),
    )
    nvml = _nvml(fields, values)
    python = _python(fields, text, host)
    toolkit = _toolkit(fields)
    processor = lscpu.cpu(block)
    return probes.partial(
        REPORT,
        Snapshot(
            host=host,
            cpu=processor,
            driver=_driver(fields, nvml),
            nvml=nvml,
            cuda=toolkit,
            python=python,
        ),
    )


def parts(text: str) -> Iterator[str]:
    """The reports of a text that holds several, in their order."""
    for place, (start, end) in enumerate(spans(_START, text)):
        # vLLM's report has the operating system before torch.
        yield text[start if place else 0 : end]


def _fields(text: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The value on each key's line, and the lines that follow the key."""
    fields: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    current = ""
    for line in lines(text):
        entry = _KEY.fullmatch(line)
        name = entry[1].lower() if entry else ""
        # lscpu's lines look like keys; that block ends with the list of packages.
        inside = current == "cpu" and name != "versions of relevant libraries"
        if line.strip() == "CPU Info":  # vLLM's heading
            current = "cpu"
            values[current] = []
        elif entry is not None and name in _KEYS and not inside:
            current = name if name not in fields else ""
            fields.setdefault(name, entry[2] or "")
            if current:
                values[current] = [entry[2]] if entry[2] else []
        elif current:
            values[current].append(line)
    return fields, values


def _nvml(fields: dict[str, str], values: dict[str, list[str]]) -> Nvml | None:
    """The GPUs that `nvidia-smi -L` listed for the report, and the driver that nvidia-smi named."""
    gpus = gpu_list(values.get("gpu models and configuration", []))
    if not gpus:
        return None
    return Nvml(state="ok", driver_version=_driver_version(fields), device_count=len(gpus), gpus=gpus)


def _driver_version(fields: dict[str, str]) -> str | None:
    return version(present(fields.get("nvidia driver version")))


def _driver(fields: dict[str, str], nvml: Nvml | None) -> NvidiaDriver | None:
    """The driver that is named without a GPU: whether NVML answers is then not known."""
    found = _driver_version(fields)
    return NvidiaDriver(module_version=found) if found and nvml is None else None


def gpu_list(rows: list[str]) -> tuple[Gpu, ...]:
    """`GPU 0: NVIDIA A100-SXM4-40GB`, each followed by its MIG devices."""
    gpus: list[Gpu] = []
    instances: dict[int, list[MigInstance]] = {}
    for row in rows:
        if (entry := _GPU.fullmatch(row)) is not None:
            name = present(_UUID.sub("", entry[2]))
            if len(gpus) >= _MOST_GPUS or name is None:
                continue
            uuid = _UUID.search(entry[2])
            gpus.append(
                Gpu(
                    index=int(entry[1]),
                    name=name,
                    uuid=uuid[1] if uuid else None,
                    compute_capability=gpu_names.compute_capability(name),
                )
            )
        elif gpus and (entry := _MIG.fullmatch(row)) is not None:
            uuid = _UUID.search(row)
            one = MigInstance(uuid=uuid[1] if uuid else None, name=f"{gpus[-1].name} {entry[1]}")
            instances.setdefault(len(gpus) - 1, []).append(one)
        elif gpus and not row.strip():
            break
    return tuple(_with_instances(gpu, instances.get(place)) for place, gpu in enumerate(gpus))


def _with_instances(gpu: Gpu, instances: list[MigInstance] | None) -> Gpu:
    """A GPU without MIG lines may have MIG off, or on and no instance."""
    if instances is None:
        return gpu
    return Gpu(
        index=gpu.index,
        name=gpu.name,
        uuid=gpu.uuid,
        compute_capability=gpu.compute_capability,
        mig_mode=True,
        mig_instances=tuple(instances),
    )


def _python(fields: dict[str, str], text: str, host: Host | None) -> TargetPython | None:
    pip, conda = packages.of_lists(lines(text))
    torch = _torch(fields)
    if torch is None and "pytorch version" in fields:
        # torch was there and could not be imported: its package may still be listed.
        listed = next((one for one in pip or () if one.name == "torch"), None)
        if listed is not None:
            torch = TorchFacts(version=listed.version, path="torch", cuda=wheel_cuda(listed.version))
    words = present(fields.get("python version")) or ""
    number = version(words)
    if torch is None and pip is None and conda is None and number is None:
        return None
    listed_torch = torch is not None and not any(one.name == "torch" for one in pip or ())
    if torch is not None and listed_torch:
        one = packages.distribution("torch", torch.version)
        pip = (*(pip or ()), one) if one is not None else pip
    return TargetPython(
        executable="python",
        chosen_because=REPORT,
        version=number,
        free_threaded=True if "free-threading" in words else None,
        bits=64 if "(64-bit runtime)" in words else None,
        platform_tag=_tag(host),
        distributions=pip,
        conda_packages=conda,
        torch=torch,
    )


def _tag(host: Host | None) -> str | None:
    known = host is not None and host.system == "Linux" and host.machine
    return f"linux-{host.machine}" if host is not None and known else None


def _torch(fields: dict[str, str]) -> TorchFacts | None:
    shown = version_of_torch(fields.get("pytorch version"))
    if shown is None:
        return None
    hip = version(present(fields.get("rocm used to build pytorch")))
    return TorchFacts(
        version=shown, path="torch", cuda=_torch_cuda(shown, fields, hip), hip=hip or _no_hip(fields)
    )


def _no_hip(fields: dict[str, str]) -> str | None:
    return "" if fields.get("rocm used to build pytorch", "").strip() == "N/A" else None


def _torch_cuda(torch: str, fields: dict[str, str], hip: str | None) -> str | None:
    """The CUDA of the build; `None` and `Could not collect` both mean that it has none."""
    said = fields.get("cuda used to build pytorch")
    if hip:
        return ""
    if (found := cuda(said)) is not None:
        return found
    without = said is not None and said.strip() in ("None", "Could not collect")
    # A cut line, or a version that says otherwise, leaves it open.
    return wheel_cuda(torch) if wheel_cuda(torch) or not without else ""


def version_of_torch(text: str | None) -> str | None:
    """A torch version with its local part; None for `N/A`."""
    found = re.match(r"\d{1,3}\.\d{1,3}[\w.+-]{0,60}", present(text) or "")
    return found[0] if found else None


def _compiler(fields: dict[str, str]) -> Host:
    """gcc or clang; that neither was found is not known, since a locale or a time limit hides them, too."""
    for name, key in (("gcc", "gcc version"), ("clang", "clang version")):
        shown = present(fields.get(key)) or ""
        # `(Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0`: what is in brackets is the package's.
        number = version(re.sub(r"\([^()]*\)", "", shown)) or version(shown)
        if number is not None:
            return Host(compiler=name, compiler_version=number)
    return Host()


def _toolkit(fields: dict[str, str]) -> CudaOnMachine | None:
    """What the report calls the CUDA runtime is the version of the nvcc on PATH."""
    found = cuda(present(fields.get("cuda runtime version")))
    return CudaOnMachine(nvcc="nvcc", nvcc_version=found) if found else None
