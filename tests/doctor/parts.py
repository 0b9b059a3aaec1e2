"""The parts of which the healthy machines are made."""

from __future__ import annotations

from envkit.facts.gpu_model import (
    DeviceNode,
    DkmsModule,
    Gpu,
    Library,
    NvidiaDriver,
    Nvml,
    P2p,
    PciGpu,
)
from envkit.facts.host_model import Storage
from envkit.facts.python_model import Distribution, TargetPython, TorchFacts

GIB = 1 << 30
SITE = "/home/person/train/.venv/lib/python3.12/site-packages"
TORCH_ARCHS = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
PROBES = [
    "python",
    "nvml",
    "storage",
    "containers",
    "driver",
    "cuda",
    "host",
    "processes",
    "scheduler",
    "cpu",
    "memory",
    "limits",
    "pci",
    "amd",
    "network",
    "kernel-log",
    "environment",
]


def package(name: str, version: str, *requires: str, site: str = SITE, installer: str = "uv") -> Distribution:
    """An installed distribution."""
    return Distribution(name=name, version=version, location=site, installer=installer, requires=requires)


def nodes(*names: str) -> tuple[DeviceNode, ...]:
    """Nodes below /dev that this user may open."""
    return tuple(DeviceNode(path=f"/dev/{name}", accessible=True) for name in names)


def library(family: str, path: str, version: str | None, via: str = "wheel", order: int = 0) -> Library:
    """A CUDA library; its SONAME is the end of its path."""
    soname = path.rpartition("/")[2]
    return Library(family=family, soname=soname, path=path, version=version, via=via, order=order)  # type: ignore[arg-type]


def gpu(index: int, name: str, cc: str, gib: int, **more: object) -> Gpu:
    """A GPU that idles."""
    facts: dict[str, object] = {
        "uuid": f"GPU-{index}a5b1c2d-0000-4000-8000-00000000000{index}",
        "pci_address": f"0000:{index + 1:02x}:00.0",
        "memory_total": gib * GIB,
        "memory_used": 3 << 20,
        "memory_reserved": 400 << 20,
        "temperature": 34.0,
        "temperature_slowdown": 90.0,
        "power_draw": 20.0,
        "power_limit": 450.0,
        "power_limit_set": 450.0,
        "power_default": 450.0,
        "clock_sm": 210.0,
        "clock_sm_max": 3105.0,
        "clock_reasons": ("gpu-idle",),
        "pcie_gen": 1,
        "pcie_gen_max": 4,
        "pcie_width": 16,
        "pcie_width_max": 16,
        "compute_mode": "default",
        "display_active": False,
        "processes": (),
        "virtualization": "none",
        **more,
    }
    return Gpu(index=index, name=name, compute_capability=cc, **facts)  # type: ignore[arg-type]


def pci(address: str, device_id: str, name: str, **more: object) -> PciGpu:
    """An NVIDIA GPU bound to its driver."""
    facts: dict[str, object] = {
        "vendor": "nvidia",
        "vendor_id": "0x10de",
        "pci_class": "0x030000",
        "driver": "nvidia",
        "link_width": 16,
        "max_link_width": 16,
        "link_speed": 2.5,
        "max_link_speed": 16.0,
        "enabled": True,
        "is_vf": False,
        "iommu": "DMA-FQ",
        **more,
    }
    return PciGpu(address=address, device_id=device_id, name=name, **facts)  # type: ignore[arg-type]


def driver_facts(version: str, *names: str) -> NvidiaDriver:
    lib = "/usr/lib/x86_64-linux-gnu"
    return NvidiaDriver(
        module_version=version,
        loaded=True,
        open_module=True,
        modules=("nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm"),
        module_files=("/lib/modules/6.8.0-64-generic/updates/dkms/nvidia.ko.zst",),
        module_file_kernels=("6.8.0-64-generic",),
        dkms=(DkmsModule(name="nvidia", version=version, kernel="6.8.0-64-generic"),),
        headers=True,
        library_version=version,
        library_path=f"{lib}/libnvidia-ml.so.{version}",
        libcuda_version=version,
        libcuda_path=f"{lib}/libcuda.so.{version}",
        blacklisted=(),
        nodes=nodes(
            *(names or ("nvidia0",)), "nvidiactl", "nvidia-modeset", "nvidia-uvm", "nvidia-uvm-tools"
        ),
        nvswitches=0,
        fabric_manager="absent",
        persistenced=True,
        packages=(f"nvidia-driver-580-open={version}-0ubuntu0.24.04.1",),
        smi_path="/usr/bin/nvidia-smi",
        proc_gpus=1,
    )


def no_driver() -> NvidiaDriver:
    """A machine on which no NVIDIA driver is installed."""
    return NvidiaDriver(
        loaded=False,
        modules=(),
        module_files=(),
        module_file_kernels=(),
        dkms=(),
        headers=True,
        library_path="",
        libcuda_path="",
        blacklisted=(),
        nodes=(),
        nvswitches=0,
        packages=(),
        smi_path="",
    )


