"""When a loss that is not finite is a fault: once it was trained on.

Programs may throw such a step away after they asked for gradients (a guard, a loss scaler, a line search that
tries a point and goes back); then nothing is wrong.
"""

import collections

HAND = 4
"""Such losses in a row are a fault where the script updates weights by hand, since the update is not seen."""
THROWN = 16
"""The same where updates are seen: a script that throws away everything learns nothing."""

Found = collections.namedtuple("Found", "what value step")


class Doubt:
    """Holds what is not finite until it is known what became of it. Pure: knows no framework."""

    def __init__(self):
        self.held = None
        """The first of those in a row, as Found."""
        self._row = 0
        self._newest = False

    def loss(self, value, step, hand, gathers=bool):
        """The script asks for the gradients of a loss. Returns a fault that is certain now, or None.

        gathers: asked whether its gradients will be added to those of the losses before.
        """
        if value * 0 == 0:  # finite, for complex numbers, too
            if not (self._newest and gathers()):
                self._newest = False
                self._row, self.held = 0, None
            return None
        self._newest = True
        self._row += 1
        if self.held is None:
            self.held = Found("loss", value, step)
        return self.held if self._row >= (HAND if hand else THROWN) else None

    def update(self):
        """Weights are changed by the newest gradients. Returns a fault, or None."""
        return self.held if self._newest else None

    def thrown(self):
        """The script does without the newest gradients."""
        self._newest = False

    def end(self):
        """The script ended. Returns what it ended with, or None."""
        return self.held if self._row else None
