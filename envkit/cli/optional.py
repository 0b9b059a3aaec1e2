"""Options whose value may be left out: `--try` beside `--try=20` and `--try 20`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_NUMBER = re.compile(r"\d+(?:\.\d*)?$")


def filled(arguments: Sequence[str], optional: Mapping[str, str], valued: frozenset[str]) -> list[str]:
    """A command's arguments, up to the first that is no option, with what stands for values left out.

    A number that follows is the value; anything else is not, since it may be the command to run.
    optional: option to what stands for its value. valued: options that always take the next argument.
    """
    made: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--" or not word.startswith("-") or word == "-":
            return [*made, word, *left]
        if word in optional:
            has = bool(left) and _NUMBER.match(left[0]) is not None
            made.append(f"{word}={left.pop(0) if has else optional[word]}")
            continue
        made.append(word)
        if word in valued and left:
            made.append(left.pop(0))
    return made


def valued(group: Any, command: str) -> frozenset[str]:
    """Options of a command that take the next argument. group: as the command-line library made it."""
    options = [one for one in group.commands[command].params if one.param_type_name == "option"]
    return frozenset(name for one in options if not one.is_flag for name in one.opts)
