"""`envkit doctor --merge` of many made nodes, three of them odd: are they found, in which time and memory?

    PYTHONPATH=. python benchmarks/doctor_merge.py [--nodes 10000] [--runs 5] [--snapshot FILE]

Every node is a copy of one snapshot with what differs between like nodes: UUIDs, temperatures, power, clocks,
load, uptime, free space, a little memory. Without --snapshot it is put together from recorded machines: a
host, eight H100 and a Python environment with torch. The odd ones have another driver, seven GPUs, and ECC
off on one of eight.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from envkit.core.codec import dumps

ENVKIT = [sys.executable, "-m", "envkit.cli.main", "doctor", "--merge"]
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Make the nodes, merge them, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--snapshot", type=Path, help="a saved snapshot to copy")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    base = chosen.snapshot.read_text() if chosen.snapshot else dumps(whole_node())
    with tempfile.TemporaryDirectory(prefix="envkit-bench-") as folder:
        odd = make(base, Path(folder), chosen.nodes, random.Random(chosen.seed))
        sizes = [file.stat().st_size for file in Path(folder).iterdir()]
        print(f"{len(sizes)} snapshots of {statistics.median(sizes) / 1024:.0f} KiB; odd: {', '.join(odd)}")
        runs = [measure(Path(folder), odd) for _ in range(chosen.runs)]
    for what, values in (("wall clock", [wall for wall, _ in runs]), ("CPU time", [cpu for _, cpu in runs])):
        middle, spread = statistics.median(values), f"range {min(values):.2f} to {max(values):.2f}"
        print(f"{what}, s: median {middle:.2f} of {len(values)} ({spread})")
    print(f"on {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")


def measure(folder: Path, odd: dict[str, str]) -> tuple[float, float]:
    """Seconds of one run by the clock and of all its processes; prints what it found and its memory."""
    usage = folder.with_suffix(".time")
    command = ["/usr/bin/env", "python3", "-c", WATCH, str(usage), *ENVKIT, str(folder), "--json"]
    start = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    seconds = time.perf_counter() - start
    answer = json.loads(done.stdout)
    told = {one["node"]: one["because"][0]["label"] for one in answer["odd"]}
    found = "all found, nothing else" if told.keys() == odd.keys() else f"WRONG: told {told}"
    cpu, memory = usage.read_text().split(" ", 1)
    usage.unlink()
    print(f"{seconds:.2f} s ({cpu} s of CPU), {memory}; {found}: {told}", flush=True)
    return seconds, float(cpu)


WATCH = """
import os, resource, subprocess, sys, time
child = subprocess.Popen(sys.argv[2:])
peak, most = 0, 0
def family(pid):
    yield pid
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for kid in open(f"/proc/{pid}/task/{task}/children").read().split():
                yield from family(int(kid))
    except OSError:
        pass
while child.poll() is None:
    total = largest = 0
    for pid in family(child.pid):
        try:
            text = open(f"/proc/{pid}/smaps_rollup").read()
        except OSError:
            continue
        rows = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
        total += rows.get("Pss", 0)
        largest = max(largest, rows.get("Rss", 0))
    peak, most = max(peak, total), max(most, largest)
    time.sleep(0.1)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu, peak, most = used.ru_utime + used.ru_stime, peak / 1024, most / 1024
with open(sys.argv[1], "w") as file:
    file.write(f"{cpu:.2f} at most {peak:.0f} MiB in all processes, {most:.0f} MiB in one")
