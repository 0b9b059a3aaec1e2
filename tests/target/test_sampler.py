"""The sampler beside real processes, on trees whose counters move, and with a driver that hangs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from envkit.bench.unstable import unstable
from envkit.core.machine import Machine
from envkit.target.conditions import Moment
from envkit.target.during import change, energy_of
from envkit.target.sampler import Sampler
from envkit.target.sampler_tree import parse_stat
from tests.coverage_notes import require
from tests.facts.trees import tree
from tests.nvml import nvml_machine
from tests.recorded import recorded

SPIN = "import time\nwhile True: pass"
WORKERS = """
import os, subprocess, sys
spin = 'import time\\nend = time.process_time() + 0.3\\nwhile time.process_time() < end: pass'
children = [subprocess.Popen([sys.executable, '-c', spin]) for _ in range(2)]
for child in children: child.wait()
print('done', flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def running(code: str, *, python: str = sys.executable, **more) -> Iterator[subprocess.Popen[bytes]]:
    """A Python in a session of its own, as envkit starts what it measures."""
    child = subprocess.Popen([python, "-c", code], start_new_session=True, **more)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def until(condition, what: str) -> None:
    """Wait for something that happens; what does not is a test that times out."""
    while not condition():
        time.sleep(0.01)


def spent(sampler: Sampler, read) -> float:
    conditions = sampler.conditions()
    known = [value for moment in conditions.moments if (value := read(moment)) is not None]
    return known[-1] - known[0]


# -- real processes


def others(moment: Moment) -> float | None:
    return None if moment.own is None else moment.busy - moment.own


def own(moment: Moment) -> float | None:
    return moment.own


def test_a_neighbour_takes_the_cpus_and_is_told_from_what_is_measured():
    with (
        running("import time; time.sleep(1000)") as measured,
        running(SPIN),
        Sampler(Machine.here(), period=0.1) as sampler,
    ):
        sampler.follow(measured.pid)
        began = time.monotonic()

        def amount(read) -> float:
            found = change(sampler.conditions(began), read, began, time.monotonic())
            return found.amount if found is not None else 0.0

        until(lambda: amount(others) > 0.5, "the neighbour runs")
        assert amount(own) < amount(others) / 2
        ended = time.monotonic()
        conditions = sampler.conditions(began, ended)
    assert any(text.startswith("other processes took ") for text in unstable(conditions, began, ended))


def test_what_is_measured_is_no_neighbour_of_its_own():
    with running(SPIN) as measured, Sampler(Machine.here(), period=0.1) as sampler:
        sampler.follow(measured.pid)
        until(lambda: spent(sampler, own) > 0.5, "it runs")
        assert spent(sampler, own) < spent(sampler, lambda moment: moment.busy) + 0.1


def test_descendants_count_and_what_they_used_stays_when_they_end():
    with running(WORKERS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as measured:
        sampler = Sampler(Machine.here())
        sampler.follow(measured.pid)
        before = sampler.sample().own
        alive = []
        reader = threading.Thread(target=measured.stdout.readline)
        reader.start()
        while reader.is_alive():
            alive.append(sampler.sample().own)
            reader.join(0.02)
        after = sampler.sample().own
    assert after - before > 0.55  # two children with 0.3 s each, both gone
    assert alive == sorted(alive)


DAEMON = """
import os, sys, time
if os.fork() == 0:
    if os.fork() == 0:
        end = time.process_time() + 0.3
        while time.process_time() < end: pass
        open(sys.argv[1], 'w').write(str(os.getpid()) + '\\n')
        time.sleep(0.5)
    os._exit(0)
os.wait()
time.sleep(1000)
"""


def test_an_orphan_is_known_by_its_session_and_what_it_used_is_not_lost(tmp_path):
    note = tmp_path / "pid"
    with running(f"import sys; sys.argv.append({str(note)!r})\n{DAEMON}") as measured:
        sampler = Sampler(Machine.here())
        sampler.follow(measured.pid)
        before = sampler.sample().own
        values = [before]

        def ended() -> bool:
            values.append(sampler.sample().own)
            return note.exists() and note.read_text().endswith("\n")

        until(ended, "the orphan has worked")
        pid = int(note.read_text())
        while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            values.append(sampler.sample().own)
        values.append(sampler.sample().own)
    assert values[-1] - before >= 0.28
    assert values == sorted(values)


def test_own_is_unknown_once_the_process_has_gone_and_another_one_can_be_followed():
    sampler = Sampler(Machine.here())
    with running("import time; time.sleep(1000)") as first:
        sampler.follow(first.pid)
        seen = sampler.sample().own
    assert sampler.sample().own is None
    with running("import time; time.sleep(1000)") as second:
        sampler.follow(second.pid)
        assert sampler.sample().own >= seen  # the counter goes on
    assert sampler.conditions().trouble == ()


def test_a_process_that_has_ended_before_is_said():
    with running("") as child:
        child.wait()
        sampler = Sampler(Machine.here())
        sampler.follow(child.pid)
    assert sampler.sample().own is None
    assert sampler.conditions().trouble == (f"process {child.pid} had ended before it could be followed",)


def test_the_process_is_asked_for_until_it_is_known():
    pids: list[int] = []
    with Sampler(Machine.here(), period=1000, pid_of=lambda: pids[0] if pids else None) as sampler:
        assert all(m.own is None for m in sampler.conditions().moments)
        with running("import time; time.sleep(1000)") as child:
            pids.append(child.pid)
            until(lambda: any(m.own is not None for m in sampler.conditions().moments), "it is followed")


def test_conditions_reach_from_before_the_beginning_to_after_the_end():
    with Sampler(Machine.here(), period=0.01) as sampler:
        until(lambda: len(sampler.conditions().moments) > 3, "it samples")
        began = time.monotonic()
        time.sleep(0.05)
        ended = time.monotonic()
        conditions = sampler.conditions(began, ended)
    assert conditions.moments[0].at <= began and conditions.moments[-1].at >= ended
    assert conditions.moments[1].at > began and conditions.moments[-2].at < ended
    assert conditions.counted == len(os.sched_getaffinity(0)) and conditions.cpus <= conditions.counted


ENDS = """
from envkit.core.machine import Machine
from envkit.target.sampler import Sampler
sampler = Sampler(Machine.here(), period=1000)
sampler.__enter__()
print('begun')
"""


def test_it_never_keeps_envkit_alive():
    """The interpreter ends while a sampler that nobody has stopped would sleep for a thousand seconds."""
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "begun\n")


def test_it_ends_in_the_middle_of_its_sleep():
    """Were it waited for, this would take a thousand seconds."""
    with Sampler(Machine.here(), period=1000) as sampler:
        until(lambda: sampler.conditions().moments, "it samples")
    taken = len(sampler.conditions().moments)
    assert len(sampler.conditions().moments) == taken


def test_a_quota_holds_back_and_is_seen():
    group = (
        Path("/sys/fs/cgroup/cpu") if Path("/sys/fs/cgroup/cpu/tasks").exists() else Path("/sys/fs/cgroup")
    )
    own = group / f"envkit-test-{os.getpid()}"
    try:
        own.mkdir()
    except OSError:
        require("writable CPU cgroup", False)
    try:
        if (own / "cpu.cfs_quota_us").exists():
            (own / "cpu.cfs_quota_us").write_text("20000")
        elif (own / "cpu.max").exists():
            (own / "cpu.max").write_text("20000 100000")
        else:
            require("writable CPU cgroup", False)
        code = f"open({str(own / 'cgroup.procs')!r}, 'w').write('0')\n" + SAMPLED
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    finally:
        until(lambda: not (own / "cgroup.procs").read_text(), "it is empty")
        own.rmdir()
    assert done.returncode == 0, done.stderr
    assert "the CPU quota of 0.2 CPUs held it back " in done.stdout


SAMPLED = """
import os, time
from envkit.bench.unstable import unstable
from envkit.core.machine import Machine
from envkit.target.sampler import Sampler
sampler = Sampler(Machine.here())
began = time.monotonic()
sampler.follow(os.getpid())
end = time.process_time() + 0.3
while time.process_time() < end: pass
ended = time.monotonic()
print(unstable(sampler.conditions(), began, ended))
"""


# -- trees whose counters move


def stat(pid: int, parent: int, *, user: float, children: float = 0.0, start: int = 7, name="python") -> str:
    ticks = (int(user * 100), 0, int(children * 100), 0)
    return (
        f"{pid} ({name}) S {parent} {pid} {pid} 0 -1 0 0 0 0 0 "
        + " ".join(map(str, ticks))
        + f" 20 0 1 0 {start} 0\n"
    )


def cpus(*each: float, steal: float = 0.0) -> str:
    """/proc/stat with these busy seconds of each CPU."""
    total = int(sum(each) * 100)
    lines = [f"cpu  {total} 0 0 1 0 0 0 {int(steal * 100)} 0 0"]
    lines += [
        f"cpu{at} {int(b * 100)} 0 0 1 0 0 0 {int(steal * 100 / len(each))} 0 0" for at, b in enumerate(each)
    ]
    return "\n".join(lines) + "\nintr 1\n"


BASE = {
    "/sys/devices/system/cpu/online": "0-3\n",
    "/proc/self/status": "Cpus_allowed_list:\t0-1\n",
    "/proc/self/cgroup": "0::/job\n",
    "/proc/self/mountinfo": "30 27 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    "/sys/fs/cgroup/job/cpu.max": "150000 100000\n",
    "/sys/fs/cgroup/job/cpu.stat": "usage_usec 5000000\nnr_periods 10\nthrottled_usec 1000000\n",
    "/proc/stat": cpus(10, 20, 500, 500, steal=1),
    "/proc/loadavg": "2.50 1.0 1.0 1/2 3\n",
    "/proc/meminfo": "MemTotal: 100 kB\nMemAvailable:   64 kB\n",
    "/proc/vmstat": "pgmajfault 100\npswpin 4\npswpout 6\n",
    "/proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\nfull avg10=0 total=0\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3600000\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "3500000\n",
    "/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "800000\n",
    "/sys/devices/system/cpu/cpu0/topology/physical_package_id": "0\n",
    "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "3\n",
    "/sys/class/hwmon/hwmon0/name": "nvme\n",
    "/sys/class/hwmon/hwmon0/temp1_input": "99000\n",
    "/sys/class/hwmon/hwmon1/name": "coretemp\n",
    "/sys/class/hwmon/hwmon1/temp1_input": "71500\n",
    "/sys/class/powercap/intel-rapl:0/name": "package-0\n",
    "/sys/class/powercap/intel-rapl:0/energy_uj": "262100000000\n",
    "/sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143000000\n",
    "/sys/class/powercap/intel-rapl:0:0/name": "core\n",
    "/sys/class/powercap/intel-rapl:0:0/energy_uj": "5\n",
    "/sys/class/powercap/intel-rapl:0:1/name": "dram\n",
    "/sys/class/powercap/intel-rapl:0:1/energy_uj": "1000000\n",
    "/sys/class/powercap/intel-rapl:0:1/max_energy_range_uj": "262143000000\n",
    "/proc/self/stat": stat(50, 1, user=1),
    "/proc/100/stat": stat(100, 50, user=2),
    "/proc/200/stat": stat(200, 1, user=3, name="x) R 100 100"),
}


def test_every_counter_moves(tmp_path):
    machine = tree(tmp_path, BASE)
    sampler = Sampler(machine)
    sampler.follow(100)
    first = sampler.sample()
    tree(
        tmp_path,
        {
            "/proc/stat": cpus(12, 20.5, 900, 900, steal=1.5),
            "/proc/100/stat": stat(100, 50, user=3),
            "/proc/101/stat": stat(101, 100, user=0.5),
            "/sys/fs/cgroup/job/cpu.stat": "usage_usec 7000000\nthrottled_usec 1500000\n",
            "/proc/vmstat": "pgmajfault 350\npswpin 14\npswpout 6\n",
            "/proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=3500000\n",
            "/sys/class/powercap/intel-rapl:0/energy_uj": "7000000\n",  # it has begun anew
            "/sys/class/powercap/intel-rapl:0:1/energy_uj": "3000000\n",
            "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "8\n",
        },
    )
    second = sampler.sample()
    moved = {
        name: round(getattr(second, name) - getattr(first, name), 6)
        for name in (
            *("busy", "own", "steal", "throttled", "used", "pressure"),
            *("major_faults", "swapped", "energy", "heat_events"),
        )
    }
    assert moved == {
        "busy": 2.5,  # of the two CPUs that may be used
        "own": 1.5,
        "steal": 0.24,
        "throttled": 0.5,
        "used": 2.0,
        "pressure": 0.5,
        "major_faults": 250,
        "swapped": 10 * os.sysconf("SC_PAGE_SIZE"),
        "energy": 52.0,  # 43 J to the end of the range, 7 J after it, 2 J of the memory
        "heat_events": 5,
    }
    assert (second.load, second.available, second.temperature) == (2.5, 64 * 1024, 71.5)
    assert second.clock == 3500.0  # of the CPU that worked
    conditions = sampler.conditions()
    assert (conditions.cpus, conditions.quota, conditions.counted) == (1.5, 1.5, 2)
    assert (conditions.clock_max, conditions.trouble) == (3600.0, ())


def test_a_number_that_another_process_got_is_another_process(tmp_path):
    machine = tree(tmp_path, BASE)
    sampler = Sampler(machine)
    sampler.follow(100)
    tree(tmp_path, {"/proc/100/stat": stat(100, 1, user=900, start=8)})
    assert sampler.sample().own is None


def test_what_ended_and_was_waited_for_counts_once(tmp_path):
    machine = tree(tmp_path, {**BASE, "/proc/101/stat": stat(101, 100, user=5)})
    sampler = Sampler(machine)
    sampler.follow(100)
    before = sampler.sample().own
    shutil.rmtree(tmp_path / "proc/101")
    tree(tmp_path, {"/proc/100/stat": stat(100, 50, user=2, children=5.5)})
    assert round(sampler.sample().own - before, 6) == 0.5
    # One that nobody waits for (SIGCHLD is ignored) stays with what was seen of it last.
    tree(tmp_path, {"/proc/102/stat": stat(102, 100, user=4)})
    sampler.sample()
    shutil.rmtree(tmp_path / "proc/102")
    assert round(sampler.sample().own - before, 6) == 4.5


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/sys/fs/cgroup/job/cpu.max": "max 100000\n"}, (2.0, None)),
        ({"/sys/fs/cgroup/cpu.max": "50000 100000\n"}, (0.5, 0.5)),
    ],
)
def test_quotas_of_all_levels(tmp_path, files, expected):
    sampler = Sampler(tree(tmp_path, {**BASE, **files}))
    moment = sampler.sample()
    conditions = sampler.conditions()
    assert (conditions.cpus, conditions.quota) == expected
    assert (moment.throttled is None) == (expected[1] is None)


