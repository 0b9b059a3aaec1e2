"""Python imports this at its start where `envkit diagnose` put this folder on PYTHONPATH.

It takes itself away again, runs the sitecustomize that would have run without it, and starts the watcher.
Nothing that goes wrong here may be felt by the script.
"""

import os
import sys


def _leave():
    """Take this folder off sys.path: the script sees the path that it would have seen.

    PYTHONPATH keeps it, so that workers and launchers are watched, too.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]


def _own():
    """The person's own sitecustomize, under its own name."""
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401 - now the next one on the path
    except ImportError as error:
        if getattr(error, "name", None) != "sitecustomize":
            raise
    if ours is not None:
        sys.modules.setdefault("sitecustomize", ours)  # the import of this one demands that it is there


def _watch():
    folder = os.environ.get("ENVKIT_WATCH_DIR")
    if not folder:
        return
    payload = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path.insert(0, payload)
    try:
        from _envkit_payload.watch import start
    finally:
        sys.path.remove(payload)
    start.start(folder)


_leave()
try:
    _watch()
except Exception:  # the watcher's trouble is never the script's
    pass
_own()
