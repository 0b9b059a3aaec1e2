"""Which changes are tried after a step that failed, in which order, and when it is enough."""

import json
import time

from ..eager import has_compiled
from ..tier0.history import running_away, usual_norm
from .trial import CONTROL

MORE = 200
"""Steps that a fix must survive beyond the one that failed."""
BREAKS = 32
"""Steps beyond it in which a control must break: a loss that a scaler throws away is a fault only when many
are thrown away in a row, and then the step that failed is the first of them."""
PART = 0.4
"""Of the time that is left, what one trial may take: those that break take little of it."""
HALF = ("float16", "bfloat16")
_LINES = 3


def run(watch, travel, step, found, seconds):
    """Try within `seconds` what tells the hypotheses apart, and write down how each went.

    found: what the look at the failing step gave, as `Armed.finish` says it.
    """
    try:
        _Search(watch, travel, step, found, seconds).run()
    finally:
        travel.farther()


class _Search:
    def __init__(self, watch, travel, step, found, seconds):
        self.watch = watch
        self.travel = travel
        self.step = found.get("step", step)
        self.seen = max(step, self.step)
        """Where it broke may be seen only later: a running value, say, that is not used before evaluation."""
        self.found = found
        self._deadline = time.monotonic() + seconds

    def run(self):
        """The changes at the place that was found, until one holds; then their rivals."""
        self.travel.nearer(self.step)
        held = self._at_the_place()
        if held is None or (held == "replace-rows" and self.found.get("data")):
            return  # not reproduced; or the data themselves were not finite, which no rate explains
        grown = running_away(self.watch.recorder)
        since = self._further_back(None if grown is None else max(0, grown - 1))
        if self._try("learning-rate", {"factor": 0.1}, since)["how"] != "survived" and held:
            return
        norm = usual_norm(self.watch.recorder, grown)
        if norm and (grown is not None or not held):
            self._try("clip", {"norm": norm}, since)

    def _at_the_place(self):
        """The name of the change that held, "" where none did; None when the run does not break again."""
        control = self._try(CONTROL, {}, more=BREAKS)
        if control["how"] not in ("broke", "crashed") or control["step"] > self.seen:
            if has_compiled() and self._try("compiled", {}, more=BREAKS)["how"] == "broke":
                self._try("eager", {})
                return None
            for name, arguments in unsteady():
                self._try(name, arguments)
            return None
        held, rows = "", self.found.get("rows")
        for name, arguments in local(self.found, self.step):
            if not held or (name == "replace-rows" and rows):  # (whether the sample or the weights do it)
                found = self._try(name, arguments)
                held = held or (name if found["how"] == "survived" else "")
        return held

    def _further_back(self, since):
        """The step to begin with: a rate shows only in the steps after its first update.

        since: the step at which weights began to be spoilt, or None. From an older copy than the one that the
        step was repeated from it must break, too.
        """
        self.travel.farther()
        newest = self.travel.begins(self.step)
        since = self.step - 1 if since is None else min(since, self.step - 1)
        begins = self.travel.begins(since)
        if begins is None or begins >= newest:
            return self.step
        found = self._try(CONTROL, {}, since, more=BREAKS)
        return since if found["how"] == "broke" and found["step"] <= self.seen else self.step

    def _try(self, name, arguments, since=None, *, more=MORE):
        left = self._deadline - time.monotonic()
        if left <= 0:
            found = {"how": "no-time"}
        else:
            seconds = left if name == CONTROL else max(1.0, PART * left)
            change = {"name": name, "with": arguments}
            said = self.travel.attempt(
                self.seen, change, more, seconds, self.step if since is None else since
            )
            found = json.loads(said) if said.startswith("{") else {"how": said}
        back = since is not None and since < self.step
        self.watch.recorder("trial", name=name, back=back, **{"with": arguments}, **found)
        return dict({"step": -1}, **found)


def local(found, step):
    """(name, arguments) of changes at the place that was found, the most telling first."""
    events, rows = found["events"], found.get("rows")
    spoilt = found.get("spoilt") or ()
    if rows and found.get("data"):
        yield "replace-rows", _rows(rows, step)
    if spoilt:
        yield "initialise", {"names": list(spoilt)[:8]}
    lines = list(dict.fromkeys((one["file"], one["line"]) for one in events))[:_LINES]
    half = any(one["dtype"] in HALF for one in events) or found.get("half")
    if found.get("update"):
        yield "epsilon", {"value": 1e-4}
    for file, line in lines:
        yield "rewrite", {"file": file, "line": line}
    if half:
        for file, line in lines:
            yield "rewrite", {"file": file, "line": line, "wide": True}
        yield "float32", {}
        if not found.get("update"):
            yield "epsilon", {"value": 1e-4}
    if rows and not found.get("data"):
        yield "replace-rows", _rows(rows, step)
    if found.get("memory"):
        yield "zero-memory", {}


def _rows(rows, step):
    return {"step": step, "rows": rows["bad"][:32], "length": rows["length"], "samples": rows["samples"]}


def unsteady():
    """What is tried when the same step does not fail again: nothing in it may be left to chance."""
    yield "zero-memory", {}
    yield "fill-memory", {}