def test_cgroup_v1_counts_nanoseconds(tmp_path):
    mount = "{} 27 0:{} / /sys/fs/cgroup/{} rw - cgroup cgroup rw,{}\n"
    files = {
        **{path: text for path, text in BASE.items() if "cgroup" not in path and "mountinfo" not in path},
        "/proc/self/cgroup": "4:cpu:/job\n3:cpuacct:/job\n",
        "/proc/self/mountinfo": mount.format(30, 26, "cpu", "cpu")
        + mount.format(31, 27, "cpuacct", "cpuacct"),
        "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "100000\n",
        "/sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/cpu/job/cpu.stat": "nr_periods 4\nnr_throttled 2\nthrottled_time 2500000000\n",
        "/sys/fs/cgroup/cpuacct/job/cpuacct.usage": "7500000000\n",
    }
    sampler = Sampler(tree(tmp_path, files))
    moment = sampler.sample()
    assert (moment.throttled, moment.used) == (2.5, 7.5)
    assert sampler.conditions().quota == 1.0


def test_a_sandbox_that_shows_zeros_has_told_nothing(tmp_path):
    moment = Sampler(tree(tmp_path, {**BASE, "/proc/stat": cpus(0, 0, 0, 0)})).sample()
    assert (moment.busy, moment.steal) == (None, None)


