"""Xids and other lines of the kernel log."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts.collect import collect
from envkit.facts.gpu_model import Xid
from envkit.facts.probe import ProbeStop
from envkit.facts.probes import kernel_log
from tests.recorded import recorded

OFF_THE_BUS = "NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."


def kinds(log: str) -> list[str]:
    return [note.kind for note in kernel_log.parse(log)["kernel_notes"]]


def test_an_xid_with_its_gpu_and_its_time():
    (xid,) = kernel_log.parse(f"4,1200,512000250,-;{OFF_THE_BUS}\n SUBSYSTEM=pci\n")["xids"]
    assert xid == Xid(code=79, pci_address="0000:3b:00.0", seconds=512.00025, text=OFF_THE_BUS)


@pytest.mark.parametrize(
    "text, code, address",
    [
        ("NVRM: Xid (PCI:0000:01:00): 31, pid=4242, name=python, Ch 00000008", 31, "0000:01:00.0"),
        ("NVRM: Xid (0000:03:00): 13, 0001 00000000 0000a097", 13, "0000:03:00.0"),
        ("NVRM: Xid (PCI:0008:06:00): 119, pid=1, Timeout waiting for RPC from GSP!", 119, "0008:06:00.0"),
        ("NVRM: Xid (PCI:00010000:C1:00.0): 48, DBE", 48, "10000:c1:00.0"),
        ("NVRM: Xid (::::::): 63, Row Remapper", 63, None),
    ],
)
def test_forms_of_the_xid_line(text, code, address):
    (xid,) = kernel_log.parse(f"4,1,1,-;{text}")["xids"]
    assert (xid.code, xid.pci_address) == (code, address)


def test_an_xid_is_not_a_note_as_well():
    assert kinds(f"4,1,1,-;{OFF_THE_BUS}") == []


@pytest.mark.parametrize(
    "text, kind",
    [
        (r"NVRM: The NVIDIA GPU 0000:b3:00.0\x0aNVRM: (PCI ID: 10de:26b5) installed in this system has"
         r"\x0aNVRM: fallen off the bus and is not responding to commands.", "fallen-off-bus"),
        (r"NVRM: API mismatch: the client has the version 570.153.02, but\x0aNVRM: this", "api-mismatch"),
        ("NVRM: The NVIDIA probe routine failed for 1 device(s).", "probe-failed"),
        ("nvidia: probe of 0000:01:00.0 failed with error -1", "probe-failed"),
        ("nvidia 0000:01:00.0: probe with driver nvidia failed with error -1", "probe-failed"),
        (r"NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1380)\x0aNVRM: installed in this system is"
         r"\x0aNVRM: not supported by open nvidia.ko", "unsupported-gpu"),
        (r"NVRM: The NVIDIA GeForce GT 710 GPU installed in this system is\x0aNVRM:  supported through the"
         r" NVIDIA 470.xx Legacy drivers.", "legacy-gpu"),
        ("NVRM: GPU 0000:07:00.0: RmInitAdapter failed! (0x61:0x56:1770)", "init-failed"),
        ("NVRM: GPU 0000:01:00.0 is already bound to nouveau.", "bound-elsewhere"),
        (r"NVRM: This PCI I/O region assigned to your NVIDIA device is invalid:\x0aNVRM: BAR1 is 0M",
         "bar-unassigned"),
        ("nvidia 0000:07:00.0: Direct firmware load for nvidia/570.144/gsp_ga10x.bin failed with error -2",
         "firmware-missing"),
        ("Loading of unsigned module is rejected", "module-rejected"),
        ("Loading of module with unavailable key is rejected", "module-rejected"),
        ("Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7",
         "module-rejected"),
        ("nvidia: module verification failed: signature and/or required key missing - tainting kernel",
         "module-unverified"),
        ("nvidia: disagrees about version of symbol module_layout", "module-wrong-kernel"),
        ("nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 24007, Fatal, Link 46", "switch-error"),
    ],
)  # fmt: skip
def test_kinds_of_notes(text, kind):
    assert kinds(f"3,77,1000000,-;{text}\n") == [kind]


def test_other_modules_and_healthy_lines_are_passed_over():
    log = "\n".join(
        (
            "5,1,10,-;vboxdrv: module verification failed: signature and/or required key missing",
            "5,2,20,-;nvidia: loading out-of-tree module taints kernel.",
            "5,3,30,-;NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.14",
            "6,4,40,-;usb 1-1: New USB device, fallen off the bus",
        )
    )
    assert kernel_log.parse(log) == {"xids": (), "kernel_notes": ()}


def test_a_storm_keeps_the_newest():
    log = "\n".join(f"4,{i},{i}000000,-;NVRM: Xid (PCI:0000:01:00): {i % 200}, x" for i in range(3000))
    xids = kernel_log.parse(log)["xids"]
    assert len(xids) == 500
    assert xids[-1].seconds == 2999.0


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gpu-healthy-desktop", {"module-unverified"}),
        ("gpu-mismatch", {"module-unverified", "api-mismatch"}),
        ("gpu-secure-boot-unsigned", {"module-rejected"}),
        ("gpu-nouveau", set()),
    ],
)
def test_recorded_logs(name, expected):
    found = kernel_log.read(recorded(name))
    assert {note.kind for note in found["kernel_notes"]} == expected
    assert found["xids"] == ()


def test_escaped_newlines_are_shown_as_text():
    (note,) = (
        n for n in kernel_log.read(recorded("gpu-mismatch"))["kernel_notes"] if n.kind == "api-mismatch"
    )
    assert "550.90.07, but NVRM: this kernel module has the version 550.54.14." in note.text
    assert note.seconds == pytest.approx(86001.234567)


def test_no_log_is_skipped_and_not_empty():
    with pytest.raises(ProbeStop) as stop:
        kernel_log.read(recorded("gpu-in-container-no-nodes"))
    assert stop.value.state == "skipped"


def test_a_log_that_may_not_be_read_is_denied(monkeypatch, tmp_path):
    def refuse(path, flags):
        raise PermissionError(errno.EPERM, "Operation not permitted", path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ProbeStop) as stop:
        kernel_log.read(Machine(root=tmp_path, env={}, run=lambda command: Result(state="absent")))
    assert stop.value.state == "denied"


def test_this_machines_log_ends():
    (status,) = collect(Machine.here(), (kernel_log.PROBE,), budget=60).probes
    assert status.state in ("ok", "skipped", "denied")


def test_a_pipe_without_an_end_does_not_hold_the_probe(tmp_path):
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev/kmsg")
    writer = os.open(tmp_path / "dev/kmsg", os.O_RDWR)
    try:
        os.write(writer, f"4,1,1,-;{OFF_THE_BUS}\n".encode())
        machine = Machine(root=tmp_path, env={}, run=lambda command: Result(state="absent"))
        assert len(kernel_log.read(machine)["xids"]) == 1
    finally:
        os.close(writer)


@given(st.text(max_size=300))
def test_any_log_is_read(text):
    kernel_log.parse(text)
    kernel_log.parse("4,1,²,-;NVRM: Xid (PCI:" + text)
