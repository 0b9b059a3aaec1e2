"""Samples what the machine is like beside a run, once a second, on the clock of `time.monotonic()`.

    with Sampler(Machine.here()) as sampler:
        ... start a process ...; sampler.follow(pid)
        ... wait for its end ...
        conditions = sampler.conditions()

Whatever cannot be read is None, and `Conditions.trouble` says why. No driver that hangs is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from envkit.core.machine import Machine
from envkit.core.threads import start_deaf
from envkit.target.conditions import Conditions, Moment
from envkit.target.sampler_gpus import GpuWatch
from envkit.target.sampler_host import Host
from envkit.target.sampler_tree import Tree, read_process

PERIOD = 1.0
"""Seconds between moments."""
_POLL = 0.05
"""Seconds between questions for a process that has not been started yet."""
_MOST = 1 << 17
"""Moments kept: a day and a half."""
_JOIN = 0.2
"""Seconds that the thread is waited for at the end; it may be in the middle of a question to the GPUs."""


class Sampler:
    """Takes moments in a thread of its own, from `with` to its end.

    machine: recorded ones work, too, without GPUs. period: seconds. pid_of: tells the process to follow as
    soon as it is known, for who cannot call `follow`.
    """

    def __init__(
        self, machine: Machine, *, period: float = PERIOD, pid_of: Callable[[], int | None] | None = None
    ) -> None:
        self._machine = machine
        self._period = period
        self._pid_of = pid_of
        self._followed: int | None = None
        self._host = Host(machine)
        self._tree = Tree(machine)
        self._measuring = False
        self._gpus: GpuWatch | None = None
        self._moments: list[Moment] = []
        self._trouble: dict[str, None] = {}
        self._taking = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Sampler:
        self._gpus = GpuWatch(self._machine)
        start_deaf(self._thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take no more moments; those that were taken stay."""
        self._stop.set()
        if self._gpus is not None:
            self._gpus.end()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(_JOIN)

    def follow(self, pid: int) -> None:
        """Count the CPU time of this process and its descendants as `own` from now on, and take a moment.

        A process that has ended already is noted under `trouble`. Several may be followed, one after another.
        """
        with self._taking:
            self._followed = pid
            self._measuring = True
            if not self._tree.follow(pid):
                self._trouble[f"process {pid} had ended before it could be followed"] = None
        self.sample()

    def sample(self) -> Moment:
        """Take a moment now."""
        with self._taking:
            at = time.monotonic()
            tree = self._tree.update()
            own = None if tree is None else tree + self._self()
            fields = self._host.read()
            pids = self._tree.pids if self._measuring else None
            gpus = () if self._gpus is None else self._gpus.read(pids)
            moment = Moment(at=at, own=own, gpus=gpus, **fields)
            self._moments.append(moment)
            del self._moments[:-_MOST]
            return moment

    def conditions(self, began: float | None = None, ended: float | None = None) -> Conditions:
        """What was seen, from the last moment before `began` to the first after `ended`; without them, all.

        Where nothing was seen after `ended` yet, a moment is taken now.
        """
        last = self._moments[-1].at if self._moments else None
        if not self._stop.is_set() and (last is None or ended is None or last < ended):
            self.sample()
        moments = tuple(self._moments[:])
        first = max((at for at, m in enumerate(moments) if began is not None and m.at <= began), default=0)
        after = min((at for at, m in enumerate(moments) if ended is not None and m.at >= ended), default=None)
        gpus = self._gpus
        trouble = dict.fromkeys((*self._trouble, *self._host.trouble, *(gpus.trouble if gpus else ())))
        return Conditions(
            cpus=self._host.cpus,
            quota=self._host.quota,
            counted=self._host.counted,
            clock_max=self._host.clock_max,
            period=self._period,
            moments=moments[first : None if after is None else after + 1],
            gpus=() if gpus is None else gpus.facts,
            trouble=tuple(trouble),
        )

    def _self(self) -> float:
        """CPU seconds of envkit itself, which is no neighbour."""
        found = read_process(self._machine, "self")
        return 0.0 if found is None else found.own

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                self.sample()
            except Exception as error:  # a kernel that writes what we have never seen must not end the run
                self._trouble[f"sampling failed: {type(error).__name__}: {error}"] = None
            due = max(due + self._period, time.monotonic())
            self._wait(due)

    def _wait(self, due: float) -> None:
        """Until the next moment, or the end, or until the process to follow is known."""
        while (left := due - time.monotonic()) > 0:
            if self._pid_of is None or self._followed is not None:
                self._stop.wait(left)
                return
            pid = self._pid_of()
            if pid is not None:
                self.follow(pid)
                return
            if self._stop.wait(min(left, _POLL)):
                return
