"""Container engines as recorded machines have them, and the files that configure them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts.container_model import Containers, Docker
from envkit.facts.probes import cdi, containers, docker_engine
from tests.recorded import recorded


def bare(root, env=None, **results) -> Machine:
    return Machine(
        root=root, env=env or {}, run=lambda command: results.get(command.name, Result(state="absent"))
    )


def write(root, path, text="x"):
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def read(name: str) -> tuple[Containers, Docker]:
    found = containers.read(recorded(name))
    assert found.docker is not None and found.toolkit is not None
    return found, found.docker


def test_a_healthy_desktop():
    found, docker = read("gpu-healthy-desktop")
    assert (docker.state, docker.version, docker.api_version) == ("ok", "26.1.3", "1.45")
    assert docker.runtimes == ("io.containerd.runc.v2", "nvidia", "runc")
    assert docker.default_runtime == "runc"
    assert (docker.storage_driver, docker.root_dir) == ("overlay2", "/var/lib/docker")
    assert (docker.cgroup_driver, docker.cgroup_version) == ("systemd", "2")
    assert (docker.rootless, docker.snap) == (False, False)
    assert docker.security == ("name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns")
    assert (docker.cdi_dirs, docker.discovered_devices) == ((), None)
    assert docker.client_path == "/usr/bin/docker"
    toolkit = found.toolkit
    assert toolkit is not None
    assert (toolkit.installed, toolkit.version) == (True, "1.14.6")
    assert (toolkit.no_cgroups, toolkit.mode, toolkit.config_error) == (False, "auto", None)
    assert found.daemon_json_runtimes == ("nvidia",)
    assert (found.cdi, found.selinux, found.podman_path) == ((), "disabled", "")


def test_without_the_toolkit():
    found, docker = read("ctr-no-toolkit")
    assert docker.runtimes == ("io.containerd.runc.v2", "runc")
    assert found.toolkit is not None
    assert (found.toolkit.installed, found.toolkit.path, found.toolkit.config_path) == (False, "", "")
    assert found.daemon_json_runtimes == ()


def test_a_stale_cdi_specification():
    found, docker = read("ctr-cdi-stale")
    (spec,) = found.cdi or ()
    assert (spec.path, spec.kind, spec.driver_version) == (
        "/etc/cdi/nvidia.yaml",
        "nvidia.com/gpu",
        "550.54.14",
    )
    assert spec.devices == ("0", "GPU-00000000-0000-4000-8000-000000000001", "all")
    assert spec.error is None
    assert docker.cdi_dirs == ("/etc/cdi", "/var/run/cdi")
    assert docker.discovered_devices == ("nvidia.com/gpu=0", "nvidia.com/gpu=all")
    assert found.toolkit is not None
    assert found.toolkit.mode == "cdi"


def test_no_cgroups():
    found, _ = read("ctr-no-cgroups")
    assert found.toolkit is not None
    assert found.toolkit.no_cgroups is True


def test_docker_from_snap():
    _, docker = read("ctr-snap")
    assert docker.snap is True
    assert docker.operating_system == "Ubuntu Core 22"


def test_rootless():
    _, docker = read("ctr-rootless")
    assert docker.rootless is True
    assert docker.endpoint == "unix:///run/user/1000/docker.sock"


def test_a_daemon_json_that_stops_the_engine():
    found, docker = read("ctr-bad-daemon-json")
    assert found.daemon_json_runtimes is None
    assert "line 3" in (found.daemon_json_error or "")
    assert docker.state == "not-running"


def test_a_machine_without_any_engine():
    found, docker = read("gpu-no-driver")
    assert docker.state == "absent"
    assert (docker.client_path, found.podman_path) == ("", "")


def test_podman_is_asked_for_its_version_and_selinux_is_read():
    found, _ = read("gpu-nouveau")
    assert (found.podman_path, found.podman_version) == ("/usr/bin/podman", "5.0.2")
    assert found.selinux == "enforcing"
    assert read("gpu-nova")[0].selinux == "permissive"


def test_selinux_is_unknown_where_sysfs_hides_it(tmp_path):
    assert containers.read(bare(tmp_path)).selinux is None
    (tmp_path / "sys/fs/selinux").mkdir(parents=True)
    assert containers.read(bare(tmp_path)).selinux is None


def test_a_path_that_could_not_be_looked_at(tmp_path):
    found = containers.read(bare(tmp_path))
    assert found.podman_path is None
    assert found.docker is not None
    assert (found.docker.client_path, found.docker.state) == (None, "not-running")


@pytest.mark.parametrize(
    "env, state, endpoint",
    [
        ({"DOCKER_HOST": "tcp://ada:secret@10.0.0.7:2376"}, "remote", "tcp://***@10.0.0.7:2376"),
        ({"DOCKER_HOST": "ssh://box"}, "remote", "ssh://box"),
        ({"DOCKER_HOST": "garbage"}, "failed", "garbage"),
        ({"DOCKER_HOST": "unix://docker.sock"}, "failed", "unix://docker.sock"),
        ({"DOCKER_HOST": "tcp://"}, "failed", "tcp://"),
        ({"DOCKER_CONTEXT": "lab"}, "remote", "context lab"),
        ({"DOCKER_CONTEXT": "default"}, "not-running", "unix:///var/run/docker.sock"),
        (
            {"DOCKER_HOST": "unix:///tmp/d.sock", "DOCKER_CONTEXT": "lab"},
            "not-running",
            "unix:///tmp/d.sock",
        ),
        (
            {"DOCKER_CONTEXT": "rootless", "XDG_RUNTIME_DIR": "/run/user/7"},
            "not-running",
            "unix:///run/user/7/docker.sock",
        ),
    ],
)
def test_which_engine_is_meant(tmp_path, env, state, endpoint):
    docker = docker_engine.read_docker(bare(tmp_path, env), "/usr/bin/docker")
    assert (docker.state, docker.endpoint) == (state, endpoint)


def test_an_address_that_is_none_is_told_with_what_it_may_be(tmp_path):
    docker = docker_engine.read_docker(bare(tmp_path, {"DOCKER_HOST": "ada:secret@box"}), "")
    assert "DOCKER_HOST=" in docker.detail and "unix:///PATH" in docker.detail
    assert "secret" not in repr(docker)


def test_the_rootless_socket_when_there_is_no_other(tmp_path):
    env = {"XDG_RUNTIME_DIR": "/run/user/7"}
    write(tmp_path, "/run/user/7/docker.sock")
    docker = docker_engine.read_docker(bare(tmp_path, env), "")
    assert docker.endpoint == "unix:///run/user/7/docker.sock"
    write(tmp_path, "/var/run/docker.sock")
    docker = docker_engine.read_docker(bare(tmp_path, env), "")
    assert docker.endpoint == "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    "result, state",
    [
        (Result(state="timeout"), "hung"),
        (Result(state="denied", stderr="permission denied"), "denied"),
        (Result(state="done", code=1, stderr="boom"), "failed"),
        (Result(state="done", code=0, stdout="[]"), "failed"),
        (Result(state="done", code=0, stdout="{"), "failed"),
    ],
)
def test_recorded_ends_of_the_engine(tmp_path, result, state):
    machine = bare(tmp_path, **{"docker-version": result})
    assert docker_engine.read_docker(machine, "/usr/bin/docker").state == state


def test_the_version_is_kept_when_info_hangs(tmp_path):
    answers = {
        "docker-version": Result(state="done", code=0, stdout='{"Version": "28.0.1"}'),
        "docker-info": Result(state="timeout"),
    }
    docker = docker_engine.read_docker(bare(tmp_path, **answers), "/usr/bin/docker")
    assert (docker.state, docker.version, docker.runtimes) == ("hung", "28.0.1", None)


def test_toolkit_outside_of_a_package_is_asked(tmp_path):
    write(tmp_path, "/usr/bin/nvidia-ctk")
    answer = Result(
        state="done", code=0, stdout="NVIDIA Container Toolkit CLI version 1.17.8\ncommit: f202b80a\n"
    )
    found = containers.read(bare(tmp_path, **{"nvidia-ctk-version": answer})).toolkit
    assert found is not None
    assert (found.path, found.version) == ("/usr/bin/nvidia-ctk", "1.17.8")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", (False, "auto")),
        ("[nvidia-container-cli]\nno-cgroups = true\n", (True, "auto")),
        ('[nvidia-container-runtime]\nmode = "csv"\n', (False, "csv")),
        ('nvidia-container-cli = 3\n[nvidia-container-runtime]\nmode = ["x"]\n', (False, None)),
    ],
)
def test_toolkit_configuration(text, expected):
    assert containers.toolkit_config(text) == (*expected, None)


def test_toolkit_configuration_that_is_no_toml():
    no_cgroups, mode, error = containers.toolkit_config("[nvidia-container-cli\n")
    assert (no_cgroups, mode) == (None, None)
    assert (error or "").startswith("not TOML")


@pytest.mark.parametrize(
    "text, runtimes", [("", ()), ("{}", ()), ('{"runtimes": {"b": 1, "a": {}}}', ("a", "b"))]
)
def test_daemon_json(text, runtimes):
    assert containers.daemon_json(text) == (runtimes, None)


def test_cdi_as_json_and_of_other_vendors(tmp_path):
    write(
        tmp_path,
        "/var/run/cdi/nvidia.json",
        json.dumps(
            {
                "cdiVersion": "0.6.0",
                "kind": "nvidia.com/gpu",
                "devices": [{"name": "0"}, {"name": 1}, "x"],
                "containerEdits": {"mounts": [{"hostPath": "/usr/lib64/libnvidia-ml.so.570.124.06"}]},
            }
        ),
    )
    write(tmp_path, "/etc/cdi/amd.json", '{"kind": "amd.com/gpu"}')
    write(tmp_path, "/etc/cdi/broken.json", "{")
    write(tmp_path, "/etc/cdi/empty.yaml", "")
    write(tmp_path, "/etc/cdi/notes.txt", "kind: nvidia.com/gpu")
    broken, empty, spec = cdi.read_specs(bare(tmp_path)) or ()
    assert (broken.error or "").startswith("not JSON")
    assert empty.error == "the file has no `kind`"
    assert (spec.kind, spec.driver_version, spec.devices) == ("nvidia.com/gpu", "570.124.06", ("0",))


def test_cdi_written_by_hand():
    spec = cdi.parse(
        "x.yaml",
        """# by hand
