"""Which torch would run: `uv pip install --torch-backend=auto` beside `envkit build`, on faked hosts.

    python benchmarks/resolve_duel.py [--uv UV]

uv is told of a host by an `nvidia-smi` of its own, first on PATH, which answers any `--query-gpu` with
the host's GPUs (a driver of this machine would be read before that: then UV_CUDA_DRIVER_VERSION says
it). Its log says which driver it took and which indexes it asks; it prefers the newest CUDA among them,
whatever the order of its parallel requests. The index itself need not be in reach. What uv would
install is the newest torch that our tables have in the first of those indexes that has any for the
platform (uv keeps to the first index that has a package). Both are judged by the same two questions to
the tables: does the driver meet the floor of that CUDA, and does the wheel carry code for every GPU?
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from envkit.compat import (
    Compat,
    TorchRelease,
    TorchVariant,
    driver_can_jit,
    driver_floor,
    driver_meets,
    kernel_for,
    load_compat,
    parse_cuda,
    torch_exact,
    version_key,
)
from envkit.resolve.hosts import TypedTarget, typed_host
from envkit.resolve.model import Plan, Refusal
from envkit.resolve.request import Host, Request
from envkit.resolve.resolve import resolve

PYTHON = "3.12"
_SYSTEM = (Path("/sys/module/nvidia/version"), Path("/proc/driver/nvidia/version"))
_ASKED = re.compile(r"Sending fresh GET request for: https://download\.pytorch\.org/whl/(\w+)/torch/")
_FAILED = re.compile(r"Failed to fetch: .*download\.pytorch\.org/whl/(\w+)/torch/")
_DETECTED = re.compile(r"CUDA driver version.*?: ([\d.]+)")
_SMI = """\
#!{python}
import sys
rows = {rows!r}
query = next((a.split("=", 1)[1] for a in sys.argv if a.startswith("--query-gpu=")), "")
for row in rows:
    print(", ".join(row.get(field, "[N/A]") for field in query.split(",")))
"""


@dataclass(frozen=True, kw_only=True)
class Faked:
    """A machine that is not here."""

    gpus: tuple[str, ...]
    driver: str | None
    arch: str = "x86_64"
    glibc: str = "2.39"

    @property
    def title(self) -> str:
        """As the table names it."""
        rest = [f"driver {self.driver}"] if self.driver else []
        rest += [self.arch] if self.arch != "x86_64" else []
        rest += [f"glibc {self.glibc}"] if self.glibc != "2.39" else []
        return ", ".join([" + ".join(self.gpus) or "no GPU", *rest])


HOSTS = (
    Faked(gpus=("GTX 980",), driver="580.95.05"),
    Faked(gpus=("Tesla P100",), driver="580.95.05"),
    Faked(gpus=("GTX 1080 Ti",), driver="580.95.05"),
    Faked(gpus=("GTX 1080 Ti",), driver="550.54.15"),
    Faked(gpus=("Tesla V100",), driver="580.95.05"),
    Faked(gpus=("Tesla V100",), driver="535.183.06"),
    Faked(gpus=("Tesla V100", "H100"), driver="570.124.06"),
    Faked(gpus=("Tesla V100", "B200"), driver="580.95.05"),
    Faked(gpus=("GTX 1080 Ti", "RTX 5090"), driver="580.95.05"),
    Faked(gpus=("Tesla K80",), driver="470.256.02"),
    Faked(gpus=("Tesla T4",), driver="580.95.05"),
    Faked(gpus=("A100",), driver="580.95.05"),
    Faked(gpus=("A100",), driver="525.60.13"),
    Faked(gpus=("A100",), driver="470.256.02"),
    Faked(gpus=("A100",), driver="580.95.05", glibc="2.17"),
    Faked(gpus=("RTX 4090",), driver="550.54.15"),
    Faked(gpus=("H100",), driver="595.58.03"),
    Faked(gpus=("RTX 5090",), driver="570.124.06"),
    Faked(gpus=("RTX 5090",), driver="580.95.05"),
    Faked(gpus=("GH200",), driver="550.54.15", arch="aarch64"),
    Faked(gpus=("Orin",), driver="580.95.05", arch="aarch64"),
    Faked(gpus=(), driver=None),
)


def host_of(faked: Faked, compat: Compat) -> Host:
    """The same machine for the resolver."""
    typed = TypedTarget(driver=faked.driver, gpus=faked.gpus, arch=faked.arch, glibc=faked.glibc)
    host = typed_host(typed, Host(platform="linux-x86_64"), compat)
    return host if faked.gpus else Host(platform=host.platform, gpus=(), glibc=faked.glibc)


def uv_asks(uv: str, faked: Faked, host: Host) -> tuple[str, ...]:
    """The indexes (`cu126`, `cpu`) in which uv looks for torch, best first."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            {"driver_version": faked.driver, "name": gpu.name, "compute_cap": gpu.cc or "", "index": str(n)}
            for n, gpu in enumerate(host.gpus or ())
        ]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "NVIDIA_", "CUDA_"))}
        env |= {"UV_HTTP_RETRIES": "0", "UV_CACHE_DIR": f"{folder}/cache"}
        if any(path.exists() for path in _SYSTEM):
            env["UV_CUDA_DRIVER_VERSION"] = faked.driver or ""
        elif faked.driver:
            smi = Path(folder) / "nvidia-smi"
            smi.write_text(_SMI.format(python=sys.executable, rows=rows))
            smi.chmod(smi.stat().st_mode | stat.S_IXUSR)
            env["PATH"] = f"{folder}:{env['PATH']}"
        platform = f"{faked.arch}-manylinux_{faked.glibc.replace('.', '_')}"
        command = [uv, "pip", "compile", "-", "--torch-backend=auto", "--no-config", "-v"]
        command += ["--python-version", PYTHON, "--python-platform", platform]
        done = subprocess.run(command, input="torch\n", env=env, capture_output=True, text=True, timeout=120)
    found = _DETECTED.search(done.stderr)
    if faked.driver and (found is None or version_key(found[1]) != version_key(faked.driver)):
        raise SystemExit(f"uv was not told of driver {faked.driver}:\n{done.stderr[-2000:]}")
    asked = sorted(set(_ASKED.findall(done.stderr)), key=lambda tag: parse_cuda(tag) or (0, 0), reverse=True)
    if not asked:
        raise SystemExit(f"uv asked no index of PyTorch:\n{done.stderr[-2000:]}")
    failed = _FAILED.search(done.stderr)
    if failed is not None and failed[1] != asked[0]:
        raise SystemExit(f"uv fell over {failed[1]} and not over {asked[0]}:\n{done.stderr[-2000:]}")
    return tuple(asked)


