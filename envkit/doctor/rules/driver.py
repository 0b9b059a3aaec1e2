"""The NVIDIA driver: is it there, loaded, whole, and new enough to reach the GPU at all."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.gpu_model import NvidiaDriver, PciGpu
from envkit.facts.model import Snapshot

_NOUVEAU = frozenset({"nouveau", "nova", "nova_core", "nova-core", "nova_drm"})
NO_GPU = "no NVIDIA GPU on this machine"
KEPT = "the NVIDIA GPUs are kept for virtual machines"


def _bare_metal_driver(snapshot: Snapshot) -> Outcome | tuple[NvidiaDriver, tuple[PciGpu, ...]]:
    """The facts that the rules on the kernel module need, or the reason why they do not apply."""
    devices = views.nvidia_pci(snapshot)
    if devices is not None and not devices:
        return not_applicable(NO_GPU)
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
            # An old card that only drives the display may well stay with it beside one that works.
            severity="note" if views.usable_nvidia(snapshot) else None,
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
        kernel=kernel or "$(uname -r)",
        headers=(kernel or "$(uname -r)") if driver.headers is False else None,
        dkms="yes" if driver.dkms else None,
        packaged=None if driver.dkms else "yes",
    )


def secure_boot(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Secure Boot keeps the unsigned module out."""
    driver = _not_loaded(snapshot)
    if isinstance(driver, Outcome):
        return driver
    if not driver.module_files:
        return not_applicable("there is no module to refuse")
    if driver.blacklisted:
        return not_applicable(f"{driver.blacklisted[0]} keeps the module from loading before that")
    if all("/kernel/nvidia-" in path for path in driver.module_files):
        return ok("the distribution has signed the module")
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
    barring = driver.blacklisted or ()
    if barring:
        evidence.append(fact("kept from loading by", ", ".join(barring), "modprobe.d"))
    return problem(
        "the NVIDIA kernel module exists for this kernel and is not loaded",
        *evidence,
        blacklist=next((path for path in barring if path != "/proc/cmdline"), None),
        cmdline="yes" if "/proc/cmdline" in barring else None,
        loadable="yes",
    )


def _only_nvml_says_not_loaded(snapshot: Snapshot, otherwise: Outcome) -> Outcome:
    """NVML finds no driver where the kernel module's own facts do not decide."""
    said = fact("NVML", "driver not loaded", "nvmlInit")
    if views.is_wsl(snapshot):
        return problem("NVML finds no NVIDIA driver behind this system", said, confidence=0.7, windows="yes")
    if views.nvidia_pci(snapshot) == ():
        if views.kept_for_guests(snapshot):
            return not_applicable(KEPT)
        return problem(
            "NVIDIA's libraries are installed, but no driver is loaded and no NVIDIA GPU is on the PCI bus",
            said,
            fact("NVIDIA devices", "none", "/sys/bus/pci/devices"),
            severity="note",
            confidence=0.6,
            no_card="yes",
        )
    if views.in_container(snapshot):
        return problem("NVML finds no NVIDIA driver on the host", said, confidence=0.7, container="yes")
    if otherwise.status == "not-applicable":
        return otherwise
    return problem("NVML finds no loaded NVIDIA driver", said, loadable="yes")


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
            return not_applicable(NO_GPU)
        if module is None:
            return not_applicable("no NVIDIA kernel module is loaded")
        if driver is not None and driver.library_path == "":
            return not_applicable("the driver's libraries are not here")
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


RULES = (
    nouveau,
    kernel_module_not_built,
    secure_boot,
    driver_not_loaded,
    driver_library_version_mismatch,
)
