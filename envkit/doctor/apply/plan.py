"""From findings to offers: pure. What cannot be offered is told with its reason."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from envkit.causes.change import EnvironmentChange, NotApplicableError, PipChange, parsed
from envkit.core.finding import Finding, FixStep
from envkit.doctor.apply import edit
from envkit.doctor.apply.allowed import refusal, tool
from envkit.doctor.apply.model import FileOffer, Offer, PipOffer, Planned, StartFile, Target, Withheld

_SHELLS = {
    "bash": (".bashrc", ".bash_profile", ".bash_login", ".profile"),
    "zsh": (".zshrc", ".zshenv", ".zprofile"),
    "fish": ("config.fish",),
}
_OTHER_SHELL = (".profile", ".bashrc")


def plan(
    findings: Iterable[Finding],
    target: Target | str,
    files: tuple[StartFile, ...],
    env: Mapping[str, str],
    note: str,
) -> Planned:
    """What may be offered for these findings, worst problem first.

    Args:
        findings: as doctor judged them.
        target: the Python that was looked at, or why its packages cannot be changed.
        files: start-up files of the person and of the system.
        env: variables of this process.
        note: stands in the comment on a line that is changed.
    """
    offers: list[Offer] = []
    withheld: list[Withheld] = []
    left: list[str] = []
    for finding in findings:
        if finding.outcome != "problem":
            continue
        before = len(offers) + len(withheld)
        for kind, group in groupby(finding.fix, key=lambda step: step.apply):
            steps = tuple(group)
            made: Iterable[Offer | Withheld] = ()
            if kind == "pip":
                made = (_pip(finding, steps, target),)
            elif kind == "environment":
                made = (one for step in steps for one in _environment(finding, step, files, env, note))
            for one in made:
                (withheld if isinstance(one, Withheld) else offers).append(one)  # type: ignore[arg-type]
        if len(offers) + len(withheld) == before:
            left.append(finding.key)
    return Planned(offers=tuple(offers), withheld=tuple(withheld), left=tuple(left))


def _pip(finding: Finding, steps: tuple[FixStep, ...], target: Target | str) -> PipOffer | Withheld:
    """The pip steps of one finding: they belong together, so they are offered as one."""
    command = " && ".join(step.run or "" for step in steps)

    def not_offered(reason: str) -> Withheld:
        return Withheld(key=finding.key, kind="pip", command=command, reason=reason)

    try:
        changes = tuple(parsed("pip", step.run or "") for step in steps)
    except NotApplicableError as error:
        return not_offered(f"envkit does not run this command: {error}")
    pips = tuple(change for change in changes if isinstance(change, PipChange))
    if isinstance(target, str):
        return not_offered(target)
    if reason := refusal(target, pips):
        return not_offered(reason)
    return PipOffer(
        key=finding.key,
        title=finding.title,
        says=tuple(step.say for step in steps),
        changes=pips,
        argvs=tuple(change.argv(tool(target)) for change in pips),
        prefix=target.prefix,
        as_root=target.user == 0,
    )


def _environment(
    finding: Finding, step: FixStep, files: tuple[StartFile, ...], env: Mapping[str, str], note: str
) -> Iterator[Offer | Withheld]:
    try:
        change = parsed("environment", step.run or "")
    except NotApplicableError as error:
        reason = f"envkit does not make this change: {error}"
        yield Withheld(key=finding.key, kind="environment", command=step.run or "", reason=reason)
        return
    assert isinstance(change, EnvironmentChange)
    make = _assigning if change.assign else _unsetting
    yield from make(finding, step.say, change, files, env, note)


def paste(change: EnvironmentChange, shell: str) -> str:
    """The line for the shell that runs already."""
    fish = shell.rpartition("/")[2] == "fish"
    if change.unset:
        return " ".join(("set", "-e", *change.unset) if fish else ("unset", *change.unset))
    if fish:
        return "; ".join(f"set -gx {name} {value}" for name, value in change.assign)
    return shlex.join(("export", *(f"{name}={value}" for name, value in change.assign)))


def _unsetting(
    finding: Finding,
    say: str,
    change: EnvironmentChange,
    files: tuple[StartFile, ...],
    env: Mapping[str, str],
    note: str,
) -> Iterator[Offer | Withheld]:
    """One offer for each file with lines to take out; and what sets the variables elsewhere."""
    live = EnvironmentChange(unset=tuple(name for name in change.unset if name in env))
    line = paste(live if live.unset else change, env.get("SHELL", ""))
    told: list[str] = []
    offered = False
    for file in files:
        after = edit.without(file.data, change.unset, file.dialect, note)
        if after != file.data and file.problem is None:
            offered = True
            yield _file_offer(finding, say, change, file, after, line)
        for name in change.unset:
            settings = edit.settings(file.data, name, file.dialect)
            told += [_elsewhere(file, name, s.number) for s in settings if file.problem or not s.plain]
    if told:
        yield _told(finding, line, "; ".join(told), line if live.unset else None)
    elif not offered:
        names = " and ".join(live.unset or change.unset)
        reason = (
            f"no start-up file sets {names}: it comes from whatever started this shell (an image, a module, "
            "an editor, a scheduler)"
        )
        yield _told(finding, line, reason, line if live.unset else None)


def _file_offer(
    finding: Finding, say: str, change: EnvironmentChange, file: StartFile, after: bytes, line: str
) -> FileOffer:
    return FileOffer(
        key=finding.key, title=finding.title, say=say, change=change, file=file, after=after, paste=line
    )


def _elsewhere(file: StartFile, name: str, number: int) -> str:
    if file.system:
        return f"line {number} of {file.path} sets {name}: ask the administrator"
    why = file.problem or "it does more than that, so envkit leaves it to you"
    return f"line {number} of {file.path} sets {name}; {why}"


def _told(finding: Finding, command: str, reason: str, line: str | None) -> Withheld:
    return Withheld(key=finding.key, kind="environment", command=command, reason=reason, paste=line)


def _assigning(
    finding: Finding,
    say: str,
    change: EnvironmentChange,
    files: tuple[StartFile, ...],
    env: Mapping[str, str],
    note: str,
) -> Iterator[Offer | Withheld]:
    """One file: the one that sets a variable already, else the shell's own."""
    line = paste(change, env.get("SHELL", ""))
    names = _SHELLS.get(env.get("SHELL", "").rpartition("/")[2], _OTHER_SHELL)
    own = [file for name in names for file in files if _is_own(file, name, env)]
    if not own:
        reason = f"there is no {names[0]} in your home directory to put it in"
        yield _told(finding, line, reason, line)
        return
    sets = [f for f in own if any(s.plain for n in change.names for s in edit.settings(f.data, n, f.dialect))]
    file = next((one for one in (*sets, *own) if one.problem is None), None)
    if file is None:
        yield _told(finding, line, f"{own[0].path} is not changed: {own[0].problem}", line)
        return
    after = file.data
    for name, value in change.assign:
        after = edit.with_value(after, name, value, file.dialect, note)
    yield _file_offer(finding, say, change, file, after, line)


def _is_own(file: StartFile, name: str, env: Mapping[str, str]) -> bool:
    home = env.get("HOME", "").rstrip("/")
    folders = (home, env.get("ZDOTDIR", "").rstrip("/") or home)
    if name == "config.fish":
        return not file.system and file.path.endswith("/fish/config.fish")
    return any(file.path == f"{folder}/{name}" for folder in folders)


def environment_after(
    env: Mapping[str, str], offer: FileOffer, files: tuple[StartFile, ...]
) -> dict[str, str]:
    """Variables of a shell that starts once the change is made, as far as start-up files tell.

    A variable that another line still sets, here or in another file, stays as it is.
    """
    changed = {**env, **dict(offer.change.assign)}
    contents = [(offer.after if f.real == offer.file.real else f.data, f.dialect) for f in files]
    for name in offer.change.unset:
        if not any(edit.settings(data, name, dialect) for data, dialect in contents):
            changed.pop(name, None)
    return changed
