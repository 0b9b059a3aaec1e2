"""Start of the payload: `<target python> <this file> facts | deep ...`.

Python puts this directory, which holds nothing but the private package, first on sys.path; it is taken off
again before anything is looked at. This file must parse and run on any Python, so that an old one can be
answered; the package behind it needs 3.9.
"""

import os
import sys

MINIMUM = (3, 9)


def standard_library(path):
    """Directories of the standard library on a sys.path: a person's `json.py` must not become ours."""
    dynamic = [entry for entry in path if os.path.basename(entry) == "lib-dynload"]
    library = os.path.dirname(dynamic[0]) if dynamic else os.path.dirname(os.__file__)
    dynamic.insert(0, library)
    return dynamic


def main():
    loaded = frozenset(sys.modules)
    if sys.version_info[:2] < MINIMUM:
        line = '\n{"kind": "unsupported", "version": "%d.%d.%d", "minimum": "%d.%d"}\n' % (
            tuple(sys.version_info[:3]) + MINIMUM
        )
        os.write(1, line.encode("ascii"))
        return 0
    here = os.path.dirname(os.path.abspath(__file__))
    path = [entry for entry in sys.path if entry != here]
    sys.path[:] = standard_library(path)
    sys.path.insert(0, here)
    from _envkit_payload import cli

    del sys.path[0]
    return cli.main(sys.argv[1:], path, loaded)


if __name__ == "__main__":
    sys.exit(main())
