"""`envkit doctor --ssh A --ssh B`: several machines at once, beside each other."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envkit.core.errors import EnvkitError, UsageError

if TYPE_CHECKING:
    from envkit.doctor.fleet import Fleet
    from envkit.doctor.rules import Rule
    from envkit.facts.model import Snapshot

_AT_ONCE = 16
"""Connections that are open at the same time."""

Looked = tuple[str, "Snapshot | EnvkitError"]


def check(hosts: Sequence[str], save: Path | None, error: str | None) -> None:
    """Raises UsageError for what does not go with several machines."""
    from envkit.remote.ssh import check_destination

    for host in hosts:
        check_destination(host)
    if error is not None:
        raise UsageError("--error is weighed with one machine", todo="give one --ssh")
    if save is not None and save.suffix not in (".jsonl", ".ndjson"):
        raise UsageError(
            f"{save} would hold several snapshots, one a line",
            todo="name it FILE.jsonl; `envkit doctor --merge FILE.jsonl` reads it",
        )


def look(
    hosts: Sequence[str], *, python: str | None, deep: bool, limit: float, config: Path | None
) -> tuple[Looked, ...]:
    """A snapshot of each machine, or why there is none, in the order of `hosts`.

    Nothing is asked at the terminal: several questions at once could not be told apart.
    """
    from envkit.doctor.gather_ssh import gather_over_ssh

    answers: queue.SimpleQueue[tuple[str, Snapshot | Exception]] = queue.SimpleQueue()
    free = threading.Semaphore(_AT_ONCE)

    def one(host: str) -> None:
        with free:
            try:
                found = gather_over_ssh(
                    host, python=python, deep=deep, budget=limit, config=config, interactive=False
                )
                answers.put((host, found))
            except Exception as error:  # told, or raised, by the thread that waits
                answers.put((host, error))

    names = tuple(dict.fromkeys(hosts))
    for host in names:
        threading.Thread(target=one, args=(host,), daemon=True).start()
    found: dict[str, Snapshot | EnvkitError] = {}
    while len(found) < len(names):
        host, answer = answers.get()
        if isinstance(answer, Exception) and not isinstance(answer, EnvkitError):
            raise answer
        found[host] = answer
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{len(found)} of {len(names)} machines have answered\x1b[K")
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    return tuple((host, found[host]) for host in names)


def compared(looked: Sequence[Looked], rules: tuple[Rule, ...]) -> Fleet:
    """The machines beside each other. Raises the first machine's error when none answered."""
    from envkit.compat import load_compat
    from envkit.doctor.fleet import Unreadable, merge

    snapshots = [(node(host), one) for host, one in looked if not isinstance(one, EnvkitError)]
    errors = [(host, one) for host, one in looked if isinstance(one, EnvkitError)]
    if not snapshots:
        raise errors[0][1]
    unreadable = [Unreadable(source=node(host), why=_why(host, error)) for host, error in errors]
    return merge(snapshots, load_compat(), rules=rules, unreadable=unreadable)


def _why(host: str, error: EnvkitError) -> str:
    """The message without the host that it begins with."""
    return error.message.removeprefix(f"{host}:").strip()


def first_error(looked: Sequence[Looked]) -> EnvkitError | None:
    """Of the first machine that gave no snapshot."""
    return next((one for _, one in looked if isinstance(one, EnvkitError)), None)


def save_lines(looked: Sequence[Looked], target: Path) -> None:
    """One snapshot a line, each with the name of its machine, as --merge reads them. Raises DiskError."""
    from envkit.core.codec import dumps, to_json, write_text
    from envkit.core.redact import Identity, saved

    lines = [
        dumps({"node": node(host), **saved(to_json(one), Identity.here())}, indent=0)
        for host, one in looked
        if not isinstance(one, EnvkitError)
    ]
    write_text(str(target), "".join(f"{line}\n" for line in lines))


def node(host: str) -> str:
    """What the machine is called in the answer: the destination without the user."""
    return host.removeprefix("ssh://").rpartition("@")[2]
