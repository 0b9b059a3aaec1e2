"""Words for NVML's numbers, from nvml.h; pure data for the child of `nvml_child`."""

from __future__ import annotations

BRANDS = {
    1: "quadro",
    2: "tesla",
    3: "nvs",
    4: "grid",
    5: "geforce",
    6: "titan",
    7: "nvidia-vapps",
    8: "nvidia-vpc",
    9: "nvidia-vcs",
    10: "nvidia-vws",
    11: "nvidia-cloud-gaming",
    12: "quadro-rtx",
    13: "nvidia-rtx",
    14: "nvidia",
    15: "geforce-rtx",
    16: "titan-rtx",
}
"""nvmlBrandType_t."""

COMPUTE_MODES = {0: "default", 1: "exclusive-thread", 2: "prohibited", 3: "exclusive-process"}
"""nvmlComputeMode_t."""

VIRTUALIZATION = {0: "none", 1: "passthrough", 2: "vgpu", 3: "host-vgpu", 4: "host-vsga"}
"""nvmlGpuVirtualizationMode_t."""

P2P_STATES = {
    0: "ok",
    1: "chipset-not-supported",
    2: "gpu-not-supported",
    3: "topology-not-supported",
    4: "disabled-by-regkey",
    5: "not-supported",
    6: "unknown",
}
"""nvmlGpuP2PStatus_t."""

TOPOLOGY_LEVELS = {
    0: "internal",
    10: "single-switch",
    20: "multi-switch",
    30: "host-bridge",
    40: "node",
    50: "system",
}
"""nvmlGpuTopologyLevel_t."""

RECOVERY_ACTIONS = {
    0: "none",
    1: "reset",
    2: "reboot",
    3: "drain-p2p",
    4: "drain-reset",
    5: "recover-imex-domain",
    6: "bus-reset",
    7: "system-reboot",
}
"""NVML_GPU_RECOVERY_ACTION_*."""

FABRIC_STATES = {0: "not-supported", 1: "not-started", 2: "in-progress", 3: "completed"}
"""NVML_GPU_FABRIC_STATE_*."""

CLOCK_REASONS = (
    "gpu-idle",
    "applications-clocks",
    "sw-power-cap",
    "hw-slowdown",
    "sync-boost",
    "sw-thermal",
    "hw-thermal",
    "hw-power-brake",
    "display-clocks",
    "board-limit",
    "reliability",
)
"""nvmlClocksEventReason*: the name of bit 0, 1, ..."""

# Fields of nvmlDeviceGetFieldValues, NVML_FI_DEV_*.
POLICY_POWER = 74
POLICY_THERMAL = 75
MEMORY_TEMPERATURE = 82
RECOVERY_ACTION = 230
LINK_FIELDS = (161, 162, 163)
"""NVLINK_ERROR_DL_REPLAY, _RECOVERY, _CRC; the scope is the link."""

LINK_COUNTERS = (0, 1, 2, 3)
"""nvmlNvLinkErrorCounter_t: replay, recovery, CRC of flits, CRC of data."""

VALUE_MEMBERS = {1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal", 6: "usVal"}
"""nvmlValueType_t to the integer member of nvmlValue_t."""

_FABRIC_FLAGS = (
    (0, "bandwidth degraded"),
    (2, "route recovery in progress"),
    (4, "route unhealthy"),
    (6, "access timeout recovery in progress"),
)
"""Shift of a two-bit field of the fabric health mask, where 1 is true and 2 is false, and what true means."""

_FABRIC_CONFIGURATION = {
    2: "system GUID",
    3: "chassis serial number",
    4: "no partition",
    5: "insufficient NVLinks",
    6: "incompatible GPU firmware",
    7: "invalid location",
    8: "GPU state invalid",
}
"""Bits 8 to 11 of the fabric health mask."""


def clock_reasons(mask: int) -> list[str]:
    """The names of the bits that are set."""
    return [
        CLOCK_REASONS[bit] if bit < len(CLOCK_REASONS) else f"bit-{bit}"
        for bit in range(mask.bit_length())
        if mask >> bit & 1
    ]


def fabric_health(mask: int) -> list[str]:
    """What NVML_GPU_FABRIC_HEALTH_MASK_* complains of."""
    words = [word for shift, word in _FABRIC_FLAGS if mask >> shift & 3 == 1]
    wrong = mask >> 8 & 15
    if wrong > 1:
        words.append(f"incorrect configuration: {_FABRIC_CONFIGURATION.get(wrong, wrong)}")
    return words
