"""One GPU of `nvidia-smi -q`, with the names that its text and its XML have for the same readings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from envkit.facts.gpu_model import Gpu, GpuProcess, MigInstance
from envkit.facts.importers import gpu_names
from envkit.facts.importers.nvidia_smi_ecc import ecc, row_remap
from envkit.facts.importers.tree import Tree
from envkit.facts.importers.values import integer, key, number, pci, percent, present, size, word, yes
from envkit.facts.nvml_names import CLOCK_REASONS

_COMPUTE_MODES: dict[str, Any] = {
    "default": "default",
    "exclusive_process": "exclusive-process",
    "exclusive_thread": "exclusive-thread",
    "prohibited": "prohibited",
}
_VIRTUALIZATION: dict[str, Any] = {
    "none": "none", "pass_through": "passthrough", "passthrough": "passthrough", "vgpu": "vgpu",
    "host_vgpu": "host-vgpu", "host_vsga": "host-vsga",
}  # fmt: skip
_FABRIC: dict[str, Any] = {
    "not_supported": "not-supported", "not_started": "not-started", "in_progress": "in-progress",
    "completed": "completed",
}  # fmt: skip
_RECOVERY = {
    "none": "none", "reset": "reset", "gpu_reset": "reset", "reboot": "reboot", "node_reboot": "reboot",
    "drain_p2p": "drain-p2p", "drain_and_reset": "drain-reset", "drain_reset": "drain-reset",
}  # fmt: skip
_REASONS = dict(
    zip(
        (
            "idle", "applications_clocks_setting", "sw_power_cap", "hw_slowdown", "sync_boost",
            "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown", "display_clock_setting",
        ),
        CLOCK_REASONS,
        strict=False,
    ),
    gpu_idle="gpu-idle",
    display_clocks_setting="display-clocks",
)  # fmt: skip
_TYPES: dict[str, Any] = {"c": "compute", "g": "graphics", "c_g": "compute", "m_c": "mps"}
_MOST_PROCESSES = 4096

Convert = Callable[[str], Any]
_GEN, _GEN_X = "pci/gpu_link_info/pcie_generation", "pci/pci_gpu_link_info/pcie_gen"
_WIDTH, _WIDTH_X = "pci/gpu_link_info/link_width", "pci/pci_gpu_link_info/link_widths"


def _state(text: str) -> int | None:
    found = re.fullmatch(r"P(\d{1,2})", text)
    return int(found[1]) if found else None


def _slug(text: str) -> str:
    return key(text).replace("_", "-")


SIMPLE: tuple[tuple[str, Convert, tuple[str, ...]], ...] = (
    # field, conversion, then the places that hold it: those of the text, then those of the XML
    ("name", str, ("product_name",)),
    ("uuid", str, ("gpu_uuid", "uuid")),
    ("pci_address", pci, ("pci_address", "pci/bus_id", "pci/pci_bus_id")),
    ("brand", _slug, ("product_brand",)),
    ("vbios", str, ("vbios_version",)),
    ("memory_total", size, ("fb_memory_usage/total",)),
    ("memory_used", size, ("fb_memory_usage/used",)),
    ("memory_reserved", size, ("fb_memory_usage/reserved",)),
    ("temperature", number, ("temperature/gpu_current_temp", "temperature/gpu_temp")),
    (
        "temperature_slowdown",
        number,
        ("temperature/gpu_slowdown_temp", "temperature/gpu_temp_slow_threshold"),
    ),
    (
        "temperature_max_operating",
        number,
        ("temperature/gpu_max_operating_temp", "temperature/gpu_temp_max_gpu_threshold"),
    ),
    ("memory_temperature", number, ("temperature/memory_current_temp", "temperature/memory_temp")),
    ("clock_sm", number, ("clocks/sm", "clocks/sm_clock")),
    ("clock_sm_max", number, ("max_clocks/sm", "max_clocks/sm_clock")),
    ("clock_memory", number, ("clocks/memory", "clocks/mem_clock")),
    ("clock_memory_max", number, ("max_clocks/memory", "max_clocks/mem_clock")),
    ("clock_app_sm", number, ("applications_clocks/graphics", "applications_clocks/graphics_clock")),
    (
        "clock_app_sm_default",
        number,
        ("default_applications_clocks/graphics", "default_applications_clocks/graphics_clock"),
    ),
    ("performance_state", _state, ("performance_state",)),
    ("utilization_gpu", percent, ("utilization/gpu", "utilization/gpu_util")),
    ("utilization_memory", percent, ("utilization/memory", "utilization/memory_util")),
    ("pcie_gen", integer, (f"{_GEN}/current", f"{_GEN_X}/current_link_gen")),
    ("pcie_gen_max", integer, (f"{_GEN}/max", f"{_GEN_X}/max_link_gen")),
    ("pcie_gen_device_max", integer, (f"{_GEN}/device_max", f"{_GEN_X}/max_device_link_gen")),
    ("pcie_width", integer, (f"{_WIDTH}/current", f"{_WIDTH_X}/current_link_width")),
    ("pcie_width_max", integer, (f"{_WIDTH}/max", f"{_WIDTH_X}/max_link_width")),
    ("pcie_replays", integer, ("pci/replays_since_reset", "pci/replay_counter")),
    ("persistence", yes, ("persistence_mode",)),
    ("compute_mode", lambda text: word(text, _COMPUTE_MODES), ("compute_mode",)),
    ("display_active", yes, ("display_active",)),
    ("mig_mode", yes, ("mig_mode/current", "mig_mode/current_mig")),
    ("mig_pending", yes, ("mig_mode/pending", "mig_mode/pending_mig")),
    (
        "virtualization",
        lambda text: word(text, _VIRTUALIZATION),
        ("gpu_virtualization_mode/virtualization_mode",),
    ),
)


def gpu(tree: Tree, index: int) -> Gpu:
    """The GPU of one part of the report."""
    facts: dict[str, Any] = {"index": index}
    for field, convert, places in SIMPLE:
        shown = tree.text(*places)
        facts[field] = None if shown is None else convert(shown)
    facts.update(_power(tree))
    facts.update(_fabric(tree))
    facts.update(_health(tree))
    facts.update(_violations(tree))
    name = facts["name"]
    return Gpu(
        **facts,
        compute_capability=None if name is None else gpu_names.compute_capability(name),
        ecc=ecc(tree),
        row_remap=row_remap(tree),
        clock_reasons=_reasons(tree),
        mig_instances=_instances(tree, facts["mig_mode"]),
        processes=_processes(tree),
    )


def _health(tree: Tree) -> dict[str, Any]:
    """Whether the GPU answers, and what the driver asks for."""
    action = word(tree.text("gpu_recovery_action"), _RECOVERY)
    if action is None and yes(tree.text("gpu_reset_status/reset_required")):
        action = "reset"
    facts: dict[str, Any] = {"recovery_action": action}
    said = [text for _, text in tree.leaves()]
    if any("GPU is lost" in text for text in said):
        facts.update(state="lost", error="GPU is lost")
    elif len(said) > 8 and sum("Unknown Error" in text for text in said) > len(said) / 2:
        facts.update(state="error", error="Unknown Error")
    return facts


def _power(tree: Tree) -> dict[str, float | None]:
    """Both layouts: until driver 530 `Power Limit` is what was asked for; later that is the requested one."""
    section = tree.under("gpu_power_readings", "power_readings")
    if section is None:
        return {}
    places = {
        "power_draw": ("power_draw", "instantaneous_power_draw", "instant_power_draw", "average_power_draw"),
        "power_limit": ("enforced_power_limit", "current_power_limit"),
        "power_limit_set": ("requested_power_limit", "power_limit"),
        "power_default": ("default_power_limit",),
        "power_min": ("min_power_limit",),
        "power_max": ("max_power_limit",),
    }
    return {field: number(section.text(*paths)) for field, paths in places.items()}


def _fabric(tree: Tree) -> dict[str, Any]:
    state = word(tree.text("fabric/state"), _FABRIC)
    if state in (None, "not-supported"):
        return {"fabric_state": state}
    words = []
    status = tree.text("fabric/status")
    if state == "completed" and status not in (None, "Success"):
        words.append(status)
    for name, bad in (("bandwidth", "degraded"), ("route_unhealthy", "true")):
        if (tree.text(f"fabric/health/{name}") or "").lower() == bad:
            words.append("bandwidth degraded" if name == "bandwidth" else "route unhealthy")
    wrong = tree.text("fabric/health/incorrect_configuration")
    if wrong is not None and wrong.lower() not in ("none", "false"):
        words.append(f"incorrect configuration: {wrong}")
    return {"fabric_state": state, "fabric_status": "; ".join(words)}


def _violations(tree: Tree) -> dict[str, float | None]:
    """Microseconds that the clocks were held down."""
    section = tree.under("clocks_event_reasons_counters", "clocks_throttle_reasons_counters")
    if section is None:
        return {}
    held = {
        name.removeprefix("clocks_event_reasons_counters_"): number(present(text))
        for name, text in section.leaves()
    }
    power = held.get("sw_power_capping", held.get("sw_power_cap"))
    thermal = [held[name] for name in ("sw_thermal_slowdown", "hw_thermal_slowdown") if name in held]
    known = [time for time in thermal if time is not None]
    return {
        "violation_power": None if power is None else power / 1e6,
        "violation_thermal": sum(known) / 1e6 if known else None,
    }


def _reasons(tree: Tree) -> tuple[str, ...] | None:
    section = tree.under("clocks_event_reasons", "clocks_throttle_reasons")
    if section is None:
        return None
    said = [
        (_REASONS.get(re.sub(r"^clocks_(?:event|throttle)_reason_", "", name)), yes(text))
        for name, text in section.leaves()
    ]
    known = {reason: active for reason, active in said if reason is not None and active is not None}
    return tuple(reason for reason in CLOCK_REASONS if known.get(reason)) if known else None


def _instances(tree: Tree, mode: bool | None) -> tuple[MigInstance, ...] | None:
    found = [*tree.every("mig_device"), *tree.every("mig_devices/mig_device")]
    if found:
        return tuple(
            MigInstance(
                uuid=one.text("uuid", "mig_device_uuid"), memory=size(one.text("fb_memory_usage/total"))
            )
            for one in found
        )
    said = tree.raw("mig_devices")
    # Where MIG is off there is none; where it is on, the report says `None`, or was cut.
    return () if mode is False or (mode and (said or "").strip() == "None") else None


def _processes(tree: Tree) -> tuple[GpuProcess, ...] | None:
    """Processes in XML, or in text, where each begins with its id."""
    if (tree.raw("processes") or "").strip() == "None":
        return ()
    section = tree.under("processes")
    if section is None:
        return () if tree.raw("processes") == "" else None
    found: dict[int, GpuProcess] = {}
    facts: dict[str, str] = {}
    for name, text in [*section.leaves(), ("pid", "")]:
        if name in ("pid", "process_id"):
            _add(found, facts)
            facts = {"pid": text}
        else:
            facts[name] = text
    return tuple(found.values())


def _add(found: dict[int, GpuProcess], facts: dict[str, str]) -> None:
    pid = integer(facts.get("pid"))
    if pid is None or len(found) >= _MOST_PROCESSES:
        return
    found[pid] = GpuProcess(
        pid=pid,
        name=process_name(facts.get("name", facts.get("process_name", ""))),
        memory=size(present(facts.get("used_gpu_memory", facts.get("used_memory")))),
        kind=word(facts.get("type"), _TYPES) or "compute",
    )


def process_name(text: str) -> str | None:
    """The program, without its folders and what it was called with, which may name people."""
    shown = present(text)
    if shown is None:
        return None
    # Folders of Windows have spaces in their names; everywhere else a space ends the program's.
    program = shown.rpartition("\\")[2] if "\\" in shown else shown.split()[0].rpartition("/")[2]
    return program.strip(" .")[:60] or None
