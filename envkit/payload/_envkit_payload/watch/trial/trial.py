"""Tier 2: what becomes of the run with one thing changed, from a copy from before the step that failed."""

import json
import math
import time

from ... import interventions

CONTROL = "control"
"""The name of the trial that changes nothing: it must break as the run did, else the others say nothing."""


class Trial:
    """Runs on with one change until something is not finite, or long enough."""

    def __init__(self, torch, watch, order, answer):
        self.torch = torch
        self.watch = watch
        self.losses = []
        self.applied = 0
        """How often the change had something to change, where that is counted."""
        self._change = order["trial"]
        self._target = order["target"]
        self._last = order["target"] + order["more"]
        self._until = time.monotonic() + order["seconds"]
        self._begins = watch.step
        self._answer = answer

    def begin(self):
        """Make the change. The step of the copy is the next one to run."""
        if self._change["name"] != CONTROL:
            interventions.apply(self.torch, self.watch, self._change["name"], self._change.get("with", {}))

    def seen(self, what, value):
        """A loss or a gradient norm of a step. What is not finite breaks a run where it is a fault: `end`."""
        if what == "loss" and math.isfinite(value):
            self.losses.append(value)

    def after_step(self):
        """One more step is done."""
        if self.watch.step > self._last:
            self.end("survived")
        if time.monotonic() > self._until:
            self.end("survived" if self.watch.step > self._target else "timeout", "time")

    def end(self, how, what=None, step=None):
        """Say how it went. step: where, if not now."""
        step = self.watch.step if step is None else step
        counted = self._change["name"] in interventions.COUNTED
        if counted and not self.applied and how in ("broke", "crashed"):
            how = "no-change"
        self._answer(
            json.dumps(
                {
                    "how": how,
                    "what": what,
                    "step": step,
                    "begins": self._begins,
                    "steps": max(0, step - self._target),
                    "losses": _some(self.losses),
                }
            )
        )


def _some(losses, most=64):
    """Not more than a line should hold, the first and the last among them."""
    if len(losses) > most:
        losses = [losses[round(place * (len(losses) - 1) / (most - 1))] for place in range(most)]
    return [float("{:.6g}".format(one)) for one in losses]
