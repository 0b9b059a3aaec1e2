"""`envkit doctor --merge`: many snapshots beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from envkit.cli.options import Format
from envkit.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from envkit.doctor.fleet import Fleet
    from envkit.doctor.rules import Rule

MergeOption = Annotated[
    bool, typer.Option("--merge", help="Compare the snapshots of many nodes: FILE..., folders, JSON lines.")
]
FilesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE...]", help="With --merge: what --save wrote on each node.", show_default=False
    ),
]

_NAMES = frozenset(("nodes", "node", "name", "example", "source"))
"""Fields that hold names of nodes: a person gave them, and without them the answer is of no use."""


def check(merge: bool, files: Sequence[str] | None, others: dict[str, object]) -> None:
    """Raises UsageError where files come without --merge, or --merge with what looks at one machine.

    others: flags that do not go with --merge, and their values.
    """
    if not merge:
        if files:
            raise UsageError(
                f"doctor takes no argument ({files[0]}) without --merge",
                todo="`envkit doctor --from FILE` judges one, `envkit doctor --merge FILE...` compares many",
            )
        return
    for flag, value in others.items():
        if value:
            raise UsageError(f"--merge compares files and does not go with {flag}", todo=f"leave out {flag}")
    if not files:
        raise UsageError(
            "--merge needs the snapshots to compare",
            todo="`envkit doctor --save NODE.json` on each node, then `envkit doctor --merge *.json`",
        )


def compare(
    files: Sequence[str],
    rules: tuple[Rule, ...],
    *,
    format: Format,  # noqa: A002 - the flag's name
    output: Path | None,
    strict: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Read, compare, print. Exits with 1 for an error finding, else with 4 where a file could not be read."""
    from envkit.cli.merge_read import merged

    fleet = merged(files, rules)
    show(fleet, format=format, output=output, strict=strict, verbose=verbose, quiet=quiet)
    if fleet.unreadable:
        raise typer.Exit(ExitCode.BAD_INPUT)


def show(
    fleet: Fleet,
    *,
    format: Format,  # noqa: A002 - the flag's name
    output: Path | None,
    strict: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Print what was compared. Exits with 1 for an error finding."""
    from envkit.cli.output import emit

    emit(_rendered(fleet, format, output is not None, verbose, quiet), output)
    counted = ("error", "warning") if strict else ("error",)
    if any(one.outcome == "problem" and one.severity in counted for one in fleet.findings):
        raise typer.Exit(ExitCode.PROBLEM)


def _rendered(fleet: Fleet, format: Format, to_file: bool, verbose: bool, quiet: bool) -> str:  # noqa: A002
    from envkit.cli.output import options
    from envkit.core.codec import dumps
    from envkit.doctor.fleet import report
    from envkit.report import render

    if format is Format.JSON:
        return dumps(_shareable(fleet))
    # On the terminal stands what can be pasted there; what may be sent to others names only the nodes.
    told = fleet if format is Format.TEXT and not to_file else _shareable(fleet)
    return render(report(told), format.value, options(to_file=to_file, verbose=verbose, quiet=quiet))


def _shareable(fleet: Fleet) -> Fleet:
    """Without secrets and names of persons and homes; the names of the nodes stay."""
    from envkit.core.codec import from_json, to_json
    from envkit.core.redact import Identity, saved
    from envkit.core.text import encodable
    from envkit.doctor.fleet import Fleet

    here = Identity.here()
    identity = Identity(home=here.home, user=here.user, host="")

    def visit(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: _kept(item) if key in _NAMES else visit(item) for key, item in node.items()}
        if isinstance(node, list | tuple):
            return [visit(item) for item in node]
        return saved(node, identity) if isinstance(node, str) else node

    def _kept(item: Any) -> Any:
        if isinstance(item, str):
            return encodable(item)
        if isinstance(item, list | tuple) and all(isinstance(one, str) for one in item):
            return [encodable(one) for one in item]
        return visit(item)

    return from_json(Fleet, visit(to_json(fleet)))
