import os

import pytest

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts import programs
from envkit.facts.probe import ProbeStop
from envkit.facts.probes import storage
from tests.facts.trees import tree
from tests.recorded import recorded


def roles(name):
    return {place.role: place for place in storage.read(recorded(name))}


def test_desktop():
    found = roles("ubuntu-desktop")
    assert list(found) == ["cwd", "tmp", "home-cache", "hf-cache", "torch-cache", "docker-root"]
    cwd = found["cwd"]
    assert (cwd.mount, cwd.fstype, cwd.device) == ("/media/person/My Data", "ext4", "/dev/sda1")
    assert (cwd.total, cwd.free, cwd.state, cwd.writable) == (1967397240832, 881231200256, "ok", True)
    assert found["docker-root"].writable is False


def test_a_directory_that_is_not_there_yet():
    torch = roles("ubuntu-desktop")["torch-cache"]
    assert (torch.state, torch.mount, torch.free) == ("absent", "/", 211106232832)


def test_docker_root_is_left_out_where_there_is_no_docker():
    assert "docker-root" not in roles("docker-quota-v2")


def test_caches_follow_their_variables_and_servers_have_no_name():
    found = roles("k8s-pod-v1")
    assert (found["hf-cache"].path, found["hf-cache"].fstype) == ("/mnt/data/hf", "nfs4")
    assert found["hf-cache"].device == "<server>:/"
    assert found["tmp"].fstype == "overlay"


@pytest.mark.parametrize(
    "name, role, fstype, device",
    [
        ("wsl2", "cwd", "9p", "C:\\"),
        ("slurm-no-gpu", "cwd", "lustre", "<server>:/scratch"),
        ("colab", "cwd", "fuse.drive", "drive"),
        ("nested-v2", "cwd", "btrfs", "/dev/nvme0n1p3"),
    ],
)
def test_file_systems(name, role, fstype, device):
    place = roles(name)[role]
    assert (place.fstype, place.device) == (fstype, device)


def test_a_dead_server_costs_its_own_directories_only():
    found = roles("nfs-hung")
    for role in ("cwd", "home-cache", "hf-cache", "torch-cache"):
        assert found[role].state == "timeout"
        assert (found[role].total, found[role].writable, found[role].fstype) == (None, None, "nfs4")
    assert (found["tmp"].state, found["tmp"].free) == ("ok", 63880232960)


@pytest.mark.parametrize(
    "source, device",
    [
        ("filer:/vol", "<server>:/vol"),
        ("//filer/share", "//<server>/share"),
        ("me@filer:data", "<server>:data"),
        ("10.0.0.1@tcp:10.0.0.2@tcp:/fs", "<server>:/fs"),
        ("/dev/sda1", "/dev/sda1"),
        ("rpool/home", "rpool/home"),
        ("tmpfs", "tmpfs"),
    ],
)
def test_sources(tmp_path, source, device):
    machine = tree(tmp_path, {"/proc/self/mountinfo": f"27 1 0:9 / / rw - x {source} rw\n"}, {"PWD": "/w"})
    with pytest.raises(ProbeStop) as stop:
        storage.read(machine)
    assert stop.value.value[0].device == device


def test_without_the_child_there_are_no_figures(tmp_path):
    with pytest.raises(ProbeStop) as stop:
        storage.read(tree(tmp_path, {}, {"HOME": "/h", "PWD": "/w"}))
    assert [(place.role, place.state) for place in stop.value.value][:2] == [
        ("cwd", "failed"),
        ("tmp", "failed"),
    ]


def test_paths_as_programs_read_them(tmp_path):
    asked = {}

    def run(command):
        asked["stdin"] = command.stdin
        return Result(state="done", code=0)

    env = {"HOME": "/h", "PWD": "/w", "TMPDIR": "t/../t2", "HF_HOME": "~/hf", "TORCH_HOME": "/big/torch/"}
    tree(tmp_path, {"/etc/docker/daemon.json": '{"data-root": "/data/docker"}'})
    found = storage.read(Machine(root=tmp_path, env=env, run=run))
    assert [(place.role, place.path) for place in found] == [
        ("cwd", "/w"),
        ("tmp", "/w/t2"),
        ("home-cache", "/h/.cache"),
        ("hf-cache", "/h/hf"),
        ("torch-cache", "/big/torch"),
        ("docker-root", "/data/docker"),
    ]
    # A child that said nothing at all proves nothing about a directory.
    assert {place.state for place in found} == {"failed"}
    assert b'"/big/torch"' in asked["stdin"]


@pytest.mark.parametrize("text", ["[]", "{", '{"data-root": 3}', '{"data-root": "rel"}', "[" * 9999])
def test_odd_docker_settings(tmp_path, text):
    tree(tmp_path, {"/etc/docker/daemon.json": text})
    machine = Machine(root=tmp_path, env={}, run=lambda _: Result(state="done", code=0))
    assert storage.read(machine)[-1].path == "/var/lib/docker"


def test_here(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "LIMIT", 60.0)  # a busy machine is not what this is about
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "not" / "there"))
    found = {place.role: place for place in storage.read(Machine.here())}
    space = os.statvfs(tmp_path)
    assert found["cwd"].path == str(tmp_path)
    assert (found["cwd"].state, found["cwd"].writable) == ("ok", True)
    assert found["cwd"].total == space.f_blocks * space.f_frsize
    assert (found["hf-cache"].state, found["hf-cache"].total) == ("absent", found["cwd"].total)
    assert found["cwd"].mount is not None and str(tmp_path).startswith(found["cwd"].mount)
