"""A machine with an NVIDIA GPU that is not here, for whole programs of any make.

`nvidia-smi` is a script, the driver's libraries are compiled stubs, and what the kernel shows (/proc, /sys,
/dev) is laid over the real trees in a mount namespace of its own. That takes root; without it only programs
and libraries are faked, by PATH and LD_LIBRARY_PATH.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.nvml.build import SONAME, build, compiler  # noqa: E402

DRIVER = "570.124.06"
NEWER = "570.133.20"
ADDRESS = "0000:01:00.0"
"""Where the GPU sits on the bus; the stub's first GPU says the same."""
LIBRARIES = Path("/usr/lib") / f"{platform.machine()}-linux-gnu"
_SCENARIOS = ROOT / "tests/nvml/scenarios"
_NODES = {"nvidia0": (195, 0), "nvidiactl": (195, 255), "nvidia-uvm": (511, 0), "nvidia-uvm-tools": (511, 1)}
_TOOLKIT = ("cuda*", "bin/nvcc", "nvcc")

TABLE = f"""\
Sun Nov 22 10:00:00 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI {DRIVER}             Driver Version: {DRIVER}     CUDA Version: 12.8     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA H100 80GB HBM3          On  |   00000000:01:00.0 Off |                    0 |
| N/A   34C    P0             72W /  700W |       4MiB /  81559MiB |      0%      Default |
|                                         |                        |             Disabled |
+-----------------------------------------+------------------------+----------------------+
"""
_FIELDS = {
    "index": "0",
    "name": "NVIDIA H100 80GB HBM3",
    "gpu_name": "NVIDIA H100 80GB HBM3",
    "uuid": "GPU-00000000-0000-0000-0000-000000000000",
    "driver_version": DRIVER,
    "memory.total": "81559 MiB",
    "memory.free": "80998 MiB",
    "memory.used": "4 MiB",
    "compute_cap": "9.0",
    "count": "1",
    "pci.bus_id": "00000000:01:00.0",
    "temperature.gpu": "34",
    "utilization.gpu": "0 %",
}


@dataclass(frozen=True, kw_only=True)
class Faked:
    """What stands in for a GPU's machine."""

    nvml: str | None
    """Lines of a scenario of the NVML stub after `include = parts/h100.txt`; None: no driver, no GPU."""
    smi: str | None
    """What nvidia-smi prints; None: there is none. `table`: a healthy one."""
    smi_code: int = 0
    smi_hangs: bool = False
    library: str = DRIVER
    """Version of the driver's libraries; the kernel module's is `DRIVER`."""
    on_bus: Literal["yes", "fallen", "no"] = "yes"
    log: str = ""
    """What the driver wrote to the kernel log."""


