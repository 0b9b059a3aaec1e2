"""One run of `--apply`: offer, carry out, look again, until nothing is left to offer.

After each change the machine is looked at again and the offers are made anew: what mended the first problem
may have mended the second, or made its fix a wrong one.
"""

from __future__ import annotations

import os
import shlex
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from envkit.core.errors import DiskError, ExitCode
from envkit.core.finding import Finding
from envkit.core.machine import Machine
from envkit.doctor.apply import pip, startup
from envkit.doctor.apply.allowed import rehearsal, rehearsed, tool
from envkit.doctor.apply.applied import Applied
from envkit.doctor.apply.model import (
    FileOffer,
    Offer,
    PipOffer,
    Planned,
    StartFile,
    Target,
    Withheld,
)
from envkit.doctor.apply.plan import environment_after, paste, plan
from envkit.facts.model import Snapshot

Reply = Literal["yes", "no", "quit"]
_TIMES = 3
"""Changes for one problem in one run; a fix that does not help is not tried for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A machine and what doctor said of it."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Keys of problems, those that are folded under others too."""
        found = [f for f in self.findings if f.outcome == "problem"]
        return tuple(key for f in found for key in (f.key, *f.explains))


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """How the session speaks with the person."""

    ask: Callable[[Offer, str], Reply]
    """Shows an offer with the command that goes back, and asks."""
    withheld: Callable[[Planned], None]
    """Tells once what is not offered."""
    progress: Callable[[str], None]
    """A line of what a command says."""
    done: Callable[[Applied], None]
    """Tells how one change went."""


