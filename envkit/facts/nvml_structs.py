"""Structs that NVML fills, laid out as nvml.h has them, for the child of `nvml_child`.

Those of pynvml are not used: 12.560, for one, declares the UUID of the fabric with 80 bytes instead of 16,
and so reads zeros where the state should be.
"""

from __future__ import annotations

import ctypes


class Fabric(ctypes.Structure):
    """nvmlGpuFabricInfo_t."""

    _fields_ = (
        ("clusterUuid", ctypes.c_uint8 * 16),
        ("status", ctypes.c_uint),
        ("cliqueId", ctypes.c_uint),
        ("state", ctypes.c_uint),
    )


class FabricV2(ctypes.Structure):
    """nvmlGpuFabricInfo_v2_t."""

    _fields_ = (("version", ctypes.c_uint), *Fabric._fields_, ("healthMask", ctypes.c_uint))


class FabricV3(ctypes.Structure):
    """nvmlGpuFabricInfo_v3_t."""

    _fields_ = (*FabricV2._fields_, ("healthSummary", ctypes.c_uint8))


class SramErrors(ctypes.Structure):
    """nvmlEccSramErrorStatus_v1_t."""

    _fields_ = (
        ("version", ctypes.c_uint),
        ("counts", ctypes.c_ulonglong * 11),
        ("bThresholdExceeded", ctypes.c_uint),
    )


def versioned(kind: type[ctypes.Structure], version: int) -> ctypes.Structure:
    """An empty struct that says its size and version, as NVML_STRUCT_VERSION makes them."""
    made = kind()
    made.version = ctypes.sizeof(kind) | version << 24
    return made
