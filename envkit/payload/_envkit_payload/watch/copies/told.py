"""What a choice of trials needs to know of the step that was looked at."""

_EVENTS = 8
_MEANT = (
    *("masked_fill", "full", "fill", "scalar_tensor", "new_full", "where", "triu", "tril", "lift_fresh"),
    *("_to_copy", "zeros", "ones", "clone"),
)
"""Operations by which people write an Inf on purpose, as masks are made."""


def told(events, state, data, step):
    """A short form of it for who asked.

    events: dicts as they are recorded; state: a `State`, or None; data: rows of the batch that were not
    finite before anything was computed, or None; step: the one that was looked at.
    """
    begun = [event for event in events if event["born"] and event["stack"] and not _is_meant(event)]
    given = next((event for event in events if _is_given(event)), None)
    spoilt = [] if state is None else state.spoilt
    if given is not None and not spoilt and (data is None or given["rows"] is not None):
        data = given["rows"]  # what an operation of the model met tells more than what was fetched
    elif begun and not spoilt:
        data = None  # what the model was given had been computed in this very step
    rows = data
    if rows is None:
        known = [rows for event in begun for rows in (event["rows"], event.get("spread"))]
        rows = _together([one for one in known if _few(one)])
    return {
        "step": step,
        "events": [_short(event) for event in begun[:_EVENTS]],
        "rows": rows if _few(rows) else None,
        "data": data is not None,
        "spoilt": spoilt[:8],
        "update": state is not None and state.update,
        "half": state is not None and state.half,
        "memory": any(event.get("source") == "memory" for event in events),
    }


def _is_meant(event):
    op = event["op"].split(".")[1] if "." in event["op"] else event["op"]
    return event["became"] == "inf" and event["phase"] == "forward" and op.rstrip("_") in _MEANT


def _is_given(event):
    return not event["born"] and not event["from"] and event.get("source", "data") == "data"


def _few(rows):
    return rows is not None and 0 < rows["count"] <= max(1, rows["length"] // 2) and rows["count"] <= 32


def _together(every):
    """All rows of the first one's batch that an event names; None of none."""
    if not every:
        return None
    found = {}
    for rows in every:
        if rows["length"] == every[0]["length"]:
            samples = rows["samples"] or [None] * len(rows["bad"])
            found.update(zip(rows["bad"], samples))
    bad = sorted(found)
    samples = [found[row] for row in bad]
    whole = None if None in samples else samples
    return dict(every[0], bad=bad, count=len(bad), samples=whole)


def _short(event):
    file, line = event["stack"][0][:2]
    return {"file": file, "line": line, "phase": event["phase"], "dtype": event["out"]["dtype"]}
