"""The NVIDIA driver: is it there, loaded, whole, and new enough to reach the GPU at all."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.gpu_model import NvidiaDriver, PciGpu
from envkit.facts.model import Snapshot

_NOUVEAU = frozenset({"nouveau", "nova", "nova_core", "nova-core", "nova_drm"})
_NO_GPU = "no NVIDIA GPU on this machine"


def _bare_metal_driver(snapshot: Snapshot) -> Outcome | tuple[NvidiaDriver, tuple[PciGpu, ...]]:
    """The facts that the rules on the kernel module need, or the reason why they do not apply."""
    devices = views.nvidia_pci(snapshot)
    if devices is not None and not devices:
        return not_applicable(_NO_GPU)
    if views.is_wsl(snapshot):
        return not_applicable("WSL gets its GPU driver from Windows")
    if views.in_container(snapshot):
        return not_applicable("kernel modules belong to the host of this container")
    if devices is None:
        return unknown(views.because(snapshot, "pci"))
    if snapshot.driver is None or snapshot.driver.loaded is None:
        return unknown(views.because(snapshot, "driver"))
    return snapshot.driver, devices


def nouveau(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The open-source driver that cannot run CUDA holds the GPU."""
    facts = _bare_metal_driver(snapshot)
    if isinstance(facts, Outcome):
        return facts
    driver, devices = facts
    held = tuple(device for device in devices if device.driver in _NOUVEAU)
    if held:
        named = held[0].driver or "nouveau"
        return problem(
            f"the kernel gave {held[0].name or held[0].address} to {named}, which cannot run CUDA",
            fact("kernel driver of the GPU", named, f"/sys/bus/pci/devices/{held[0].address}/driver"),
            fact("nvidia module loaded", "yes" if driver.loaded else "no", "/proc/modules"),
            module=named,
        )
    if not driver.loaded and _NOUVEAU.intersection(driver.modules or ()):
        return problem(
            "nouveau is loaded and the NVIDIA module is not",
            fact("loaded modules", ", ".join(driver.modules or ()), "/proc/modules"),
            confidence=0.8,
            module="nouveau",
        )
    return ok("no open-source driver holds an NVIDIA GPU")


def _not_loaded(snapshot: Snapshot) -> Outcome | NvidiaDriver:
    """The driver facts when the module is missing from the kernel and nothing else has taken its place."""
    facts = _bare_metal_driver(snapshot)
    if isinstance(facts, Outcome):
        return facts
    driver, devices = facts
    if driver.loaded:
        return ok(f"the nvidia kernel module {driver.module_version or ''} is loaded".replace("  ", " "))
    if any(device.driver in _NOUVEAU for device in devices):
        return not_applicable("nouveau holds the GPU")
    return driver


def kernel_module_not_built(snapshot: Snapshot, compat: Compat) -> Outcome:
    """No NVIDIA kernel module exists for the running kernel."""
    driver = _not_loaded(snapshot)
    if isinstance(driver, Outcome):
        return driver
    if driver.module_files is None:
        return unknown(views.because(snapshot, "driver"))
    if driver.module_files:
        return not_applicable("the module file exists")
    kernel = snapshot.host.kernel if snapshot.host is not None else None
    evidence = [fact("module file for the running kernel", "none", f"/lib/modules/{kernel or '<kernel>'}")]
    if driver.module_file_kernels:
        others = ", ".join(driver.module_file_kernels)
        evidence.append(fact("kernels that have one", others, "/lib/modules"))
    if driver.headers is False:
        evidence.append(
            fact("headers of the running kernel", "not installed", f"/lib/modules/{kernel}/build")
        )
    installed = bool(driver.module_file_kernels or driver.library_version or driver.dkms or driver.packages)
    if not installed:
        return problem(
            "an NVIDIA GPU is here and no NVIDIA driver is installed",
            *evidence,
            fact("user-space driver libraries", "none", "library directories"),
            install_driver="yes",
        )
    return problem(
        f"the NVIDIA driver is installed, but not built for the running kernel {kernel or ''}".rstrip(),
        *evidence,
        kernel=kernel,
        headers=kernel if driver.headers is False else None,
    )