def test_energy_that_only_root_may_read_is_said(tmp_path):
    machine = tree(tmp_path, BASE)
    path = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    path.unlink()
    path.mkdir()  # there, and cannot be read
    sampler = Sampler(machine)
    assert sampler.sample().energy is None
    assert sampler.conditions().trouble == (
        "the energy of the CPUs was not read: /sys/class/powercap may be read by root only",
    )


@pytest.mark.parametrize(
    "name", ["ubuntu-desktop", "docker-quota-v2", "k8s-pod-v1", "wsl2", "firecracker-hybrid"]
)
def test_recorded_machines_can_be_sampled(name):
    sampler = Sampler(recorded(name))
    first, second = sampler.sample(), sampler.sample()
    assert first.load is not None and first.available
    for field in ("busy", "steal", "throttled"):
        assert getattr(first, field) == getattr(second, field)  # nothing moves in a record
    assert (sampler.conditions().quota is not None) == (name in ("docker-quota-v2", "k8s-pod-v1"))


@pytest.mark.parametrize(
    "text", ["", "1", "1 (x", "1 (x) S", "1 (x) S 1 2 3", "1 (x) S " + "a " * 30, ") " * 40]
)
def test_lines_of_no_process(text):
    assert parse_stat(text) is None


def test_an_empty_machine_gives_nothing_and_no_trouble(tmp_path):
    sampler = Sampler(tree(tmp_path, {}))
    moment = sampler.sample()
    assert moment == Moment(at=moment.at)
    conditions = sampler.conditions()
    assert (conditions.cpus, conditions.counted, conditions.trouble) == (None, None, ())


