"""Which changes are tried after a step that failed, in which order."""

import json
import statistics
import time

MORE = 200
"""Steps that a fix must survive beyond the one that failed."""
_HALF = ("float16", "bfloat16")


def candidates(events, norms):
    """(name, arguments) of the changes that tell the hypotheses apart, the most telling first.

    events: where values that are not finite began. norms: gradient norms before.
    """
    lines = list(dict.fromkeys((one["file"], one["line"]) for one in events))
    for file, line in lines[:3]:
        yield "rewrite", {"file": file, "line": line}
    yield "learning-rate", {"factor": 0.1}
    if norms:
        yield "clip", {"norm": statistics.median(norms)}
    if any(one["dtype"] in _HALF for one in events):
        for file, line in lines[:2]:
            yield "rewrite", {"file": file, "line": line, "wide": True}
        yield "float32", {}
        yield "epsilon", {"value": 1e-4}
    rows = next((one["rows"] for one in events if one["rows"]), None)
    if rows is not None:
        yield "replace-rows", {"rows": rows[0], "length": rows[1]}


def run(watch, travel, step, events, seconds):
    """Try them within `seconds`, and write down how each went."""
    deadline = time.monotonic() + seconds
    for name, arguments in candidates(events, watch.usual_norms):
        if time.monotonic() > deadline:
            watch.recorder("trial", name=name, state="no-time", **{"with": arguments})
            continue
        if name == "replace-rows":
            arguments = dict(arguments, step=step)
        said = travel.attempt(step, {"name": name, "with": arguments}, MORE)
        found = json.loads(said) if said.startswith("{") else {"how": said}
        watch.recorder("trial", name=name, **{"with": arguments}, **found)