def nvml_facts(driver: str, cuda: str, *gpus: Gpu, p2p: str = "ok") -> Nvml:
    pairs = tuple(
        P2p(a=one.index, b=two.index, read=p2p, level="node")
        for at, one in enumerate(gpus)
        for two in gpus[at + 1 :]
    )
    return Nvml(
        state="ok",
        library="/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
        driver_version=driver,
        nvml_version=f"13.{driver}",
        cuda_version=cuda,
        device_count=len(gpus),
        gpus=gpus,
        p2p=pairs,
    )


def torch_facts(
    version: str, cuda: str, archs: tuple[str, ...] | None = TORCH_ARCHS, site: str = SITE
) -> TorchFacts:
    """torch as its files describe it."""
    return TorchFacts(
        version=version,
        path=f"{site}/torch",
        cuda=cuda,
        hip="",
        archs=archs if cuda else (),
        cxx11_abi=True,
        archs_from="fatbin: libtorch_cuda.so" if cuda else None,
        rpath=("$ORIGIN",),
        rpath_kind="rpath",
    )


TORCH_PACKAGES = (
    package(
        "torch",
        "2.14.1+cu130",
        "typing-extensions>=4.10.0",
        "nvidia-cuda-runtime==13.0.96",
        "nvidia-cudnn-cu13==9.24.0.43",
        "nvidia-cusparse==12.6.3.3",
        "nvidia-nccl-cu13==2.30.7",
        "nvidia-nvjitlink==13.0.88",
        'triton==3.8.0; platform_system == "Linux"',
        'optree>=0.13.0; extra == "optree"',
    ),
    package("torchvision", "0.29.2+cu130", "numpy", "torch==2.14.1"),
    package("triton", "3.8.0"),
    package("nvidia-cuda-runtime", "13.0.96"),
    package("nvidia-cudnn-cu13", "9.24.0.43"),
    package("nvidia-cusparse", "12.6.3.3", "nvidia-nvjitlink"),
    package("nvidia-nccl-cu13", "2.30.7"),
    package("nvidia-nvjitlink", "13.0.88"),
    package("numpy", "2.4.1"),
    package("typing-extensions", "4.15.0"),
    package(
        "transformers", "5.1.0", "numpy>=1.17", 'protobuf; extra == "dev"', 'torch>=2.4; extra == "torch"'
    ),
    package("protobuf", "6.33.1"),
    package("pip", "26.0"),
)


def torch_libraries(site: str = SITE, driver: str = "580.95.05") -> tuple[Library, ...]:
    return (
        library("cuda", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", driver, "ld-cache"),
        library("cudart", f"{site}/nvidia/cu13/lib/libcudart.so.13", "13.0.96", "rpath"),
        library("cudnn", f"{site}/nvidia/cudnn/lib/libcudnn.so.9", "9.24.0.43", "rpath"),
        library("nccl", f"{site}/nvidia/nccl/lib/libnccl.so.2", "2.30.7", "rpath"),
    )


def python_facts() -> TargetPython:
    prefix = "/home/person/train/.venv"
    return TargetPython(
        executable=f"{prefix}/bin/python",
        chosen_because="VIRTUAL_ENV",
        version="3.12.11",
        implementation="cpython",
        free_threaded=False,
        bits=64,
        platform_tag="linux-x86_64",
        prefix=prefix,
        base_prefix="/usr",
        base_exists=True,
        kind="uv",
        system_site_packages=False,
        externally_managed=False,
        user_site="/home/person/.local/lib/python3.12/site-packages",
        user_site_enabled=False,
        paths=("/usr/lib/python312.zip", "/usr/lib/python3.12", "/usr/lib/python3.12/lib-dynload", SITE),
        pythonpath=(),
        shadows=(),
        pip_version="26.0",
        distributions=TORCH_PACKAGES,
        conda_packages=(),
        torch=torch_facts("2.14.1+cu130", "13.0"),
        openmp=(),
        libstdcxx="3.4.33",
        glibcxx_needed="3.4.22",
        glibcxx_needed_by=f"{SITE}/torch/lib/libtorch_python.so",
        read=True,
    )


def place(role: str, path: str, **more: object) -> Storage:
    facts: dict[str, object] = {
        "mount": "/",
        "fstype": "ext4",
        "device": "/dev/nvme0n1p2",
        "total": 1800 * GIB,
        "free": 900 * GIB,
        "inodes_total": 120_000_000,
        "inodes_free": 110_000_000,
        "read_only": False,
        "writable": True,
        "seconds": 2e-5,
        **more,
    }
    return Storage(role=role, path=path, **facts)  # type: ignore[arg-type]


STORAGE = (
    place("cwd", "/home/person/train"),
    place("tmp", "/tmp", mount="/tmp", fstype="tmpfs", total=62 * GIB, free=61 * GIB),
    place("home-cache", "/home/person/.cache"),
    place("hf-cache", "/home/person/.cache/huggingface", state="absent"),
    place("torch-cache", "/home/person/.cache/torch", state="absent"),
    place("docker-root", "/var/lib/docker", writable=False),
)
