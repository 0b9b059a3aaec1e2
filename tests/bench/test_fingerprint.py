"""What must be equal for two results to be compared."""

from __future__ import annotations

import getpass
import socket
from dataclasses import replace

from envkit.bench.fingerprint import differences, digest, machine, whole
from envkit.bench.read import read
from envkit.bench.samples import Options
from envkit.facts.gpu_model import Gpu, Nvml
from envkit.facts.host_model import Cpu, Host, Memory
from envkit.facts.model import Snapshot
from envkit.target.inside import payload_files
from tests.bench.told import END, START, told
from tests.bench.told import whole as whole_process

H100 = Gpu(index=0, name="NVIDIA H100 80GB HBM3", power_limit=700.0, uuid="GPU-1234")
SNAPSHOT = Snapshot(
    host=Host(kernel="6.1.0", boot_id="b"),
    cpu=Cpu(model="AMD EPYC 9654", effective=7.5, quota=7.5, cgroup="v2", logical=96),
    memory=Memory(total=270_000_000_000),
    nvml=Nvml(state="ok", driver_version="580.95.05", gpus=(H100, replace(H100, index=1, uuid="GPU-5"))),
)
FILES = {
    "/tmp/envkit-payload/_envkit_payload/bench.py": b"1",
    "/tmp/envkit-payload/_envkit_payload/elf.py": b"2",
}


def test_a_machine():
    assert machine(SNAPSHOT, FILES) == {
        "cpu": "AMD EPYC 9654",
        "cpus": "7.5",
        "quota": "7.5 CPUs",
        "memory": "250 GiB",
        "gpus": "2 x NVIDIA H100 80GB HBM3 at 700 W",
        "driver": "580.95.05",
        "payload": digest(FILES),
    }


def test_what_was_not_read_is_unknown():
    found = machine(Snapshot(), FILES)
    assert found["cpu"] == found["cpus"] == found["quota"] == found["memory"] == "unknown"
    assert "gpus" not in found and "driver" not in found


def test_neither_a_kernel_nor_a_boot_makes_another_machine():
    other = replace(SNAPSHOT, host=Host(kernel="6.8.0", boot_id="c"))
    assert machine(other, FILES) == machine(SNAPSHOT, FILES)


def test_another_power_limit_does():
    nvml = SNAPSHOT.nvml
    assert nvml is not None
    other = replace(SNAPSHOT, nvml=replace(nvml, gpus=(replace(H100, power_limit=500.0),)))
    (said,) = differences(machine(SNAPSHOT, FILES), machine(other, FILES))
    assert said.startswith("gpus: 2 x ") and said.endswith("1 x NVIDIA H100 80GB HBM3 at 500 W")


def test_other_measuring_code_does_and_other_code_does_not():
    measuring, *_ = FILES
    assert digest({**FILES, measuring: b"3"}) != digest(FILES)
    assert digest({**FILES, list(FILES)[1]: b"3"}) == digest(FILES)
    assert digest(payload_files()) != digest({})


def test_with_what_the_processes_said():
    answer = read(whole_process("mlp"), Options(framework="torch", device="auto"), arm="A", number=0, limit=9)
    found = whole({"cpu": "x"}, [answer.process])
    assert found == {
        "cpu": "x",
        "framework": "torch 2.13.0+cpu",
        "python": "3.11",
        "device": "cpu AMD EPYC",
        "threads": "2",
    }
    silent = read(told(START, END), Options(framework="torch", device="auto"), arm="A", number=0, limit=9)
    assert whole({"cpu": "x"}, [silent.process]) == {"cpu": "x"}


def test_no_names():
    text = repr(machine(SNAPSHOT, FILES))
    assert socket.gethostname() not in text and "GPU-1234" not in text
    assert getpass.getuser() == "root" or getpass.getuser() not in text


def test_what_only_one_has_is_a_difference():
    assert differences({"cuda": "13.0"}, {}) == ("cuda: 13.0 and not told",)
    assert differences({"a": "1"}, {"a": "1"}) == ()
