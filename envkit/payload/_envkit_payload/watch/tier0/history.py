"""The course of training so far, from this process's own trace, and from where on it ran away."""

import json
import math
import os
import statistics

_WINDOW = 256


def running_away(recorder):
    """The step from which loss or gradient norm grew up to now, or None; the rule of analyzers/growth.py."""
    found = [_run_up(values) for values in _columns(recorder)]
    found = [one for one in found if one is not None]
    return min(found) if found else None


def usual_norm(recorder, until):
    """The median gradient norm of the steps before `until`, None = of all; None where none is known."""
    norms, _ = _columns(recorder)
    known = [
        value
        for step, value in norms
        if (until is None or step < until) and isinstance(value, (int, float)) and math.isfinite(value)
    ]
    return statistics.median(known[-_WINDOW:]) if known else None


def _columns(recorder):
    """Gradient norms and losses, as (step, value)."""
    columns = {"grad": [], "loss": []}
    try:
        with open(os.path.join(recorder.folder, "{}.jsonl".format(os.getpid())), "rb") as file:
            for text in file:
                line = json.loads(text)
                if line["kind"] == "steps":
                    for name, kept in columns.items():
                        kept += [(line["first"] + place, value) for place, value in enumerate(line[name])]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return columns["grad"], columns["loss"]


def _run_up(column):
    known = [
        (step, math.log10(value))
        for step, value in column
        if isinstance(value, (int, float)) and math.isfinite(value) and value > 0
    ][-_WINDOW:]
    values = [value for _, value in known]
    best = None
    for place in range(1, len(values)):
        before, after = values[:place], values[place:]
        if min(after) > max(before):
            chance = -_log_choose(len(values), len(after))
            if best is None or chance < best[0]:
                best = (chance, place)
    if best is None:
        return None
    before, after = values[: best[1]], values[best[1] :]
    if max(after) - max(before) <= max(max(before) - min(before), math.log10(2)):
        return None
    if max(after[-3:]) < max(after):
        return None
    return known[best[1]][0]


def _log_choose(n, k):
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
