import subprocess
import sys

import pytest

from envkit.core.machine import Machine
from envkit.facts.host_model import StuckProcess
from envkit.facts.probe import ProbeStop
from envkit.facts.probes import processes
from tests.facts.trees import tree
from tests.recorded import recorded


def stat(pid, name="x", state="D", parent=1, flags=4194304, start=7):
    fields = f"{parent} 1 1 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 {start} 0 0"
    return {f"/proc/{pid}/stat": f"{pid} ({name}) {state} {fields}\n"}


def test_a_healthy_host_has_kernel_threads_in_state_d():
    found = processes.read(recorded("ubuntu-desktop"))
    assert (found.total, found.zombies, found.stuck, found.hidden) == (6, 0, (), False)


def test_a_dead_file_server_leaves_processes_stuck():
    found = processes.read(recorded("nfs-hung"))
    assert found.stuck == (StuckProcess(pid=5120, name="ls (deleted) x"), StuckProcess(pid=5121, name="df"))
    assert found.zombies == 1


def test_a_container_sees_only_its_own():
    found = processes.read(recorded("docker-quota-v2"))
    assert (found.total, found.zombies, found.hidden) == (2, 1, True)


def test_hidepid():
    assert processes.read(recorded("slurm-no-gpu")).hidden is True
    assert processes.read(recorded("slurm-2gpu")).hidden is False


def test_a_process_that_moves_between_the_looks_is_slow_and_not_stuck(tmp_path, monkeypatch):
    machine = tree(tmp_path, {**stat(10, "dd"), **stat(11, "cp"), **stat(12, "mv"), **stat(13, "ls")})
    for pid in (10, 11, 12, 13):
        tree(tmp_path, {f"/proc/{pid}/status": "voluntary_ctxt_switches:\t5\n"})

    def meanwhile(_seconds):
        tree(tmp_path, {"/proc/10/status": "voluntary_ctxt_switches:\t6\n"})  # woke and slept again
        tree(tmp_path, stat(11, "cp", state="R"))
        tree(tmp_path, stat(12, "mv", start=8))  # another process of the same number

    monkeypatch.setattr(processes.time, "sleep", meanwhile)
    assert processes.read(machine).stuck == (StuckProcess(pid=13, name="ls"),)


def test_names_cannot_forge_a_state(tmp_path):
    machine = tree(tmp_path, {**stat(10, "a) Z 1 (b", state="S"), "/proc/11/stat": "", "/proc/12/": ""})
    found = processes.read(machine)
    assert (found.total, found.zombies, found.stuck) == (3, 0, ())


def test_nothing_to_read(tmp_path):
    with pytest.raises(ProbeStop):
        processes.read(tree(tmp_path, {}))


def test_here():
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()  # it ends, and nobody has collected it: it is a zombie, or about to be one
    found = processes.read(Machine.here())
    child.wait()
    assert found.total is not None and found.total >= 2
    assert found.zombies is not None and found.stuck is not None and found.hidden is not None
