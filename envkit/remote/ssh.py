"""The ssh client: one connection, on which the agent is started, asked, and tidied away."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envkit.core import redact
from envkit.core.errors import (
    DiskError,
    EnvkitError,
    NetworkError,
    TargetAbsentError,
    UsageError,
)
from envkit.core.machine import System
from envkit.core.proc import Conversation
from envkit.remote import bundle, told
from envkit.remote.ahead import TOPICS, of_target
from envkit.remote.cache import Cache
from envkit.remote.link import Link, Pending
from envkit.remote.machine import RemoteMachine, specs, take

CONNECT_SECONDS = 10
"""For the network and the handshake; ssh gives up by itself."""
START_SECONDS = 30.0
"""From the start of ssh to the agent's first word: handshake, log-in, the shell's start-up files."""
PROMPT_SECONDS = 180.0
"""The same where a person may be asked for a passphrase."""
_NOTICE = 1.0
"""Seconds after which a person is told what is awaited."""
_AHEAD_SECONDS = 1.0
"""For what is read ahead; what is late is asked for again by the probe that needs it."""
_ANSWER_SECONDS = 10.0
"""For the agent's first answer."""
_END_SECONDS = 5.0
"""For tidying up there."""

PYTHONS = (
    "/usr/bin/python3",
    "python3",
    "/usr/local/bin/python3",
    "/usr/libexec/platform-python",
    "/opt/conda/bin/python3",
)
"""Tried in this order: one on PATH may be a shim that changes PATH and the environment that we look at."""
# Any login shell reads this the same way: single quotes without a quote in them, no `!`, no newline. Nothing
# of a person's input is in it. An interpreter that is too old has read nothing yet, so the next one is tried.
_COMMAND = (
    "exec /bin/sh -c 'o={none}; for p in {pythons}; do"
    ' if command -v "$p" >/dev/null 2>&1; then "$p" -I -S -c'
    ' "import sys;sys.version_info<(3,6)and(print(sys.version,file=sys.stderr),sys.exit({old}));'
    'exec(sys.stdin.buffer.read({size}))"; r=$?;'
    " case $r in {old}) o={old};; 126|127) ;; *) exit $r;; esac; fi; done; exit $o'"
)
_OPTIONS = (
    ("BatchMode", "yes"),
    ("ConnectTimeout", str(CONNECT_SECONDS)),
    ("ServerAliveInterval", "5"),
    ("ServerAliveCountMax", "3"),
    ("ClearAllForwardings", "yes"),
    ("PermitLocalCommand", "no"),
    ("RequestTTY", "no"),
    # What a person's configuration runs on that host would take the place of our command.
    ("IgnoreUnknown", "RemoteCommand"),
    ("RemoteCommand", "none"),
)
_DESTINATION = re.compile(r"[^\s\x00-\x1f\x7f\"'`$;&|<>(){}*?!#-][^\s\x00-\x1f\x7f\"'`$;&|<>(){}*?!#]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """A connection that stands."""

    machine: RemoteMachine
    user: str
    host: str
    """The machine's own name."""
    python_version: str
    """Of the interpreter that runs the agent."""
    seconds: float
    """From the start of ssh until everything was read ahead."""

    @property
    def questions(self) -> int:
        """How many questions the agent was asked so far; those read ahead count as three."""
        return self.machine.link_to.questions


def check_destination(host: str) -> str:
    """A destination as ssh takes it: `gpu7`, `me@gpu7`, `ssh://me@gpu7:2222`. Raises UsageError."""
    if not _DESTINATION.fullmatch(host):
        raise UsageError(
            f"`{host}` is not a destination of ssh",
            todo="give what you would give to ssh: a host of ~/.ssh/config, HOST, USER@HOST, ssh://USER@HOST:PORT",
        )
    return host


@contextmanager
def connect(
    host: str,
    *,
    python: str | None = None,
    config: Path | None = None,
    interactive: bool | None = None,
    meanwhile: Callable[[], object] | None = None,
    waiting: Callable[[], object] | None = None,
) -> Iterator[Remote]:
    """The machine that ssh reaches by that name, for as long as the block lasts.

    Args:
        host: a destination of ssh.
        python: what `--python` named, so that it can be looked at ahead.
        config: of ssh, instead of ~/.ssh/config.
        interactive: whether ssh may ask at the terminal; None = where there is one.
        meanwhile: work of the caller's for the time that ssh takes to connect.
        waiting: called once when that takes more than a second.

    Raises:
        UsageError: not a destination. NetworkError: not reached, refused, or lost, also within the block.
        TargetAbsentError: no ssh here; no Python there, or a system that is not Linux.
        DiskError: no folder there that could be written to.
    """
    check_destination(host)
    if interactive is None:
        interactive = sys.stdin.isatty() and sys.stderr.isatty()
    start = time.monotonic()
    source = bundle.agent_source()
    try:
        argv = _argv(host, len(source), config, interactive)
        conversation = Conversation(argv, own_session=not interactive)
    except FileNotFoundError:
        raise told.no_ssh() from None
    except OSError as error:
        raise TargetAbsentError(
            f"ssh cannot be started: {error}", todo="check that `ssh` works in this shell"
        ) from None
    try:
        link = Link(conversation)
        asked = _Opening(link, conversation, source)
        if meanwhile is not None:
            meanwhile()
        limit = PROMPT_SECONDS if interactive else START_SECONDS
        if waiting is not None and not link.started.wait(_NOTICE):
            waiting()
        if not link.started.wait(max(0.0, start + limit - time.monotonic())):
            raise told.silent(host, limit)
        if not link.ready:
            raise told.not_started(host, conversation.wait(_END_SECONDS), conversation.errors, link.noise)
        try:
            remote = _opened(host, link, asked, python, start)
            yield remote
        except EnvkitError:
            # A machine that went away in the middle looks as if things were not there.
            if link.lost:
                raise told.lost(host, conversation.wait(1.0), conversation.errors, link.garbled) from None
            raise
        except OSError:
            if not link.lost:
                raise
        _end(host, link, conversation)
    finally:
        conversation.end()


def _argv(host: str, size: int, config: Path | None, interactive: bool) -> tuple[str, ...]:
    """The first value that ssh gets for an option counts, so these come before any configuration."""
    options = [f"-o{name}={value}" for name, value in _OPTIONS if not (interactive and name == "BatchMode")]
    named = () if config is None else ("-F", str(config))
    command = _COMMAND.format(pythons=" ".join(PYTHONS), size=size, old=told.TOO_OLD, none=told.NO_PYTHON)
    return ("ssh", "-T", "-x", *options, *named, "--", host, command)


class _Opening:
    """The first questions: sent behind the agent's source without waiting, in a thread, since ssh reads
    nothing before it is connected."""

    def __init__(self, link: Link, conversation: Conversation, source: bytes) -> None:
        self.sent = threading.Event()
        self.hello: Pending | None = None
        self.put: Pending | None = None
        self.look: Pending | None = None
        self.topics = [specs(one) for one in TOPICS]
        self._link, self._conversation, self._source = link, conversation, source
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        try:
            self._conversation.write(self._source)
            self.hello = self._link.send("hello")
            self.look = self._link.send("look", topics=self.topics, exact=False, seconds=_AHEAD_SECONDS)
            files = bundle.files()
            sizes = [(name, len(data)) for name, data in files]
            self.put = self._link.send("put", b"".join(data for _, data in files), files=sizes)
        except OSError:  # ssh has ended, which the link tells
            pass
        finally:
            self.sent.set()


def _opened(host: str, link: Link, asked: _Opening, python: str | None, start: float) -> Remote:
    asked.sent.wait(_ANSWER_SECONDS)
    if asked.hello is None or asked.look is None or asked.put is None:
        raise NetworkError(f"{host} takes no data", todo="check the network, and run again")
    cache = Cache()
    try:
        hello, _ = asked.hello.wait(_ANSWER_SECONDS)
        remote = _remote(link, cache, hello, start)
        _refuse_others(host, remote.machine)
        target = specs(of_target(dict(remote.machine.env), python))
        more = link.send("look", topics=[target], exact=False, seconds=_AHEAD_SECONDS)
        take(cache, asked.topics, *asked.look.wait(_ANSWER_SECONDS), link)
        take(cache, [target], *more.wait(_ANSWER_SECONDS), link)
        asked.put.wait(_ANSWER_SECONDS)
    except TimeoutError:
        raise NetworkError(
            f"{host} answers too slowly", todo="check the network and the load there"
        ) from None
    except OSError as error:
        if link.lost:
            raise  # the caller tells it better
        raise DiskError(
            f"{host}: our files cannot be written there: {error.strerror}", todo="make space in /tmp there"
        ) from None
    _remember(host, remote)
    return Remote(
        machine=remote.machine,
        user=remote.user,
        host=remote.host,
        python_version=remote.python_version,
        seconds=time.monotonic() - start,
    )


def _remember(host: str, remote: Remote) -> None:
    """Whose machine it is, by its own names and by the one that the person gave, unless it is a mere word."""
    home = remote.machine.env.get("HOME", "")
    redact.remember(redact.Identity(home=home, user=remote.user, host=remote.host))
    name = host.removeprefix("ssh://").rpartition("@")[2].partition(":")[0].rstrip("/")
    if not name.isalpha():
        redact.remember(redact.Identity(home="", user="", host=name))


def _remote(link: Link, cache: Cache, hello: Any, start: float) -> Remote:
    """Raises LinkLost for an answer of another form."""
    try:
        name, release, arch = hello["system"]
        libc, _, version = str(hello["glibc"] or "").partition(" ")
        machine = RemoteMachine(
            root=Path("/"),
            env={str(key): str(value) for key, value in hello["env"].items()},
            run=link.run,
            link_to=link,
            cache=cache,
            live=System(
                name=str(name),
                release=str(release),
                arch=str(arch),
                glibc=version if libc == "glibc" and version else None,
            ),
            interpreter=str(hello["python"]),
            folder=str(hello["folder"]),
            cwd=str(hello["cwd"]),
        )
        return Remote(
            machine=machine,
            user=str(hello["user"]),
            host=str(hello["host"]),
            python_version=str(hello["version"]),
            seconds=time.monotonic() - start,
        )
    except (TypeError, ValueError, KeyError, AttributeError):
        link.garble()
        raise OSError from None


def _refuse_others(host: str, machine: RemoteMachine) -> None:
    if machine.live is not None and machine.live.name != "Linux":
        raise TargetAbsentError(
            f"{host} runs {machine.live.name}", todo="give a Linux machine; envkit doctor looks at no other"
        )


def _end(host: str, link: Link, conversation: Conversation) -> None:
    """Have it tidied up there. Raises NetworkError when the machine has gone."""
    try:
        link.send("end").wait(_END_SECONDS)
    except OSError:
        raise told.lost(host, conversation.wait(1.0), conversation.errors, link.garbled) from None
