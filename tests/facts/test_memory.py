import json
import os

import pytest

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts.probes import memory
from tests.facts.trees import tree
from tests.recorded import recorded

GIB = 1 << 30


def test_desktop():
    found = memory.read(recorded("ubuntu-desktop"))
    assert (found.total, found.available) == (32599612 * 1024, 26120448 * 1024)
    assert (found.swap_total, found.swap_used) == (2097148 * 1024, 0)
    assert found.cgroup_read and found.cgroup_limit is None
    assert (found.thp, found.pressure, found.oom_kills) == ("madvise", 0.0, 0)
    assert (found.shm_total, found.shm_free) == (16690999296, 16642031616)


def test_v2_limit():
    found = memory.read(recorded("docker-quota-v2"))
    # 1.5 GiB in use, of which 0.5 GiB is page cache that can be dropped
    assert (found.cgroup_limit, found.cgroup_used) == (2 * GIB, 1 * GIB)
    assert (found.oom_kills, found.oom_kills_host) == (2, 7)
    assert found.shm_total == 64 << 20
    # The machine waits for nothing, this group does.
    assert found.pressure == pytest.approx(0.032)


def test_tightest_of_all_ancestors():
    found = memory.read(recorded("nested-v2"))
    assert (found.cgroup_limit, found.cgroup_used, found.oom_kills) == (4 * GIB, 2 * GIB, 1)


def test_v1_pod_limit_and_unlimited_container():
    found = memory.read(recorded("k8s-pod-v1"))
    assert (found.cgroup_limit, found.cgroup_used) == (8 * GIB, 5 * GIB)
    # Counted in the container's own group.
    assert (found.oom_kills, found.oom_kills_host) == (1, 3)
    assert found.pressure is None


def test_v1_without_a_limit():
    found = memory.read(recorded("firecracker-hybrid"))
    assert found.cgroup_read and found.cgroup_limit is None
    assert found.cgroup_used == 41151552 - 11051008


def test_v1_limit_of_an_ancestor_that_is_not_shown(tmp_path):
    base = "/sys/fs/cgroup/memory"
    machine = tree(
        tmp_path,
        {
            "/proc/self/cgroup": "4:memory:/docker/x\n",
            "/proc/self/mountinfo": f"30 27 0:9 /docker/x {base} ro - cgroup cgroup rw,memory\n",
            f"{base}/memory.limit_in_bytes": "9223372036854771712\n",
            f"{base}/memory.usage_in_bytes": "4096\n",
            f"{base}/memory.stat": f"hierarchical_memory_limit {GIB}\ntotal_inactive_file 8192\n",
        },
    )
    found = memory.read(machine)
    assert (found.cgroup_limit, found.cgroup_used, found.oom_kills) == (GIB, 0, None)


def test_shm_that_is_not_there(tmp_path):
    answer = json.dumps({"statfs": "/dev/shm", "state": "absent", "total": 5, "free": 5, "real": "/dev"})
    machine = tree(tmp_path, {}, commands={"statfs": Result(state="done", code=0, stdout=answer)})
    assert (memory.read(machine).shm_total, memory.read(machine).shm_free) == (0, 0)


def test_nothing_to_read(tmp_path):
    found = memory.read(tree(tmp_path, {}))
    assert (found.total, found.shm_total, found.cgroup_read, found.thp) == (None, None, False, None)


def test_here():
    found = memory.read(Machine.here())
    assert found.total is not None and found.available is not None and found.available <= found.total
    shm = os.statvfs("/dev/shm")
    assert found.shm_total == shm.f_blocks * shm.f_frsize
