"""Every recorded machine, read through an agent, gives what it gives when it is read from here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from envkit.core.codec import to_json
from envkit.core.machine import Machine
from envkit.core.proc import Conversation, Result
from envkit.doctor.gather import PROBES
from envkit.facts.collect import collect
from envkit.facts.model import Snapshot
from envkit.remote import bundle
from envkit.remote.ahead import TOPICS, of_target
from envkit.remote.cache import Cache
from envkit.remote.link import Link
from envkit.remote.machine import RemoteMachine, specs, take
from envkit.target import locate
from tests.recorded import MACHINES, recorded

NAMES = sorted(path.name for path in MACHINES.iterdir() if (path / "machine.json").exists())


@contextmanager
def through_an_agent(machine: Machine, *, ahead: bool, asked: str | None = None) -> Iterator[RemoteMachine]:
    """The recorded machine, asked by way of an agent that runs here."""
    source = bundle.agent_source()
    code = f"import sys;exec(sys.stdin.buffer.read({len(source)}))"
    conversation = Conversation((sys.executable, "-I", "-S", "-c", code))
    try:
        conversation.write(source)
        link, cache = Link(conversation), Cache()
        hello, _ = link.ask("hello", root=str(machine.root))
        there = RemoteMachine(
            root=machine.root,
            env=machine.env,
            run=machine.run,
            link_to=link,
            cache=cache,
            live=None,
            interpreter=hello["python"],
            folder=hello["folder"],
            cwd="/",
        )
        if ahead:
            topics = [specs(one) for one in (*TOPICS, of_target(dict(machine.env), asked))]
            take(cache, topics, *link.ask("look", topics=topics, exact=False, seconds=None), link)
        yield there
        link.ask("end")
    finally:
        conversation.end()


def facts(snapshot: Snapshot) -> dict[str, object]:
    """Without what is of the moment."""
    value = to_json(snapshot)
    del value["taken"]
    value["probes"] = [{**probe, "seconds": None} for probe in value["probes"]]
    return value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ahead", [True, False])
def test_a_recorded_machine_is_the_same_through_an_agent(name: str, ahead: bool) -> None:
    machine = recorded(name)
    with through_an_agent(machine, ahead=ahead) as there:
        assert facts(collect(there, PROBES, budget=60)) == facts(collect(machine, PROBES, budget=60))


def test_what_is_read_ahead_spares_nearly_every_question() -> None:
    machine = recorded("gpu-8x-healthy")
    asked = {}
    for ahead in (True, False):
        with through_an_agent(machine, ahead=ahead) as there:
            before = there.link_to.questions
            collect(there, PROBES, budget=60)
            asked[ahead] = there.link_to.questions - before
    assert asked[True] * 4 < asked[False]


@pytest.mark.parametrize("asked", [None, "3.12", "python3.12", "/venv", "/venv/bin/python", "~/env"])
@pytest.mark.parametrize("ahead", [True, False])
def test_the_target_is_the_same_through_an_agent(tmp_path: Path, asked: str | None, ahead: bool) -> None:
    for name in ("usr/bin/python3.12", "venv/bin/python", "home/env/bin/python3"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("")
        path.chmod(0o755)
    (tmp_path / "usr/bin/python3").symlink_to("python3.12")
    env = {"PATH": "/none:/usr/bin", "HOME": "/home", "VIRTUAL_ENV": "/gone"}
    machine = Machine(root=tmp_path, env=env, run=lambda command: Result(state="absent"))
    with through_an_agent(machine, ahead=ahead, asked=asked) as there:
        assert locate(there, asked) == locate(machine, asked)
