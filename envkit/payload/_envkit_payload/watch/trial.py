"""Tier 2: what becomes of the run with one thing changed, from a copy from before the step that failed."""

import json
import math

from .. import interventions


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
        self._answer = answer

    def begin(self):
        """Make the change. The step of the copy is the next one to run."""
        interventions.apply(self.torch, self.watch, self._change["name"], self._change.get("with", {}))

    def seen(self, what, value):
        """A loss, a gradient norm or the weights of a step."""
        if what == "loss":
            self.losses.append(value)
        if not math.isfinite(value):
            self.end("broke", what)

    def after_step(self):
        """One more step is done."""
        if self.watch.step > self._last:
            self.end("survived")

    def end(self, how, what=None):
        """Say how it went. steps: done after the one that failed without the change."""
        if self._change["name"] == "rewrite" and not self.applied and how == "broke":
            how = "no-change"
        steps = max(0, self.watch.step - self._target)
        self._answer(
            json.dumps(
                {
                    "how": how,
                    "what": what,
                    "step": self.watch.step,
                    "steps": steps,
                    "losses": _some(self.losses),
                }
            )
        )


def _some(losses, most=64):
    """Not more than can be sent in one piece."""
    every = max(1, math.ceil(len(losses) / most))
    return [float("{:.6g}".format(one)) for one in losses[::every] if math.isfinite(one)]
