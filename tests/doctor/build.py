"""Healthy machines as plain values: on each of them every rule has to be content."""

from __future__ import annotations

from dataclasses import replace

from envkit.facts.container_model import CdiSpec, Containers, Docker, Toolkit
from envkit.facts.gpu_model import (
    Amd,
    CudaOnMachine,
    Ecc,
    GpuProcess,
    NvLink,
    Nvml,
    PciGpu,
    RowRemap,
)
from envkit.facts.host_model import Cpu, Host, Limit, Limits, Memory, Processes, Scheduler
from envkit.facts.model import ProbeStatus, Snapshot
from envkit.facts.network_model import Network
from envkit.facts.python_model import TargetPython
from tests.doctor.change import changed, with_env
from tests.doctor.parts import (
    GIB,
    PROBES,
    STORAGE,
    driver_facts,
    gpu,
    no_driver,
    nvml_facts,
    package,
    pci,
    python_facts,
    torch_facts,
    torch_libraries,
)


def healthy_workstation() -> Snapshot:
    """Ubuntu 24.04, RTX 4090, driver 580, torch 2.14.1+cu130 in a uv environment, Docker with the toolkit."""
    version = "580.95.05"
    return Snapshot(
        envkit="0.1.0",
        taken="2026-11-21T10:00:00+00:00",
        probes=tuple(ProbeStatus(name=name, state="ok", seconds=0.01) for name in PROBES),
        host=Host(
            os_id="ubuntu",
            os_name="Ubuntu 24.04.3 LTS",
            os_version="24.04",
            system="Linux",
            kernel="6.8.0-64-generic",
            machine="x86_64",
            libc="glibc",
            libc_version="2.39",
            virtualization="none",
            container=None,
            container_read=True,
            secure_boot=True,
            uptime=86_400.0,
            reboot_required=False,
            reboot_packages=(),
            kernels_installed=("6.8.0-63-generic", "6.8.0-64-generic"),
            clock=1_795_255_200,
            clock_synchronized=True,
            suspends=0,
            cmdline="",
            iommu_groups=30,
            compiler="gcc",
            compiler_version="13.3.0",
        ),
        cpu=Cpu(
            model="AMD Ryzen 9 7950X",
            vendor="AuthenticAMD",
            logical=32,
            physical=16,
            sockets=1,
            threads_per_core=2,
            numa_nodes=1,
            flags=("avx", "avx2", "avx512f", "fma"),
            governor="powersave",
            scaling_driver="amd-pstate-epp",
            affinity=32,
            cpuset=32,
            cgroup="v2",
            effective=32.0,
            load1=0.2,
        ),
        memory=Memory(
            total=125 * GIB,
            available=110 * GIB,
            swap_total=8 * GIB,
            swap_used=0,
            cgroup_read=True,
            oom_kills=0,
            oom_kills_host=0,
            shm_total=62 * GIB,
            shm_free=62 * GIB,
            thp="madvise",
            pressure=0.0,
        ),
        limits=Limits(
            memlock=Limit(soft=8 << 20, hard=8 << 20),
            nofile=Limit(soft=1024, hard=1_048_576),
            nproc=Limit(soft=500_000, hard=500_000),
            open_files=9,
            rdma_devices=(),
            uid=1000,
            groups=("person", "docker", "render", "video"),
        ),
        processes=Processes(total=412, zombies=0, stuck=(), hidden=False),
        storage=STORAGE,
        pci=(
            pci("0000:01:00.0", "0x2684", "AD102 [GeForce RTX 4090]", boot_vga=False),
            PciGpu(
                address="0000:0e:00.0",
                vendor="amd",
                vendor_id="0x1002",
                device_id="0x164e",
                pci_class="0x030000",
                name="Raphael",
                driver="amdgpu",
                boot_vga=True,
            ),
        ),
        driver=driver_facts(version),
        nvml=nvml_facts(version, "13.0", gpu(0, "NVIDIA GeForce RTX 4090", "8.9", 24)),
        xids=(),
        cuda=CudaOnMachine(toolkits=(), nvcc="", cuda_home="", compat_dirs=()),
        libraries=torch_libraries(),
        python=python_facts(),
        containers=Containers(
            docker=Docker(
                state="ok",
                endpoint="unix:///var/run/docker.sock",
                client_path="/usr/bin/docker",
                version="29.1.2",
                api_version="1.52",
                runtimes=("io.containerd.runc.v2", "nvidia", "runc"),
                default_runtime="runc",
                discovered_devices=(),
                storage_driver="overlay2",
                root_dir="/var/lib/docker",
                cgroup_driver="systemd",
                cgroup_version="2",
                rootless=False,
                snap=False,
            ),
            podman_path="",
            toolkit=Toolkit(
                installed=True,
                path="/usr/bin/nvidia-ctk",
                version="1.18.1",
                no_cgroups=False,
                mode="auto",
                config_path="/etc/nvidia-container-runtime/config.toml",
            ),
            cdi=(
                CdiSpec(
                    path="/var/run/cdi/nvidia.yaml",
                    kind="nvidia.com/gpu",
                    driver_version=version,
                    devices=("0", "all"),
                ),
            ),
            daemon_json_runtimes=("nvidia",),
            selinux="disabled",
            kubelet=False,
        ),
        amd=Amd(targets=("gfx1036",), kfd_accessible=True),
        network=Network(
            interfaces=("docker0", "enp5s0", "lo"),
            own_name_is_loopback=True,
            local_authorities=0,
            authority_files=(),
        ),
        env=(),
    )


