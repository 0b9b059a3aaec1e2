"""What went wrong with ssh, in a person's words: what happened, and what to do."""

from __future__ import annotations

import re

from envkit.core.errors import EnvkitError, NetworkError, TargetAbsentError
from envkit.core.text import one_line

_SSH_FAILED = 255
"""ssh's own exit code; others are those of the remote command."""
TOO_OLD, NO_PYTHON, SHELL_NOT_FOUND = 93, 94, 127
"""The first two are ours, of the command that looks for an interpreter."""
_OWN = re.compile(r"^(?:ssh|kex_exchange_identification|banner exchange|client_loop|Connection)\b|: ")

_HINTS: tuple[tuple[str, str], ...] = (
    (
        "Host key verification failed",
        "log in once at a terminal to see and accept its key: ssh {host}",
    ),
    ("REMOTE HOST IDENTIFICATION", "its key has changed: find out why before you accept the new one"),
    ("Permission denied", "check that `ssh {host}` logs in without a password (ssh-copy-id, ssh-add)"),
    ("Too many authentication failures", "name one key for this host in ~/.ssh/config (IdentitiesOnly yes)"),
    ("Could not resolve", "check the name, or add a Host of that name to ~/.ssh/config"),
    ("Name or service not known", "check the name, or add a Host of that name to ~/.ssh/config"),
    ("Connection refused", "check that an SSH server runs there, and its port"),
    ("timed out", "check that the machine is on and can be reached from here (VPN, firewall, ProxyJump)"),
    ("No route to host", "check that the machine is on and can be reached from here (VPN, firewall)"),
    ("Bad configuration option", "mend the ssh configuration"),
    ("Can't open user config file", "check the path given to --ssh-config"),
)


def no_ssh() -> TargetAbsentError:
    """No client here."""
    return TargetAbsentError(
        "there is no `ssh` on PATH",
        todo="install the OpenSSH client: apt install openssh-client, or dnf install openssh-clients",
    )


def silent(host: str, seconds: float) -> NetworkError:
    """Connected or not, nothing of ours ran."""
    return NetworkError(
        f"{host}: no answer within {seconds:.0f} s",
        todo=f"try `ssh {host} true`: the log-in or its start-up files may wait for something",
    )


def not_started(host: str, code: int | None, errors: str, noise: bytes) -> EnvkitError:
    """ssh ended before the agent spoke."""
    last = last_line(errors)
    if code == _SSH_FAILED:
        return NetworkError(f"{host}: {last or 'ssh failed'}", todo=hint(host, errors))
    if code == TOO_OLD:
        return TargetAbsentError(
            f"{host}: its python3 is {last.partition(' ')[0]}", todo="install Python 3.6 or later there"
        )
    if code in (NO_PYTHON, SHELL_NOT_FOUND):
        return TargetAbsentError(
            f"{host}: there is no python3", todo="install Python 3.6 or later there; nothing else is needed"
        )
    said = last or last_line(noise.decode("utf-8", "replace"))
    ended = f"ended with exit code {code}" if code is not None else "did not end"
    return TargetAbsentError(
        f"{host}: the command that starts envkit's agent {ended}" + (f": {said}" if said else ""),
        todo=f"check that this account may run commands: ssh {host} python3 --version",
    )


def lost(host: str, code: int | None, errors: str, garbled: bool) -> NetworkError:
    """The connection went in the middle."""
    if garbled:
        return NetworkError(
            f"{host}: what came back is not from envkit's agent",
            todo="check what the start-up files of the account print, and run again",
        )
    last = last_line(errors) if code == _SSH_FAILED else ""
    return NetworkError(
        f"{host}: the connection was lost while the machine was looked at" + (f": {last}" if last else ""),
        todo="run again; what was read so far is not judged",
    )


def hint(host: str, errors: str) -> str:
    """What to do about ssh's words."""
    found = next((todo for text, todo in _HINTS if text in errors), "try `ssh {host}` by itself")
    return found.format(host=host)


def last_line(text: str) -> str:
    """The last line with something on it, as plain text; ssh's, when there is one that looks like it."""
    lines = [line for line in (one_line(raw, limit=300) for raw in text.splitlines()) if line]
    own = [line for line in lines if _OWN.search(line)]
    return (own or lines or [""])[-1]
