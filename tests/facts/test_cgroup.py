import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core.machine import Machine
from envkit.facts.cgroup import hierarchy, parse_cgroup, read_cgroups
from tests.facts.trees import tree
from tests.recorded import recorded

V2 = "30 27 0:26 {root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"


def folders(machine, controller):
    found = hierarchy(machine, read_cgroups(machine), controller)
    return None if found is None else (found.version, found.folders)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("ubuntu-desktop", "v2"),
        ("docker-quota-v2", "v2"),
        ("k8s-pod-v1", "v1"),
        ("slurm-2gpu", "v1"),
        ("firecracker-hybrid", "hybrid"),
        ("wsl2", "v2"),
    ],
)
def test_kind(name, kind):
    assert read_cgroups(recorded(name)).kind == kind


def test_parse():
    v1, v2 = parse_cgroup("4:cpu,cpuacct:/a:b\n1:name=systemd:/x\n0::/c (deleted)\nx:y\n")
    assert v1 == (("cpu", "/a:b"), ("cpuacct", "/a:b"))
    assert v2 == "/c"


@given(st.text() | st.from_regex(r"([0-9]{0,2}:[a-z,=]{0,8}:[/a-z. ]{0,12}\n){0,4}", fullmatch=True))
def test_parse_never_raises(text):
    v1, v2 = parse_cgroup(text)
    assert all(path.startswith("/") for _, path in v1)
    assert v2 is None or v2.startswith("/")


def test_all_ancestors_innermost_first():
    base = "/sys/fs/cgroup/machine.slice/job.slice"
    assert folders(recorded("nested-v2"), "cpu") == (
        2,
        (
            f"{base}/run-r1a2b.scope/worker",
            f"{base}/run-r1a2b.scope",
            base,
            "/sys/fs/cgroup/machine.slice",
            "/sys/fs/cgroup",
        ),
    )


def test_a_namespace_ends_at_its_root():
    assert folders(recorded("docker-quota-v2"), "memory") == (2, ("/sys/fs/cgroup",))


def test_joint_v1_mount_of_a_whole_tree():
    version, found = folders(recorded("k8s-pod-v1"), "cpu")
    assert version == 1
    assert len(found) == 5
    assert found[-1] == "/sys/fs/cgroup/cpu,cpuacct"
    assert found[1].endswith("pod1c9b6f0e-2d43-4b2e-9d51-0a7f5c3e8d21")


def test_hybrid_controllers_are_in_v1():
    machine = recorded("firecracker-hybrid")
    assert folders(machine, "cpu") == (1, ("/sys/fs/cgroup/cpu",))
    assert folders(machine, "memory")[1][0] == "/sys/fs/cgroup/memory/agent/3f2a9c0d71be4e58a6d0b7c4912f8e35"
    # What has no v1 hierarchy is in v2.
    assert folders(machine, "hugetlb") == (2, ("/sys/fs/cgroup/unified",))


def v2_machine(tmp_path, path, root, *existing):
    files = {"/proc/self/cgroup": f"0::{path}\n", "/proc/self/mountinfo": V2.format(root=root)}
    return tree(tmp_path, {**files, **{f"/sys/fs/cgroup/{name}/": "" for name in ("", *existing)}})


@pytest.mark.parametrize(
    "path, root, existing, expected",
    [
        # The mount is the container's own part of the tree, the path is the host's.
        ("/docker/abc", "/docker/abc", (), ("",)),
        ("/docker/abc/inner", "/docker/abc", ("inner",), ("inner", "")),
        # The path is the host's, the mount claims to be the whole tree but holds the container's part.
        ("/docker/abc", "/", (), ("",)),
        # The mount was made outside the namespace: both are told from the namespace's root.
        ("/../../init.scope", "/../..", ("init.scope",), ("init.scope", "")),
        # The names between the mount and the namespace are not known, the mount itself is.
        ("/", "/../..", ("init.scope",), ("",)),
        ("/job", "/../..", ("job",), ("",)),
    ],
)
def test_paths_in_namespaces(tmp_path, path, root, existing, expected):
    machine = v2_machine(tmp_path, path, root, *existing)
    assert folders(machine, "cpu") == (
        2,
        tuple("/sys/fs/cgroup" + (f"/{name}" if name else "") for name in expected),
    )


def test_a_process_outside_its_namespace_is_not_judged_by_it(tmp_path):
    assert folders(v2_machine(tmp_path, "/../sibling", "/"), "cpu") is None


def test_a_group_folder_under_another_name(tmp_path):
    """As in a container inside a container: of the outer's names only the mount itself is known."""
    assert folders(v2_machine(tmp_path, "/kubepods/x", "/docker/abc"), "cpu") == (2, ("/sys/fs/cgroup",))


def test_the_exact_mount_is_taken_of_several(tmp_path):
    mounts = V2.format(root="/other") + "31 27 0:26 / /sys/fs/cgroup/all rw - cgroup2 cgroup2 rw\n"
    files = {"/proc/self/cgroup": "0::/job\n", "/proc/self/mountinfo": mounts, "/sys/fs/cgroup/all/job/": ""}
    assert folders(tree(tmp_path, files), "cpu") == (2, ("/sys/fs/cgroup/all/job", "/sys/fs/cgroup/all"))


def test_a_hierarchy_that_is_not_mounted_cannot_be_seen(tmp_path):
    machine = tree(tmp_path, {"/proc/self/cgroup": "3:cpu,cpuacct:/x\n0::/\n", "/proc/self/mountinfo": ""})
    assert read_cgroups(machine).kind == "v1"
    assert folders(machine, "cpu") is None


def test_a_v1_controller_that_is_not_cpu_or_memory_makes_no_hybrid(tmp_path):
    mounts = V2.format(root="/") + "31 27 0:27 / /sys/fs/cgroup/net_cls rw - cgroup net_cls rw,net_cls\n"
    files = {
        "/proc/self/cgroup": "2:net_cls:/\n0::/\n",
        "/proc/self/mountinfo": mounts,
        "/sys/fs/cgroup/net_cls/": "",
    }
    machine = tree(tmp_path, files)
    assert read_cgroups(machine).kind == "v2"
    assert folders(machine, "cpu") == (2, ("/sys/fs/cgroup",))


def test_mounts_that_could_hang_are_not_followed(tmp_path):
    mounts = "31 27 0:26 / /home/me/cgroup rw - cgroup2 cgroup2 rw\n"
    files = {"/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": mounts, "/home/me/cgroup/": ""}
    assert folders(tree(tmp_path, files), "cpu") is None


def test_nothing_to_read(tmp_path):
    assert read_cgroups(tree(tmp_path, {})).kind is None


def test_here():
    machine = Machine.here()
    cgroups = read_cgroups(machine)
    found = hierarchy(machine, cgroups, "memory")
    assert cgroups.kind in ("v1", "v2", "hybrid", None)
    assert found is None or all(machine.exists(folder) for folder in found.folders)
