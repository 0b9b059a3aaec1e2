"""What the NVIDIA driver, and the kernel about it, wrote to the kernel log since boot."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from envkit.core.machine import Machine
from envkit.core.text import one_line
from envkit.facts.gpu_model import KernelNote, Xid
from envkit.facts.probe import Probe, ProbeStop

_LOG = "/dev/kmsg"
_KEEP = 4 << 20
"""Bytes kept, the newest."""
_READ_SECONDS = 0.6
_MAX_XIDS = 500
_MAX_NOTES = 100
_MAX_LINE = 2000

_XID = re.compile(r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F:.]{5,16})\): (\d{1,4})\b")
_ADDRESS = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2})(?:\.([0-7]))?")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")

_WORDS = ("NVRM", "nvidia", "is rejected", "module loading is restricted")
"""Every line of interest has one of these."""
_NOTES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("fallen-off-bus", ("NVRM: ", "fallen off the bus")),
    ("api-mismatch", ("NVRM: API mismatch",)),
    ("unsupported-gpu", ("NVRM: ", "not supported by")),
    ("legacy-gpu", ("NVRM: ", "Legacy driver")),
    ("bar-unassigned", ("NVRM: ", "PCI I/O region assigned to your NVIDIA device is invalid")),
    ("bound-elsewhere", ("NVRM: ", "is already bound to")),
    ("init-failed", ("NVRM: ", "RmInitAdapter failed")),
    ("firmware-missing", ("Direct firmware load for nvidia/", "failed")),
    ("probe-failed", ("NVRM: ", "probe routine failed")),
    ("probe-failed", ("NVRM: ", "probe routine was not called")),
    ("probe-failed", ("NVRM: ", "None of the NVIDIA devices were")),
    ("probe-failed", ("nvidia", ": probe of ", " failed with error")),
    ("probe-failed", ("nvidia ", ": probe with driver nvidia failed")),
    ("module-rejected", ("Loading of unsigned module is rejected",)),
    ("module-rejected", ("Loading of module with unavailable key is rejected",)),
    ("module-rejected", ("Lockdown: ", "unsigned module loading is restricted")),
    ("module-unverified", ("nvidia", "module verification failed")),
    ("module-wrong-kernel", ("nvidia", "disagrees about version of symbol")),
    ("module-wrong-kernel", ("nvidia", "version magic")),
    ("switch-error", ("nvidia-nvswitch", "SXid")),
)
"""Kinds and the literals that a line has, in this order; the first that fits names it. `module-unverified`
alone harms nothing: it says that the module is not signed, on a kernel that does not insist."""


def read(machine: Machine) -> dict[str, Any]:
    """`xids` and `kernel_notes`, oldest first."""
    return parse(_text(machine))


def parse(log: str) -> dict[str, Any]:
    """`xids` and `kernel_notes` from the text of /dev/kmsg; lines of other kinds are passed over.

    A record is `priority,sequence,microseconds,flags;text` and lines of ` KEY=value`
    (Documentation/ABI/testing/dev-kmsg).
    """
    # Kept raw until the end: a storm has 10,000 lines, of which the newest count.
    xids: deque[tuple[float | None, str]] = deque(maxlen=_MAX_XIDS)
    notes: deque[tuple[float | None, str, str]] = deque(maxlen=_MAX_NOTES)
    for line in log.split("\n"):
        # the cheap test first: few lines of a log concern us
        if not any(word in line for word in _WORDS):
            continue
        seconds, text = _record(line[:_MAX_LINE])
        if _XID.search(text):
            xids.append((seconds, text))
        elif kind := _kind(text):
            notes.append((seconds, text, kind))
    return {
        "xids": tuple(xid for seconds, text in xids if (xid := _xid(text, seconds)) is not None),
        "kernel_notes": tuple(
            KernelNote(kind=kind, text=one_line(text, limit=400), seconds=seconds)
            for seconds, text, kind in notes
        ),
    }


def _record(line: str) -> tuple[float | None, str]:
    prefix, semicolon, text = line.partition(";")
    fields = prefix.split(",")
    if not semicolon or len(fields) < 4:
        return None, line
    text = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), text)
    return (int(fields[2]) / 1e6 if fields[2].isascii() and fields[2].isdigit() else None), text


def _xid(text: str, seconds: float | None) -> Xid | None:
    found = _XID.search(text)
    if found is None:
        return None
    return Xid(
        code=int(found[2]),
        pci_address=_address(found[1]),
        seconds=seconds,
        text=one_line(text[found.start() :], limit=400),
    )


def _address(text: str) -> str | None:
    """`0000:3b:00.0` from the driver's `0000:3b:00`, or from `3b:00.0`."""
    found = _ADDRESS.fullmatch(text.lower())
    if found is None:
        return None
    domain = (found[1] or "0").lstrip("0").rjust(4, "0")
    return f"{domain}:{found[2]}.{found[3] or '0'}"


def _kind(text: str) -> str | None:
    return next((kind for kind, literals in _NOTES if _has(text, literals)), None)


def _has(text: str, literals: tuple[str, ...]) -> bool:
    at = 0
    for literal in literals:
        at = text.find(literal, at)
        if at < 0:
            return False
        at += len(literal)
    return True


def _text(machine: Machine) -> str:
    """The log, from its oldest record still kept to now."""
    try:
        return machine.records(_LOG, _WORDS, keep=_KEEP, seconds=_READ_SECONDS)
    except FileNotFoundError:
        raise ProbeStop("skipped", f"there is no {_LOG}, as in most containers") from None
    except PermissionError:
        raise ProbeStop(
            "denied", "the kernel log may be read by root only (kernel.dmesg_restrict=1)"
        ) from None


PROBE = Probe(name="kernel-log", field="xids", limit=1.0, read=read)
