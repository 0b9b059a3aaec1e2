"""How much watching may cost, and what it has cost: hooks, copies, start-up and repetitions, each for itself."""

import math
import time

LOOKS = 0.008
"""Share of a step that hooks may take: what each step needs, and the gradients as often as there is room."""
LEAST = 0.002
"""Share that looking at gradients may always take."""
WIDE = 0.002
"""Share of all time that wide steps may take."""
RARELY = 64
"""Steps between two looks at the gradients, at most."""


class Governor:
    """Measures the watcher's own time beside the script's, in seconds."""

    def __init__(self):
        self.hooks = 0.0
        """In hooks of each step, wide steps among them."""
        self.copies = 0.0
        """Making copies of the process, and what their shared pages cost afterwards."""
        self.install = 0.0
        """Before the training began."""
        self.replay = 0.0
        """Repeating a step that failed, and trials."""
        self.always = False
        """On the way to a step that failed everything is looked at."""
        self.every = 1
        self._began = None
        self._last = None
        self._waits = {}
        self._look = None
        self._fixed = 0.0
        self._step = None
        self._wide_at = 0.0
        self._wide_from = 2

    def training(self):
        """The script trains now."""
        if self._began is None:
            self._began = self._last = time.perf_counter()

    def due(self, key):
        """Whether the gradients of this update are looked at. key: its optimiser, as several take turns."""
        left = self._waits.get(key, 0)
        if self.always or left <= 0:
            self._waits[key] = self.every - 1
            return True
        self._waits[key] = left - 1
        return False

    def looked(self, seconds):
        """One look at the gradients took so long."""
        self._look = _smooth(self._look, seconds)

    def spent(self, seconds):
        """Our own time in hooks."""
        self.hooks += seconds
        self._fixed += seconds

    def step_ended(self, now, looked):
        """An update is done; looked: seconds of this step's hooks that were a look at the gradients."""
        fixed, self._fixed = self._fixed - looked, 0.0
        last, self._last = self._last, now
        if last is None or now <= last:
            return
        self._step = _smooth(self._step, now - last)
        if self._look is not None and looked:
            room = max(LEAST, LOOKS - fixed / self._step) * self._step
            self.every = max(1, min(RARELY, math.ceil(self._look / room)))

    def wide_due(self, step, now):
        """Whether the next step is looked at as a whole."""
        return step >= self._wide_from and now >= self._wide_at

    def wide_done(self, step, now, seconds):
        """One was; the next one when its time is small beside the training's since."""
        self._wide_from = step + 20
        self._wide_at = now + seconds / WIDE

    def report(self):
        """For the trace: our seconds, and those of the training, repetitions left out."""
        now = time.perf_counter()
        training = 0.0 if self._began is None else now - self._began - self.replay
        return {
            "hooks": round(self.hooks, 6),
            "copies": round(self.copies, 6),
            "install": round(self.install, 6),
            "replay": round(self.replay, 6),
            "training": round(max(training, 0.0), 6),
            "every": self.every,
        }


def _smooth(before, value):
    """A mean that forgets, on which one outlier has little weight."""
    return value if before is None else before + (min(value, 4 * before) - before) / 8
