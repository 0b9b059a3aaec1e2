"""The process at one instant: CPU time, faults, what it read, from /proc; what cannot be read is left out."""

import os

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def moment(native, step):
    """Fields of a `moment` line. native: the number that the kernel has for the thread that trains."""
    found = {"step": step}
    for read in (_itself, _thread, _calls, _children):
        try:
            read(found, native)
        except (OSError, ValueError, IndexError):
            pass
    return found


def _itself(found, native):
    fields = _stat("/proc/self/stat")
    found["minor_faults"], found["major_faults"] = int(fields[7]), int(fields[9])
    found["user"], found["system"] = int(fields[11]) / _TICK, int(fields[12]) / _TICK
    found["threads"] = int(fields[17])
    found["rss"] = int(fields[21]) * _PAGE


def _thread(found, native):
    ran, queued = _text("/proc/self/task/{}/schedstat".format(native)).split()[:2]
    found["ran"], found["queued"] = int(ran) / 1e9, int(queued) / 1e9
    fields = _stat("/proc/self/task/{}/stat".format(native))
    found["blocked"] = int(fields[39]) / _TICK
    for line in _text("/proc/self/task/{}/status".format(native)).splitlines():
        if line.startswith("nonvoluntary_ctxt_switches:"):
            found["switched"] = int(line.split()[1])


def _calls(found, native):
    own = dict(line.split(": ") for line in _text("/proc/self/io").splitlines())
    found["read_bytes"], found["read_calls"] = int(own["read_bytes"]), int(own["syscr"])
    found["read_chars"] = int(own["rchar"])


def _children(found, native):
    seconds = 0.0
    for task in os.listdir("/proc/self/task"):
        for child in _text("/proc/self/task/{}/children".format(task)).split():
            try:
                fields = _stat("/proc/{}/stat".format(child))
                seconds += (int(fields[11]) + int(fields[12])) / _TICK
                own = dict(line.split(": ") for line in _text("/proc/{}/io".format(child)).splitlines())
                found["read_bytes"] = found.get("read_bytes", 0) + int(own["read_bytes"])
                found["read_calls"] = found.get("read_calls", 0) + int(own["syscr"])
                found["read_chars"] = found.get("read_chars", 0) + int(own["rchar"])
            except (OSError, ValueError, KeyError):  # it is gone
                continue
    found["children"] = seconds


def _stat(path):
    """Fields after the name of the program, which may hold spaces."""
    return _text(path).rpartition(")")[2].split()


def _text(path):
    with open(path, "rb") as file:
        return file.read().decode("ascii", "replace")