def uv_takes(asked: tuple[str, ...], host: Host, compat: Compat) -> tuple[str, TorchRelease | None]:
    """(index, release) that uv would install: of the first index that has torch for the platform."""
    for tag in asked:
        rows = [
            (r, v) for r in compat.torch for v in r.variants if (v.tag, v.platform) == (tag, host.platform)
        ]
        fitting = [r for r, v in rows if PYTHON in r.pythons_on(host.platform) and _loads(v, host)]
        if rows:
            return tag, max(fitting, key=lambda release: version_key(release.version), default=None)
    return asked[0], None


def _loads(variant: TorchVariant, host: Host) -> bool:
    return not variant.glibc or not host.glibc or version_key(host.glibc) >= version_key(variant.glibc)


def runs(tag: str, version: str, host: Host, compat: Compat) -> str:
    """`yes`, or why this wheel does not compute on this machine."""
    if tag == "cpu":
        return "no: CPU only" if host.gpus else "yes"
    row = torch_exact(compat, version)
    (variant,) = (v for v in row.variants if (v.tag, v.platform) == (tag, host.platform)) if row else ()
    floor = driver_floor(compat, tag, host.platform)
    if floor is None or not driver_meets(host.driver or "999", floor):
        return f"no: needs driver {floor}"
    if variant.archs is None:
        return "not known: nobody recorded its code"
    for gpu in host.gpus or ():
        kernel = kernel_for(variant.archs, gpu.cc or "")
        if kernel is None or (kernel == "ptx" and not driver_can_jit(compat, host.driver or "999", tag)):
            return f"no: no code for {gpu.name} ({gpu.cc})"
    return "yes"


def main() -> None:
    """Print the table and the totals."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uv", default=shutil.which("uv") or str(Path(sys.executable).parent / "uv"))
    uv = parser.parse_args().uv
    compat = load_compat()
    version = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    print(f"| host | uv {version}: first index, torch | runs? | envkit | runs? |\n|---|---|---|---|---|")
    good = {"uv": 0, "envkit": 0, "refused": 0}
    for faked in HOSTS:
        host = host_of(faked, compat)
        tag, release = uv_takes(uv_asks(uv, faked, host), host, compat)
        theirs = runs(tag, release.version, host, compat) if release else "no: no wheel for this glibc"
        answer = resolve(Request(framework="torch", hosts=(host,), python=PYTHON), compat)
        ours, verdict = _ours(answer, host, compat)
        good["uv"] += theirs == "yes"
        good["envkit"] += verdict == "yes"
        good["refused"] += isinstance(answer, Refusal)
        their = f"{tag}, {release.version if release else 'none'}"
        print(f"| {faked.title} | {their} | {theirs} | {ours} | {verdict} |")
    total = len(HOSTS)
    print(f"\nRuns: uv {good['uv']} of {total}, envkit {good['envkit']} of {total}; ", end="")
    print(f"envkit refused {good['refused']}, and installed nothing that does not run.")
    if good["envkit"] + good["refused"] != total:
        raise SystemExit("a plan of envkit does not run")


def _ours(answer: Plan | Refusal, host: Host, compat: Compat) -> tuple[str, str]:
    if isinstance(answer, Plan):
        return f"{answer.cuda}, {answer.version}", runs(answer.cuda, answer.version, host, compat)
    ways = " / ".join(way.partition(": then")[0] for way in answer.nearest)
    return f"refuses, and says: {ways}", "no wheel does"


if __name__ == "__main__":
    main()
