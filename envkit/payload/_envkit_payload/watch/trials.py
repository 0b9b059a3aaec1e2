"""Which changes are tried after a step that failed, in which order, and when it is enough."""

import json
import statistics
import time

from .trial import CONTROL

MORE = 200
"""Steps that a fix must survive beyond the one that failed."""
PART = 0.4
"""Of the time that is left, what one trial may take: those that break take little of it."""
HALF = ("float16", "bfloat16")
_LINES = 3


def run(watch, travel, step, found, seconds):
    """Try within `seconds` what tells the hypotheses apart, and write down how each went.

    found: what the look at the failing step gave, as `Armed.finish` says it.
    """
    _Search(watch, travel, step, found, seconds).run()


class _Search:
    def __init__(self, watch, travel, step, found, seconds):
        self.watch = watch
        self.travel = travel
        self.step = step
        self.found = found
        self._deadline = time.monotonic() + seconds

    def run(self):
        """The control first; then the changes at the place that was found, until one holds; then their rivals."""
        control = self._try(CONTROL, {}, more=0)
        if control["how"] not in ("broke", "crashed") or control["step"] > self.step:
            for name, arguments in unsteady():
                self._try(name, arguments)
            return
        held = False
        for name, arguments in local(self.found, self.step):
            if self._try(name, arguments)["how"] == "survived":
                held = True
                break
        if held and name == "replace-rows" and self.found.get("data"):
            return  # the data themselves were not finite: no rate explains that
        back = self._further_back()
        if self._try("learning-rate", {"factor": 0.1}, back=back)["how"] != "survived" and held:
            return
        if self.watch.usual_norms:
            self._try("clip", {"norm": statistics.median(self.watch.usual_norms)}, back=back)

    def _further_back(self):
        """Whether to begin before weights may have been spoilt: only where the run breaks from there, too."""
        begins = self.travel.begins(back=True)
        if begins is None or begins >= self.travel.begins():
            return False
        found = self._try(CONTROL, {}, back=True, more=0)
        return found["how"] == "broke" and found["step"] <= self.step

    def _try(self, name, arguments, *, back=False, more=MORE):
        left = self._deadline - time.monotonic()
        if left <= 0:
            found = {"how": "no-time"}
        else:
            seconds = left if name == CONTROL else max(1.0, PART * left)
            change = {"name": name, "with": arguments}
            said = self.travel.attempt(self.step, change, more, seconds, back)
            found = json.loads(said) if said.startswith("{") else {"how": said}
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
    if found.get("compiled"):
        yield "eager", {}
    yield "zero-memory", {}


def _rows(rows, step):
    return {"step": step, "rows": rows["bad"][:32], "length": rows["length"], "samples": rows["samples"]}


def unsteady():
    """What is tried when the same step does not fail again: nothing in it may be left to chance."""
    yield "zero-memory", {}
    yield "fill-memory", {}