# -- GPUs: the real child and the real pynvml, with a stub of the driver's library

GPU = """
include = {h100}
gpu.0.clock.1 = {clock}
gpu.0.clock_reasons = {reasons}
gpu.0.utilization_gpu = 97
gpu.0.power_draw = 512.5
gpu.0.power_limit = 500
gpu.0.temperature.0 = 61
gpu.0.energy = {energy}
gpu.0.compute = {processes}
{more}
"""


def scenario(path: Path, **change) -> Path:
    """Write a scenario; whoever reads it sees the old or the new one, never a half."""
    facts = {"clock": 1980, "reasons": "0x0", "energy": 1000, "processes": "-", "more": "", **change}
    h100 = Path(__file__).parents[1] / "nvml/scenarios/parts/h100.txt"
    shutil.copy(h100, path.parent / "h100.txt")
    fresh = path.with_suffix(".new")
    fresh.write_text(GPU.format(h100="h100.txt", **facts))
    fresh.replace(path)
    return path


def gpus_of(sampler: Sampler):
    """The first moment in which a GPU answers: the driver's library is loaded beside."""
    found = []

    def answered() -> bool:
        found[:] = sampler.sample().gpus
        return bool(found)

    until(answered, "a GPU answers")
    return tuple(found)


@pytest.mark.cc
def test_a_gpu_moves(tmp_path):
    path = scenario(tmp_path / "gpu.txt")
    with running("import time; time.sleep(1000)") as measured:
        machine = nvml_machine(path, NVML_STUB_LIVE="1")
        with Sampler(machine, period=1000) as sampler:
            scenario(path, processes=f"{measured.pid}:1 MiB", more=f"gpu.0.used = {measured.pid}:90")
            sampler.follow(measured.pid)
            (first,) = gpus_of(sampler)
            began = sampler.sample().at
            scenario(
                path,
                clock=1410,
                reasons="0x4",
                energy=1700,
                processes=f"{measured.pid}:1 MiB, {os.getpid()}:2 MiB",
                more=f"gpu.0.used = {measured.pid}:90, {os.getpid()}:5",
            )
            last = sampler.sample()
            conditions = sampler.conditions()
    (second,) = last.gpus
    assert (first.sm_clock, first.reasons, first.others, first.own) == (1980, (), (), True)
    assert (second.sm_clock, second.reasons, second.energy) == (1410, ("sw-power-cap",), 1700.0)
    assert (second.power, second.power_limit, second.temperature) == (512.5, 500.0, 61.0)
    assert (second.utilisation, second.pcie_generation, second.pcie_width) == (0.97, 5, 16)
    assert second.others == (Path("/proc/self/comm").read_text().strip(),)
    (facts,) = conditions.gpus
    assert (facts.sm_clock_max, facts.power_default, facts.pcie_width_max) == (1980, 700.0, 16)
    assert energy_of(conditions, began, last.at).joules == pytest.approx(700)
    assert energy_of(conditions, began, last.at).source == "NVML (GPU 0)"
    assert conditions.trouble == ()


