"""`envkit diagnose --image`: the script in a container, with this folder in it at the same path."""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
from typing import TYPE_CHECKING

from envkit.core.errors import EngineError, TargetAbsentError, UsageError
from envkit.core.text import shell_word

if TYPE_CHECKING:
    from envkit.cli.diagnose_options import Ask
    from envkit.core.foreground import Ended
    from envkit.core.proc import Result
    from envkit.diagnose.recording import Recording
    from envkit.engine.attended import Attended
    from envkit.engine.docker import Engine

_TRACE = "/tmp/envkit-trace"
_LIMIT = 30 * 86_400.0
_GRACE = 10.0
"""Seconds that the script has to end when the person interrupts."""
_MOST = 256 << 20
"""Bytes of one file of the trace."""


def run_in_image(ask: Ask) -> tuple[Recording, Ended]:
    """Run it there, as it would run without envkit. Raises EngineError, TargetAbsentError, UsageError."""
    from envkit.cli.diagnose_perform import meanwhile, recorded
    from envkit.core.foreground import Ended
    from envkit.core.machine import Machine
    from envkit.diagnose.attend import Attendant
    from envkit.diagnose.command import command
    from envkit.diagnose.read import read
    from envkit.engine.docker import connect

    command(ask.command, lambda: "python3", elsewhere=True)  # what is no command needs no engine
    engine = connect()
    image = str(ask.image)
    _check(engine, image)
    argv = command(
        ask.command, lambda: _python(engine, image, ask.python), asked=ask.python is not None, elsewhere=True
    )
    with tempfile.TemporaryDirectory(prefix="envkit-trace-", ignore_cleanup_errors=True) as folder:
        attendant = Attendant(Machine.here(), folder, meanwhile())
        try:
            result = engine.attend(_what(ask, engine, image, argv, folder))
            ended = _ended(result, image)
        except KeyboardInterrupt:
            ended = Ended(signal=2)
        traces = read(folder)
        memory = attendant.ended()
    return recorded(argv, traces, ended, memory, image), ended


def _check(engine: Engine, image: str) -> None:
    if not engine.local:
        raise UsageError(
            "the container engine is on another machine, where this folder is not",
            todo="run envkit there, or in the container itself: pip install envkit",
        )
    if engine.image(image) is None:
        raise TargetAbsentError(
            f"there is no image {image} here", todo=f"pull or build it first: docker pull {shell_word(image)}"
        )


def _python(engine: Engine, image: str, asked: str | None) -> str:
    from envkit.cli.bench_target import in_image

    return in_image(engine, image, asked).python


def _what(ask: Ask, engine: Engine, image: str, argv: tuple[str, ...], folder: str) -> Attended:
    from envkit.engine.attended import Attended
    from envkit.target.inside import payload_files, payload_main

    files = payload_files()
    inject = os.path.join(os.path.dirname(payload_main()), "_envkit_inject")
    cwd = os.getcwd()
    out = sys.stderr if ask.takes_stdout else sys.stdout
    return Attended(
        image=image, argv=argv, limit=_LIMIT, files=files, gpus=os.path.exists("/dev/nvidiactl"),
        env=_environment(engine, image, inject, stop=ask.stop), grace=_GRACE, network="bridge",
        out=lambda piece: _pass_on(piece, out.fileno()),
        err=lambda piece: _pass_on(piece, sys.stderr.fileno()),
        folders=(_TRACE,), fetch=_TRACE, fetched=lambda data: _unpack(data, folder),
        mounts=(cwd,), workdir=cwd, user=_user(engine),
    )  # fmt: skip


def _user(engine: Engine) -> str:
    """Who owns what the script writes here: this user."""
    return "0:0" if engine.rootless else f"{os.getuid()}:{os.getgid()}"


def _environment(engine: Engine, image: str, inject: str, *, stop: bool) -> dict[str, str]:
    """Beside the image's own: what it puts on PYTHONPATH stays there."""
    given = (engine.described(image).get("Config") or {}).get("Env") or ()
    path = next((one.partition("=")[2] for one in given if one.startswith("PYTHONPATH=")), "")
    env = {"PYTHONPATH": f"{inject}:{path}" if path else inject, "ENVKIT_WATCH_DIR": _TRACE}
    if stop:
        env["ENVKIT_STOP"] = "1"
    if os.getuid() != 0 and not engine.rootless:
        env |= {"HOME": "/tmp", "USER": "envkit", "LOGNAME": "envkit"}  # a user that the image does not know
    return env


def _pass_on(piece: bytes, descriptor: int) -> None:
    try:
        while piece:
            piece = piece[os.write(descriptor, piece) :]
    except OSError:  # nobody reads
        pass


def _ended(result: Result, image: str) -> Ended:
    from envkit.core.foreground import Ended

    absent = TargetAbsentError(
        f"the image {image} cannot run that command", todo="give a program that is in the image"
    )
    if result.state == "failed" and "executable file not found" in result.stderr:
        raise absent
    if result.state != "done" or result.code is None:
        raise EngineError(
            f"the container of {image} could not be run: {result.stderr.strip()[-300:] or result.state}",
            todo="envkit doctor --only container says what is wrong with the engine",
        )
    if result.code in (126, 127) and not result.stdout:
        raise absent
    return Ended(signal=-result.code) if result.code < 0 else Ended(code=result.code)


def _unpack(data: bytes, folder: str) -> None:
    """Plain files of the trace; whatever else a container's tar may hold is left out."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for entry in archive:
                name = os.path.basename(entry.name)
                file = archive.extractfile(entry) if entry.isreg() and entry.size <= _MOST else None
                if file is not None and name.partition(".")[0].isdigit():
                    with open(os.path.join(folder, name), "wb") as copy:
                        copy.write(file.read())
    except tarfile.TarError:  # the container was gone before it could be fetched
        pass
