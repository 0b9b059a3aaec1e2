"""Python imports this at its start where `envkit diagnose` put this folder on PYTHONPATH.

It takes itself away again, starts the watcher, and runs the sitecustomize that would have run without it.
Nothing that goes wrong here may be felt by the script.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _leave():
    """Take this folder off sys.path: the script sees the path that it would have seen."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
    sys.path_importer_cache.pop(_HERE, None)


def _watch():
    folder = os.environ.get("ENVKIT_WATCH_DIR")
    if not folder or sys.version_info < (3, 9):
        return
    payload = os.path.dirname(_HERE)
    sys.path.insert(0, payload)
    try:
        from _envkit_payload.watch import stdlib
    finally:
        sys.path.remove(payload)
        for known in [one for one in sys.path_importer_cache if one.startswith(payload)]:
            del sys.path_importer_cache[known]
    with stdlib.Only():
        from _envkit_payload.watch import start

        start.start(folder, _HERE)


def _own():
    """The person's own sitecustomize, under its own name. Without one this raises what its absence would."""
    sys.modules.pop("sitecustomize", None)
    import sitecustomize  # noqa: F401 - now the next one on the path


_leave()
try:
    _watch()
except Exception:  # the watcher's trouble is never the script's
    pass
_own()
