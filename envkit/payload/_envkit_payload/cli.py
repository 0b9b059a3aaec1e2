"""The commands of the payload: a literal table."""

import os
import sys

from . import emit as emit_module


def facts(emit, arguments, path, loaded):
    """Read the environment without importing a framework."""
    from . import facts as reader

    # sys.path stays at the standard library: what we import lazily must be Python's own.
    reader.run(emit, path, loaded)


def deep(emit, arguments, path, loaded):
    """`deep --framework torch`: import it and compute."""
    from . import deep as runner

    name = arguments[arguments.index("--framework") + 1]
    sys.path[:] = path
    runner.run(emit, name)


def links(emit, arguments, path, loaded):
    """`links --framework torch`: whether the shared libraries that it needs can be found; who runs here."""
    from . import links as reader
    from .paths import Paths

    name = arguments[arguments.index("--framework") + 1]
    folder = Paths(path, loaded, emit).package(name)
    found = reader.read(reader.roots(folder, name)) if folder else {"checked": 0, "missing": [], "driver": []}
    emit("links", uid=os.getuid() if hasattr(os, "getuid") else None, **found)


COMMANDS = {"facts": facts, "deep": deep, "links": links}


def main(arguments, path, loaded):
    """Run one command and end the process.

    path: sys.path as a script would find it, the script's own directory left out.
    loaded: names of the modules that Python itself had loaded at its start.
    """
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        sys.stderr.write("usage: <python> <payload> {}\n".format(" | ".join(COMMANDS)))
        return 2
    emit = emit_module.take_stdout()
    emit("start", version="{}.{}.{}".format(*sys.version_info[:3]), executable=sys.executable)
    code = 0
    try:
        command(emit, arguments[1:], path, loaded)
        emit("end")
    except Exception as error:
        emit("error", section=arguments[0], text=emit_module.described(error))
        code = 1
    sys.stderr.flush()
    # Nothing of the target's own clean-up (atexit, threads that do not end) may hold the answer.
    os._exit(code)
