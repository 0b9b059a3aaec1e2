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


def bench(emit, arguments, path, loaded):
    """`bench --job JSON [--out DIR]`: train and measure."""
    from . import bench as runner

    job = runner.parsed(arguments)
    sys.path[:] = path
    return runner.run(emit, job)


def ceiling(emit, arguments, path, loaded):
    """`ceiling --job JSON`: what the machine gives, right after a run."""
    from . import ceiling as runner

    job = runner.parsed(arguments)
    sys.path[:] = path
    return runner.run(emit, job)


COMMANDS = {"facts": facts, "deep": deep, "links": links, "bench": bench, "ceiling": ceiling}


def _emitter(arguments):
    """On stdout, or with --out DIR in a file of this worker of torchrun."""
    if "--out" in arguments:
        folder = arguments[arguments.index("--out") + 1]
        return emit_module.into_folder(folder, os.environ.get("RANK", "0"))
    return emit_module.take_stdout()


def main(arguments, path, loaded):
    """Run one command and end the process.

    path: sys.path as a script would find it, the script's own directory left out.
    loaded: names of the modules that Python itself had loaded at its start.
    """
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        sys.stderr.write("usage: <python> <payload> {}\n".format(" | ".join(COMMANDS)))
        return 2
    emit = _emitter(arguments)
    emit("start", version="{}.{}.{}".format(*sys.version_info[:3]), executable=sys.executable)
    code = 0
    try:
        code = command(emit, arguments[1:], path, loaded) or 0
        emit("end")
    except KeyboardInterrupt:
        emit("interrupted")
        code = 130
    except Exception as error:
        emit("error", section=arguments[0], text=emit_module.described(error))
        code = 1
    sys.stderr.flush()
    # Nothing of the target's own clean-up (atexit, threads that do not end) may hold the answer.
    os._exit(code)
