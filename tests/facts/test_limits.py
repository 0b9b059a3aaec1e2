import os
import resource

import pytest

from envkit.core.machine import Machine
from envkit.facts.host_model import Limit
from envkit.facts.probe import ProbeStop
from envkit.facts.probes import limits
from tests.facts.trees import tree
from tests.recorded import recorded


def test_desktop():
    found = limits.read(recorded("ubuntu-desktop"))
    assert found.nofile == Limit(soft=1024, hard=1048576)
    assert found.memlock == Limit(soft=8388608, hard=8388608)
    assert (found.open_files, found.uid) == (5, 1000)
    assert found.groups == ("person", "adm", "sudo", "docker")
    assert found.rdma_devices == ()


def test_cluster_node():
    found = limits.read(recorded("slurm-2gpu"))
    assert found.memlock == Limit(soft=None, hard=None)
    assert found.rdma_devices == ("mlx5_0", "mlx5_1")


def test_a_group_without_a_name_is_its_number():
    assert limits.read(recorded("slurm-no-gpu")).groups == ("20000", "20077")


@pytest.mark.parametrize("line", ["Max open files", "Max open files  x y files", "Max open files 5", "\0"])
def test_odd_lines_are_no_limit_known(tmp_path, line):
    assert limits.read(tree(tmp_path, {"/proc/self/limits": line + "\n"})).nofile is None


def test_nothing_to_read(tmp_path):
    with pytest.raises(ProbeStop):
        limits.read(tree(tmp_path, {}))


def test_here():
    found = limits.read(Machine.here())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    assert found.nofile == Limit(
        soft=None if soft == unlimited else soft, hard=None if hard == unlimited else hard
    )
    assert found.uid == os.geteuid()
    assert found.open_files is not None and found.open_files >= 3