def prepare(faked: Faked, folder: Path, *, mounted: bool) -> dict[str, str]:
    """Build the machine below `folder`; what to add to the environment of a program that runs there.

    mounted: this process is in a mount namespace of its own and may mount.
    """
    environment = {}
    programs = folder / "bin"
    programs.mkdir(parents=True)
    if faked.smi is not None or faked.smi_hangs:
        _smi(programs / "nvidia-smi", faked)
        environment["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    if faked.nvml is not None:
        environment["NVML_STUB_SCENARIO"] = str(_scenario(folder / "scenarios", faked.nvml))
        libraries = _libraries(folder / "libraries", faked.library)
        if mounted:
            _lay(LIBRARIES, libraries)
        else:
            environment["LD_LIBRARY_PATH"] = str(libraries)
    if mounted:
        _without_toolkit(folder / "nothing")
        if faked.nvml is not None:
            _kernel(folder / "kernel", faked)
    return environment


def _smi(path: Path, faked: Faked) -> None:
    if faked.smi_hangs:
        script = "#!/bin/sh\nexec sleep 100000\n"
    elif faked.smi == "table":
        cases = "\n".join(f'      {name}) row="$row, {value}" ;;' for name, value in _FIELDS.items())
        script = f"""#!/bin/sh
for word in "$@"; do
  case "$word" in
  --query-gpu=*)
    row=
    for name in $(printf %s "${{word#*=}}" | tr , ' '); do
      case "$name" in
{cases}
      *) row="$row, [N/A]" ;;
      esac
    done
    echo "${{row#, }}"
    exit 0 ;;
  -L) echo "GPU 0: {_FIELDS["name"]} (UUID: {_FIELDS["uuid"]})"; exit 0 ;;
  esac
done
cat <<'END'
{TABLE}END
"""
    else:
        script = f"#!/bin/sh\ncat <<'END'\n{faked.smi}\nEND\nexit {faked.smi_code}\n"
    path.write_text(script)
    path.chmod(0o755)


def _scenario(folder: Path, more: str) -> Path:
    shutil.copytree(_SCENARIOS, folder)
    path = folder / "this-machine.txt"
    path.write_text(f"include = parts/h100.txt\n{more}\n")
    return path


def _libraries(folder: Path, version: str) -> Path:
    """libnvidia-ml and libcuda, named as a driver installs them."""
    build(folder)
    (folder / SONAME).rename(folder / f"libnvidia-ml.so.{version}")
    (folder / SONAME).symlink_to(f"libnvidia-ml.so.{version}")
    source = folder / "libcuda.c"
    source.write_text("int cuInit(unsigned flags) { (void)flags; return 100; /* CUDA_ERROR_NO_DEVICE */ }\n")
    name = f"libcuda.so.{version}"
    command = [
        compiler() or "cc",
        "-shared",
        "-fPIC",
        "-Wl,-soname,libcuda.so.1",
        "-o",
        folder / name,
        source,
    ]
    subprocess.run(command, check=True)
    source.unlink()
    (folder / "libcuda.so.1").symlink_to(name)
    return folder


def _lay(target: Path, files: Path) -> None:
    """Show `files` over what a directory holds, in this namespace."""
    options = f"lowerdir={files}:{target}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, target], check=True)


def _bind(source: Path, target: Path) -> None:
    subprocess.run(["mount", "--bind", source, target], check=True)


def _without_toolkit(folder: Path) -> None:
    """No CUDA toolkit: what one misses or has of it differs from machine to machine."""
    for parent in (Path("/usr/local"), Path("/usr/bin")):
        hidden = [path for name in _TOOLKIT for path in parent.glob(name)]
        layer = folder / parent.name
        for path in hidden:
            # A device numbered 0, 0 in an upper layer hides what is below it.
            whiteout = layer / path.relative_to(parent)
            whiteout.parent.mkdir(parents=True, exist_ok=True)
            os.mknod(whiteout, 0o20000, os.makedev(0, 0))
        if hidden:
            _lay(parent, layer)


def _kernel(folder: Path, faked: Faked) -> None:
    driver = folder / "proc-driver/nvidia"
    driver.mkdir(parents=True)
    (driver / "version").write_text(
        f"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {DRIVER}  Release Build  "
        "(dvs-builder@U22-I3-AE18-23-3)  Wed Feb 12 02:00:00 UTC 2025\nGCC version:  gcc version 12.3.0\n"
    )
    if faked.on_bus != "no":
        (driver / "gpus" / ADDRESS).mkdir(parents=True)
        (driver / "gpus" / ADDRESS / "information").write_text(
            f"Model: \t\t NVIDIA H100 80GB HBM3\nBus Location: \t {ADDRESS}\nDevice Minor: \t 0\n"
        )
    _bind(folder / "proc-driver", Path("/proc/driver"))
    listed = Path("/proc/modules")
    if listed.exists():  # a kernel without loadable modules has none
        modules = folder / "modules"
        modules.write_text(
            "nvidia_uvm 2076672 0 - Live 0x0000000000000000 (OE)\n"
            "nvidia 11640832 1 nvidia_uvm, Live 0x0000000000000000 (OE)\n" + listed.read_text()
        )
        _bind(modules, listed)
    for name in ("nvidia", "nvidia_uvm"):
        (folder / "sys-module" / name).mkdir(parents=True)
        (folder / "sys-module" / name / "initstate").write_text("live\n")
        (folder / "sys-module" / name / "version").write_text(f"{DRIVER}\n")
    _lay(Path("/sys/module"), folder / "sys-module")
    if faked.on_bus != "no" and Path("/sys/bus/pci/devices").is_dir():
        _device(folder / "sys-pci" / ADDRESS, fallen=faked.on_bus == "fallen")
        _lay(Path("/sys/bus/pci/devices"), folder / "sys-pci")
    _nodes(folder / "dev", faked.log)


def _device(folder: Path, *, fallen: bool) -> None:
    folder.mkdir(parents=True)
    facts = {
        "class": "0x030200",
        "vendor": "0x10de",
        "device": "0x2330",
        "numa_node": "-1",
        "enable": "1",
        "current_link_width": "63" if fallen else "16",
        "max_link_width": "63" if fallen else "16",
        "current_link_speed": "Unknown" if fallen else "32.0 GT/s PCIe",
        "max_link_speed": "Unknown" if fallen else "32.0 GT/s PCIe",
    }
    for name, value in facts.items():
        (folder / name).write_text(value + "\n")
    (folder / "driver").symlink_to("../../../../bus/pci/drivers/nvidia")


def _nodes(folder: Path, log: str) -> None:
    """Device nodes, and a kernel log. What is mounted below /dev stays."""
    folder.mkdir()
    for name, numbers in _NODES.items():
        os.mknod(folder / name, 0o20666, os.makedev(*numbers))
        (folder / name).chmod(0o666)
    (folder / "kmsg").write_text(f"6,1,100000;Linux version {platform.release()}\n{log}")
    below = [Path("/dev") / name for name in ("shm", "pts", "mqueue", "hugepages")]
    kept = folder.with_name("dev-kept")
    kept.mkdir()
    for path in below:
        if path.is_mount():
            (kept / path.name).mkdir()
            _bind(path, kept / path.name)
    _lay(Path("/dev"), folder)
    for path in kept.iterdir():
        _bind(path, Path("/dev") / path.name)
        # Whoever removes our folder must not reach into what is mounted there.
        subprocess.run(["umount", path], check=True)
