"""WSL: the way to the GPU that Windows has."""

from __future__ import annotations

import shlex

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.model import Snapshot


def wsl_driver(snapshot: Snapshot, compat: Compat) -> Outcome:
    """WSL cannot reach the GPU, or a Linux driver stands in the way."""
    host, driver = snapshot.host, snapshot.driver
    if host is None:
        return unknown(views.because(snapshot, "host"))
    if host.wsl is None:
        return not_applicable("not WSL")
    if views.in_container(snapshot):
        return not_applicable("a container in WSL has what its engine gives it")
    if driver is None:
        return unknown(views.because(snapshot, "driver"))
    native = [
        p
        for p in driver.packages or ()
        if p.startswith(("nvidia-driver", "libnvidia-compute", "cuda-drivers"))
    ]
    if native:
        return problem(
            f"a Linux NVIDIA driver ({native[0]}) is installed in WSL and hides the one of Windows",
            *(fact("package", package, "package database") for package in native[:3]),
            severity="warning" if views.usable_nvidia(snapshot) else None,
            packages=shlex.join(package.partition("=")[0] for package in native),
        )
    if host.wsl == 1:
        return problem("this is WSL 1, which has no GPU", fact("WSL", 1, "/proc/version"), wsl1="yes")
    if driver.nodes is not None and not any(node.path == "/dev/dxg" for node in driver.nodes):
        return problem(
            "/dev/dxg is missing: WSL offers no GPU",
            fact("/dev/dxg", "absent", "/dev"),
            severity="warning" if views.wants_gpu(snapshot) else "note",
            dxg="yes",
        )
    return ok("WSL offers the GPU")


def wsl_libcuda_not_found(snapshot: Snapshot, compat: Compat) -> Outcome:
    """WSL's libcuda is missing, or not on the loader's path."""
    host, driver = snapshot.host, snapshot.driver
    if host is None:
        return unknown(views.because(snapshot, "host"))
    if host.wsl != 2 or views.in_container(snapshot):
        return not_applicable("not WSL 2")
    if driver is None or driver.nodes is None or driver.libcuda_path is None:
        return unknown(views.because(snapshot, "driver"))
    if not any(node.path == "/dev/dxg" for node in driver.nodes):
        return not_applicable("WSL offers no GPU")
    if driver.libcuda_path:
        return _wsl_loads(snapshot, driver.libcuda_path)
    half = bool(driver.library_path)
    if not half and not views.wants_gpu(snapshot):
        return not_applicable("WSL offers a GPU, and not through NVIDIA's driver")
    return problem(
        "WSL offers a GPU, and libcuda.so.1 is not there" + ("" if half else "; it may not be an NVIDIA GPU"),
        fact("libcuda.so.1", "not found", "/usr/lib/wsl/lib"),
        # Every GPU of Windows makes /dev/dxg; only NVIDIA's driver brings these libraries.
        severity=None if half else "note",
        confidence=0.9 if half else 0.5,
        absent="yes",
    )


def _wsl_loads(snapshot: Snapshot, path: str) -> Outcome:
    libraries = snapshot.libraries
    if libraries is None or any(library.family == "cuda" for library in libraries):
        return ok(f"libcuda is {path}")
    return problem(
        f"{path} is there, and the loader of programs does not find it",
        fact("libcuda.so.1", path, "/usr/lib/wsl/lib"),
        fact("libcuda.so.1 for programs", "not found", "LD_LIBRARY_PATH, /etc/ld.so.cache"),
        confidence=0.8,
        hidden="yes",
    )


RULES = (
    wsl_driver,
    wsl_libcuda_not_found,
)
