"""What the NVML probe makes of a machine: the real child, the real pynvml, a stub of the driver's library."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from envkit.core import proc
from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.facts import nvml_child
from envkit.facts.collect import collect
from envkit.facts.gpu_model import GpuProcess, MigInstance, NvLink, Nvml, RowRemap
from envkit.facts.probe import ProbeStop
from envkit.facts.probes import nvml
from tests.nvml import NAMES, nvml_machine, scenario
from tests.nvml.fixtures import stub_folder

PATIENT = 30.0
"""Seconds that a child may take where nothing hangs: much, for machines that do other things beside."""
HUNG = 3.0
"""Seconds given where something hangs."""

GIB, MIB = 1 << 30, 1 << 20
NOBODY = 4194303
"""A PID that no process has: as if it were in another PID namespace."""

pytestmark = pytest.mark.cc


def read(name, limit=PATIENT, **env) -> Nvml:
    return nvml.read_within(nvml_machine(name, **env), limit)


def telling(name, *fields):
    """Fields of the first GPU."""
    (gpu, *_) = read(name).gpus
    return tuple(getattr(gpu, field) for field in fields)


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_says_what_it_expects(name):
    assert re.fullmatch(r"none|unknown|[a-z0-9]+(-[a-z0-9]+)+", scenario(name).expect)


@pytest.mark.parametrize("name", [name for name in NAMES if scenario(name).expect == "none"])
def test_healthy_machines_are_read_whole(name):
    found = read(name)
    assert (found.state, found.detail) == ("ok", "")
    assert found.device_count == len(found.gpus)
    assert found.library.endswith("/libnvidia-ml.so.1")
    for gpu in found.gpus:
        assert (gpu.state, gpu.error) == ("ok", None)
        for field in ("name", "uuid", "pci_address", "compute_capability", "memory_total", "processes"):
            assert getattr(gpu, field) is not None, field
    assert msgspec.convert(msgspec.to_builtins(found), Nvml) == found


def test_the_machine():
    found = read("healthy-h100")
    assert (found.driver_version, found.nvml_version, found.cuda_version) == (
        "570.124.06",
        "12.570.124.06",
        "12.8",
    )
    assert found.p2p == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "healthy-h100",
            {
                "name": "NVIDIA H100 80GB HBM3",
                "brand": "nvidia",
                "pci_address": "0000:1a:00.0",
                "compute_capability": "9.0",
                "memory_total": 81559 * MIB,
                "memory_used": 4 * MIB,
                "memory_reserved": 551 * MIB,
                "power_draw": 72.5,
                "power_limit": 700.0,
                "memory_temperature": 41.0,
                "recovery_action": "none",
                "mig_mode": False,
                "mig_instances": (),
                "fabric_state": "not-supported",
                "fabric_status": None,
                "numa_node": 0,
                "cpu_affinity": tuple(range(26)),
                "processes": (),
                "virtualization": "passthrough",
            },
        ),
        ("idle-clocks", {"clock_sm": 345.0, "clock_sm_max": 1980.0, "clock_reasons": ("gpu-idle",)}),
        (
            "idle-pcie-gen",
            {
                "pcie_gen": 1,
                "pcie_gen_max": 5,
                "pcie_gen_device_max": 5,
                "pcie_width": 16,
                "pcie_width_max": 16,
            },
        ),
        (
            "sw-power-cap-under-load",
            {"clock_reasons": ("sw-power-cap",), "violation_power": 5321.25, "utilization_gpu": 1.0},
        ),
        (
            "consumer-no-ecc",
            {
                "brand": "geforce",
                "ecc": None,
                "row_remap": None,
                "mig_mode": None,
                "mig_instances": None,
                "nvlinks": (),
                "fabric_state": None,
                "clock_app_sm": None,
                "recovery_action": None,
                "performance_state": 8,
            },
        ),
        ("rtx5090", {"compute_capability": "12.0", "power_default": 575.0}),
        ("pascal-gtx1080ti", {"compute_capability": "6.1", "ecc": None}),
        ("laptop", {"power_limit": None, "power_default": None, "power_max": None, "pcie_width_max": 8}),
        ("vgpu", {"virtualization": "vgpu", "power_draw": None, "pcie_width": None, "clock_reasons": None}),
        (
            "thermal",
            {"clock_reasons": ("hw-slowdown", "hw-thermal"), "temperature": 93.0, "violation_thermal": 184.5},
        ),
        ("power-brake", {"clock_reasons": ("hw-slowdown", "hw-power-brake")}),
        ("power-cap", {"power_limit": 500.0, "power_limit_set": 500.0, "power_default": 700.0}),
        ("pcie-x4", {"pcie_width": 4, "pcie_width_max": 16, "pcie_replays": 212}),
        (
            "remap-pending",
            {"row_remap": RowRemap(correctable=0, uncorrectable=1, pending=True, failed=False)},
        ),
        ("remap-failed", {"row_remap": RowRemap(correctable=4, uncorrectable=9, pending=False, failed=True)}),
        ("exclusive-process", {"compute_mode": "exclusive-process"}),
        ("mig-without-instances", {"mig_mode": True, "mig_instances": ()}),
        ("mig-hidden", {"mig_mode": True, "mig_instances": None}),
        ("fabric-in-progress", {"fabric_state": "in-progress", "fabric_status": ""}),
    ],
)
def test_what_a_scenario_tells(name, expected):
    assert dict(zip(expected, telling(name, *expected), strict=True)) == expected


def test_ecc_counters():
    ecc, action = telling("ecc-uncorrectable", "ecc", "recovery_action")
    assert (ecc.enabled, ecc.uncorrected_volatile, ecc.uncorrected_aggregate) == (True, 3, 17)
    assert (ecc.corrected_volatile, ecc.sram_threshold_exceeded, action) == (0, False, "reset")


def test_eight_gpus_with_nvlink_and_fabric():
    found = read("healthy-8xh100")
    assert [gpu.index for gpu in found.gpus] == list(range(8))
    assert len({gpu.uuid for gpu in found.gpus}) == 8
    for gpu in found.gpus:
        assert (gpu.fabric_state, gpu.fabric_status) == ("completed", "")
        assert gpu.nvlinks == tuple(
            NvLink(
                link=link, active=True, crc_errors=0, replay_errors=0, recovery_errors=0, peer="0000:05:00.0"
            )
            for link in range(18)
        )
    assert [gpu.numa_node for gpu in found.gpus] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert found.gpus[5].cpu_affinity == (*range(56, 112), *range(168, 224))
    assert len(found.p2p) == 28
    assert {(pair.read, pair.level) for pair in found.p2p} == {("ok", "node")}


def test_nvlink_errors_of_one_link():
    link = read("nvlink-crc-errors").gpus[2].nvlinks[7]
    assert (link.active, link.replay_errors, link.crc_errors, link.recovery_errors) == (True, 40, 961, 0)


def test_nvlink_errors_that_only_fields_tell():
    links = read("nvlink-fields").gpus[1].nvlinks
    assert [link.recovery_errors for link in links] == [0, 0, 0, 0, 6, *[0] * 13]


def test_an_inactive_nvlink_beside_active_ones():
    links = read("nvlink-inactive").gpus[5].nvlinks
    assert [link.link for link in links if not link.active] == [11]


def test_fabric_that_failed_says_why_with_an_older_struct():
    gpus = read("fabric-failed").gpus
    assert gpus[6].fabric_state == "completed"
    assert gpus[6].fabric_status == (
        "Unknown Error; bandwidth degraded; incorrect configuration: no partition"
    )
    assert gpus[0].fabric_status == ""


def test_mig_instances():
    assert telling("mig-with-instances", "mig_instances", "utilization_gpu") == (
        (
            MigInstance(
                uuid="MIG-00000001-0000-0000-0000-000000000001",
                name="NVIDIA H100 80GB HBM3 MIG 3g.40gb",
                memory=40448 * MIB,
            ),
            MigInstance(
                uuid="MIG-00000001-0000-0000-0000-000000000003",
                name="NVIDIA H100 80GB HBM3 MIG 1g.10gb",
                memory=9984 * MIB,
            ),
        ),
        None,
    )


def comm(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_another_process_holds_the_memory():
    assert telling("memory-held", "processes", "memory_used") == (
        (GpuProcess(pid=NOBODY, name=None, memory=70 * GIB, kind="compute"),),
        70 * GIB,
    )


def test_own_processes_are_told_apart(tmp_path):
    """The process that asks and its group are own; a stranger is not, and only its short name is read."""
    secret = "--token=hf_abcdefghijklmnopqrstuvwxyz"
    idle = "import sys; sys.stdin.read()"
    member = subprocess.Popen([sys.executable, "-c", idle, secret], stdin=subprocess.PIPE)
    stranger = subprocess.Popen(
        [sys.executable, "-c", idle, secret], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        held = f"parent:1 GiB, self:64 MiB, {member.pid}:2 GiB, {stranger.pid}:3 GiB, {NOBODY}"
        path = variant(tmp_path, "healthy-h100", f"gpu.0.compute = {held}")
        (found,) = telling(path, "processes")
        assert [(entry.memory, entry.own) for entry in found] == [
            (GIB, True),
            (64 * MIB, True),
            (2 * GIB, True),
            (3 * GIB, False),
            (None, False),
        ]
        assert found[3].name == comm(stranger.pid)
        assert found[4].name is None
        assert secret not in repr(found)
    finally:
        for child in (member, stranger):
            child.communicate()


def test_a_process_of_several_lists_is_told_once():
    (found,) = telling("mps", "processes")
    assert [(entry.pid, entry.kind) for entry in found] == [(1, "compute"), (NOBODY, "mps")]


def test_display_server():
    (found,) = telling("display-xorg", "processes")
    assert [(entry.memory, entry.kind) for entry in found] == [
        (300 * MIB, "graphics"),
        (112 * MIB, "graphics"),
    ]


def test_process_lists_of_drivers_with_the_longer_struct():
    (found,) = telling("driver-535-86", "processes")
    assert [(entry.pid, entry.memory) for entry in found] == [(1, 16 * MIB), (NOBODY, 24 * MIB)]


@pytest.mark.parametrize(
    ("name", "lacks", "cuda"),
    [
        ("driver-535-a100", ("nvmlDeviceGetSramEccErrorStatus: Function Not Found",), "12.2"),
        ("driver-470-a100", ("nvmlDeviceGetGpuFabricInfoV: Function Not Found",), "11.4"),
        ("old-driver", ("nvmlDeviceGetMemoryAffinity: Function Not Found",), "11.0"),
    ],
)
def test_older_drivers_lack_functions_and_nothing_else(name, lacks, cuda):
    found = read(name)
    assert found.cuda_version == cuda
    assert set(lacks) <= set(found.unread)
    gpu = found.gpus[0]
    assert gpu.clock_reasons == ("gpu-idle",)
    assert gpu.processes is not None
    # Version 1 of the memory call counts the reserve as used and does not name it.
    version_2 = name == "driver-535-a100"
    assert (gpu.memory_used, gpu.memory_reserved) == (
        (4 * MIB, 551 * MIB) if version_2 else (555 * MIB, None)
    )
    assert not [line for line in found.unread if "ClocksEvent" in line or "RunningProcesses" in line]


def test_retired_pages_of_an_old_card():
    (ecc,) = telling("old-driver", "ecc")
    assert (ecc.retired_pages, ecc.retirement_pending) == (2, False)


@pytest.mark.parametrize(
    ("name", "state", "detail"),
    [
        ("driver-library-mismatch", "version-mismatch", "Driver/library version mismatch"),
        ("driver-not-loaded", "driver-not-loaded", "Driver Not Loaded"),
        ("no-devices", "no-devices", ""),
        ("no-devices-at-init", "no-devices", "No GPUs were found"),
        ("init-gpu-lost", "gpu-lost", "GPU is lost"),
        ("init-unknown-error", "unknown-error", "Unknown Error"),
        ("init-no-permission", "no-permission", "Insufficient Permissions"),
    ],
)
def test_why_nvml_cannot_be_used(name, state, detail):
    found = read(name)
    assert (found.state, found.detail) == (state, detail)
    assert found.nvml_version == "12.570.124.06"
    assert found.gpus == (() if state == "no-devices" else None)
    assert found.driver_version == ("570.124.06" if state == "no-devices" else None)


def variant(tmp_path, base, *lines):
    """A scenario file that is another one and these lines."""
    path = tmp_path / "scenario.txt"
    include = os.path.relpath(scenario(base).path, tmp_path)
    path.write_text("\n".join((f"include = {include}", *lines, "")))
    return path


def test_a_count_that_cannot_be_read_is_not_none(tmp_path):
    found = read(variant(tmp_path, "healthy-8xh100", "error.nvmlDeviceGetCount_v2 = UNKNOWN"))
    assert (found.state, found.detail, found.gpus) == ("unknown-error", "Unknown Error", None)
    assert found.driver_version == "570.124.06"


def states(found: Nvml):
    return [(gpu.state, gpu.error) for gpu in found.gpus]


@pytest.mark.parametrize("name", ["gpu-lost", "gpu-lost-midway"])
def test_one_lost_gpu_does_not_hide_the_others(name):
    found = read(name)
    assert (found.state, found.device_count) == ("ok", 8)
    expected = [("ok", None)] * 8
    expected[3] = ("lost", "GPU is lost")
    assert states(found) == expected
    assert {3} & {index for pair in found.p2p for index in (pair.a, pair.b)} == set()
    assert found.gpus[3].pci_address == ("0000:1d:00.0" if name == "gpu-lost-midway" else None)


def test_one_gpu_without_permission():
    assert states(read("gpu-no-permission"))[1] == ("no-permission", "Insufficient Permissions")


@pytest.mark.parametrize(
    ("name", "index", "call"),
    [
        ("gpu-hangs", 2, "nvmlDeviceGetHandleByIndex"),
        ("gpu-hangs-midway", 5, "nvmlDeviceGetTemperature"),
    ],
)
def test_one_gpu_that_hangs_does_not_hide_the_others(name, index, call):
    found = read(name, HUNG)
    assert (found.state, found.detail) == ("hung", f"did not answer: {call} of GPU {index}")
    assert f"{call}: did not answer" in found.unread
    expected = [("ok", None)] * 8
    expected[index] = ("error", "did not answer")
    assert states(found) == expected
    assert len(found.p2p) == 21
    if name == "gpu-hangs-midway":  # what was read before is kept
        assert found.gpus[index].name == "NVIDIA H100 80GB HBM3"


def test_initialisation_that_hangs():
    found = read("init-hangs", HUNG)
    assert (found.state, found.detail) == ("hung", "did not answer: nvmlInit")
    assert found.library is not None
    assert found.gpus is None


def test_a_child_that_must_be_killed_keeps_what_it_said(tmp_path):
    """The child itself stops: its own watch cannot help, the limit of the runner does."""
    machine = nvml_machine("gpu-hangs")

    def stopping(command: Command) -> Result:
        code = 'import os, signal, sys\nprint(\'{"system": {"driver_version": "1"}}\', flush=True)\n'
        argv = (sys.executable, "-c", code + "os.kill(os.getpid(), signal.SIGSTOP)")
        return proc.run(Command(name=command.name, argv=argv, limit=HUNG))

    found = nvml.read(Machine(root=machine.root, env=machine.env, run=stopping))
    assert (found.state, found.driver_version, found.gpus) == ("hung", "1", None)


def test_a_crash_keeps_the_gpus_read_before():
    found = read("library-crashes")
    assert found.state == "failed"
    assert found.detail == "the library crashed: SIGSEGV in nvmlDeviceGetPerformanceState"
    assert (found.driver_version, found.device_count) == ("570.124.06", 8)
    assert states(found) == [*[("ok", None)] * 4, ("error", "not read to its end")]


def test_a_library_that_prints_does_not_spoil_the_answer():
    found = read("chatty-library")
    assert (found.state, found.gpus[0].name) == ("ok", "NVIDIA H100 80GB HBM3")


def test_garbage_lines_are_passed_over():
    line = '{"system": {"state": "ok", "device_count": 1}}'
    text = f'NVRM\n{{"gpu": {{"index": "x"}}}}\n[1]\n{line}\n{{"gpu": {{"index": 0, "new": 1}}}}\n'
    found = nvml.parse(Result(state="done", code=0, stdout=text + '{"p2p": [3]}\n{"end": {"hung": []}}\n'))
    assert (found.state, found.device_count, len(found.gpus), found.p2p) == ("ok", 1, 1, ())


def test_names_from_a_device_are_inert():
    line = '{"gpu": {"index": 0, "name": "\\u001b[31mGPU\\u202e\\n2"}}'
    (gpu,) = nvml.parse(Result(state="done", code=0, stdout=line)).gpus
    assert gpu.name == "GPU 2"


def test_a_child_that_breaks_says_so():
    found = nvml.parse(Result(state="done", code=1, stderr="Traceback\nImportError: nothing\n"))
    assert (found.state, found.detail) == ("failed", "ImportError: nothing")
    found = nvml.parse(Result(state="done", code=-signal.SIGKILL))
    assert found.detail == "the library crashed: SIGKILL"


def test_a_recorded_machine_without_an_answer():
    machine = Machine(root=Path("/"), env={}, run=lambda command: Result(state="absent", stderr="no"))
    with pytest.raises(ProbeStop) as stop:
        nvml.read(machine)
    assert stop.value.state == "skipped"


def test_the_snapshot_gets_the_value():
    patient = replace(nvml.PROBE, limit=PATIENT, read=lambda machine: nvml.read_within(machine, PATIENT))
    snapshot = collect(nvml_machine("power-cap"), (patient,), budget=PATIENT)
    assert snapshot.nvml.state == "ok"
    assert [(status.name, status.state) for status in snapshot.probes] == [("nvml", "ok")]


# ---- where the library lies ----


def load(folder: Path, env: dict[str, str] | None = None) -> str:
    """What `nvml_child.load` says of a folder, in a process of its own."""
    code = (
        "import sys; sys.path.append(sys.argv[1]); from envkit.facts import nvml_child\n"
        "print(nvml_child.load((sys.argv[2],))[1:], nvml_child.mapped())"
    )
    root = Path(nvml_child.__file__).parents[2]
    argv = [sys.executable, "-I", "-S", "-c", code, str(root), str(folder)]
    return subprocess.run(argv, env=env or {}, capture_output=True, text=True, check=True).stdout.strip()


def test_no_library():
    found = nvml.read_within(Machine(root=Path("/"), env={}, run=proc.run), PATIENT)
    if found.state != "no-library":
        pytest.skip("not covered: a machine without NVIDIA's library")
    assert (found.gpus, found.unread) == (None, ())


def test_a_library_that_the_loader_does_not_know_of(tmp_path):
    shutil.copy(stub_folder() / nvml_child.SONAME, tmp_path)
    assert load(tmp_path) == f"('', '') {tmp_path}/{nvml_child.SONAME}"


def test_a_library_that_cannot_be_loaded_is_not_absent(tmp_path):
    """As images leave it that were built on a machine with the NVIDIA runtime: an empty file."""
    (tmp_path / nvml_child.SONAME).touch()
    assert "('failed', " in load(tmp_path)
    assert "file too short" in load(tmp_path)


def test_the_child_sees_nothing_of_the_working_directory(tmp_path):
    for module in ("pynvml", "json", "ctypes", "sitecustomize"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit(7)")
    machine = nvml_machine("healthy-h100", PYTHONPATH=str(tmp_path))
    argv = nvml.command(machine, PATIENT).argv
    child = subprocess.run(argv, cwd=tmp_path, env=dict(machine.env), capture_output=True, text=True)
    found = nvml.parse(Result(state="done", code=child.returncode, stdout=child.stdout))
    assert (child.returncode, found.state, len(found.gpus)) == (0, "ok", 1)
