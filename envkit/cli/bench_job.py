"""The options of `envkit bench` as one value, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envkit.bench.plan import Mode, Scale
from envkit.cli.bench_options import Choice, changed
from envkit.cli.options import Format
from envkit.core.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Tell:
    """Where answers go."""

    format: Format
    output: Path | None
    verbose: bool
    quiet: bool
    save: Path | None
    record: bool
    tensorboard: Path | None

    def check(self) -> None:
        """Raises UsageError where two things go to standard output, TargetAbsentError without a library."""
        if self.save is not None and str(self.save) == "-" and self.output is None:
            raise UsageError(
                "--save - and the report cannot both go to standard output",
                todo="send the report elsewhere: --output FILE",
            )
        if self.tensorboard is not None:
            from envkit.bench import tensorboard

            tensorboard.check()


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What was asked for."""

    workloads: tuple[str, ...]
    choice: Choice
    other: Choice | None
    """Side B."""
    vs: str | None
    scale: Scale
    repeat: int | None
    seconds: float | None
    limit: float | None
    nproc: tuple[int, ...]
    modes: tuple[Mode, ...]
    nnodes: int
    node_rank: int
    endpoint: str | None
    compare: tuple[str, str] | None
    source: str | None
    aa: bool
    anyway: bool
    tell: Tell

    def check(self) -> None:
        """Raises UsageError for options that do not go together, and for workloads that are none."""
        self._one_question()
        self._workloads()
        self._machines()

    @property
    def judges(self) -> bool:
        """Whether it only judges files."""
        return self.source is not None or self.compare is not None

    def _one_question(self) -> None:
        asked = {
            "--from": self.source is not None,
            "--compare": self.compare is not None,
            "--vs": self.other is not None,
            "--aa": self.aa,
        }
        given = [name for name, is_given in asked.items() if is_given]
        if len(given) > 1 and given != ["--from", "--aa"]:  # a pool that was saved is one all the same
            raise UsageError(f"{given[0]} and {given[1]} contradict each other", todo="give one of them")
        if self.aa and self.repeat is not None and self.repeat < 10:
            raise UsageError("--aa needs 10 processes for one comparison", todo="give --repeat 24, or more")
        if not self.judges:
            return
        measuring = [
            *changed(self.choice),
            *(["--repeat"] if self.repeat is not None else []),
            *(["--seconds"] if self.seconds is not None else []),
            *(["--limit"] if self.limit is not None else []),
            *(["--nproc"] if self.nproc != (1,) else []),
            *(["--quick or --full"] if self.scale != "default" else []),
        ]
        if measuring:
            raise UsageError(
                f"{given[0]} judges what was measured, and {measuring[0]} says how to measure",
                todo=f"leave out {measuring[0]}",
            )
        if self.compare and self.tell.save is not None:
            raise UsageError("--compare measures nothing to save", todo="leave out --save")

    def _workloads(self) -> None:
        from envkit.bench.workloads import NAMES

        for name in self.workloads:
            if name not in NAMES:
                raise UsageError(f"there is no workload {name!r}", todo=f"there are {', '.join(NAMES)}")

    def _machines(self) -> None:
        if self.nnodes > 1 and self.endpoint is None:
            raise UsageError(
                "--nnodes needs a place where the machines meet",
                todo="give the same on each: --rdzv-endpoint HOST:29400, and --node-rank 0, 1, ...",
            )
        if self.node_rank >= self.nnodes:
            raise UsageError(
                f"--node-rank {self.node_rank} is none of {self.nnodes} machines", todo="count from 0"
            )
        if self.endpoint is not None and self.nnodes == 1:
            raise UsageError("--rdzv-endpoint is for several machines", todo="add --nnodes N")
        if "strong" in self.modes and self.nproc == (1,) and self.nnodes == 1:
            raise UsageError("--scaling strong needs several processes", todo="add --nproc 1,2")
        alone = set(self.nproc) == {1} and self.nnodes == 1
        if "allreduce" in self.workloads and alone:
            raise UsageError("allreduce needs several processes", todo="add --nproc 2")
        sides = [self.choice, *([self.other] if self.other is not None else [])]
        if not alone and any(side.framework == "tensorflow" for side in sides):
            raise UsageError("--nproc and --nnodes are for PyTorch", todo="leave out --framework tensorflow")
