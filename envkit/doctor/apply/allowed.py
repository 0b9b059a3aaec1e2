"""Whether pip may change the target Python at all, and these packages in it; and how."""

from __future__ import annotations

from envkit.causes.change import PipChange
from envkit.doctor.apply.model import Target

_DRY_RUN = (22, 2)
"""The first pip with `--dry-run`."""


def refusal(target: Target, changes: tuple[PipChange, ...]) -> str | None:
    """Why envkit does not run these commands; None when it may."""
    if any(change.python != target.executable for change in changes):
        return "the command is for another Python than the one that was looked at"
    return _of_target(target) or _of_packages(target, changes)


def _of_target(target: Target) -> str | None:
    if target.externally_managed:
        return (
            f"{target.prefix} is managed by the distribution, which keeps pip out (PEP 668): make an "
            f"environment of your own, `{target.executable} -m venv .venv`"
        )
    if target.user == 0 and target.kind == "system":
        return "envkit changes no system Python as root: make an environment (`python3 -m venv`) and use that"
    if target.user == 0 and target.owner != 0:
        return f"you are root, and {target.prefix} belongs to another user: run envkit as that user"
    if not target.writable:
        return f"you may not write to {target.site}"
    if target.pip is None and target.uv is None:
        return "this Python has no pip, and there is no uv on PATH: install one of them"
    return None


def _of_packages(target: Target, changes: tuple[PipChange, ...]) -> str | None:
    named = {name for change in changes for name in change.packages()}
    if ours := sorted(named.intersection(target.conda)):
        return f"conda installed {', '.join(ours)}: change it with conda, or pip's files overlay conda's"
    if target.conda and any(change.with_dependencies for change in changes):
        return "the command would reinstall dependencies, too, and conda installed some of them"
    if ours := sorted(named.intersection(target.editable)):
        return f"{', '.join(ours)} is installed from a source checkout (editable), which would be replaced"
    if rehearsed(changes) and target.pip is not None and target.pip < _DRY_RUN:
        return "this pip cannot try out whether what is removed can be installed again: update pip"
    return None


def rehearsed(changes: tuple[PipChange, ...]) -> tuple[PipChange, ...]:
    """The installations that are tried out first, because something is removed before them."""
    if not changes or changes[0].action == "install":
        return ()
    return tuple(change for change in changes if change.action == "install")


def rehearsal(change: PipChange, uv: str | None) -> tuple[str, ...]:
    """The command that tells whether an installation would work, and changes nothing."""
    again = "--reinstall" if uv is not None else "--ignore-installed"
    return (*change.argv(uv), "--dry-run", again)


def tool(target: Target) -> str | None:
    """The uv to use in place of pip; None where the Python has a pip of its own."""
    return target.uv if target.pip is None else None
