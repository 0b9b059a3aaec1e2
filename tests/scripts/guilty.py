"""Asks programs which of their samples are guilty.

Reads a JSON list of `[path, size, seed]`, prints a JSON list of lists of dataset indices. Run by the Python
that has the framework of the programs.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from functools import cache


@cache
def names(path: str) -> dict:
    """Module-level names of a program, which is not run as a script."""
    sys.path[0] = os.path.dirname(path)
    return runpy.run_path(path, run_name="program")


def main() -> None:
    """Answer on stdout."""
    asked = json.load(sys.stdin)
    print(json.dumps([[int(row) for row in names(path)["guilty"](size, seed)] for path, size, seed in asked]))


if __name__ == "__main__":
    main()
