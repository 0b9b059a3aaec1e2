"""Tier 2 for TensorFlow: what becomes of training with one thing changed, in this process and put back after.

The batches are those that the person's data give: arrays in which the failing batch was found. Where there
are none only the failing step is done again.
"""

import sys
import time

from .. import environ
from ..rows.data import Finder
from ..trial.choice import MORE, PART
from .alone import alone
from .changes import make
from .look import Look, Stop

FIRST = "ENVKIT_TRY"


def wanted():
    """Whether fixes are to be tried."""
    return bool(environ.get(FIRST))


def run(watch, site, first, optimizer, armed):
    """Try what tells the hypotheses apart. first: the state from before the failing step."""
    deadline = time.monotonic() + float(environ.get(FIRST))
    trials = Trials(watch, site, first, optimizer, deadline)
    step = watch.step
    watch.recorder(
        "trial", name="control", back=False, how="broke", what=watch.tripped, step=step, begins=step, steps=0,
        losses=[], **{"with": {}}
    )  # fmt: skip
    held = False
    for name, arguments in local(armed):
        if not held or name == "replace-rows":
            held = trials.attempt(name, arguments, first, step, step)["how"] == "survived" or held
    if not watch.initial or any(event.get("source") == "data" for event in armed.events):
        return
    found = trials.attempt("control", {}, watch.initial, 0, step + MORE)
    if found["how"] == "broke":
        trials.attempt("learning-rate", {"factor": 0.1}, watch.initial, 0, found["step"])
        if watch.usual_norms and not held:
            norm = sorted(watch.usual_norms)[len(watch.usual_norms) // 2]
            trials.attempt("clip", {"norm": norm}, watch.initial, 0, found["step"])


def local(armed):
    """(name, arguments) of changes at the place that was found."""
    events = armed.blamed()
    lines = list(dict.fromkeys((one["stack"][0][0], one["stack"][0][1]) for one in events if one["stack"]))
    rows = next((one["rows"] for one in events if one["rows"]), None)
    few = rows is not None and rows["count"] <= max(1, rows["length"] // 2)
    data = any(one.get("source") == "data" for one in events)
    replaced = (
        {"rows": rows["bad"][:32], "length": rows["length"], "samples": rows["samples"]} if few else None
    )
    if data and replaced:
        yield "replace-rows", replaced
        return
    for file, line in lines[:2]:
        yield "rewrite", {"file": file, "line": line}
    if any(one["out"]["dtype"] in ("float16", "bfloat16") for one in events):
        for file, line in lines[:2]:
            yield "rewrite", {"file": file, "line": line, "wide": True}
        yield "float32", {}
        yield "epsilon", {"value": 1e-4}
    if replaced:
        yield "replace-rows", replaced


class Trials:
    """Runs single trials."""

    def __init__(self, watch, site, first, optimizer, deadline):
        self._watch = watch
        self._site = site
        self._first = first
        self._optimizer = optimizer
        self._deadline = deadline
        self._numpy = sys.modules["numpy"]
        self._finder = Finder(self._numpy, watch.tf, site)

    def attempt(self, name, arguments, state, begins, target):
        """One trial from a state, until MORE steps beyond `target`. Writes how it went, and returns it."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            found = {"how": "no-time", "step": begins, "steps": 0, "losses": []}
        else:
            until = time.monotonic() + (left if name == "control" else max(1.0, PART * left))
            found = self._run(name, arguments, state, begins, target, until)
        self._watch.recorder(
            "trial", name=name, back=begins < target, begins=begins, **{"with": arguments}, **found
        )
        return found

    def _run(self, name, arguments, state, begins, target, until):
        watch, self._step = self._watch, begins
        look = Look(watch, self._optimizer)
        how, what = "survived", None
        last = target + (MORE if name != "control" else 0)
        watch.armed = look
        try:
            state.restore(only=lambda variable: True)
            with alone(watch.tf), make(name, arguments, watch, look, self._site):
                if not self._steps(look, begins == target, last, until):
                    what, how = "time", "survived" if self._step > target else "timeout"
        except Stop as stop:
            how, what = ("no-change" if look.counted and not look.applied else "broke"), stop.what
        except Exception as error:
            how, what = "crashed", "{}: {}".format(type(error).__name__, str(error)[:300])
        finally:
            watch.armed = None
            self._first.restore(only=lambda variable: True)
        return {
            "how": how, "what": what, "step": self._step, "steps": max(0, self._step - target),
            "losses": _some(look.losses),
        }  # fmt: skip

    def _steps(self, look, first, last, until):
        """Do them. Whether there was the time."""
        random = self._numpy.random.default_rng(0)
        run = None
        for parts in self._finder.others(random, first=first, change=look.batch):
            if time.monotonic() > until:
                return False
            run = run or self._compiled(look, parts) or self._eager(look)
            run(parts)
            if self._step >= last:
                break
            self._step += 1
        return True

    def _compiled(self, look, parts):
        """The step as a graph of its own, which is faster; None where it cannot be one."""
        tf, site = self._watch.tf, self._site
        keys = list(parts)

        def step(*tensors):
            site.with_parts(tf, dict(zip(keys, tensors)))()
            return look.traced()

        try:
            specs = [tf.TensorSpec(parts[key].shape, parts[key].dtype) for key in keys]
            graph = tf.function(step, autograph=False).get_concrete_function(*specs)
        except Exception:  # what the step does depends on values
            return None
        return lambda parts: look.ran(*graph(*[tf.constant(parts[key]) for key in keys]))

    def _eager(self, look):
        def run(parts):
            self._site.with_parts(self._watch.tf, parts)()
            look.after()

        return run


def _some(losses, most=64):
    if len(losses) > most:
        losses = [losses[round(place * (len(losses) - 1) / (most - 1))] for place in range(most)]
    return [float("{:.6g}".format(one)) for one in losses if one - one == 0]
