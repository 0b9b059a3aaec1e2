"""Still more healthy machines: pairs of cards, a cluster's node, AMD, Windows, a company's network."""

from __future__ import annotations

from dataclasses import replace

from envkit.facts.gpu_model import Amd, Gpu, Nvml, PciGpu
from envkit.facts.model import Snapshot
from envkit.facts.network_model import AuthorityFile
from envkit.facts.python_model import TorchFacts
from tests.doctor.build import healthy_laptop, healthy_server, healthy_workstation
from tests.doctor.change import changed, with_env, with_packages, without_packages
from tests.doctor.parts import SITE, driver_facts, gpu, nvml_facts, package, pci, torch_facts

ROCM_TARGETS = ("gfx906", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1101", "gfx1201")


def healthy_pair() -> Snapshot:
    """Two L40S that copy to each other over PCIe; the IOMMU lets them pass, and root has read the ports."""
    cards = tuple(
        gpu(i, "NVIDIA L40S", "8.9", 48, persistence=True, vbios="95.02.66.00.02", clock_app_sm=2520.0,
            clock_app_sm_default=2520.0)
        for i in range(2)
    )  # fmt: skip
    bus = tuple(
        pci(f"0000:{i + 1:02x}:00.0", "0x26b9", "AD102GL [L40S]", pci_class="0x030200", iommu="identity",
            acs=False, numa_node=i)
        for i in range(2)
    )  # fmt: skip
    return changed(
        healthy_workstation(),
        "nvml", nvml_facts("580.95.05", "13.0", *cards),
        "pci", bus,
        "driver", replace(driver_facts("580.95.05", "nvidia0", "nvidia1"), persistenced=False, proc_gpus=2),
        "cpu.numa_nodes", 2,
        "cpu.numa_of_affinity", (0, 1),
    )  # fmt: skip


def healthy_geforces() -> Snapshot:
    """Two RTX 4090 on a driver that does not say by itself that they cannot copy to each other."""
    version, archs = "545.29.06", ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
    cards = tuple(gpu(i, "NVIDIA GeForce RTX 4090", "8.9", 24) for i in range(2))
    base = without_packages(healthy_workstation(), "torch.*", "triton", "nvidia-.*", "numpy", "transformers")
    return with_env(
        changed(
            with_packages(
                base,
                package("torch", "2.3.1+cu121"),
                package("numpy", "1.26.4"),
                package("accelerate", "0.34.2", "torch>=1.10.0", "numpy<3.0.0,>=1.17"),
            ),
            "nvml", nvml_facts(version, "12.3", *cards, p2p="chipset-not-supported"),
            "driver", driver_facts(version, "nvidia0", "nvidia1"),
            "python.torch", torch_facts("2.3.1+cu121", "12.1", archs),
            "libraries", (),
            "containers.cdi", (),
        ),
        NCCL_P2P_DISABLE="1",
        NCCL_IB_DISABLE="1",
    )  # fmt: skip


def healthy_node() -> Snapshot:
    """The server as a node of Kubernetes, whose containerd knows the nvidia runtime."""
    return changed(
        healthy_server(),
        "containers.kubelet",
        True,
        "containers.containerd_nvidia",
        True,
        "containers.cdi",
        (),
    )


def healthy_amd() -> Snapshot:
    """A Radeon with a ROCm build of torch."""
    base = healthy_laptop()
    radeon = PciGpu(
        address="0000:03:00.0",
        vendor="amd",
        vendor_id="0x1002",
        device_id="0x744c",
        pci_class="0x030000",
        name="Navi 31 [Radeon RX 7900 XTX]",
        driver="amdgpu",
        boot_vga=True,
        iommu="DMA-FQ",
    )
    torch = TorchFacts(
        version="2.9.1+rocm6.4",
        path=f"{SITE}/torch",
        cuda="",
        hip="6.4",
        archs=ROCM_TARGETS,
        archs_from="bundle: libtorch_hip.so",
    )
    return changed(
        with_packages(
            without_packages(base, "torch.*"), package("torch", "2.9.1+rocm6.4", "typing-extensions>=4.10.0")
        ),
        "pci", (radeon,),
        "amd", Amd(targets=("gfx1100",), kfd_accessible=True),
        "python.torch", torch,
    )  # fmt: skip


def healthy_windows() -> Snapshot:
    """Windows 11 with TensorFlow 2.10, the last with a GPU there; as whole as no paste is."""
    base = without_packages(healthy_workstation(), "torch.*", "triton", "nvidia-.*", "transformers", "numpy")
    return changed(
        with_packages(
            base, package("tensorflow", "2.10.1"), package("numpy", "1.26.4"), package("protobuf", "3.19.6")
        ),
        "host.system", "Windows",
        "host.os_id", None,
        "host.os_name", "Microsoft Windows 11",
        "host.kernel", "10.0.26100",
        "host.libc", None,
        "host.libc_version", None,
        "host.virtualization", None,
        "python.torch", None,
        "python.version", "3.10.11",
        "libraries", (),
        "driver", None,
        "pci", None,
    )  # fmt: skip


def healthy_office() -> Snapshot:
    """A company's machine: a proxy, an authority of its own, and programs that are told of both."""
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    return with_env(
        changed(
            healthy_workstation(),
            "network.local_authorities", 1,
            "network.authority_files",
            (AuthorityFile(setting="REQUESTS_CA_BUNDLE", path=bundle, there=True),),
        ),
        http_proxy="http://***@proxy:8080",
        https_proxy="http://***@proxy:8080",
        no_proxy="localhost,127.0.0.1",
        REQUESTS_CA_BUNDLE=bundle,
    )  # fmt: skip


def silent_gpu(snapshot: Snapshot, index: int) -> Nvml:
    """NVML's answers when one GPU keeps the driver waiting."""
    assert snapshot.nvml is not None and snapshot.nvml.gpus is not None
    hung = Gpu(index=index, state="error", error="did not answer", name=snapshot.nvml.gpus[index].name)
    others = tuple(hung if gpu.index == index else gpu for gpu in snapshot.nvml.gpus)
    detail = f"did not answer: nvmlDeviceGetTemperature of GPU {index}"
    return replace(snapshot.nvml, state="hung", detail=detail, gpus=others)


FURTHER = (
    healthy_pair,
    healthy_geforces,
    healthy_node,
    healthy_amd,
    healthy_windows,
    healthy_office,
)
