"""What a fix step may do when envkit itself carries it out: the whole list, and nothing beside it.

A step of the catalogue that is marked `apply` has a command of one of these forms. The template is checked
when the catalogue is loaded, and the command that came of it again before it is offered, for its slots hold
values from files of the target Python. What is run is the parsed value, never the text, and never through a
shell.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Literal

from envkit.core.finding import Apply

_LONGEST = 2000
"""Characters of a command."""
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_SPECIFIER = r"(?:===?|~=|!=|<=?|>=?)[A-Za-z0-9.*+!_-]+"
_PACKAGE = re.compile(_NAME)
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})(?:\[{_NAME}(?:,{_NAME})*\])?(?:{_SPECIFIER}(?:,{_SPECIFIER})*)?"
)
_INDEX = re.compile(r"https://download\.pytorch\.org/whl/[a-z0-9][a-z0-9.]*(?:/[a-z0-9][a-z0-9.]*)?/?")
_FLAGS = ("--force-reinstall", "--no-deps", "--upgrade")
_INDEX_OPTIONS = ("--index-url", "--extra-index-url")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_VALUE = re.compile(r"[\w@%+=:,./-]*", re.ASCII)
_UNTOUCHED = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "IFS", "ENV", "BASH_ENV", "ZDOTDIR", "TERM", "PWD", "OLDPWD")
)
"""Variables on which the shell itself depends."""
_NEVER_SET = re.compile(r"LD_|PYTHON(?!NOUSERSITE)|PIP_|UV_|GIT_|.*_PROXY")
"""Variables that can make other programs load or fetch something: these are only ever unset."""
_SLOT = re.compile(r"\{(?P<raw>=?)(?P<name>[a-z_]+)\}")
_STANDS_FOR = {"python": "/target/bin/python", "index": "https://download.pytorch.org/whl/cpu"}
"""Values with which a template is checked, where a plain word will not do."""


class NotApplicableError(ValueError):
    """A command that envkit does not run; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PipChange:
    """Packages installed into, or removed from, one Python."""

    python: str
    """Absolute path of the interpreter."""
    action: Literal["install", "uninstall"]
    arguments: tuple[str, ...]
    """Options and requirements in their order."""

    def argv(self, uv: str | None = None) -> tuple[str, ...]:
        """The command: the Python's own pip, or the `uv` of that path for a Python without pip."""
        if uv is not None:
            return (uv, "pip", self.action, "--python", self.python, *self.arguments)
        sure = ("-y",) if self.action == "uninstall" else ()
        return (self.python, "-m", "pip", self.action, *sure, *self.arguments)

    def packages(self) -> tuple[str, ...]:
        """Normalised names (PEP 503) of the packages that are named."""
        found = []
        arguments = iter(self.arguments)
        for word in arguments:
            if word in _INDEX_OPTIONS:
                next(arguments)
            elif match := _REQUIREMENT.fullmatch(word):
                found.append(re.sub(r"[-_.]+", "-", match["name"]).lower())
        return tuple(found)

    @property
    def with_dependencies(self) -> bool:
        """Whether what the packages require is replaced, too, and not only added where it is missing."""
        return "--force-reinstall" in self.arguments and "--no-deps" not in self.arguments


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentChange:
    """Variables set or unset."""

    assign: tuple[tuple[str, str], ...] = ()
    unset: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every variable that is touched."""
        return (*(name for name, _ in self.assign), *self.unset)


Change = PipChange | EnvironmentChange


def parsed(kind: Apply, command: str) -> Change:
    """The change that a command makes. Raises NotApplicableError for any other command."""
    words = _words(command)
    if kind == "pip":
        return _pip(words)
    if kind == "environment":
        return _environment(words)
    raise NotApplicableError(f"{kind!r} is no kind of change")


def check_template(kind: Apply, template: str | None) -> None:
    """Raises NotApplicableError unless what comes of the template has the form that is claimed.

    A template that is one raw slot (`{=torch_install}`) is a command that a rule wrote; it is checked when it
    is known.
    """
    if not template:
        raise NotApplicableError("it has no command")
    if kind == "pip" and (whole := _SLOT.fullmatch(template)) and whole["raw"]:
        return
    other = "NAME" if kind == "environment" else "1"
    change = parsed(kind, _SLOT.sub(lambda slot: _STANDS_FOR.get(slot["name"], other), template))
    if isinstance(change, PipChange) and "{python}" not in template:
        raise NotApplicableError("a pip command names {python}, the Python that was looked at")


def _words(command: str) -> list[str]:
    """The words of a command line without anything that only a shell gives a meaning to."""
    if len(command) > _LONGEST or not command.isprintable():
        raise NotApplicableError("it is not one line of text")
    try:
        words = shlex.split(command)
        lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        if list(lexer) != words:
            raise NotApplicableError("it joins or redirects commands")
    except ValueError as error:
        raise NotApplicableError(f"its quotes do not match: {error}") from error
    return words


def _pip(words: list[str]) -> PipChange:
    python, action, arguments = _pip_head(words)
    if not python.startswith("/"):
        raise NotApplicableError(f"{python!r} is no absolute path of an interpreter")
    if action == "install":
        return PipChange(python=python, action="install", arguments=_install_arguments(arguments))
    if action == "uninstall":
        rest = tuple(word for word in arguments if word not in ("-y", "--yes"))
        if not rest or not all(map(_PACKAGE.fullmatch, rest)):
            raise NotApplicableError("after `uninstall` stand names of packages only")
        return PipChange(python=python, action="uninstall", arguments=rest)
    raise NotApplicableError(f"`pip {action}` is neither install nor uninstall")


def _pip_head(words: list[str]) -> tuple[str, str, list[str]]:
    """Interpreter, action and what follows, of `PYTHON -m pip ...` and `uv pip ... --python PYTHON`."""
    if words[1:3] == ["-m", "pip"] and len(words) > 3:
        return words[0], words[3], words[4:]
    if words[:2] == ["uv", "pip"] and "--python" in words[3:-1]:
        place = words.index("--python")
        return words[place + 1], words[2], words[3:place] + words[place + 2 :]
    raise NotApplicableError("it does not begin with `PYTHON -m pip install` or `uninstall`")


def _install_arguments(arguments: list[str]) -> tuple[str, ...]:
    rest = iter(arguments)
    requirements = 0
    for word in rest:
        if word in _INDEX_OPTIONS:
            if not _INDEX.fullmatch(next(rest, "")):
                raise NotApplicableError(f"{word} names something else than PyTorch's own index")
        elif word not in _FLAGS:
            if not _REQUIREMENT.fullmatch(word):
                raise NotApplicableError(f"{word!r} is neither a requirement nor a known option")
            requirements += 1
    if not requirements:
        raise NotApplicableError("it names nothing to install")
    return tuple(arguments)


def _environment(words: list[str]) -> EnvironmentChange:
    verb, rest = words[:1], words[1:]
    if verb == ["unset"] and rest:
        return EnvironmentChange(unset=tuple(map(_variable, rest)))
    if verb == ["export"] and rest:
        return EnvironmentChange(assign=tuple(map(_assignment, rest)))
    raise NotApplicableError("it is neither `export NAME=VALUE` nor `unset NAME`")


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name) or name in _UNTOUCHED:
        raise NotApplicableError(f"{name!r} is no variable that may be changed")
    return name


def _assignment(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not _VALUE.fullmatch(value):
        raise NotApplicableError(f"{word!r} is no plain NAME=VALUE")
    if _NEVER_SET.match(_variable(name)):
        raise NotApplicableError(f"{name} is never set, only unset")
    return name, value
