"""When something that is trained on is not finite: to look into it, once in a run."""

import time

from .. import stop
from ..ending import unlearned
from .doubt import Doubt


class Trips:
    """The part of a watch that finds weights bad, and goes back."""

    def _weights(self, optimizer):
        """An update with bad gradients is a fault where it reaches the weights."""
        if self.norms.finite(self.norms.weights(optimizer)):
            return
        bad, what = self._bad, "weights" if self._bad is None else "gradient"
        if self.trial is not None:
            self.trial.end("broke", what)
        self.trip(what, float("nan") if bad is None else bad, self.step if bad is None else self.backward_at)

    def sound(self):
        """Whether this is a state to go back to: nothing in doubt, weights and running statistics finite."""
        if self.doubt.held is not None or self._streak:
            return False
        found = all(self.norms.finite(self.norms.weights(one)) for one in self.optimizers.values())
        return found and self.evaluation.buffers_sound()

    def unsound(self):
        """Weights were found bad between two copies: the step is found when it is repeated."""
        for one in self.optimizers.values():
            if not self.norms.finite(self.norms.weights(one)):
                self.trip("weights", float("nan"), self.step)
                return

    def _arrived(self, step, what, value, taken):
        """A value that lay on a device is here, some steps later."""
        self._late.append((step, what, value))
        # A norm of large finite values may be Inf.
        if taken and (value != value if what == "gradient" else value * 0 != 0):
            self.trip(what, value, step)

    def trip(self, what, value, step):
        """Something is not finite: once in a run it is looked into."""
        if self.tripped is not None or self.armed is not None:
            return
        if self.trial is not None:
            self.trial.end("broke", what, step)
        self.tripped = what
        self.flush()
        self.recorder("trip", what=what, value=repr(value), step=step)
        if self.travel is not None:
            start = time.perf_counter()
            self.phases.begin("replay")
            self.travel.replay(self, step, what)
            self.phases.end("replay")
            self.governor.repeated(time.perf_counter() - start)
        self.doubt = Doubt()
        stop.stop(self.recorder)

    def gave_up(self, value):
        """The script ends itself, since the loss of a step that it does not train on is not finite."""
        if self.recorder.on and self.travel is not None and self.trial is None:
            self.trip("loss", value, self.step)

    def _unlearned(self, error):
        """A loss that the script ended for without asking for its gradients, or None."""
        # Not where a copy or a repetition is at work: it looks at what it was made for.
        if self.armed is not None or self.trial is not None or self.recorder.copy or not self.optimizers:
            return None
        return unlearned.at_end(self.torch, error)
