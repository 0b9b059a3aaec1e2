"""The payload's lines -> ProcessSamples. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import msgspec

from envkit.bench.ended import explained
from envkit.bench.samples import (
    Environment,
    Failure,
    LearningCheck,
    Limit,
    Options,
    ProcessSamples,
    Run,
)
from envkit.bench.workers import behind, first_failed
from envkit.core.text import one_line, plain
from envkit.target.bench_job import Told

T = TypeVar("T")
StopKind = Literal["absent", "import-failed", "no-device", "unsupported"]
_START = "the start of Python"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Why a target measures nothing at all, however often it is started."""

    kind: StopKind
    what: str
    """The framework, the device, or the version of Python."""
    why: str = ""
    available: tuple[str, ...] = ()
    """Devices that are there."""
    traceback: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one process measured, and what it says of all others like it."""

    process: ProcessSamples
    stop: Stop | None = None
    at: str = _START
    """What it told last that it was doing."""


def read(told: Told, options: Options, *, arm: str, number: int, limit: float) -> Answer:
    """Put the lines of one process together, or of the workers of one launch.

    options: as asked for; a run that says none has these. limit: seconds that it had.
    """
    ranks = [_Rank(options) for _ in told.ranks]
    for rank, lines in zip(ranks, told.ranks, strict=True):
        for line in lines:
            rank.take(line)
    first = ranks[0] if ranks else _Rank(options)
    at = ranks[_blamed(told, ranks)].at if ranks else first.at
    stop = next((rank.stop for rank in ranks if rank.stop is not None), None) or _unstarted(told)
    runs = tuple(run for index, rank in enumerate(ranks) for run in rank.finished(index))
    detail = explained(told, at, limit)
    errors = [error for rank in ranks for error in rank.errors]
    if errors:
        detail = one_line("; ".join([*errors[:2], *filter(None, [detail])]), limit=500)
    process = ProcessSamples(
        arm=arm,
        number=number,
        began=told.began,
        ended=told.ended,
        how=_how(told, ranks),
        detail=detail,
        environment=first.environment,
        runs=runs,
        limits=tuple(limit for rank in ranks for limit in rank.limits),
        failures=tuple(dict.fromkeys(failure for rank in ranks for failure in rank.failures)),
    )
    return Answer(process=process, stop=stop, at=at)


def _blamed(told: Told, ranks: list[_Rank]) -> int:
    """The worker that failed first, or that the others wait for."""
    fault = first_failed(told.stderr)
    if fault is not None and fault.worker < len(ranks):
        return fault.worker
    return behind(told.ranks, [rank.ended for rank in ranks])


def _how(told: Told, ranks: list[_Rank]) -> Any:
    if told.how == "done" and not (ranks and all(rank.ended for rank in ranks)):
        return "crashed"
    return told.how


def _unstarted(told: Told) -> Stop | None:
    """torchrun is a module of torch: without it nothing of ours starts."""
    for name in ("torch", "torch.distributed"):
        if f"No module named '{name}'" in told.stderr or f"No module named {name}" in told.stderr:
            return None if any(told.ranks) else Stop(kind="absent", what="torch")
    return None


class _Rank:
    """The lines of one process, put together."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.environment: Environment | None = None
        self.limits: list[Limit] = []
        self.failures: list[Failure] = []
        self.errors: list[str] = []
        self.stop: Stop | None = None
        self.at = _START
        self.ended = False
        self._runs: dict[str, dict[str, Any]] = {}
        self._notes: list[str] = []

    def take(self, line: Mapping[str, Any]) -> None:
        """One line."""
        kind = line["kind"]
        fields = {name: value for name, value in line.items() if name != "kind"}
        workload = str(fields.pop("workload", "")) if kind in _OF_A_RUN else ""
        if kind == "at":
            self.at = one_line(str(fields.get("what")))
        elif kind in ("end", "interrupted"):
            self.ended = True
        elif kind == "environment":
            self.environment = self._typed(fields, Environment, kind)
        elif kind == "limit":
            if (limit := self._typed(fields, Limit, kind)) is not None:
                self.limits.append(limit)
        elif kind == "failure":
            # A line's own kind is `kind`.
            fields["kind"] = fields.pop("failure", "error")
            if (failure := self._typed(fields, Failure, kind)) is not None:
                self.failures.append(_inert(failure))
        elif kind == "error":
            self.errors.append(one_line(f"{fields.get('section')}: {fields.get('text')}"))
        elif kind in ("absent", "import-failed", "no-device", "unsupported"):
            self.stop = _stop(kind, fields)
        elif kind == "note" and not workload:
            self._notes.append(one_line(str(fields.get("text"))))
        elif workload:
            self._of_a_run(kind, self._runs.setdefault(workload, {"workload": workload}), fields)

    def _of_a_run(self, kind: str, run: dict[str, Any], fields: dict[str, Any]) -> None:
        if kind == "workload":
            # Again after a halved batch: what was measured of the first counts no more.
            notes = (*run.get("notes", ()), *fields.pop("notes", ()))
            kept: dict[str, Any] = {name: run[name] for name in ("workload", "check", "notes") if name in run}
            options = {**msgspec.to_builtins(self._options), **(fields.pop("options", None) or {})}
            run.clear()
            run.update({**kept, **fields, "options": options, "notes": notes})
        elif kind == "check":
            run["check"] = self._typed(fields, LearningCheck, kind)
        elif kind == "first-step":
            run["first_step"] = fields.get("seconds")
        elif kind == "warm":
            run.update(
                warm_steps=fields.get("steps"),
                warm_seconds=fields.get("seconds"),
                stable=fields.get("stable"),
            )
        elif kind == "steps":
            run.setdefault("step_seconds", []).extend(fields.get("host") or ())
            if fields.get("device") is not None:
                run.setdefault("device_seconds", []).extend(fields["device"])
        elif kind == "no-sync":
            run.setdefault("no_sync_seconds", []).extend(fields.get("host") or ())
        elif kind == "measured":
            run.update(fields)
        elif kind == "note":
            run["notes"] = (*run.get("notes", ()), one_line(str(fields.get("text"))))

    def finished(self, rank: int) -> Iterable[Run]:
        """The runs that measured something."""
        for values in self._runs.values():
            if "batch_size" not in values:
                continue
            values["notes"] = (*values.get("notes", ()), *self._notes)
            run = self._typed({**values, "rank": rank}, Run, values["workload"])
            if run is None:
                continue
            if run.seconds == 0:
                # It was ended in the middle: its steps are what there is.
                run = replace(run, steps=len(run.step_seconds), seconds=sum(run.step_seconds))
            yield run

    def _typed(self, fields: Mapping[str, Any], kind: type[T], name: str) -> T | None:
        try:
            return msgspec.convert(msgspec.to_builtins(dict(fields)), kind)
        except (msgspec.ValidationError, TypeError) as error:
            self.errors.append(one_line(f"a line of kind {name!r} cannot be read: {error}"))
            return None


_OF_A_RUN = frozenset({"workload", "check", "first-step", "warm", "steps", "no-sync", "measured", "note"})


def _inert(failure: Failure) -> Failure:
    return Failure(
        workload=one_line(failure.workload),
        kind=failure.kind,
        error=one_line(failure.error, limit=500),
        traceback=None if failure.traceback is None else plain(failure.traceback, limit=8000),
    )


def _stop(kind: Any, fields: Mapping[str, Any]) -> Stop:
    what = fields.get("framework") or fields.get("device") or fields.get("version") or ""
    why = fields.get("why") or fields.get("error") or fields.get("minimum") or ""
    available = fields.get("available")
    return Stop(
        kind=kind,
        what=one_line(str(what)),
        why=one_line(str(why), limit=500),
        available=tuple(one_line(str(each)) for each in available) if isinstance(available, list) else (),
        traceback=plain(str(fields["traceback"]), limit=8000) if fields.get("traceback") else None,
    )
