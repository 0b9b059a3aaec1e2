"""More healthy machines: those that are easily taken for ill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from envkit.facts.container_model import Docker, Toolkit
from envkit.facts.gpu_model import (
    CudaOnMachine,
    Ecc,
    MigInstance,
    Nvml,
    PciGpu,
)
from envkit.facts.host_model import Scheduler
from envkit.facts.model import Snapshot
from envkit.facts.python_model import TensorflowFacts
from tests.doctor.build import (
    cpu_python,
    healthy_container,
    healthy_desktop,
    healthy_hybrid,
    healthy_laptop,
    healthy_server,
    healthy_slurm,
    healthy_workstation,
)
from tests.doctor.change import changed, with_env, with_packages, without_packages
from tests.doctor.parts import (
    GIB,
    driver_facts,
    gpu,
    library,
    no_driver,
    nodes,
    nvml_facts,
    package,
    pci,
    torch_facts,
)


def healthy_pod() -> Snapshot:
    """A Kubernetes pod with one MIG slice of an H100 that others share."""
    base = healthy_container()
    uuid = "MIG-5b9a1f20-3c1d-5d1e-9f00-0123456789ab"
    card = gpu(
        0,
        "NVIDIA H100 80GB HBM3",
        "9.0",
        80,
        mig_mode=True,
        mig_pending=True,
        memory_used=61 * GIB,
        mig_instances=(MigInstance(uuid=uuid, name="NVIDIA H100 80GB HBM3 MIG 1g.10gb", memory=10 * GIB),),
        processes=None,
        power_limit_set=None,
    )
    return with_env(
        changed(
            base,
            "host.container", "kubernetes",
            "nvml.gpus", (card,),
            "pci", tuple(pci(f"0000:{i + 1:02x}:00.0", "0x2330", "GH100 [H100 SXM5 80GB]") for i in range(8)),
            "driver.nodes", (*nodes("nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-caps/nvidia-cap3"),),
        ),
        CUDA_VISIBLE_DEVICES=uuid,
        NVIDIA_VISIBLE_DEVICES=uuid,
    )  # fmt: skip


def healthy_ngc() -> Snapshot:
    """NVIDIA's PyTorch container on a host with driver 535, which forward compatibility makes new enough."""
    base = healthy_container()
    site = "/usr/local/lib/python3.12/dist-packages"
    version, compat = "2.8.0a0+5228986c39.nv25.05", "/usr/local/cuda/compat/lib.real/libcuda.so.1"
    return with_env(
        changed(
            base,
            "nvml", nvml_facts("535.216.03", "12.9", gpu(0, "NVIDIA H100 80GB HBM3", "9.0", 80)),
            "driver.module_version", "535.216.03",
            "driver.library_version", "535.216.03",
            "driver.libcuda_version", "535.216.03",
            "libraries", (
                library("cuda", compat, "575.57.08", "ld-library-path"),
                library("cuda", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", "535.216.03", "ld-cache", 1),
                library("cudnn", "/usr/lib/x86_64-linux-gnu/libcudnn.so.9", "9.10.1", "ld-cache"),
            ),
            "python.torch", torch_facts(version, "12.9", (*TORCH_NGC,), site),
            "python.kind", "system",
            "python.distributions", (
                package("torch", version, site=site),
                package("torchvision", "0.22.0a0+95f10a4e", "numpy", f"torch=={version}", site=site),
                package("flash-attn", "2.7.3", "torch", site=site),
                package("numpy", "1.26.4", site=site),
                package("transformer-engine", "2.3.0+5de3e14", "torch>=2.1", site=site),
            ),
            "cuda", CudaOnMachine(toolkits=(), nvcc="/usr/local/cuda/bin/nvcc", nvcc_version="12.9.41",
                                  cuda_home="/usr/local/cuda", cuda_home_exists=True,
                                  compat_dirs=("/usr/local/cuda/compat/lib.real",)),
        ),
        LD_LIBRARY_PATH="/usr/local/cuda/compat/lib.real:/usr/local/cuda/lib64",
    )  # fmt: skip


TORCH_NGC = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")


def healthy_wsl() -> Snapshot:
    """WSL 2 on a Windows with driver 581.57; Docker Desktop brings the NVIDIA runtime."""
    base = healthy_workstation()
    card = gpu(
        0, "NVIDIA GeForce RTX 4070", "8.9", 12, memory_used=2300 << 20, processes=(), power_limit_set=None
    )
    lib = "/usr/lib/wsl/lib"
    screen = PciGpu(
        address="ab12:00:00.0",
        vendor="other",
        vendor_id="0x1414",
        device_id="0x008e",
        pci_class="0x030200",
        driver="dxgkrnl",
    )
    assert base.libraries is not None
    return changed(
        base,
        "host.wsl", 2,
        "host.container", "wsl",
        "host.kernel", "6.6.87.2-microsoft-standard-WSL2",
        "host.virtualization", "wsl",
        "host.secure_boot", None,
        "pci", (screen,),
        "nvml", nvml_facts("581.57", "13.0", card),
        "driver", replace(no_driver(), module_files=None, library_path=f"{lib}/libnvidia-ml.so.1",
                          libcuda_path=f"{lib}/libcuda.so.1", nodes=nodes("dxg")),
        "libraries", (library("cuda", f"{lib}/libcuda.so.1", None, "ld-cache"), *base.libraries[1:]),
        "containers.toolkit", Toolkit(installed=False),
        "containers.cdi", (),
        "xids", None,
    )  # fmt: skip


def healthy_conda() -> Snapshot:
    """torch, torchvision and JAX from conda-forge, pure packages from pip; the user site is on, and empty."""
    base = healthy_workstation()
    prefix = "/home/person/miniforge3/envs/train"
    site, meta = f"{prefix}/lib/python3.12/site-packages", f"{prefix}/conda-meta"
    assert base.python is not None and base.libraries is not None
    versions = {
        "python": "3.12.11",
        "pytorch": "2.9.1",
        "libtorch": "2.9.1",
        "torchvision": "0.24.1",
        "numpy": "2.3.4",
        "jaxlib": "0.7.2",
        "jax": "0.7.2",
        "cuda-cudart": "12.9.79",
        "libcublas": "12.9.1.4",
        "libcudnn": "9.13.1",
        "pip": "25.2",
        "setuptools": "80.9.0",
        "typing-extensions": "4.15.0",
        "llvm-openmp": "21.1.0",
    }
    python = replace(
        base.python,
        executable=f"{prefix}/bin/python",
        chosen_because="CONDA_PREFIX",
        kind="conda",
        prefix=prefix,
        base_prefix=prefix,
        user_site_enabled=True,
        torch=torch_facts("2.9.1", "12.9", site=site),
        conda_packages=tuple(package(n, v, site=meta, installer="conda") for n, v in versions.items()),
        distributions=(
            package("torch", "2.9.1", site=site, installer="conda"),
            package("torchvision", "0.24.1", "torch", site=site, installer="conda"),
            package("numpy", "2.3.4", site=site, installer="conda"),
            package("jax", "0.7.2", "jaxlib<=0.7.2,>=0.7.2", site=site, installer="conda"),
            package("jaxlib", "0.7.2", site=site, installer="conda"),
            package("typing-extensions", "4.15.0", site=site, installer="pip"),
            package("pip", "26.0", site=site, installer="pip"),
            package("transformers", "5.1.0", "numpy>=1.17", site=site, installer="pip"),
        ),
    )
    conda_lib = f"{prefix}/lib/libcudart.so.12"
    return changed(
        base,
        "python",
        python,
        "libraries",
        (base.libraries[0], library("cudart", conda_lib, "12.9.79", "conda")),
    )


def healthy_jetson() -> Snapshot:
    """A Jetson AGX Orin with Jetson Linux 36.4 and NVIDIA's own torch; its GPU is on no PCI bus."""
    base = healthy_laptop()
    site = "/usr/local/lib/python3.10/dist-packages"
    card = gpu(
        0,
        "Orin (nvgpu)",
        "8.7",
        61,
        memory_total=None,
        memory_used=None,
        power_limit_set=None,
        pcie_width=None,
        pcie_width_max=None,
        clock_reasons=None,
        compute_mode=None,
        processes=None,
    )
    version = "2.5.0a0+872d972e41.nv24.08"
    return changed(
        base,
        "host.machine", "aarch64",
        "host.board", "NVIDIA Jetson AGX Orin Developer Kit",
        "host.l4t", "R36.4.0",
        "host.os_version", "22.04",
        "host.secure_boot", False,
        "pci", (),
        "nvml", nvml_facts("540.4.0", "12.6", card),
        "driver", replace(
            no_driver(), loaded=True, module_version="540.4.0", nodes=nodes("nvidia0", "nvidiactl"),
            modules=("nvidia", "nvidia_modeset"), libcuda_path="/usr/lib/aarch64-linux-gnu/libcuda.so.1.1",
        ),
        "python.torch", torch_facts(version, "12.6", ("sm_87",), site),
        "python.version", "3.10.12",
        "python.platform_tag", "linux-aarch64",
        "python.distributions", (package("torch", version, site=site), package("numpy", "1.26.4", site=site)),
    )  # fmt: skip


def healthy_spark() -> Snapshot:
    """A DGX Spark: Arm, GB10 of compute capability 12.1, memory shared with the CPU."""
    base = healthy_workstation()
    card = gpu(
        0,
        "NVIDIA GB10",
        "12.1",
        119,
        memory_total=None,
        memory_used=None,
        power_limit_set=None,
        pcie_width=1,
        pcie_width_max=1,
    )
    return changed(
        base,
        "host.machine", "aarch64",
        "nvml.gpus", (card,),
        "pci", (pci("000f:01:00.0", "0x2e12", "GB10"),),
        "python.torch.archs", ("sm_80", "sm_90", "sm_100", "sm_110", "sm_120"),
        "python.platform_tag", "linux-aarch64",
    )  # fmt: skip


def healthy_vgpu() -> Snapshot:
    """A virtual machine with a vGPU of half an A40."""
    card = gpu(
        0,
        "NVIDIA A40-24Q",
        "8.6",
        24,
        virtualization="vgpu",
        pcie_width=0,
        pcie_width_max=0,
        power_limit_set=None,
        power_default=None,
        memory_used=1600 << 20,
    )
    return changed(
        healthy_workstation(),
        "host.virtualization", "kvm",
        "nvml.gpus", (card,),
        "pci", (pci("0000:02:00.0", "0x2235", "GA102GL [A40]", link_width=None, pci_class="0x030200"),),
    )  # fmt: skip


def healthy_passthrough() -> Snapshot:
    """A host that keeps its NVIDIA GPU for a virtual machine, on purpose, and trains on the CPU."""
    base = healthy_laptop()
    return changed(
        base,
        "pci", (pci("0000:01:00.0", "0x2684", "AD102 [GeForce RTX 4090]", driver="vfio-pci"),),
        "nvml", Nvml(state="no-devices", detail="", driver_version="580.95.05", device_count=0, gpus=()),
        "driver", replace(driver_facts("580.95.05"), nodes=nodes("nvidiactl"), proc_gpus=0),
    )  # fmt: skip


def healthy_ci() -> Snapshot:
    """A container without a GPU on a host that has some, with torch for the CPU: nobody asked for one."""
    base = healthy_container()
    assert base.python is not None
    return changed(
        base,
        "pci", tuple(pci(f"0000:{i + 1:02x}:00.0", "0x2330", "GH100 [H100 SXM5 80GB]") for i in range(8)),
        "nvml", Nvml(state="no-library"),
        "driver.nodes", (),
        "driver.library_path", "",
        "driver.library_version", None,
        "driver.libcuda_path", "",
        "driver.libcuda_version", None,
        "libraries", (),
        "python", cpu_python(base.python),
    )  # fmt: skip


def healthy_cpu_job() -> Snapshot:
    """A Slurm job without a GPU on a node that has some, with torch for the CPU."""
    base = healthy_server()
    assert base.python is not None
    return with_env(
        changed(
            base,
            "nvml", Nvml(state="no-devices", driver_version="580.95.05", device_count=0, gpus=()),
            "python", cpu_python(base.python),
            "scheduler", Scheduler(name="slurm", job_id="4712", gpus=(), cpus=4, nodes=1),
        ),
        CUDA_VISIBLE_DEVICES="",
    )  # fmt: skip


def healthy_fedora() -> Snapshot:
    """Fedora: SELinux enforcing, packages from RPM, no mark of a pending reboot, Podman only."""
    base = healthy_workstation()
    return changed(
        base,
        "host.os_id", "fedora",
        "host.os_name", "Fedora Linux 43",
        "host.reboot_required", None,
        "host.reboot_packages", None,
        "driver.packages", None,
        "containers.docker", Docker(state="absent", client_path=""),
        "containers.podman_path", "/usr/bin/podman",
        "containers.selinux", "enforcing",
        "storage[0].fstype", "btrfs",
        "storage[0].inodes_total", 0,
        "storage[0].inodes_free", 0,
    )  # fmt: skip


def healthy_volta() -> Snapshot:
    """Tesla V100 with the driver branch of its end and the last torch that carries sm_70."""
    card = gpu(
        0,
        "Tesla V100-SXM2-16GB",
        "7.0",
        16,
        power_limit_set=300.0,
        power_default=300.0,
        ecc=Ecc(enabled=True, uncorrected_volatile=0, retired_pages=0, retirement_pending=False),
    )
    base = healthy_workstation()
    base = without_packages(base, "nvidia-.*", "torchvision", "triton")
    base = with_packages(base, package("torch", "2.14.1+cu126", "typing-extensions>=4.10.0"))
    archs = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
    return changed(
        base,
        "nvml.gpus", (card,),
        "python.torch", torch_facts("2.14.1+cu126", "12.6", archs),
        "pci", (pci("0000:01:00.0", "0x1db1", "GV100GL [Tesla V100 SXM2 16GB]"),),
    )  # fmt: skip


def healthy_tensorflow() -> Snapshot:
    """TensorFlow 2.21 with the CUDA libraries of its extra; no torch."""
    base = healthy_workstation()
    site = "/home/person/train/.venv/lib/python3.12/site-packages"
    tensorflow = TensorflowFacts(
        version="2.21.0",
        path=f"{site}/tensorflow",
        is_cuda=True,
        is_rocm=False,
        cuda="12.5.1",
        cudnn="9",
        archs=("sm_60", "sm_70", "sm_80", "sm_89", "compute_90"),
    )
    return changed(
        base,
        "python.torch", None,
        "python.tensorflow", tensorflow,
        "python.distributions", (
            package("tensorflow", "2.21.0", "numpy>=1.26.0", "protobuf<8.0.0dev,>=6.31.1",
                    "nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == \"and-cuda\""),
            package("numpy", "2.4.1"),
            package("protobuf", "6.33.1"),
            package("nvidia-cudnn-cu12", "9.10.2.21"),
        ),
        "libraries", (
            library("cuda", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", "580.95.05", "ld-cache"),
            library("cudart", f"{site}/nvidia/cuda_runtime/lib/libcudart.so.12", "12.5.82"),
            library("cudnn", f"{site}/nvidia/cudnn/lib/libcudnn.so.9", "9.10.2.21"),
        ),
    )  # fmt: skip


def healthy_colab() -> Snapshot:
    """A hosted notebook with a T4."""
    return changed(
        healthy_container(),
        "host.container", "notebook",
        "host.hosted_notebook", "colab",
        "host.reboot_required", False,
        "driver.module_files", (),
        "nvml.gpus", (gpu(0, "Tesla T4", "7.5", 15, power_limit_set=70.0, power_default=70.0),),
    )  # fmt: skip


HEALTHY: tuple[Callable[[], Snapshot], ...] = (
    healthy_workstation,
    healthy_desktop,
    healthy_server,
    healthy_slurm,
    healthy_laptop,
    healthy_hybrid,
    healthy_container,
    healthy_pod,
    healthy_ngc,
    healthy_wsl,
    healthy_conda,
    healthy_jetson,
    healthy_spark,
    healthy_vgpu,
    healthy_passthrough,
    healthy_ci,
    healthy_cpu_job,
    healthy_fedora,
    healthy_volta,
    healthy_tensorflow,
    healthy_colab,
)
