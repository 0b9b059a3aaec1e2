"""What is read of one GPU, for the child of `nvml_child`.

Facts are dicts with the field names and units of `gpu_model.Gpu`; None = the driver does not offer it.
Nothing here sets anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from envkit.facts import nvml_names as names
from envkit.facts.nvml_calls import GPU_IS_LOST, NO_PERMISSION, NOT_FOUND, Call, Calls
from envkit.facts.nvml_shared import fabric, nvlinks, pci_address, processes
from envkit.facts.nvml_structs import SramErrors, versioned


class Reader:
    """Fills `facts` of one GPU step by step, so that a hang keeps what was read before it."""

    def __init__(self, calls: Calls, index: int) -> None:
        self.calls = calls
        self.handle: Any = None
        self.facts: dict[str, Any] = {"index": index, "state": "ok"}

    def read(self) -> None:
        """Everything; names first, and last what is long or seldom there."""
        self.handle = self.calls.get("nvmlDeviceGetHandleByIndex", self.facts["index"])
        if self.handle is None:
            self._failed()
            return
        for step in (
            self._simple,
            self._memory,
            self._ecc,
            self._row_remap,
            self._power,
            self._clock_reasons,
            self._fields,
            self._utilization,
            self._mig,
            self._affinity,
            self._shared,
        ):
            step()
            if self.calls.lost:
                self._failed()
                return

    def _failed(self) -> None:
        states = {GPU_IS_LOST: "lost", NO_PERMISSION: "no-permission"}
        self.facts.update(state=states.get(self.calls.code or -1, "error"), error=self.calls.error)

    def _get(self, name: str, *args: Any) -> Any:
        return self.calls.get(name, self.handle, *args)

    def _either(self, *choices: Call) -> Any:
        return self.calls.either(*((name, self.handle, *args) for name, *args in choices))

    def _simple(self) -> None:
        for field, convert, *choices in SIMPLE:
            value = self._either(*choices)
            self.facts[field] = None if value is None else convert(value)

    def _memory(self) -> None:
        version = getattr(self.calls.nvml, "nvmlMemory_v2", None)
        # Version 2 does not count what the driver keeps for itself as used; version 1 does.
        info = self._either(("nvmlDeviceGetMemoryInfo", version), ("nvmlDeviceGetMemoryInfo",))
        if info is not None:
            reserved = getattr(info, "reserved", None)
            self.facts.update(memory_total=info.total, memory_used=info.used, memory_reserved=reserved)

    def _ecc(self) -> None:
        mode = self._get("nvmlDeviceGetEccMode")
        if mode is None:
            return
        ecc: dict[str, Any] = {"enabled": bool(mode[0]), "pending": bool(mode[1])}
        for error, word in enumerate(("corrected", "uncorrected")):
            for counter, life in enumerate(("volatile", "aggregate")):
                ecc[f"{word}_{life}"] = self._get("nvmlDeviceGetTotalEccErrors", error, counter)
        sram = self.calls.struct(self.handle, ("nvmlDeviceGetSramEccErrorStatus", versioned(SramErrors, 1)))
        ecc["sram_threshold_exceeded"] = None if sram is None else bool(sram.bThresholdExceeded)
        # Page retirement is what GPUs before Ampere have in place of row remapping.
        retired = [self._get("nvmlDeviceGetRetiredPages", cause) for cause in (0, 1)]
        ecc["retired_pages"] = None if None in retired else sum(map(len, retired))
        pending = self._get("nvmlDeviceGetRetiredPagesPendingStatus")
        ecc["retirement_pending"] = None if pending is None else bool(pending)
        self.facts["ecc"] = ecc

    def _row_remap(self) -> None:
        rows = self._get("nvmlDeviceGetRemappedRows")
        if rows is not None:
            correctable, uncorrectable, pending, failed = rows
            self.facts["row_remap"] = {
                "correctable": correctable,
                "uncorrectable": uncorrectable,
                "pending": bool(pending),
                "failed": bool(failed),
            }

    def _power(self) -> None:
        limits = self._get("nvmlDeviceGetPowerManagementLimitConstraints")
        if limits is not None:
            self.facts.update(power_min=_watts(limits[0]), power_max=_watts(limits[1]))

    def _clock_reasons(self) -> None:
        for field, word in (("clock_reasons", "Current"), ("clock_reasons_supported", "Supported")):
            # "Throttle" is the name before driver 535.
            mask = self._either(
                (f"nvmlDeviceGet{word}ClocksEventReasons",), (f"nvmlDeviceGet{word}ClocksThrottleReasons",)
            )
            self.facts[field] = None if mask is None else names.clock_reasons(mask)

    def _fields(self) -> None:
        values = self.calls.fields(self.handle, names.MEMORY_TEMPERATURE, names.RECOVERY_ACTION)
        self.facts["memory_temperature"] = values.get((names.MEMORY_TEMPERATURE, 0))
        action = values.get((names.RECOVERY_ACTION, 0), -1)
        self.facts["recovery_action"] = names.RECOVERY_ACTIONS.get(action)
        for field, policy, field_id in (
            ("violation_power", 0, names.POLICY_POWER),
            ("violation_thermal", 1, names.POLICY_THERMAL),
        ):
            status = self._get("nvmlDeviceGetViolationStatus", policy)
            held = None if status is None else status.violationTime
            if held is None:
                held = self.calls.fields(self.handle, field_id).get((field_id, 0))
            self.facts[field] = None if held is None else held / 1e9  # nanoseconds in both

    def _utilization(self) -> None:
        rates = self._get("nvmlDeviceGetUtilizationRates")
        if rates is not None:
            self.facts.update(utilization_gpu=rates.gpu / 100, utilization_memory=rates.memory / 100)

    def _mig(self) -> None:
        modes = self._get("nvmlDeviceGetMigMode")
        if modes is None:
            return
        self.facts.update(mig_mode=bool(modes[0]), mig_pending=bool(modes[1]))
        most = self._get("nvmlDeviceGetMaxMigDeviceCount") if modes[0] else 0
        instances = []
        sure = most is not None
        for index in range(most or 0):
            one = self.calls.expecting(
                NOT_FOUND, "nvmlDeviceGetMigDeviceHandleByIndex", self.handle, index
            )  # instances leave holes in the numbering
            if one is None:
                sure = sure and self.calls.code == NOT_FOUND
                continue
            memory = self.calls.get("nvmlDeviceGetMemoryInfo", one)
            instances.append(
                {
                    "uuid": self.calls.get("nvmlDeviceGetUUID", one),
                    "name": self.calls.get("nvmlDeviceGetName", one),
                    "memory": None if memory is None else memory.total,
                }
            )
        # Instances that this container may not see are not "none".
        self.facts["mig_instances"] = instances if instances or sure else None

    def _affinity(self) -> None:
        cpus = self._get("nvmlDeviceGetCpuAffinity", 32)  # words of 64 CPUs
        self.facts["cpu_affinity"] = None if cpus is None else _bits(cpus)
        # nvmlDeviceGetNumaNodeId is another thing: the node that the GPU itself is, on coherent systems.
        nodes = self._get("nvmlDeviceGetMemoryAffinity", 4, 0)
        self.facts["numa_node"] = next(iter(_bits(nodes or ())), None)

    def _shared(self) -> None:
        self.facts.update(fabric(self.calls, self.handle))
        self.facts["nvlinks"] = nvlinks(self.calls, self.handle)
        self.facts["processes"] = processes(self.calls, self.handle)


def _bits(words: Iterable[int]) -> list[int]:
    return [64 * at + bit for at, word in enumerate(words) for bit in range(64) if word >> bit & 1]


def _watts(milliwatts: int) -> float:
    return milliwatts / 1000


def _pstate(state: int) -> int | None:
    return state if 0 <= state <= 15 else None  # 32 is NVML_PSTATE_UNKNOWN


def _capability(pair: tuple[int, int]) -> str:
    return f"{pair[0]}.{pair[1]}"


def _row(field: str, convert: Callable[[Any], Any], *choices: Call) -> tuple[Any, ...]:
    return (field, convert, *choices)


SIMPLE = (
    # field, conversion, then the calls that give it, best first
    _row("name", str, ("nvmlDeviceGetName",)),
    _row("uuid", str, ("nvmlDeviceGetUUID",)),
    _row("pci_address", pci_address, ("nvmlDeviceGetPciInfo",)),
    _row("compute_capability", _capability, ("nvmlDeviceGetCudaComputeCapability",)),
    _row("brand", names.BRANDS.get, ("nvmlDeviceGetBrand",)),
    _row("vbios", str, ("nvmlDeviceGetVbiosVersion",)),
    _row("temperature", float, ("nvmlDeviceGetTemperature", 0), ("nvmlDeviceGetTemperatureV", 0)),
    _row("temperature_slowdown", float, ("nvmlDeviceGetTemperatureThreshold", 1)),
    _row("temperature_max_operating", float, ("nvmlDeviceGetTemperatureThreshold", 3)),
    _row("power_draw", _watts, ("nvmlDeviceGetPowerUsage",)),
    _row("power_limit", _watts, ("nvmlDeviceGetEnforcedPowerLimit",)),
    _row("power_limit_set", _watts, ("nvmlDeviceGetPowerManagementLimit",)),
    _row("power_default", _watts, ("nvmlDeviceGetPowerManagementDefaultLimit",)),
    _row("clock_sm", float, ("nvmlDeviceGetClockInfo", 1)),
    _row("clock_sm_max", float, ("nvmlDeviceGetMaxClockInfo", 1)),
    _row("clock_memory", float, ("nvmlDeviceGetClockInfo", 2)),
    _row("clock_memory_max", float, ("nvmlDeviceGetMaxClockInfo", 2)),
    _row("clock_app_sm", float, ("nvmlDeviceGetApplicationsClock", 0), ("nvmlDeviceGetClock", 0, 1)),
    _row(
        "clock_app_sm_default",
        float,
        ("nvmlDeviceGetDefaultApplicationsClock", 0),
        ("nvmlDeviceGetClock", 0, 2),
    ),
    _row("performance_state", _pstate, ("nvmlDeviceGetPerformanceState",)),
    _row("pcie_gen", int, ("nvmlDeviceGetCurrPcieLinkGeneration",)),
    _row("pcie_gen_max", int, ("nvmlDeviceGetMaxPcieLinkGeneration",)),
    _row("pcie_gen_device_max", int, ("nvmlDeviceGetGpuMaxPcieLinkGeneration",)),
    _row("pcie_width", int, ("nvmlDeviceGetCurrPcieLinkWidth",)),
    _row("pcie_width_max", int, ("nvmlDeviceGetMaxPcieLinkWidth",)),
    _row("pcie_replays", int, ("nvmlDeviceGetPcieReplayCounter",)),
    _row("persistence", bool, ("nvmlDeviceGetPersistenceMode",)),
    _row("compute_mode", names.COMPUTE_MODES.get, ("nvmlDeviceGetComputeMode",)),
    _row("display_active", bool, ("nvmlDeviceGetDisplayActive",)),
    _row("virtualization", names.VIRTUALIZATION.get, ("nvmlDeviceGetVirtualizationMode",)),
)
