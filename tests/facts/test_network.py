"""Names, interfaces, authorities, AMD's driver, clocks and nodes, from trees made for it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts.probes import amd, clock, kubernetes, network, pci, pci_paths
from tests.recorded import recorded

PORTS = "/sys/devices/pci0000:00"


@pytest.fixture
def tree(tmp_path):
    """A machine of these files; a value of None is a folder, `-> x` a link."""

    def make(files: dict[str, str | None], env: dict[str, str] | None = None, **answers: Result) -> Machine:
        for name, text in files.items():
            path = tmp_path / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.mkdir()
            elif text.startswith("-> "):
                path.symlink_to(text[3:])
            else:
                path.write_bytes(text.encode("latin-1"))
        return Machine(
            root=tmp_path,
            env=env or {},
            run=lambda command: answers.get(command.name, Result(state="absent")),
        )

    return make


def test_this_machine_is_read_and_sends_nothing():
    found = network.read(Machine.here())
    assert found.interfaces and "lo" in found.interfaces
    assert found.interfaces == tuple(sorted(os.listdir("/sys/class/net")))
    assert found.master_port_taken is None


def test_a_port_that_something_listens_on():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        machine = Machine(root=Path("/"), env={"MASTER_PORT": str(port)}, run=Machine.here().run)
        assert network.read(machine).master_port_taken is False  # bound, and nobody listens
        taken.listen()
        assert network.read(machine).master_port_taken is True
    assert network.read(machine).master_port_taken is False


@pytest.mark.parametrize(
    ("hosts", "loopback"),
    [
        ("127.0.0.1 localhost\n127.0.1.1 lab # by the installer\n", True),
        ("127.0.0.1 localhost\n10.0.0.4 lab.example lab\n", False),
        ("127.0.1.1 lab\n10.0.0.4 lab\n", False),
        ("127.0.0.1 localhost\n# 127.0.1.1 lab\n", None),
        ("::1 lab", True),
        ("", None),
    ],
)
def test_what_its_own_name_means(tree, hosts, loopback):
    machine = tree({"/proc/sys/kernel/hostname": "lab\n", "/etc/hosts": hosts})
    assert network.read(machine).own_name_is_loopback is loopback


def test_authorities_are_counted_and_not_named(tree):
    folder = "/usr/local/share/ca-certificates"
    machine = tree(
        {
            f"{folder}/corp-root.crt": "x",
            f"{folder}/mkcert_development_CA_1234.crt": "x",
            f"{folder}/README": "x",
            "/etc/pki/ca-trust/source/anchors/second.pem": "x",
        }
    )
    found = network.read(machine)
    assert found.local_authorities == 2
    assert "corp" not in repr(found)


def test_the_files_that_variables_name_are_looked_at(tmp_path):
    (tmp_path / "there.pem").write_text("")
    env = {
        "SSL_CERT_FILE": str(tmp_path / "there.pem"),
        "REQUESTS_CA_BUNDLE": str(tmp_path / "gone.pem"),
        "CURL_CA_BUNDLE": "",
    }
    found = network.read(Machine(root=Path("/"), env=env, run=Machine.here().run))
    assert {one.setting: one.there for one in found.authority_files or ()} == {
        "SSL_CERT_FILE": True,
        "REQUESTS_CA_BUNDLE": False,
    }


def test_files_that_nobody_could_look_at_are_not_called_absent(tree):
    machine = tree({"/etc/hosts": ""}, {"SSL_CERT_FILE": "/mnt/x.pem"})
    (one,) = network.read(machine).authority_files or ()
    assert one.there is None


@pytest.mark.parametrize(
    ("version", "name"),
    [(90402, "gfx942"), (90010, "gfx90a"), (90006, "gfx906"), (100306, "gfx1036"), (110000, "gfx1100"),
     (120001, "gfx1201"), (110501, "gfx1151")],
)  # fmt: skip
def test_names_of_amds_gpus(version, name):
    assert amd.target(version) == name


def test_amds_gpus_in_the_drivers_order(tree):
    nodes = "/sys/class/kfd/kfd/topology/nodes"
    machine = tree(
        {
            f"{nodes}/0/properties": "cpu_cores_count 32\ngfx_target_version 0\n",
            f"{nodes}/2/properties": "simd_count 4\ngfx_target_version 100306\n",
            f"{nodes}/10/properties": "simd_count 192\ngfx_target_version 110000\n",
            "/dev/kfd": "",
        }
    )
    found = amd.read(machine)
    assert found.targets == ("gfx1036", "gfx1100")
    assert found.kfd_accessible is True


def test_no_driver_of_amd_is_not_the_same_as_not_looked(tree, tmp_path):
    assert amd.read(tree({})).targets is None
    assert amd.read(tree({"/sys/class/net/lo": ""})).targets == ()


def test_the_clock_of_this_machine():
    found = clock.clock(Machine.here())
    assert found is not None and abs(found - time.time()) < 3


@pytest.mark.parametrize(
    ("files", "answer", "synchronized"),
    [
        ({"/run/systemd/timesync/synchronized": ""}, None, True),
        ({"/run/systemd/system": None}, "yes\n", True),
        ({"/run/systemd/system": None}, "no\n", False),
        ({"/run/systemd/system": None}, "Failed to connect to bus\n", None),
        ({"/run/systemd/system": None}, None, None),
        ({}, "no\n", None),
    ],
)
def test_who_keeps_the_clock(tree, files, answer, synchronized):
    answers = {} if answer is None else {"timedatectl": Result(state="done", code=0, stdout=answer)}
    assert clock.synchronized(tree(files, **answers)) is synchronized


def config(*capabilities: tuple[int, int]) -> str:
    """The extended configuration space of a port: (capability, control) one after the other."""
    space = bytearray(4096)
    at = 0x100
    for number, (capability, control) in enumerate(capabilities):
        following = at + 0x40 if number + 1 < len(capabilities) else 0
        space[at : at + 4] = (capability | 1 << 16 | following << 20).to_bytes(4, "little")
        space[at + 6 : at + 8] = control.to_bytes(2, "little")
        at += 0x40
    return space.decode("latin-1")


def bus(port: str) -> dict[str, str | None]:
    """Two GPUs, each below a port of its own."""
    files: dict[str, str | None] = {}
    for slot, gpu in (("01.0", "0000:01:00.0"), ("02.0", "0000:02:00.0")):
        folder = f"/sys/devices/pci0000:00/0000:00:{slot}"
        files |= {
            f"{folder}/config": port,
            f"{folder}/{gpu}/class": "0x030200",
            f"{folder}/{gpu}/vendor": "0x10de",
        }
        files[f"/sys/bus/pci/devices/{gpu}"] = f"-> ../../../devices/pci0000:00/0000:00:{slot}/{gpu}"
        files[f"/sys/bus/pci/devices/0000:00:{slot}"] = f"-> ../../../devices/pci0000:00/0000:00:{slot}"
    return files


@pytest.mark.parametrize(
    ("port", "acs"),
    [
        (config((0x0001, 0), (0x000D, 0x1D)), True),
        (config((0x0001, 0), (0x000D, 0x0)), False),
        (config((0x0001, 0)), False),
        ("\0" * 64, None),
        ("\xff" * 4096, False),
    ],
    ids=["on", "off", "a port without", "not root", "a port that does not answer"],
)
def test_acs_of_the_ports_above(tree, port, acs):
    assert {gpu.acs for gpu in pci.read(tree(bus(port)))} == {acs}


def test_a_single_gpus_port_is_left_asleep(tree):
    files = {name: text for name, text in bus(config((0x000D, 0x1D))).items() if ":02" not in name}
    (gpu,) = pci.read(tree(files))
    assert gpu.acs is None


def test_a_list_of_capabilities_that_goes_round_ends(tree):
    loop = bytearray(4096)
    loop[0x100:0x104] = (0x0001 | 1 << 16 | 0x100 << 20).to_bytes(4, "little")
    assert pci_paths.acs(tree(bus(loop.decode("latin-1"))), "0000:01:00.0") is False


def test_how_the_iommu_treats_a_gpu(tree):
    machine = tree(
        {
            **bus("\0" * 64),
            f"{PORTS}/0000:00:01.0/0000:01:00.0/iommu_group": "-> ../../../../kernel/iommu_groups/7",
            "/sys/kernel/iommu_groups/7/type": "DMA-FQ\n",
        }
    )
    assert [gpu.iommu for gpu in pci.read(machine)] == ["DMA-FQ", ""]


@pytest.mark.parametrize(
    ("files", "runs"),
    [
        ({}, False),
        ({"/var/lib/kubelet": None, "/proc/2/comm": "kthreadd\n", "/proc/900/comm": "kubelet\n"}, True),
        ({"/var/lib/kubelet": None, "/proc/2/comm": "kthreadd\n", "/proc/900/comm": "bash\n"}, False),
        ({"/var/lib/kubelet": None, "/proc/2/comm": "bash\n"}, None),
        ({"/var/lib/rancher": None, "/proc/2/comm": "kthreadd\n", "/proc/7/comm": "k3s-server\n"}, True),
    ],
)
def test_a_node_of_kubernetes(tree, files, runs):
    assert kubernetes.kubelet(tree(files)) is runs


@pytest.mark.parametrize(
    ("files", "knows"),
    [
        ({}, None),
        ({"/etc/containerd/config.toml": "version = 3\n"}, False),
        ({"/etc/containerd/config.toml": "[runtimes.nvidia]\n"}, True),
        (
            {
                "/etc/containerd/config.toml": "version = 3\n",
                "/etc/containerd/conf.d/99-nvidia.toml": "nvidia",
            },
            True,
        ),
        ({"/etc/crio/crio.conf.d/99-nvidia.toml": 'default_runtime = "nvidia"'}, True),
        ({"/etc/containerd/config.toml": "x", "/etc/crio/crio.conf": None}, None),
    ],
)
def test_what_its_container_runtime_knows(tree, files, knows):
    assert kubernetes.knows_nvidia(tree(files)) is knows


def test_a_desktop_that_was_recorded_before_these_probes():
    machine = recorded("ubuntu-desktop")
    assert clock.clock(machine) is not None
    assert clock.suspends(machine) is None
