"""The machines of doctor_rivals.py, and what a right answer on each holds, the same for every program."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faked_machine import NEWER, Faked


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a program said of a machine, in one shape for both programs."""

    problems: tuple[str, ...]
    """What it calls wrong."""
    words: str
    """Everything it printed."""
    code: int | None
    """Exit code; None: it had to be ended."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A machine, and what a right answer holds."""

    title: str
    faked: Faked
    expected: str
    right: Callable[[Said], bool]
    pairs: int | None = None


def _any(texts: Sequence[str], pattern: str) -> bool:
    return any(re.search(pattern, text, re.I) for text in texts)


_LOST = """6,2,90000000;NVRM: Xid (PCI:0000:01:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
4,3,90000001;NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.
"""  # noqa: E501 - as the driver writes it
_FAILED = """4,2,9000000;NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x24:0x65:1548)
4,3,9000001;NVRM: GPU 0000:01:00.0: rm_init_adapter failed, device minor number 0
"""

SCENARIOS = {
    "none": Scenario(
        title="no GPU at all",
        faked=Faked(nvml=None, smi=None),
        expected="exit 0, and nothing of GPU, driver, CUDA or cuDNN is called wrong",
        right=lambda said: said.code == 0 and not _any(said.problems, "gpu|driver|cuda|cudnn|nvidia"),
    ),
    "mismatch": Scenario(
        title="driver and library differ",
        faked=Faked(
            nvml="error.nvmlInitWithFlags = LIB_RM_VERSION_MISMATCH",
            smi="Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 570.133",
            smi_code=18,
            library=NEWER,
        ),
        expected="the two versions are said to differ",
        right=lambda said: _any(said.problems, "mismatch|differ"),
    ),
    "lost": Scenario(
        title="GPU off the bus",
        faked=Faked(
            nvml="error.*.0 = GPU_IS_LOST",
            smi="Unable to determine the device handle for GPU0: 0000:01:00.0: GPU is lost.  "
            "Reboot the system to recover this GPU",
            smi_code=15,
            on_bus="fallen",
            log=_LOST,
        ),
        expected="the GPU is said to be lost or off the bus",
        right=lambda said: _any(said.problems, r"\blost\b|off.(the.)?bus"),
    ),
    "no-devices": Scenario(
        title="driver finds no devices",
        faked=Faked(nvml="count = 0", smi="No devices were found", smi_code=6, log=_FAILED),
        expected="a driver that runs and finds no GPU, and not: no driver",
        right=lambda said: _any(
            said.problems, r"no (nvidia )?(devices?|gpus?)\b|0 gpus|finds none|initiali[sz]e"
        ),
    ),
    "cpu-torch": Scenario(
        title="H100, CPU build of torch",
        faked=Faked(nvml="", smi="table"),
        expected="the CPU build of torch is called wrong",
        right=lambda said: _any(said.problems, r"cpu.{0,40}(torch|wheel|build)|(torch|wheel).{0,60}cpu"),
    ),
    "smi-hangs": Scenario(
        title="nvidia-smi hangs, NVML answers",
        faked=Faked(nvml="", smi=None, smi_hangs=True),
        expected="it ends by itself and names the H100",
        right=lambda said: said.code is not None and "H100" in said.words,
        pairs=2,
    ),
    "driver-hangs": Scenario(
        title="nvidia-smi and NVML hang",
        faked=Faked(nvml="hang.nvmlInitWithFlags = 1", smi=None, smi_hangs=True),
        expected="it ends by itself and says that the driver does not answer",
        right=lambda said: (
            said.code is not None
            and _any([said.words], r"did not answer|does not answer|hang|hung|timed? ?out")
        ),
        pairs=2,
    ),
}