@pytest.mark.cc
def test_whose_a_process_is_that_cannot_be_seen(tmp_path):
    """As in a container, where NVML tells numbers of another PID namespace."""
    nobody = 4194303
    path = scenario(tmp_path / "gpu.txt", processes=f"{nobody}:1 MiB", more=f"gpu.0.used = {nobody}:9")
    with running("import time; time.sleep(1000)") as measured:
        with Sampler(nvml_machine(path), period=1000) as sampler:
            assert gpus_of(sampler)[0].others == ("a process that cannot be seen from here",)
            sampler.follow(measured.pid)  # it was there before
            assert sampler.sample().gpus[0].others == ("a process that cannot be seen from here",)
        with Sampler(nvml_machine(path), period=1000) as sampler:
            sampler.follow(measured.pid)
            (gpu,) = gpus_of(sampler)
            assert (gpu.others, gpu.own) in (
                (None, None),  # it may be ours
                (("a process that cannot be seen from here",), False),  # the first moment was taken before
            )


@pytest.mark.cc
def test_an_idle_program_on_a_gpu_takes_nothing(tmp_path):
    path = scenario(tmp_path / "gpu.txt", processes=f"{os.getpid()}:9 MiB")
    with Sampler(nvml_machine(path), period=1000) as sampler:
        assert gpus_of(sampler)[0].others == ()


