"""The entry point: one place that turns errors into two lines and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from envkit import __version__
from envkit.cli.doctor import doctor
from envkit.cli.explain import explain
from envkit.core import proc
from envkit.core.errors import EnvkitError, ExitCode

app = typer.Typer(
    name="envkit",
    help="From a bare machine to a model that trains.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(doctor)
app.command()(explain)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"envkit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a bare machine to a model that trains."""


def run(arguments: list[str] | None = None) -> int:
    """Run a command line; returns the exit code. Every error that a person can meet ends here."""
    try:
        code = app(arguments, standalone_mode=False)
        return int(code or 0)
    except EnvkitError as error:
        return _tell(error.message, error.todo, error.exit_code)
    except KeyboardInterrupt:
        return _tell("interrupted", "nothing was changed", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`| head`): there is nobody to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return int(ExitCode.OK)
    except Exception as error:
        return _foreign(error)
    finally:
        proc.kill_all()


def _foreign(error: Exception) -> int:
    """Usage errors of the command-line library; anything else is a bug of ours, and says so."""
    show = getattr(error, "format_message", None)
    if show is not None:
        return _tell(show(), "see `envkit COMMAND --help`", ExitCode.USAGE)
    if type(error).__name__ in ("Abort",):
        return _tell("interrupted", "nothing was changed", ExitCode.INTERRUPTED)
    if os.environ.get("ENVKIT_TRACEBACK"):
        raise error
    return _tell(
        f"envkit has a bug: {type(error).__name__}: {error}",
        "run again with ENVKIT_TRACEBACK=1 and report what it prints",
        ExitCode.CHILD_FAILED,
    )


def _tell(message: str, todo: str, code: ExitCode) -> int:
    from envkit.core.redact import secrets
    from envkit.core.text import one_line

    sys.stderr.write(f"envkit: {one_line(secrets(message), limit=500)}\n  {one_line(todo, limit=500)}\n")
    return int(code)


def main() -> None:
    """Run and end at once: a probe that hangs in the kernel must not hold the person's shell."""
    code = run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    os._exit(code)


if __name__ == "__main__":
    main()
