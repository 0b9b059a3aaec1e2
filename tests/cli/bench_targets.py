"""Pythons that break in one way each while they are measured: real processes that crash, hang or raise."""

from __future__ import annotations

from pathlib import Path

from tests.payload.targets import install_torch, make_venv, site_of

SOONER = "_envkit_payload.workloads.torch_"
"""Module of a workload's script; it is there when the workload begins."""
CRASH = "import os, signal; os.kill(os.getpid(), signal.{})"
HANG = "import ctypes; ctypes.PyDLL(None).sleep(600)"
"""Holds the interpreter's lock meanwhile, as a driver that does not answer does."""


def fake_torch(folder: Path, source: str) -> str:
    """An environment whose torch is `source`; its interpreter."""
    python = make_venv(folder)
    package = install_torch(site_of(python), "2.13.0", None)
    (package / "__init__.py").write_text(f"__version__ = '2.13.0'\n{source}\n")
    return str(python)


def sabotage(folder: Path, workload: str, action: str) -> tuple[str, str]:
    """Options that make `action` happen in every measuring process once `workload` begins."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        "import sys, threading, time\n"
        "def wait():\n"
        f"    while {SOONER + workload!r} not in sys.modules:\n"
        "        time.sleep(0.005)\n"
        "    time.sleep(0.05)\n"
        f"    {action}\n"
        "threading.Thread(target=wait, daemon=True).start()\n"
    )
    return ("--env", f"PYTHONPATH={folder}")


def after_import(folder: Path, action: str) -> tuple[str, str]:
    """Options that make `action` happen in every measuring process once torch is there whole."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        "import sys, threading, time\n"
        "def wait():\n"
        "    while '_envkit_payload.bench_torch' not in sys.modules:\n"
        "        time.sleep(0.001)\n"
        "    import torch\n"
        f"    {action}\n"
        "threading.Thread(target=wait, daemon=True).start()\n"
    )
    return ("--env", f"PYTHONPATH={folder}")