@pytest.mark.cc
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpu-hangs", "NVML: nvmlDeviceGetHandleByIndex of GPU 2 has not returned"),
        ("init-hangs", "NVML: nvmlInit has not returned"),
        ("driver-library-mismatch", "the GPUs were not sampled to the end: version-mismatch"),
        ("gpu-lost", "NVML: GPU "),
    ],
)
def test_a_driver_that_fails_costs_its_figures_only(name, says):
    with Sampler(nvml_machine(name), period=1000) as sampler:

        def said() -> bool:
            assert sampler.sample().busy is not None
            return any(text.startswith(says) for text in sampler.conditions().trouble)

        until(said, says)
        if name == "gpu-hangs":
            until(lambda: len(sampler.sample().gpus) == 7, "the others answer")


@pytest.mark.cc
def test_a_library_that_crashes_leaves_what_was_seen_before(tmp_path):
    path = scenario(tmp_path / "gpu.txt")
    with Sampler(nvml_machine(path, NVML_STUB_LIVE="1"), period=1000) as sampler:
        assert gpus_of(sampler)[0].sm_clock == 1980
        scenario(path, more="crash.nvmlDeviceGetPowerUsage = 1")
        until(lambda: sampler.sample().gpus == () and sampler.conditions().trouble, "it has crashed")
        conditions = sampler.conditions()
    assert conditions.trouble == (
        "the GPUs were not sampled to the end: the driver's library crashed (SIGSEGV)",
    )
    assert any(moment.gpus for moment in conditions.moments)
    assert all(moment.busy is not None for moment in conditions.moments)


@pytest.mark.cc
@pytest.mark.parametrize("name", ["driver-not-loaded", "no-devices", "no-devices-at-init"])
def test_no_gpu_is_no_trouble(name):
    with Sampler(nvml_machine(name), period=1000) as sampler:
        until(lambda: not sampler._gpus._open, "the child has ended")
        assert sampler.sample().gpus == ()
        assert sampler.conditions().trouble == ()


@pytest.mark.cc
def test_the_child_goes_when_envkit_is_killed(tmp_path):
    """Nobody tells it: its standard input ends. A call that hangs does not keep it."""
    code = "\n".join(
        (
            "import os, time",
            "from envkit.target.sampler import Sampler",
            "from tests.nvml import nvml_machine",
            "sampler = Sampler(nvml_machine('gpu-hangs'), period=0.1).__enter__()",
            "while not sampler.sample().gpus: pass",
            f"open({str(tmp_path / 'pid')!r}, 'w').write(str(sampler._gpus._child._child.pid) + chr(10))",
            "time.sleep(1000)",
        )
    )
    note = tmp_path / "pid"
    with running(code) as envkit:
        until(lambda: note.exists() and note.read_text().endswith("\n"), "it samples")
        child = int(note.read_text())
        assert Path(f"/proc/{child}").exists()
        envkit.kill()
        envkit.wait()
        until(lambda: not _runs(child), "the child ends")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