def healthy_desktop() -> Snapshot:
    """The workstation with its screen on the NVIDIA GPU: Xorg and a browser hold 2 GiB of 8."""
    desktop = (
        GpuProcess(pid=2101, name="Xorg", memory=700 << 20, kind="graphics"),
        GpuProcess(pid=2290, name="gnome-shell", memory=450 << 20, kind="graphics"),
        GpuProcess(pid=4410, name="firefox", memory=850 << 20, kind="graphics"),
    )
    card = gpu(
        0,
        "NVIDIA GeForce RTX 4060",
        "8.9",
        8,
        memory_used=2100 << 20,
        display_active=True,
        processes=desktop,
        pcie_width=8,
        pcie_width_max=8,
        power_limit_set=115.0,
        power_default=115.0,
    )
    return changed(healthy_workstation(), "nvml.gpus", (card,))


def healthy_server() -> Snapshot:
    """8 x H100 SXM behind NVSwitches, with the fabric manager; torch cu130."""
    base = healthy_workstation()
    links = tuple(
        NvLink(link=at, active=True, crc_errors=0, replay_errors=0, recovery_errors=0) for at in range(18)
    )
    cards = tuple(
        gpu(
            index,
            "NVIDIA H100 80GB HBM3",
            "9.0",
            80,
            nvlinks=links,
            fabric_state="completed",
            fabric_status="",
            power_limit_set=700.0,
            power_default=700.0,
            pcie_gen=5,
            pcie_gen_max=5,
            mig_mode=False,
            mig_pending=False,
            row_remap=RowRemap(correctable=0, uncorrectable=0, pending=False, failed=False),
            ecc=Ecc(
                enabled=True,
                pending=False,
                corrected_volatile=0,
                uncorrected_volatile=0,
                corrected_aggregate=3,
                uncorrected_aggregate=0,
                sram_threshold_exceeded=False,
            ),
        )
        for index in range(8)
    )
    driver = replace(
        driver_facts("580.95.05", *(f"nvidia{index}" for index in range(8))),
        nvswitches=4,
        fabric_manager="running",
        fabric_manager_version="580.95.05",
        proc_gpus=8,
    )
    return changed(
        replace(base, driver=driver),
        "nvml", nvml_facts("580.95.05", "13.0", *cards),
        "pci", tuple(pci(f"0000:{i + 1:02x}:00.0", "0x2330", "GH100 [H100 SXM5 80GB]", pci_class="0x030200")
                     for i in range(8)),
        "limits.rdma_devices", tuple(f"mlx5_{index}" for index in range(8)),
        "limits.memlock", Limit(soft=None, hard=None),
    )  # fmt: skip