def secure_boot(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Secure Boot keeps the unsigned module out."""
    driver = _not_loaded(snapshot)
    if isinstance(driver, Outcome):
        return driver
    if not driver.module_files:
        return not_applicable("there is no module to refuse")
    enabled = snapshot.host.secure_boot if snapshot.host is not None else None
    if enabled is None:
        return unknown("whether Secure Boot is on could not be read (efivars)")
    if not enabled:
        return ok("Secure Boot is off")
    return problem(
        "Secure Boot is on, the NVIDIA module exists for this kernel, and the kernel has not loaded it",
        fact("Secure Boot", "enabled", "/sys/firmware/efi/efivars"),
        fact("module file", driver.module_files[0], "/lib/modules"),
        fact("module loaded", "no", "/proc/modules"),
        confidence=0.85,
    )


def driver_not_loaded(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The module exists and is not loaded."""
    nvml_says = snapshot.nvml is not None and snapshot.nvml.state == "driver-not-loaded"
    driver = _not_loaded(snapshot)
    if isinstance(driver, Outcome):
        if not nvml_says or driver.status == "ok":
            return driver
        return _only_nvml_says_not_loaded(snapshot, driver)
    if not driver.module_files:
        return not_applicable("there is no module to load")
    evidence = [
        fact("module file", driver.module_files[0], "/lib/modules"),
        fact("module loaded", "no", "/proc/modules"),
    ]
    if driver.blacklisted:
        evidence.append(fact("kept from loading by", ", ".join(driver.blacklisted), "modprobe.d"))
    return problem(
        "the NVIDIA kernel module exists for this kernel and is not loaded",
        *evidence,
        blacklist=driver.blacklisted[0] if driver.blacklisted else None,
    )


def _only_nvml_says_not_loaded(snapshot: Snapshot, otherwise: Outcome) -> Outcome:
    """NVML finds no driver where the kernel module's own facts do not decide."""
    if views.is_wsl(snapshot) or views.in_container(snapshot):
        return problem(
            "NVML finds no NVIDIA driver behind this system",
            fact("NVML", "driver not loaded", "nvmlInit"),
            confidence=0.7,
        )
    if views.nvidia_pci(snapshot) == ():
        return problem(
            "NVIDIA's libraries are installed, but no driver is loaded and no NVIDIA GPU is on the PCI bus",
            fact("NVML", "driver not loaded", "nvmlInit"),
            fact("NVIDIA devices", "none", "/sys/bus/pci/devices"),
            severity="note",
            confidence=0.6,
        )
    if otherwise.status == "not-applicable":
        return otherwise
    return problem("NVML finds no loaded NVIDIA driver", fact("NVML", "driver not loaded", "nvmlInit"))


def driver_library_version_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Kernel module and user-space libraries come from different driver versions."""
    nvml, driver = snapshot.nvml, snapshot.driver
    if nvml is not None and nvml.state == "ok":
        return ok("NVML talks to the kernel module")
    said = nvml is not None and nvml.state == "version-mismatch"
    module = driver.module_version if driver is not None else None
    library = driver.library_version if driver is not None else None
    differ = module is not None and library is not None and module != library
    if not said and not differ:
        if views.has_nvidia(snapshot) is False:
            return not_applicable(_NO_GPU)
        if module is None:
            return not_applicable("no NVIDIA kernel module is loaded")
        return ok("the versions agree") if library else unknown("the libraries' version could not be read")
    evidence = []
    if nvml is not None and said:
        evidence.append(fact("NVML", nvml.detail or "Driver/library version mismatch", "nvmlInit"))
    if driver is not None and module is not None:
        evidence.append(fact("kernel module", module, "/proc/driver/nvidia/version"))
    if driver is not None and library is not None:
        evidence.append(fact("user-space library", library, driver.library_path or "libnvidia-ml.so"))
    figures = f": module {module}, libraries {library}" if differ else ""
    if views.in_container(snapshot):
        return problem(
            f"the driver libraries in this container are not those of the host's kernel module{figures}",
            *evidence,
            container="yes",
        )
    return problem(f"the loaded kernel module is not the installed one{figures}", *evidence, host="yes")


def nvml_no_devices(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The driver works and reports no GPU."""
    nvml = snapshot.nvml
    if nvml is None:
        return unknown(views.because(snapshot, "nvml"))
    if nvml.state != "no-devices":
        reason = "NVML lists GPUs" if nvml.state == "ok" else f"NVML: {nvml.state}"
        return ok(reason) if nvml.state == "ok" else not_applicable(reason)
    evidence = [fact("GPUs that NVML lists", 0, "nvmlDeviceGetCount_v2")]
    if nvml.driver_version:
        evidence.append(fact("driver", nvml.driver_version, "nvmlSystemGetDriverVersion"))
    devices = views.nvidia_pci(snapshot)
    if devices is not None:
        shown = ", ".join(f"{d.address} ({d.driver or 'no driver'})" for d in devices) or "none"
        evidence.append(fact("NVIDIA devices on the bus", shown, "/sys/bus/pci/devices"))
    return problem("the NVIDIA driver answers, and has no GPU to offer", *evidence)


def gpu_fell_off_bus(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A GPU that was there cannot be reached any more."""
    nvml = snapshot.nvml
    lost = tuple(gpu for gpu in (nvml.gpus or () if nvml else ()) if gpu.state == "lost")
    fallen = tuple(xid for xid in snapshot.xids or () if xid.code == 79)
    if lost or (nvml is not None and nvml.state == "gpu-lost"):
        where = ", ".join(gpu.pci_address or f"GPU {gpu.index}" for gpu in lost) or "a GPU"
        evidence = [fact(where, "GPU is lost", "NVML")]
        evidence += [fact("Xid 79", xid.text, "kernel log") for xid in fallen[-1:]]
        total = f" of {nvml.device_count}" if nvml and nvml.device_count and lost else ""
        return problem(f"{len(lost) or 1}{total} GPU no longer answers on the PCIe bus", *evidence)
    missing = _missing_from_nvml(snapshot)
    if missing and fallen:
        return problem(
            f"{', '.join(missing)} is on the bus, and NVML does not list it after an Xid 79",
            fact("Xid 79", fallen[-1].text, "kernel log"),
            fact("not listed by NVML", ", ".join(missing), "/sys/bus/pci/devices"),
        )
    if views.has_nvidia(snapshot) is False:
        return not_applicable(_NO_GPU)
    if nvml is None or nvml.state in ("hung", "failed"):
        return unknown(views.because(snapshot, "nvml"))
    return ok("every GPU answers") if nvml.state == "ok" else not_applicable(f"NVML: {nvml.state}")


def _missing_from_nvml(snapshot: Snapshot) -> tuple[str, ...]:
    """Addresses bound to the nvidia driver that NVML does not list."""
    listed = {gpu.pci_address for gpu in (snapshot.nvml.gpus or () if snapshot.nvml else ())}
    bound = (device for device in views.nvidia_pci(snapshot) or () if device.driver == "nvidia")
    return tuple(device.address for device in bound if device.address not in listed)


def uvm_node_missing(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Device nodes that CUDA opens are missing or closed to this user."""
    driver = snapshot.driver
    if views.has_nvidia(snapshot) is False:
        return not_applicable(_NO_GPU)
    if views.is_wsl(snapshot):
        return not_applicable("WSL has /dev/dxg instead")
    if driver is None or driver.nodes is None:
        return unknown(views.because(snapshot, "driver"))
    if not driver.loaded:
        return not_applicable("no NVIDIA kernel module is loaded")
    closed = tuple(node.path for node in driver.nodes if node.accessible is False and "caps" not in node.path)
    if closed:
        return problem(
            f"this user may not open {', '.join(closed[:4])}",
            *(fact(path, "no permission to read and write", "access()") for path in closed[:4]),
            closed=closed[0],
        )
    names = {node.path for node in driver.nodes}
    if not any(name.startswith("/dev/nvidia") and name[11:].isdigit() for name in names):
        return not_applicable("no GPU node at all; other checks say why")
    missing = tuple(path for path in ("/dev/nvidiactl", "/dev/nvidia-uvm") if path not in names)
    if not missing:
        return ok("the device nodes are there and open to this user")
    if views.usable_nvidia(snapshot) and "nvidia_uvm" not in (driver.modules or ()):
        return problem(
            f"{' and '.join(missing)} is missing and the nvidia_uvm module is not loaded: CUDA cannot start",
            *(fact(path, "absent", "/dev") for path in missing),
            confidence=0.8,
            missing=missing[0],
        )
    return problem(
        f"{' and '.join(missing)} is missing: CUDA cannot start",
        *(fact(path, "absent", "/dev") for path in missing),
        confidence=0.9,
        missing=missing[0],
    )


RULES = (
    nouveau,
    kernel_module_not_built,
    secure_boot,
    driver_not_loaded,
    driver_library_version_mismatch,
    nvml_no_devices,
    gpu_fell_off_bus,
    uvm_node_missing,
)
