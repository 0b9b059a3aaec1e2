"""The process that asks NVML again and again while something runs, so that a hang or a crash stays in it.

Started by path: `python -I -S nvml_watch.py DIRECTORY...`; the directories hold pynvml and envkit and go to
the end of sys.path. It reads what `nvml_child`'s Session reads and says it in the same lines, then for each
GPU `{"facts": {...}}`, what does not change. Each line with a number on standard input is answered by
`{"asked": NUMBER, "gpus": [...], "late": [...]}`; `late` names the calls that have not returned. It ends when
standard input does, and changes nothing.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envkit.facts.nvml_child import Session

ANSWER = 0.4
"""Seconds that all GPUs together have for one answer; who is later is asked again when it has come back."""
_RECENT = 1.5
"""Seconds for which the use of a GPU by a process counts as now."""


class Gpu:
    """One GPU, asked by a thread of its own: a call into the driver may never return."""

    def __init__(self, session: Session, index: int) -> None:
        from envkit.facts.nvml_calls import Calls

        self.index = index
        self.calls = Calls(session.nvml)
        self.facts: dict[str, Any] | None = None
        self._handle: Any = None
        self._go = threading.Event()
        self._done = threading.Event()
        self._done.set()
        self._told = False
        self._found: dict[str, Any] | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def ask(self) -> None:
        """Begin to read, unless the last reading has not come back."""
        if self._done.is_set():
            self._done.clear()
            self._go.set()

    def answer(self, deadline: float) -> dict[str, Any] | None:
        """What was read; None when it does not answer, or is no GPU any more."""
        return self._found if self._done.wait(max(0.0, deadline - time.monotonic())) else None

    def new_facts(self) -> dict[str, Any] | None:
        """What does not change, the first time that it is known."""
        if self._told or self.facts is None:
            return None
        self._told = True
        return self.facts

    def late(self) -> str | None:
        """The call that has not returned, or why there is nothing to ask."""
        if not self._done.is_set():
            return f"{self.calls.current or 'a call'} of GPU {self.index} has not returned"
        return None if self._found is not None else f"GPU {self.index}: {self.calls.error or 'no answer'}"

    def _work(self) -> None:
        while True:
            self._go.wait()
            self._go.clear()
            try:
                self._found = self._read()
            except Exception as error:  # one answer is lost, not the GPU
                self._found, self.calls.error = None, f"{type(error).__name__}: {error}"
            self._done.set()

    def _get(self, name: str, *args: Any) -> Any:
        return self.calls.get(name, self._handle, *args)

    def _read(self) -> dict[str, Any] | None:
        if self._handle is None:
            self._handle = self.calls.get("nvmlDeviceGetHandleByIndex", self.index)
            if self._handle is None:
                return None
        if self.facts is None:
            self.facts = self._fixed()
        found = self._moment()
        return None if self.calls.lost else found

    def _fixed(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "name": self._get("nvmlDeviceGetName"),
            "uuid": self._get("nvmlDeviceGetUUID"),
            "sm_clock_max": self._get("nvmlDeviceGetMaxClockInfo", 1),
            "memory_clock_max": self._get("nvmlDeviceGetMaxClockInfo", 2),
            "power_default": _watts(self._get("nvmlDeviceGetPowerManagementDefaultLimit")),
            "pcie_width_max": self._get("nvmlDeviceGetMaxPcieLinkWidth"),
            "temperature_slowdown": self._get("nvmlDeviceGetTemperatureThreshold", 1),
        }

    def _moment(self) -> dict[str, Any]:
        from envkit.facts.nvml_names import clock_reasons

        energy = self._get("nvmlDeviceGetTotalEnergyConsumption")  # first: others take milliseconds
        mask = self.calls.either(
            ("nvmlDeviceGetCurrentClocksEventReasons", self._handle),
            ("nvmlDeviceGetCurrentClocksThrottleReasons", self._handle),
        )
        rates = self._get("nvmlDeviceGetUtilizationRates")
        temperature = self.calls.either(
            ("nvmlDeviceGetTemperature", self._handle, 0), ("nvmlDeviceGetTemperatureV", self._handle, 0)
        )
        return {
            "index": self.index,
            "sm_clock": self._get("nvmlDeviceGetClockInfo", 1),
            "memory_clock": self._get("nvmlDeviceGetClockInfo", 2),
            "reasons": [] if mask is None else clock_reasons(mask),
            "temperature": temperature,
            "power": _watts(self._get("nvmlDeviceGetPowerUsage")),
            "power_limit": _watts(self._get("nvmlDeviceGetEnforcedPowerLimit")),
            "energy": None if energy is None else energy / 1000,
            "utilisation": None if rates is None else rates.gpu / 100,
            "pcie_generation": self._get("nvmlDeviceGetCurrPcieLinkGeneration"),
            "pcie_width": self._get("nvmlDeviceGetCurrPcieLinkWidth"),
            "processes": self._processes(),
        }

    def _processes(self) -> list[dict[str, Any]] | None:
        """Who computes on it, and whether it did so just now (None = not told)."""
        from envkit.facts.nvml_calls import NOT_FOUND
        from envkit.facts.nvml_shared import processes

        found = processes(self.calls, self._handle)
        if not found:
            return found
        since = int((time.time() - _RECENT) * 1e6)
        samples = self.calls.expecting(
            NOT_FOUND, "nvmlDeviceGetProcessUtilization", self._handle, since
        )  # not found: nobody used it since then
        known = samples is not None or self.calls.code == NOT_FOUND
        used = {sample.pid for sample in samples or () if 0 < sample.smUtil <= 100}
        return [
            {"pid": one["pid"], "name": one["name"], "used": one["pid"] in used if known else None}
            for one in found
            if one["kind"] != "graphics"
        ]


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def main(argv: list[str]) -> None:
    """See the module's text."""
    sys.path.extend(argv[1:])
    from envkit.facts.nvml_child import Out, Session, Worker

    out = Out()
    session = Session(out)
    opening = Worker(session.open)
    gpus: list[Gpu] | None = None
    for line in sys.stdin:
        deadline = time.monotonic() + ANSWER
        if gpus is None and opening.wait(ANSWER):
            if opening.error is not None or not session.count:
                out.line(end={"error": repr(opening.error) if opening.error else None})
                break
            gpus = [Gpu(session, index) for index in range(session.count)]
        late = [f"{session.current()} has not returned"] if gpus is None else []
        for gpu in gpus or ():
            gpu.ask()
        answers = [gpu.answer(deadline) for gpu in gpus or ()]
        found = [answer for answer in answers if answer is not None]
        for gpu in gpus or ():
            facts = gpu.new_facts()
            if facts is not None:
                out.line(facts=facts)
        said = [gpu.late() for gpu in gpus or ()]
        late += [text for text in said if text is not None]
        out.line(asked=int(line), gpus=found, late=late)
    os._exit(0)  # nvmlShutdown and a thread that is stuck would both hold an ordinary exit


if __name__ == "__main__":
    main(sys.argv)
