"""Doctor over a real ssh, to a real sshd on loopback."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from envkit.compat import load_compat
from envkit.core import proc
from envkit.core.codec import to_json
from envkit.core.errors import DiskError, EnvkitError, NetworkError, TargetAbsentError, UsageError
from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.doctor.gather import PROBES
from envkit.doctor.gather_ssh import gather_over_ssh
from envkit.doctor.judge import judge
from envkit.facts.collect import collect
from envkit.facts.gpu_model import Nvml
from envkit.facts.model import Snapshot
from envkit.facts.probes import docker_engine, nvml
from envkit.remote import connect, ssh
from envkit.remote.link import LinkLost
from envkit.target import locate, python_probe
from tests.cli.commands import ENVKIT, environment, envkit, told
from tests.facts.test_docker_socket import BODY, OK, answer, never, serving
from tests.nvml.fixtures import nvml_scenario
from tests.payload.targets import torch_python
from tests.remote.server import Server, free_port, processes, sshd, wait_until

OF_THE_MOMENT = {
    "snapshot": ("taken", "over", "processes", "deep"),
    "probes": ("seconds",),
    "host": ("uptime", "clock"),
    "cpu": ("steal_share", "load1", "throttled_periods", "throttled_seconds", "periods"),
    "memory": (
        "available",
        "swap_used",
        "cgroup_used",
        "pressure",
        "shm_free",
    ),
    "limits": ("open_files",),
    "storage": ("free", "inodes_free", "seconds"),
}
"""What two looks at one machine need not have in common."""


def steady(snapshot: Snapshot) -> dict[str, object]:
    value = to_json(snapshot)
    for part, names in OF_THE_MOMENT.items():
        node = value if part == "snapshot" else value.get(part)
        for one in node if isinstance(node, list | tuple) else [node]:
            for name in names:
                one.pop(name, None)
    # Where the session starts is the home there, and the directory of the tests here.
    value["storage"] = [place for place in value["storage"] if place["role"] != "cwd"]
    return value


def here_with(env: Mapping[str, str]) -> Machine:
    """This machine, as a process with that environment sees it."""

    def run(command: Command) -> Result:
        given = env if command.env is None else command.env
        argv = command.argv
        return proc.run(
            Command(name=command.name, argv=argv, limit=command.limit, stdin=command.stdin, env=given)
        )

    return Machine(root=Path("/"), env=dict(env), run=run)


def test_the_snapshot_is_that_of_an_envkit_there(server: Server) -> None:
    with connect(server.host, python=sys.executable, config=server.config()) as remote:
        env = dict(remote.machine.env)
        there = patiently(remote.machine)
    here = patiently(here_with(env))
    assert steady(there) == steady(here)
    assert {probe.state for probe in there.probes} == {probe.state for probe in here.probes}
    assert outcomes(there) == outcomes(here)


def patiently(machine: Machine) -> Snapshot:
    """As `gather`, on a machine that may be busy with other tests."""
    target = locate(machine, sys.executable)
    probes = (python_probe(target.executable, target.why, limit=60), *PROBES)
    return collect(machine, [replace(probe, limit=60) for probe in probes], budget=60)


def outcomes(snapshot: Snapshot) -> dict[str, str]:
    return {finding.key: finding.outcome for finding in judge(snapshot, load_compat())}


def test_the_command_reports_and_its_snapshot_is_judged_again(server: Server, tmp_path: Path) -> None:
    saved = tmp_path / "there.json"
    options = ("--ssh-config", server.config(), "--python", sys.executable)
    done = envkit("doctor", "--ssh", server.host, *options, "--save", saved, "--json", "--limit", "60")
    again = envkit("doctor", "--from", saved, "--json")
    assert (done.returncode, done.stderr) == (again.returncode, again.stderr)
    assert json.loads(done.stdout)["findings"] == json.loads(again.stdout)["findings"]
    assert json.loads(saved.read_text())["over"] == "ssh"
    assert "looked at over ssh" in envkit("doctor", "--from", saved).stdout


@pytest.mark.torch
def test_deep_computes_there(server: Server) -> None:
    options = ("--ssh-config", server.config(), "--python", torch_python(), "--deep", "--only", "framework")
    done = envkit("doctor", "--ssh", server.host, *options, "--json", "-v")
    (deep,) = json.loads(done.stdout)["snapshot"]["deep"]
    assert (deep["framework"], deep["state"]) == ("torch", "ok")
    assert all(one["ok"] for one in deep["smoke"])


NOISE = (
    "printf 'Welcome to \\000\\377 the machine, no newline'; echo 'to stderr' >&2;"
    ' exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
)


def test_noise_of_the_login_is_passed_over(tmp_path: Path) -> None:
    with sshd(tmp_path / "noisy", f"ForceCommand {NOISE}") as noisy:
        there = gather_over_ssh(noisy.host, python=sys.executable, config=noisy.config())
    assert there.host is not None and there.host.system == "Linux"


def test_an_account_that_runs_a_command_of_its_own(tmp_path: Path) -> None:
    with sshd(tmp_path / "git", "ForceCommand echo '\033[31monly git here'; exit 3") as git:
        error = refused(git)
    assert isinstance(error, TargetAbsentError)
    assert error.message.endswith("ended with exit code 3: only git here")


def refused(server: Server, host: str | None = None, config: Path | None = None) -> EnvkitError:
    with (
        pytest.raises(EnvkitError) as caught,
        connect(host or server.host, config=config or server.config(), interactive=False),
    ):
        pass
    return caught.value


HANGS = "/var/run/secrets"
"""Looked at by the host probe, whatever the machine, and by nothing else."""


def test_nobody_listens(server: Server) -> None:
    error = refused(server, config=server.config(port=free_port()))
    assert isinstance(error, NetworkError)
    assert "Connection refused" in error.message and "SSH server" in error.todo


def test_a_key_that_the_server_does_not_know(server: Server) -> None:
    error = refused(server, config=server.config(key="stranger"))
    assert isinstance(error, NetworkError)
    assert "Permission denied" in error.message and "ssh-copy-id" in error.todo


def test_a_host_key_that_nobody_accepted(server: Server, tmp_path: Path) -> None:
    config = server.config()
    config.write_text(config.read_text().replace("known_hosts", "none-known"))
    error = refused(server, config=config)
    assert isinstance(error, NetworkError)
    assert "Host key verification failed" in error.message and f"ssh {server.host}" in error.todo


def test_a_configuration_that_is_not_there(server: Server, tmp_path: Path) -> None:
    done = envkit("doctor", "--ssh", server.host, "--ssh-config", tmp_path / "none")
    assert done.returncode == 6
    message, todo = told(done)
    assert "none" in message and "--ssh-config" in todo


def test_no_client_here(tmp_path: Path) -> None:
    done = envkit("doctor", "--ssh", "gpu7", env={"PATH": str(tmp_path)})
    assert done.returncode == 3
    assert "openssh-client" in told(done)[1]


@pytest.mark.parametrize(
    "host", ["-oProxyCommand=touch /tmp/x", "-l", "", "a b", "a;b", "$(id)", "a\nb", "`id`@b"]
)
def test_what_is_no_destination(host: str) -> None:
    with pytest.raises(UsageError):
        ssh.check_destination(host)
    done = envkit("doctor", f"--ssh={host}")
    assert done.returncode == 2
    told(done)


@pytest.mark.parametrize(
    "host", ["gpu7", "me@gpu7", "me@10.0.0.7", "ssh://me@gpu7:2222", "me@[::1]", "a-b.c_d", "DOM\\me@gpu7"]
)
def test_destinations(host: str) -> None:
    assert ssh.check_destination(host) == host


def test_no_python_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "PYTHONS", ("python3-none", "/none/python3"))
    error = refused(server)
    assert isinstance(error, TargetAbsentError)
    assert "no python3" in error.message and "Python 3.6" in error.todo


@pytest.fixture
def old_python(tmp_path: Path) -> str:
    """A python3 that says that it is 3.5."""
    path = tmp_path / "python3-old"
    code = 'import sys; sys.version_info = (3, 5, 2); sys.version = "3.5.2 (default)"; exec(sys.argv[-1])'
    path.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{code}' \"$@\"\n")
    path.chmod(0o755)
    return str(path)


def test_an_old_python_there(server: Server, old_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "PYTHONS", (old_python,))
    error = refused(server)
    assert isinstance(error, TargetAbsentError)
    assert "its python3 is 3.5.2" in error.message and "Python 3.6" in error.todo


def test_the_next_python_is_tried(server: Server, old_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "PYTHONS", ("python3-none", old_python, sys.executable))
    with connect(server.host, config=server.config()) as remote:
        assert os.path.samefile(remote.machine.python, sys.executable)


def test_nothing_stays(server: Server) -> None:
    with connect(server.host, config=server.config()) as remote:
        folder = Path(remote.machine.folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "envkit/payload/__main__.py").exists()
        agents = processes(server)
    assert agents
    assert not folder.exists()
    wait_until(lambda: not set(agents) & set(processes(server)))


@pytest.mark.parametrize("by", ["agent", "connection"])
def test_a_connection_that_is_cut(server: Server, by: str) -> None:
    """Told as what it is; no child goes on, and the folder goes."""
    seen: dict[str, object] = {}
    with pytest.raises(NetworkError, match="the connection was lost"):
        cut_within(server, by, seen)
    wait_until(lambda: not Path(str(seen["folder"])).exists())
    wait_until(lambda: seen["asleep"] not in processes(server))


def cut_within(server: Server, by: str, seen: dict[str, object]) -> None:
    with connect(server.host, config=server.config()) as remote:
        sleeper = threading.Thread(target=remote.machine.run, args=(command("sleep", "3600"),), daemon=True)
        sleeper.start()
        wait_until(lambda: bool(named(server, "sleep")))
        seen.update(folder=remote.machine.folder, asleep=named(server, "sleep")[0])
        for pid in named(server, "python3") if by == "agent" else server.connections():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        sleeper.join()


def command(*argv: str) -> Command:
    return Command(name="test", argv=argv, limit=3600)


def named(server: Server, name: str) -> list[int]:
    """Processes of sessions by their name; the guard, which has a session of its own, is none of them."""
    found = []
    for pid in processes(server):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        is_leader = int(fields.rpartition(") ")[2].split()[3]) == pid
        if f"({name}" in fields and (name != "python3" or not is_leader):
            found.append(pid)
    return found


def test_the_command_tells_a_cut_connection(tmp_path: Path) -> None:
    with sshd(tmp_path / "cut") as server:
        options = ("--ssh-config", server.config(), "--deep", "--python", sys.executable)

        def cut() -> None:
            wait_until(lambda: bool(processes(server)))
            for pid in server.connections():
                os.kill(pid, signal.SIGKILL)

        thread = threading.Thread(target=cut)
        thread.start()
        done = envkit("doctor", "--ssh", server.host, *options)
        thread.join()
        assert done.returncode == 6
        told(done)
        wait_until(lambda: not processes(server))


def test_a_read_that_hangs_there_holds_up_nothing_else(tmp_path: Path, slow_stat: Path) -> None:
    """Neither other reads nor the end: the read is never answered."""
    with sshd(tmp_path / "hanging", f"SetEnv LD_PRELOAD={slow_stat} SLOW_PREFIX={HANGS}") as server:
        with connect(server.host, config=server.config()) as remote:
            machine = remote.machine

            def ask() -> None:
                with suppress(LinkLost):
                    machine.exists(f"{HANGS}/x")

            asking = threading.Thread(target=ask, daemon=True)
            asking.start()
            assert remote.machine.read("/proc/version") is not None
            assert remote.machine.run(command("true")).ok
            assert asking.is_alive()
        wait_until(lambda: not processes(server))


def test_doctor_ends_where_a_read_there_hangs(tmp_path: Path, slow_stat: Path) -> None:
    with sshd(tmp_path / "hanging", f"SetEnv LD_PRELOAD={slow_stat} SLOW_PREFIX={HANGS}") as server:
        there = gather_over_ssh(server.host, python=sys.executable, config=server.config())
        states = {probe.name: probe.state for probe in there.probes}
        assert (states["host"], states["environment"]) == ("timeout", "ok")
        wait_until(lambda: not processes(server))


def test_names_and_secrets_do_not_leave(tmp_path: Path) -> None:
    setting = (
        "SetEnv HF_HOME=/home/carol-remote/hf NCCL_COMM_ID=loop-host:1234"
        " HF_TOKEN=hf_abcdefghijklmnopqrstuvwx TORCH_HOME=/data/torch"
        " PIP_INDEX_URL=https://carol-remote:hunter2@wheels.example/simple"
    )
    saved = tmp_path / "there.json"
    with sshd(tmp_path / "secret", setting) as server:
        options = ("--ssh-config", server.config(), "--python", sys.executable, "--save", saved)
        envkit("doctor", "--ssh", server.host, *options, "--format", "html", "--output", tmp_path / "r.html")
    for text in (saved.read_text(), (tmp_path / "r.html").read_text()):
        for name in ("carol-remote", "loop-host", "hunter2", "hf_abcdefghijklmnopqrstuvwx"):
            assert name not in text
    assert "/data/torch" in saved.read_text()


def test_configured_commands_and_forwards_do_not_matter(server: Server) -> None:
    forward = "LocalForward 127.0.0.1:1 127.0.0.1:2\nExitOnForwardFailure yes"
    more = f"RemoteCommand tmux attach\nRequestTTY force\n{forward}"
    there = gather_over_ssh(server.host, python=sys.executable, config=server.config(more=more))
    assert there.host is not None


def test_a_target_that_is_not_there(server: Server) -> None:
    with pytest.raises(TargetAbsentError) as caught:
        gather_over_ssh(server.host, python="/none/python", config=server.config())
    assert "/none/python" in caught.value.message


def test_several_machines_are_compared(server: Server, tmp_path: Path) -> None:
    saved = tmp_path / "nodes.jsonl"
    hosts = ("--ssh", server.host, "--ssh", f"nobody@{server.host}-2", "--ssh", f"{server.host}-2")
    options = ("--ssh-config", server.config(), "--python", sys.executable, "--save", saved, "--limit", "60")
    done = envkit("doctor", *hosts, *options, "--json")
    fleet = json.loads(done.stdout)
    assert {node["name"] for node in fleet["nodes"]} == {"loop-host", "loop-host-2"}
    (unread,) = fleet["unreadable"]
    assert unread["source"] == "loop-host-2" and "Permission denied" in unread["why"]
    assert done.returncode in (1, 6)  # 1 only where this machine has an error of its own
    merged = json.loads(envkit("doctor", "--merge", saved, "--json").stdout)
    assert merged["nodes"] == fleet["nodes"]


def test_several_machines_of_which_none_answers(server: Server, tmp_path: Path) -> None:
    saved = tmp_path / "nodes.jsonl"
    hosts = ("--ssh", server.host, "--ssh", f"{server.host}-2", "--save", saved)
    done = envkit("doctor", *hosts, "--ssh-config", server.config(key="stranger"))
    assert done.returncode == 6
    assert "Permission denied" in told(done)[0]
    assert not saved.exists()


@pytest.mark.parametrize("more", [("--save", "nodes.json"), ("--error", "x.log")])
def test_what_does_not_go_with_several_machines(more: tuple[str, ...]) -> None:
    done = envkit("doctor", "--ssh", "a", "--ssh", "b", *more)
    assert done.returncode == 2
    told(done)


def test_ctrl_c_leaves_nothing_there(server: Server, slow_stat: Path, tmp_path: Path) -> None:
    with sshd(tmp_path / "waits", f"SetEnv LD_PRELOAD={slow_stat} SLOW_PREFIX=/var/run/secrets") as waiting:
        options = ("--ssh", waiting.host, "--ssh-config", str(waiting.config()), "--limit", "90")
        child = subprocess.Popen([*ENVKIT, "doctor", *options], env=environment(), stderr=subprocess.PIPE)
        wait_until(lambda: len(processes(waiting)) > 1)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate()
        assert child.returncode == 130
        assert b"Traceback" not in errors
        wait_until(lambda: not processes(waiting))


def test_ssh_asks_at_a_terminal(server: Server, tmp_path: Path) -> None:
    """For the passphrase of a key, as it would by itself."""
    key = server.folder / "locked"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with (server.folder / "authorized_keys").open("a") as keys:
        keys.write(key.with_suffix(".pub").read_text())
    saved = tmp_path / "there.json"
    options = ("--ssh", server.host, "--ssh-config", str(server.config(key="locked")), "--save", str(saved))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(ENVKIT[0], [*ENVKIT, "doctor", *options, "--output", os.devnull], environment())
    said = b""
    while b"passphrase" not in said:
        said += os.read(terminal, 4096)
    os.write(terminal, b"open sesame\n")
    try:
        while said := os.read(terminal, 4096):
            pass
    except OSError:  # the terminal's other side was closed
        pass
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1)
    assert json.loads(saved.read_text())["over"] == "ssh"


def late_answer(connection: socket.socket, stopped: threading.Event) -> None:
    """Whole by its length, on a connection that stays open."""
    connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
    connection.recv(1)


@pytest.mark.parametrize(
    "serve, state",
    [
        (answer(OK + b"\r\n" + BODY), "ok"),
        (late_answer, "ok"),
        (never, "hung"),
        (answer(b"HTTP/1.0 500 No\r\n\r\n"), "failed"),
        (answer(b"what?"), "failed"),
        (None, "not-running"),
    ],
)
def test_the_docker_engine_there(
    server: Server, tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., None] | None, state: str
) -> None:
    path = tmp_path_factory.mktemp("d") / "d.sock"
    with (
        serving(path, serve) if serve else nullcontext(),
        connect(server.host, config=server.config()) as remote,
    ):
        machine = replace(remote.machine, env={"DOCKER_HOST": f"unix://{path}"})
        docker = docker_engine.read_docker(machine, "/usr/bin/docker")
    assert docker.state == state
    assert docker.version == ("28.3.3" if state == "ok" else None)


def test_a_file_and_a_machine_contradict(server: Server, tmp_path: Path) -> None:
    done = envkit("doctor", "--ssh", server.host, "--from", tmp_path / "x.json")
    assert done.returncode == 2
    told(done)


def test_no_room_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ssh.bundle.agent_source()
    for folder in (b'"/tmp"', b'"/dev/shm"', b'"/var/tmp"'):
        assert folder in source
        source = source.replace(folder, b'"/proc/none"')
    monkeypatch.setattr(ssh.bundle, "agent_source", lambda: source)
    error = refused(server)
    assert isinstance(error, DiskError)
    assert "no folder to write to among /proc/none" in error.message


@pytest.mark.parametrize(
    "name",
    [
        "healthy-8xh100",
        "mig-with-instances",
        "driver-470-a100",
        "gpu-lost-midway",
        "library-crashes",
        "chatty-library",
    ],
)
def test_nvml_there(server: Server, name: str) -> None:
    """The real pynvml, sent there, on the driver's stub: the same as from here."""
    with connect(server.host, config=server.config()) as remote:
        env = {**remote.machine.env, **nvml_scenario(name)}
        there = nvml.read(replace(remote.machine, env=env))
    here = nvml.read(here_with(env))
    assert without_processes(there) == without_processes(here)
    assert there.state != "no-library"


def without_processes(found: Nvml) -> Nvml:
    """The scenarios' processes have numbers that others of this machine may have at one moment."""
    gpus = None if found.gpus is None else tuple(replace(gpu, processes=None) for gpu in found.gpus)
    return replace(found, gpus=gpus)
