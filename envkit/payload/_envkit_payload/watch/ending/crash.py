"""What ended the script: the error with the person's lines, and the tensors and layers that were at hand.

Looked at once, after the script is over. Whatever cannot be read is left out.
"""

import os
import sys
import traceback

from .. import frames
from . import held

_TEXT = 8000
_FRAMES = 40


def seen(error):
    """Fields of the trace's last line for the exception that ended the script; {} without one."""
    if error is None:
        return {}
    fields = {"error_type": type(error).__name__, "error": _text(error)}
    for name, look in (("frames", _frames), ("tensors", _tensors), ("layer", _layer), ("memory", _memory)):
        try:
            fields[name] = look(error)
        except Exception as trouble:  # an object of the script that does not let itself be looked at
            fields["{}_trouble".format(name)] = "{}: {}".format(type(trouble).__name__, str(trouble)[:200])
    return fields


def _text(error):
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be had)"
    cause = error.__cause__
    if cause is not None:
        text += "\ncaused by {}: {}".format(type(cause).__name__, cause)
    return text if len(text) <= _TEXT else text[: _TEXT // 2] + "\n...\n" + text[-_TEXT // 2 :]


def _stack(error):
    """Frames with their lines, outermost first; those of the cause behind, which lie deeper."""
    found = list(traceback.walk_tb(error.__traceback__))
    if error.__cause__ is not None:
        found += traceback.walk_tb(error.__cause__.__traceback__)
    return [one for one in found if one[0].f_code not in frames.OURS]


def _frames(error):
    if isinstance(error, SyntaxError) and error.filename:
        return [[os.path.abspath(error.filename), error.lineno or 1, "<module>", True]]
    found = []
    for frame, line in _stack(error)[-_FRAMES:]:
        name = frame.f_code.co_filename
        users = frames.is_users(name)
        found.append([os.path.abspath(name) if users else name, line, frame.f_code.co_name, users])
    return found


def _tensors(error):
    """Those of the person's innermost function, by name."""
    for frame, _ in reversed(_stack(error)):
        if frames.is_users(frame.f_code.co_filename):
            return held.named(frame.f_locals)
    return []


def _layer(error):
    """The innermost module that was computing: what it is, its name in the model, what it was given."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "nn"):
        return None
    modules = [
        (frame, frame.f_locals["self"])
        for frame, _ in _stack(error)
        if isinstance(frame.f_locals.get("self"), torch.nn.Module)
    ]
    if not modules:
        return None
    frame, module = modules[-1]
    code = frame.f_code
    given = {name: frame.f_locals.get(name) for name in code.co_varnames[1 : code.co_argcount]}
    names = {id(one): name for name, one in modules[0][1].named_modules()}
    return {
        "type": type(module).__name__,
        "name": names.get(id(module), ""),
        "settings": module.extra_repr()[:500],
        "users": frames.is_users(code.co_filename),
        "given": held.named(given),
    }


def _memory(error):
    """What holds memory, where the error is that there is no more."""
    text = "{}: {}".format(type(error).__name__, error).lower()
    said = ("out of memory", "outofmemory", "not enough memory", "can't allocate memory", "memoryerror")
    torch = sys.modules.get("torch")
    if torch is None or not any(one in text for one in said):
        return None
    return held.memory(torch)