"""
"""Runs a command and samples the memory of it and its children (PSS: what is shared is counted once)."""


def whole_node() -> Any:
    """A recorded host with eight H100 and a Python environment."""
    import dataclasses

    from envkit.doctor.gather import PROBES
    from envkit.facts.collect import collect
    from envkit.facts.gpu_model import Library
    from envkit.facts.model import ProbeStatus
    from envkit.facts.python_model import Distribution
    from tests.doctor_scenarios import PATIENCE, snapshot_of, torch_build
    from tests.recorded import recorded

    host = collect(recorded("ubuntu-desktop"), PROBES, budget=PATIENCE)
    gpus = snapshot_of("gpu-8x-nvswitch", "healthy-8xh100")
    python = torch_build("2.9.0+cu128", "12.8", ("sm_80", "sm_90", "sm_100", "sm_120"))
    site = (python.distributions or ())[0].location
    more = tuple(
        Distribution(name=f"package-{number}", version=f"1.{number}.0", location=site, installer="pip")
        for number in range(60)
    )
    libraries = tuple(
        Library(
            family="cublas",
            soname=f"lib{number}.so.12",
            path=f"{site}/nvidia/lib/lib{number}.so.12",
            version="12.8",
        )
        for number in range(40)
    )
    assert gpus.driver is not None
    return dataclasses.replace(
        host,
        taken="2026-01-01T00:00:00+00:00",
        probes=tuple(ProbeStatus(name=probe.name, state="ok", seconds=0.01) for probe in PROBES),
        pci=gpus.pci,
        driver=dataclasses.replace(gpus.driver, fabric_manager="running"),
        nvml=gpus.nvml,
        cuda=gpus.cuda,
        containers=gpus.containers,
        libraries=libraries,
        python=dataclasses.replace(python, distributions=(*(python.distributions or ()), *more)),
    )


def make(base: str, folder: Path, count: int, chance: random.Random) -> dict[str, str]:
    """Write the nodes; returns the odd ones and what they are."""
    width = len(str(count))
    odd = dict(zip(chance.sample(range(1, count + 1), 3), (other_driver, lost_gpu, ecc_off), strict=True))
    for number in range(1, count + 1):
        node = noisy(json.loads(base), chance)
        if number in odd:
            odd[number](node)
        (folder / f"node-{number:0{width}d}.json").write_text(dumps(node))
    return {f"node-{number:0{width}d}": spoil.__name__ for number, spoil in odd.items()}


def noisy(node: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """What differs between nodes that are alike."""
    node["taken"] = f"2026-01-01T00:{chance.randrange(60):02}:{chance.randrange(60):02}+00:00"
    for probe in node["probes"]:
        probe["seconds"] = chance.random()
    if node["host"]:
        node["host"] |= {"uptime": chance.uniform(1e4, 1e7), "boot_id": f"{chance.getrandbits(48):012x}"}
    if node["cpu"]:
        node["cpu"] |= {"load1": chance.uniform(0, 3), "steal_share": 0.0}
    if (memory := node["memory"]) and memory["total"]:
        memory["total"] += chance.randrange(-(1 << 22), 1 << 22, 4096)
        memory["available"] = int(memory["total"] * chance.uniform(0.8, 0.95))
    if node["processes"]:
        node["processes"]["total"] = chance.randrange(300, 900)
    for place in node["storage"] or ():
        if place["total"]:
            place["free"] = int(place["total"] * chance.uniform(0.4, 0.8))
    for gpu in (node["nvml"] or {}).get("gpus") or ():
        gpu |= {
            "uuid": f"GPU-{chance.getrandbits(48):012x}",
            "temperature": float(chance.randrange(28, 45)),
            "power_draw": chance.uniform(60, 90),
            "clock_sm": float(chance.choice((345, 1980))),
            "utilization_gpu": 0.0,
        }
    return node


def other_driver(node: dict[str, Any]) -> None:
    """Left behind by an update."""
    node["nvml"]["driver_version"] = "570.86.10"
    if node["driver"]:
        node["driver"] |= dict.fromkeys(("module_version", "library_version", "libcuda_version"), "570.86.10")


def lost_gpu(node: dict[str, Any]) -> None:
    """One GPU is not there any more."""
    gone = node["nvml"]["gpus"].pop()
    node["nvml"]["device_count"] = len(node["nvml"]["gpus"])
    node["pci"] = [device for device in node["pci"] or () if device["address"] != gone["pci_address"]]


def ecc_off(node: dict[str, Any]) -> None:
    """A setting of one GPU."""
    node["nvml"]["gpus"][0]["ecc"] |= {"enabled": False, "pending": False}


if __name__ == "__main__":
    main()