cdiVersion: "0.5.0"
kind: "nvidia.com/gpu"  # quoted
devices:
  - name: 'first'
    containerEdits:
      netDevices:
        - name: eth0
  - containerEdits:
      deviceNodes:
        - path: /dev/nvidia1
    name: second # the other
containerEdits:
  mounts:
    - hostPath: /usr/lib/libcuda.so.1
      name: not-a-device
""",
    )
    assert (spec.kind, spec.devices, spec.driver_version) == ("nvidia.com/gpu", ("first", "second"), None)


@given(st.text(max_size=400), st.sampled_from(["a.yaml", "a.json"]))
def test_any_specification_is_read(text, path):
    cdi.parse(path, text)
    cdi.parse(path, "devices:\n- " + text)


@given(st.text(max_size=300))
def test_any_configuration_is_read(text):
    containers.toolkit_config(text)
    containers.daemon_json(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["Runtimes", "SecurityOptions", "DiscoveredDevices", "CDISpecDirs", "Driver", "DockerRootDir", "Version"]
)


@given(st.dictionaries(KEYS, VALUES))
def test_any_answer_is_read(tmp_path_factory, info):
    answer = Result(state="done", code=0, stdout=json.dumps(info))
    machine = bare(tmp_path_factory.getbasetemp(), **{"docker-version": answer, "docker-info": answer})
    assert docker_engine.read_docker(machine, "").state == "ok"
