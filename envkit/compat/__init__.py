"""What runs with what: CUDA toolkits, drivers, GPUs, torch, TensorFlow and base images.

The facts are the tables in `data/`, each row with its source, date and how surely it is known. `load_compat`
reads them, the other functions are pure questions to them, and None always means "no table says".
"""

from envkit.compat._row import CompatDataError
from envkit.compat.arch import Arch, ArchRelation, Kernel, arch_relation, kernel_for, parse_arch, parse_cc
from envkit.compat.cuda import driver_meets, parse_cuda, version_key
from envkit.compat.load import load_compat, read_compat
from envkit.compat.model import (
    AmbiguousName,
    BaseImage,
    Compat,
    DriverBranch,
    DriverFloor,
    ForwardCompatibility,
    GpuModel,
    How,
    Peaks,
    Platform,
    Provenance,
    TensorflowRelease,
    Toolkit,
    TorchRelease,
    TorchVariant,
    XidGroup,
    XidKind,
)
from envkit.compat.names import find_gpu
from envkit.compat.query import (
    DriversNeeded,
    TorchChoice,
    base_image,
    cuda_range_for_driver,
    driver_can_jit,
    driver_floor,
    drivers_needed,
    fitting_torch,
    last_driver_branch,
    tensorflow_release,
    toolkit,
    torch_release,
    xid_kind,
)

__all__ = [
    "AmbiguousName",
    "Arch",
    "ArchRelation",
    "BaseImage",
    "Compat",
    "CompatDataError",
    "DriverBranch",
    "DriverFloor",
    "DriversNeeded",
    "ForwardCompatibility",
    "GpuModel",
    "How",
    "Kernel",
    "Peaks",
    "Platform",
    "Provenance",
    "TensorflowRelease",
    "Toolkit",
    "TorchChoice",
    "TorchRelease",
    "TorchVariant",
    "XidGroup",
    "XidKind",
    "arch_relation",
    "base_image",
    "cuda_range_for_driver",
    "driver_can_jit",
    "driver_floor",
    "driver_meets",
    "drivers_needed",
    "find_gpu",
    "fitting_torch",
    "kernel_for",
    "last_driver_branch",
    "load_compat",
    "parse_arch",
    "parse_cc",
    "parse_cuda",
    "read_compat",
    "tensorflow_release",
    "toolkit",
    "torch_release",
    "version_key",
    "xid_kind",
]
