"""The entry point: one place that turns errors into two lines and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Annotated

import typer

from envkit import __version__
from envkit.cli.bench import bench
from envkit.cli.build import build
from envkit.cli.diagnose import diagnose
from envkit.cli.doctor import doctor
from envkit.cli.explain import explain
from envkit.core import proc
from envkit.core.errors import EnvkitError, ExitCode

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)

app = typer.Typer(
    name="envkit",
    help="From a bare machine to a model that trains.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(doctor)
app.command()(build)
app.command()(bench)
# What follows the command belongs to the script, options too.
app.command(context_settings={"allow_interspersed_args": False})(diagnose)
app.command()(explain)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"envkit {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a bare machine to a model that trains."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


def run(arguments: list[str] | None = None) -> int:
    """Run a command line; returns the exit code. Every error that a person can meet ends here."""
    try:
        code = int(app(_filled(arguments), prog_name="envkit", standalone_mode=False) or 0)
        # The command-line library turns Ctrl-C into this code, some versions of it into Abort.
        return _interrupted() if code == ExitCode.INTERRUPTED else code
    except EnvkitError as error:
        code = error.exit_code
        if _ended_by and code == ExitCode.INTERRUPTED:
            code = ExitCode.TERMINATED
        return _tell(error.message, error.todo, code)
    except KeyboardInterrupt:
        return _interrupted()
    except SystemExit as end:  # the library's own: completion, and help for a reader that went away
        return end.code if isinstance(end.code, int) else int(ExitCode.OK)
    except Exception as error:
        return _foreign(error)
    finally:
        proc.kill_all()


def _filled(arguments: list[str] | None) -> list[str]:
    """The command line, with what stands for the value of `--try` where it has none."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] != ["diagnose"] or "--try" not in given:
        return given
    from envkit.cli.diagnose_options import LEFT_OUT
    from envkit.cli.optional import filled, valued

    options = valued(typer.main.get_command(app), "diagnose")
    return ["diagnose", *filled(given[1:], {"--try": LEFT_OUT}, options)]


def _foreign(error: Exception) -> int:
    """Usage errors of the command-line library, full disks; anything else is a bug of ours, and says so."""
    show = getattr(error, "format_message", None)
    if show is not None:
        return _tell(show(), "see `envkit COMMAND --help`", ExitCode.USAGE)
    if type(error).__name__ == "Abort":
        return _interrupted()
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return _tell(f"cannot write: {error.strerror}", "make space and run again", ExitCode.DISK)
    if getattr(error, "errno", None) in _NO_ROOM or "can't start new thread" in str(error):
        todo = "raise the limits on open files and processes (ulimit -n, ulimit -u) and run again"
        return _tell(f"this shell allows too little: {error}", todo, ExitCode.CHILD_FAILED)
    if os.environ.get("ENVKIT_TRACEBACK"):
        raise error
    return _tell(
        f"envkit has a bug: {type(error).__name__}: {error}",
        "run again with ENVKIT_TRACEBACK=1 and report what it prints",
        ExitCode.CHILD_FAILED,
    )


_ended_by = ""
"""The signal that ended this process, where it was not Ctrl-C."""


def _terminate(number: int, frame: object) -> None:
    """Go the way of Ctrl-C, which saves what was measured and ends the children; only once.

    A second one is passed over here and not by SIG_IGN: Python warns of a signal that came just before that.
    """
    global _ended_by
    if not _ended_by:
        _ended_by = signal.Signals(number).name
        raise KeyboardInterrupt


def _interrupted() -> int:
    if _ended_by:
        return _tell(f"ended by {_ended_by}", "nothing was changed", ExitCode.TERMINATED)
    return _tell("interrupted", "nothing was changed", ExitCode.INTERRUPTED)


def _tell(message: str, todo: str, code: ExitCode) -> int:
    from envkit.core.redact import secrets
    from envkit.core.text import one_line

    try:
        sys.stderr.write(f"envkit: {one_line(secrets(message), limit=500)}\n  {one_line(todo, limit=500)}\n")
    except OSError:  # nobody reads; the exit code still tells
        pass
    return int(code)


def main() -> None:
    """Run and end at once: a probe that hangs in the kernel must not hold the person's shell."""
    _open_closed_streams()
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _terminate)
    try:
        code = run()
    except KeyboardInterrupt:  # a second one, while the first was told
        code = int(ExitCode.TERMINATED if _ended_by else ExitCode.INTERRUPTED)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    proc.kill_all(for_good=True)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader went away, or it was told already that nothing can be written
            pass
    os._exit(code)


def _open_closed_streams() -> None:
    """A stream that the caller closed (`>&-`) goes to /dev/null; Python leaves None there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the process lives


if __name__ == "__main__":
    main()
