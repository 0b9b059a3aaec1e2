import os

import pytest

from envkit.core.machine import Machine
from envkit.facts.probes import cpu
from tests.facts.trees import tree
from tests.recorded import recorded


def test_desktop():
    found = cpu.read(recorded("ubuntu-desktop"))
    assert found.model == "12th Gen Intel(R) Core(TM) i5-12400"
    assert (found.logical, found.physical, found.sockets, found.threads_per_core) == (12, 6, 1, 2)
    assert (found.affinity, found.cpuset, found.quota, found.effective) == (12, 12, None, 12.0)
    assert (found.governor, found.max_mhz, found.clocksource) == ("powersave", 4400.0, "tsc")
    assert found.flags == ("avx", "avx2", "avx_vnni", "f16c", "fma", "sse4_1", "sse4_2")
    assert (found.cgroup, found.load1, found.steal_share) == ("v2", 0.42, 0.0)


def test_v2_quota_and_throttling():
    found = cpu.read(recorded("docker-quota-v2"))
    assert (found.logical, found.quota, found.effective) == (8, 1.5, 1.5)
    assert (found.periods, found.throttled_periods) == (41220, 30915)
    assert found.throttled_seconds == pytest.approx(812.330411)


def test_v1_quota_of_an_ancestor():
    """The container has none (-1), its pod has 4 CPUs; the mask names CPUs that are not there."""
    found = cpu.read(recorded("k8s-pod-v1"))
    assert (found.logical, found.affinity, found.cpuset) == (16, 16, 16)
    assert (found.quota, found.effective, found.cgroup) == (4.0, 4.0, "v1")
    assert (found.periods, found.throttled_periods, found.throttled_seconds) == (88012, 51200, 4120.0)


def test_the_tightest_quota_is_two_levels_up():
    found = cpu.read(recorded("nested-v2"))
    assert (found.quota, found.cpuset, found.effective) == (2.0, 12, 2.0)
    # Of that level, not of the process's own.
    assert (found.throttled_periods, found.throttled_seconds) == (1250, 60.5)


def test_affinity_of_a_job():
    found = cpu.read(recorded("slurm-2gpu"))
    assert (found.logical, found.physical, found.sockets) == (16, 16, 2)
    assert (found.affinity, found.cpuset, found.effective) == (4, 4, 4.0)
    assert (found.numa_nodes, found.numa_of_affinity) == (2, (1,))


def test_topology_of_cpuinfo_where_sysfs_has_none():
    found = cpu.read(recorded("slurm-no-gpu"))
    assert (found.logical, found.physical, found.sockets, found.threads_per_core) == (32, 32, 2, 1)
    assert (found.affinity, found.numa_of_affinity) == (4, (0,))


def test_arm():
    found = cpu.read(recorded("jetson"))
    assert (found.model, found.vendor, found.logical) == ("Cortex-A78AE", "Arm", 12)
    assert found.flags == ("asimd", "asimddp", "asimdhp", "atomics", "fphp")
    assert (found.threads_per_core, found.clocksource) == (1, "arch_sys_counter")


def test_hybrid():
    found = cpu.read(recorded("firecracker-hybrid"))
    assert (found.cgroup, found.quota, found.cpuset, found.effective) == ("hybrid", None, 2, 2.0)
    # 222 of 13376 + 0 + 9400 + 261823 + 578 + 0 + 379 + 222 ticks
    assert found.steal_share == pytest.approx(222 / 285778)


def test_a_kernel_without_numa_is_one_node():
    found = cpu.read(recorded("wsl2"))
    assert (found.numa_nodes, found.numa_of_affinity) == (1, (0,))


def test_nodes_without_cpus_are_the_memory_of_gpus(tmp_path):
    """Grace Hopper shows its GPU's memory as further nodes."""
    machine = tree(
        tmp_path,
        {
            "/sys/devices/system/cpu/online": "0-71\n",
            "/sys/devices/system/node/node0/cpulist": "0-71\n",
            "/sys/devices/system/node/node1/cpulist": "\n",
            "/proc/self/status": "Cpus_allowed_list:\t8-71\n",
        },
    )
    found = cpu.read(machine)
    assert (found.numa_nodes, found.numa_of_affinity, found.effective) == (1, (0,), 64.0)


def test_unseen_groups_are_not_unlimited(tmp_path):
    found = cpu.read(
        tree(tmp_path, {"/proc/self/cgroup": "0::/x\n", "/sys/devices/system/cpu/online": "0-3\n"})
    )
    assert (found.cgroup, found.quota, found.effective) == (None, None, 4.0)


def test_nothing_to_read(tmp_path):
    found = cpu.read(tree(tmp_path, {}))
    assert (found.logical, found.effective, found.flags, found.numa_nodes) == (None, None, None, None)


@pytest.mark.parametrize(
    "line", ["max", "max 100000", "100000", "x y", "0 100000", "100000 0", "-5 100000", ""]
)
def test_no_limit_in_an_odd_cpu_max(tmp_path, line):
    machine = tree(
        tmp_path,
        {
            "/proc/self/cgroup": "0::/\n",
            "/proc/self/mountinfo": "30 27 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            "/sys/fs/cgroup/cpu.max": line + "\n",
            "/sys/devices/system/cpu/online": "0-3\n",
        },
    )
    assert cpu.read(machine).quota is None


def test_here():
    found = cpu.read(Machine.here())
    assert found.logical is not None and found.logical >= 1
    assert found.affinity == len(os.sched_getaffinity(0))
    assert found.effective is not None and 0 < found.effective <= found.logical
    assert found.physical is None or found.physical <= found.logical
    assert found.steal_share is None or 0 <= found.steal_share <= 1
