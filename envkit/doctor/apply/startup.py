"""Reads the files that set variables when a shell starts, and writes one of them back."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace

from envkit.core.errors import DiskError
from envkit.core.machine import Machine
from envkit.doctor.apply.model import Dialect, StartFile

_LARGEST = 1 << 20
"""Bytes of a start-up file; a larger one is something else."""
_OF_HOME: tuple[tuple[str, Dialect], ...] = (
    (".profile", "sh"),
    (".bash_profile", "sh"),
    (".bash_login", "sh"),
    (".bashrc", "sh"),
    (".bash_aliases", "sh"),
    (".zshenv", "sh"),
    (".zprofile", "sh"),
    (".zshrc", "sh"),
    (".zlogin", "sh"),
)
_OF_TARGET: tuple[tuple[str, Dialect], ...] = (
    ("bin/activate", "sh"),
    ("bin/activate.fish", "fish"),
    ("etc/conda/activate.d/*.sh", "sh"),
    ("etc/conda/activate.d/*.fish", "fish"),
)
_OF_SYSTEM: tuple[tuple[str, Dialect], ...] = (
    ("/etc/environment", "conf"),
    ("/etc/environment.d/*.conf", "conf"),
    ("/etc/profile", "sh"),
    ("/etc/profile.d/*.sh", "sh"),
    ("/etc/bash.bashrc", "sh"),
    ("/etc/bashrc", "sh"),
    ("/etc/zshenv", "sh"),
    ("/etc/zshrc", "sh"),
    ("/etc/zsh/zshenv", "sh"),
    ("/etc/zsh/zprofile", "sh"),
    ("/etc/zsh/zshrc", "sh"),
    ("/etc/fish/config.fish", "fish"),
)


def read(machine: Machine, prefix: str | None) -> tuple[StartFile, ...]:
    """The start-up files that there are: the person's own, the target environment's, the system's.

    prefix: folder of the target environment; None where it is a system Python.
    """
    home = machine.env.get("HOME", "").rstrip("/")
    found: dict[str, StartFile] = {}
    for path, dialect in _named(machine, home, prefix):
        file = _read(machine, path, dialect, tuple(filter(None, (home, prefix))))
        if file is not None:
            found.setdefault(file.real, file)
    for pattern, dialect in _OF_SYSTEM:
        for path in _expanded(machine, pattern):
            file = _read(machine, path, dialect, ())
            if file is not None and file.real not in found:
                found[file.real] = replace(file, system=True, problem="it is the administrator's")
    return tuple(found.values())


def _named(machine: Machine, home: str, prefix: str | None) -> Iterator[tuple[str, Dialect]]:
    if home:
        dots = machine.env.get("ZDOTDIR", "").rstrip("/")
        config = machine.env.get("XDG_CONFIG_HOME", "").rstrip("/") or f"{home}/.config"
        for name, dialect in _OF_HOME:
            yield f"{home}/{name}", dialect
            if dots and name.startswith(".z"):
                yield f"{dots}/{name}", dialect
        for pattern, dialect in (
            ("fish/config.fish", "fish"),
            ("fish/conf.d/*.fish", "fish"),
            ("environment.d/*.conf", "conf"),
        ):
            for path in _expanded(machine, f"{config}/{pattern}"):
                yield path, dialect
    for pattern, dialect in _OF_TARGET if prefix else ():
        for path in _expanded(machine, f"{prefix}/{pattern}"):
            yield path, dialect


def _expanded(machine: Machine, pattern: str) -> tuple[str, ...]:
    folder, star, ending = pattern.partition("/*")
    if not star:
        return (pattern,)
    return tuple(f"{folder}/{name}" for name in machine.ls(folder) or () if name.endswith(ending))


def _read(machine: Machine, path: str, dialect: Dialect, within: tuple[str, ...]) -> StartFile | None:
    """A file and whether it may be written; None when it is not there or may not be read."""
    try:
        real = os.path.realpath(machine.at(path))
        facts = os.stat(real)
        if not stat.S_ISREG(facts.st_mode):
            return None
        data = machine.read_bytes(path, _LARGEST + 1)
    except (OSError, ValueError):
        return None
    problem = _problem(real, facts, data, tuple(os.path.realpath(machine.at(one)) for one in within))
    return StartFile(path=path, real=real, dialect=dialect, data=data, problem=problem)


def _problem(real: str, facts: os.stat_result, data: bytes, within: tuple[str, ...]) -> str | None:
    if not any(real.startswith(folder.rstrip("/") + "/") for folder in within):
        return f"it lies outside your home directory, at {real}"
    if facts.st_uid != os.geteuid():
        return "it belongs to another user"
    # Root may write what is marked read-only; the mark was meant all the same.
    if not facts.st_mode & stat.S_IWUSR or not os.access(real, os.W_OK):
        return "it is read-only"
    if not os.access(os.path.dirname(real), os.W_OK):
        return "its directory is read-only"
    if facts.st_nlink > 1:
        return "it has a second name (a hard link)"
    if len(data) > _LARGEST:
        return "it is too large for a start-up file"
    if b"\0" in data:
        return "it is not text"
    return None


def backup_path(file: StartFile, stamp: str) -> str:
    """Where the copy of a file is kept before it is changed: beside it, under a name that no shell reads."""
    return f"{file.real}.envkit-backup-{stamp}"


def write(file: StartFile, after: bytes, stamp: str) -> str:
    """Put new content in place of what was read, whole or not at all; the path of the copy of the old one.

    The mode is kept, and a link stays a link.

    Raises:
        DiskError: the file has changed since it was read, or it cannot be written. Nothing was changed then.
    """
    backup = backup_path(file, stamp)
    temporary = os.path.join(os.path.dirname(file.real), f".envkit-{os.urandom(8).hex()}")
    try:
        with open(file.real, "rb") as stream:
            now, facts = stream.read(_LARGEST + 1), os.fstat(stream.fileno())
        if now != file.data or facts.st_uid != os.geteuid():
            raise DiskError(f"{file.path} has changed since it was shown", todo="run envkit again")
        _create(backup, now, facts)
        try:
            _create(temporary, after, facts)
            os.replace(temporary, file.real)
        except OSError:
            os.unlink(backup)
            raise
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)
    except OSError as error:
        raise DiskError(
            f"cannot write {file.path}: {error.strerror or error}",
            todo="make the change by hand: the lines are shown above",
        ) from error
    return backup


def _create(path: str, data: bytes, facts: os.stat_result) -> None:
    """A new file with the mode and, where it may be given, the group of another one; whole or not at all."""
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(made, "wb") as stream:
            stream.write(data)
            stream.flush()
            try:
                os.fchown(made, -1, facts.st_gid)
            except OSError:  # a group that this user is no member of
                pass
            os.fchmod(made, stat.S_IMODE(facts.st_mode))
            os.fsync(made)
    except BaseException:
        os.unlink(path)
        raise
