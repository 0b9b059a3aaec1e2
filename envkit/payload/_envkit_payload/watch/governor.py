"""How much watching may cost: what is looked at each step, and when the next snapshot is due."""

import time

LOOKING = 0.01
"""Share of a step that reading gradients may take."""
SNAPSHOTS = 0.008
"""Share of all time that snapshots may take."""


class Governor:
    """Measures its own time beside the script's."""

    def __init__(self):
        self.own = 0.0
        self.began = time.perf_counter()
        self.always = False
        self._every = 1
        self._steps = 0
        self._look = 0.0
        self._window = self.began

    def due(self, step):
        """Whether this step's gradients are looked at."""
        return self.always or step % self._every == 0

    def spent(self, seconds):
        """Our own time, inside of a step."""
        self.own += seconds
        self._look += seconds

    def step_ended(self):
        """Look less often where looking takes too much of a step."""
        self._steps += 1
        if self._steps < 32:
            return
        now = time.perf_counter()
        share = self._look / max(now - self._window, 1e-9)
        if share > LOOKING:
            self._every = min(64, self._every * 2)
        elif share < LOOKING / 3 and self._every > 1:
            self._every //= 2
        self._steps, self._look, self._window = 0, 0.0, now

    def report(self):
        """For the trace: our share of the time since the start."""
        total = max(time.perf_counter() - self.began, 1e-9)
        return {"own_seconds": round(self.own, 6), "seconds": round(total, 6), "every": self._every}