def healthy_slurm() -> Snapshot:
    """Two of the server's GPUs in a Slurm job, in exclusive mode as the cluster wants it."""
    server = healthy_server()
    assert server.nvml is not None and server.nvml.gpus is not None
    return with_env(
        changed(
            server,
            "nvml", nvml_facts("580.95.05", "13.0", *server.nvml.gpus[:2]),
            "scheduler", Scheduler(name="slurm", job_id="4711", gpus=("2", "3"), cpus=16, nodes=1, tasks=1),
        ),
        CUDA_VISIBLE_DEVICES="0,1",
        SLURM_JOB_ID="4711",
    )  # fmt: skip


def cpu_python(python: TargetPython) -> TargetPython:
    """The environment with builds for the CPU."""
    packages = (
        package("torch", "2.14.1+cpu", "typing-extensions>=4.10.0"),
        package("torchvision", "0.29.2+cpu", "numpy", "torch==2.14.1"),
        package("numpy", "2.4.1"),
        package("typing-extensions", "4.15.0"),
    )
    return replace(python, torch=torch_facts("2.14.1+cpu", ""), distributions=packages)


def healthy_laptop() -> Snapshot:
    """No NVIDIA GPU at all: Intel graphics, and torch for the CPU."""
    base = healthy_workstation()
    assert base.python is not None and base.containers is not None
    intel = PciGpu(
        address="0000:00:02.0",
        vendor="intel",
        vendor_id="0x8086",
        device_id="0xa7a0",
        pci_class="0x030000",
        name="Raptor Lake-P [Iris Xe Graphics]",
        driver="i915",
        boot_vga=True,
    )
    return replace(
        base,
        pci=(intel,),
        driver=no_driver(),
        nvml=Nvml(state="no-library", detail="libnvidia-ml.so.1: cannot open shared object file"),
        libraries=(),
        python=cpu_python(base.python),
        containers=replace(
            base.containers,
            docker=Docker(state="absent", client_path=""),
            toolkit=Toolkit(installed=False),
            cdi=(),
        ),
    )


def healthy_hybrid() -> Snapshot:
    """A laptop whose NVIDIA GPU sleeps in D3cold most of the time, and is wired with eight lanes."""
    base = healthy_workstation()
    card = gpu(
        0,
        "NVIDIA GeForce RTX 4060 Laptop GPU",
        "8.9",
        8,
        pcie_width=8,
        pcie_width_max=8,
        power_limit=60.0,
        power_limit_set=None,
        power_default=80.0,
        clock_reasons=("gpu-idle", "hw-slowdown"),
        temperature=41.0,
    )
    asleep = pci(
        "0000:01:00.0",
        "0x28a0",
        "AD107M [GeForce RTX 4060 Max-Q / Mobile]",
        pci_class="0x030200",
        link_width=None,
        link_speed=None,
        enabled=False,
    )
    return changed(base, "nvml.gpus", (card,), "pci[0]", asleep)


def healthy_container() -> Snapshot:
    """A Docker container that was given the workstation's GPU; /sys shows the host's bus."""
    base = healthy_workstation()
    assert base.host is not None and base.memory is not None
    return changed(
        base,
        "host", replace(base.host, container="docker", secure_boot=None, reboot_required=None,
                        reboot_packages=None, kernels_installed=None),
        "memory.shm_total", 16 * GIB,
        "memory.cgroup_limit", 64 * GIB,
        "cpu.quota", 8.0,
        "driver.module_files", None,
        "driver.module_file_kernels", None,
        "driver.headers", None,
        "driver.dkms", (),
        "driver.fabric_manager", None,
        "driver.persistenced", None,
        "driver.packages", (),
        "processes.hidden", True,
        "xids", None,
        "containers.docker", Docker(state="absent", client_path=""),
        "containers.toolkit", Toolkit(installed=False),
        "containers.cdi", (),
        "containers.selinux", None,
        "env", with_env(base, OMP_NUM_THREADS="8", NVIDIA_VISIBLE_DEVICES="all",
                        NVIDIA_DRIVER_CAPABILITIES="compute,utility").env,
    )  # fmt: skip