class Session:
    """What was done so far is in `applied` at any time, also after an exception."""

    def __init__(
        self,
        first: Seen,
        look: Callable[[Mapping[str, str]], Seen],
        talk: Talk,
        *,
        env: Mapping[str, str],
    ) -> None:
        """
        Args:
            first: what the report that the person has read was made of.
            look: looks at the machine again, with these environment variables.
            talk: how to speak with the person.
            env: variables of this process.
        """
        self.first = first
        self.last = first
        self.applied: list[Applied] = []
        self.failures: list[pip.Failure] = []
        self._look = look
        self._talk = talk
        self._env = dict(env)
        self._started = time.strftime("%Y%m%d-%H%M%S")
        self._number = 0
        self._asked: set[tuple[object, ...]] = set()
        self._count: Counter[str] = Counter()
        self._told: set[tuple[str, str, str]] = set()

    def run(self) -> None:
        """Offer and carry out. Raises KeyboardInterrupt and EnvkitError with `applied` up to date."""
        while True:
            target, files = self._target(), self._files()
            note = f"envkit {time.strftime('%Y-%m-%d')}"
            planned = plan(self.last.findings, target, files, self._env, note)
            self._tell_withheld(planned)
            offer = next((one for one in planned.offers if self._is_new(one)), None)
            if offer is None:
                break
            stamp = self._next_stamp()
            self._asked.add(offer.identity)
            reply = self._talk.ask(offer, self._kept(offer, stamp))
            if reply == "quit":
                break
            if reply == "no":
                self.applied.append(_record(offer, "declined"))
                continue
            self._count[offer.key] += 1
            if isinstance(offer, FileOffer):
                self._edit(offer, files, stamp)
            elif isinstance(target, Target):
                self._install(offer, target, stamp)
            self.last = self._look(self._env)
        problems = self.last.problems
        self.applied = [_judged(one, problems) for one in self.applied]

    @property
    def new_problems(self) -> tuple[str, ...]:
        """Keys of problems that were not there before."""
        return tuple(key for key in self.last.problems if key not in self.first.problems)

    @property
    def exit_code(self) -> ExitCode | None:
        """Of the first change that failed; None when none did."""
        return self.failures[0].code if self.failures else None

    def _is_new(self, offer: Offer) -> bool:
        return offer.identity not in self._asked and self._count[offer.key] < _TIMES

    def _target(self) -> Target | str:
        python = self.last.snapshot.python
        if not any(step.apply == "pip" for finding in self.last.findings for step in finding.fix):
            return "no fix needs it"
        if python is None or not python.read:
            return "the target Python could not be read"
        return pip.ask(replace(Machine.here(), env=self._env), python)

    def _files(self) -> tuple[StartFile, ...]:
        python = self.last.snapshot.python
        isolated = python is not None and python.kind in ("venv", "uv", "conda")
        prefix = python.prefix if python is not None and isolated else None
        return startup.read(replace(Machine.here(), env=self._env), prefix)

    def _tell_withheld(self, planned: Planned) -> None:
        new = [w for w in planned.withheld if (w.key, w.command, w.reason) not in self._told]
        left = planned.left if self._number == 0 else ()
        self._told.update((w.key, w.command, w.reason) for w in new)
        self.applied += [_not_offered(one) for one in new]
        if new or left:
            self._talk.withheld(replace(planned, withheld=tuple(new), left=left))

    def _next_stamp(self) -> str:
        """What the names of files for the next offer end with."""
        self._number += 1
        return f"{self._started}-{self._number}"

    def _list_path(self, stamp: str) -> str:
        return f"{pip.state_folder(self._env)}/packages-{stamp}-{os.getpid()}.txt"

    def _kept(self, offer: Offer, stamp: str) -> str:
        """Where what is there before is kept, so that the person can go back."""
        if isinstance(offer, FileOffer):
            return startup.backup_path(offer.file, stamp)
        return self._list_path(stamp)

    def _install(self, offer: PipOffer, target: Target, stamp: str) -> None:
        """List what is there, try out, run; the first failure ends it."""
        undo: str | None = None
        done = 0
        try:
            kept = pip.freeze(target, self._env, self._list_path(stamp))
            if isinstance(kept, pip.Failure):
                self._failed(offer, kept, "what is installed could not be listed, so nothing was changed")
                return
            for change in rehearsed(offer.changes):
                argv = rehearsal(change, tool(target))
                failed = pip.execute(argv, target, self._env, self._talk.progress)
                if failed is not None:
                    self._failed(offer, failed, "it could not be installed again, so nothing was changed")
                    return
            undo = kept
            for argv in offer.argvs:
                failed = pip.execute(argv, target, self._env, self._talk.progress)
                if failed is not None:
                    self._failed(offer, failed, f"command {done + 1} of {len(offer.argvs)} failed", undo)
                    return
                done += 1
            self._add(replace(_record(offer, "applied"), undo=undo))
        except KeyboardInterrupt:
            said = f"{done} of {len(offer.argvs)} commands had ended" if undo else "nothing was changed"
            self._add(replace(_record(offer, "interrupted"), detail=said, undo=undo))
            raise
        except DiskError as error:
            lines = (error.message,)
            failed = pip.Failure(command="", code=ExitCode.DISK, exit_code=None, lines=lines, todo=error.todo)
            self._failed(offer, failed, "nothing was changed")

    def _failed(self, offer: Offer, failure: pip.Failure, said: str, undo: str | None = None) -> None:
        self.failures.append(failure)
        detail = f"{said}: {failure.lines[-1]}"
        self._add(replace(_record(offer, "failed"), exit_code=failure.exit_code, detail=detail, undo=undo))

    def _edit(self, offer: FileOffer, files: tuple[StartFile, ...], stamp: str) -> None:
        try:
            backup = startup.write(offer.file, offer.after, stamp)
        except DiskError as error:
            lines = (error.message,)
            failed = pip.Failure(command="", code=ExitCode.DISK, exit_code=None, lines=lines, todo=error.todo)
            self._failed(offer, failed, "nothing was changed")
            return
        except KeyboardInterrupt:
            detail = f"look at {offer.file.path} and, where there is one, its copy"
            self._add(replace(_record(offer, "interrupted"), detail=detail))
            raise
        undo = shlex.join(("cp", "-p", backup, offer.file.real))
        self._env = environment_after(self._env, offer, files)
        self._add(replace(_record(offer, "applied"), undo=undo))

    def _add(self, applied: Applied) -> None:
        self.applied.append(applied)
        self._talk.done(applied)


def _record(offer: Offer, outcome: Literal["applied", "declined", "failed", "interrupted"]) -> Applied:
    if isinstance(offer, PipOffer):
        command = " && ".join(map(shlex.join, offer.argvs))
        return Applied(key=offer.key, kind="pip", command=command, outcome=outcome)
    command = paste(offer.change, "")
    return Applied(key=offer.key, kind="environment", command=command, outcome=outcome, file=offer.file.path)


def _not_offered(one: Withheld) -> Applied:
    return Applied(key=one.key, kind=one.kind, command=one.command, outcome="not-offered", detail=one.reason)


def _judged(applied: Applied, problems: tuple[str, ...]) -> Applied:
    if applied.outcome not in ("applied", "failed"):
        return applied
    return replace(applied, finding="still there" if applied.key in problems else "gone")
