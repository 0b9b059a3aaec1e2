"""What runs with what: CUDA toolkits, drivers, GPUs, torch, TensorFlow and base images.

The facts are the tables in `data/`, each row with its source, date and how surely it is known. `load_compat`
reads them, the other functions are pure questions to them, and None always means "no table says".
What only `build` asks for is imported, and its tables are read, at first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

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
    TorchPatch,
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
    tensorflow_exact,
    tensorflow_release,
    toolkit,
    torch_exact,
    torch_release,
    xid_kind,
)

if TYPE_CHECKING:
    from envkit.compat.catalog_model import (
        Catalog,
        Companion,
        CondaBuild,
        CondaCuda,
        CondaPlatform,
        DownloadSize,
        Extra,
        ExtraRule,
        FrameworkName,
        PythonImage,
        SystemImage,
        ToolPin,
        WheelSet,
    )
    from envkit.compat.catalog_query import (
        companion,
        conda_builds,
        download_size,
        extra_names,
        extra_rule,
        python_image,
        system_image,
        tool_pin,
    )
    from envkit.compat.derive import derive_tensorflow, derive_torch
    from envkit.compat.wheel_file import WheelFile

_LATER = {
    "catalog_model": (
        "Catalog",
        "Companion",
        "CondaBuild",
        "CondaCuda",
        "CondaPlatform",
        "DownloadSize",
        "Extra",
        "ExtraRule",
        "FrameworkName",
        "PythonImage",
        "SystemImage",
        "ToolPin",
        "WheelSet",
    ),
    "catalog_query": (
        "companion",
        "conda_builds",
        "download_size",
        "extra_names",
        "extra_rule",
        "python_image",
        "system_image",
        "tool_pin",
    ),
    "derive": (
        "derive_tensorflow",
        "derive_torch",
    ),
    "wheel_file": ("WheelFile",),
}

__all__ = [
    "AmbiguousName",
    "Arch",
    "ArchRelation",
    "BaseImage",
    "Catalog",
    "Companion",
    "Compat",
    "CompatDataError",
    "CondaBuild",
    "CondaCuda",
    "CondaPlatform",
    "DownloadSize",
    "DriverBranch",
    "DriverFloor",
    "DriversNeeded",
    "Extra",
    "ExtraRule",
    "ForwardCompatibility",
    "FrameworkName",
    "GpuModel",
    "How",
    "Kernel",
    "Peaks",
    "Platform",
    "Provenance",
    "PythonImage",
    "SystemImage",
    "TensorflowRelease",
    "ToolPin",
    "Toolkit",
    "TorchChoice",
    "TorchPatch",
    "TorchRelease",
    "TorchVariant",
    "WheelFile",
    "WheelSet",
    "XidGroup",
    "XidKind",
    "arch_relation",
    "base_image",
    "companion",
    "conda_builds",
    "cuda_range_for_driver",
    "derive_tensorflow",
    "derive_torch",
    "download_size",
    "driver_can_jit",
    "driver_floor",
    "driver_meets",
    "drivers_needed",
    "extra_names",
    "extra_rule",
    "find_gpu",
    "fitting_torch",
    "kernel_for",
    "last_driver_branch",
    "load_compat",
    "parse_arch",
    "parse_cc",
    "parse_cuda",
    "python_image",
    "read_compat",
    "system_image",
    "tensorflow_exact",
    "tensorflow_release",
    "tool_pin",
    "toolkit",
    "torch_exact",
    "torch_release",
    "version_key",
    "xid_kind",
]


def __getattr__(name: str) -> Any:
    """Names of `_LATER`, imported at first use: doctor never needs them, and its start is felt."""
    module = next((module for module, names in _LATER.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found
