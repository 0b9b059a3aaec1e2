"""How much watching may cost, and what it has cost: hooks, copies, start-up, repetitions."""

import math
import time

LOOKS = 0.006
"""Share of a step that hooks may take: what each step needs, and the gradients as often as there is room."""
FULL = 0.002
"""Share that the full way of a step may take, where most steps take a short one."""
COLD = 2.0
"""A hook in a training loop beside what its own clock says: the call itself, and caches that it fills with
other things. An assumption; benchmarks/diagnose_overhead.py measures the whole from outside."""
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
        self.least = 1
        """Steps between two looks at the gradients, at least."""
        self.trained = 0.0
        """The processor's seconds of all steps."""
        self._began = None
        self._last = None
        self._waits = {}
        self._look = None
        self.fast_loss = self.fast_step = 0.0
        """What the hooks of a step that is looked at in short take."""
        self._fixed = 0.0
        self._usual = None
        self._step = None
        self._wide_from = 2

    def training(self):
        """The script trains now."""
        if self._began is None:
            self._began = self._last = time.process_time()

    def due(self, key, step):
        """Whether the gradients of this update are looked at. key: its optimiser, as several take turns."""
        if self.always or step >= self._waits.get(key, 0):
            self._waits[key] = step + self.every
            return True
        return False

    def looked(self, seconds):
        """One look at the gradients took so long."""
        self._look = _least(self._look, seconds)

    def spent(self, seconds):
        """Our own time in hooks of this step."""
        self._fixed += seconds

    def repeated(self, seconds):
        """A repetition, and its trials, are over. By the clock: other processes did it."""
        self.replay += seconds

    def stride(self, turns):
        """Steps from one that is looked at in full to the next: 1 to 16, by what that takes of a step.

        Each of so many optimisers that take turns has its turn in full.
        """
        if self.always or not self._step or self._usual is None:
            return 1
        count = max(1, min(16, math.ceil(COLD * self._usual / (FULL * self._step))))
        while math.gcd(count, turns) != 1:
            count -= 1
        return count

    def steps_ended(self, now, steps, seconds, looked):
        """So many updates are done, of which the last was looked at in full.

        now: the processor's seconds, since others may want it, too. seconds: of the last hook. looked: of all
        its hooks, a look at the gradients.
        """
        seconds += self._fixed
        self._fixed = 0.0
        fixed, last, self._last = max(0.0, seconds - looked), self._last, now
        if last is None or now <= last:
            return
        self._step = _least(self._step, (now - last) / steps)
        self.trained += now - last
        self._usual = _least(self._usual, fixed)
        fixed += (COLD - 1) * min(fixed, self._usual)
        short = (steps - 1) * COLD * (self.fast_loss + self.fast_step)
        self.hooks += fixed + looked + short
        if self._look is not None and looked:
            room = max(LEAST, LOOKS - (fixed + short) / steps / self._step) * self._step
            self.every = max(self.least, min(RARELY, math.ceil(self._look / room)))

    def wide_due(self, step):
        """Whether the next step is looked at as a whole."""
        return step >= self._wide_from

    def wide_done(self, step, seconds):
        """One was; the next one when its time is small beside the training's since."""
        self.hooks += seconds
        self._wide_from = step + max(20, math.ceil(seconds / WIDE / (self._step or 1.0)))

    def report(self):
        """For the trace: our seconds, and the processor's seconds since the training began.

        Repetitions run in other processes.
        """
        hooks = self.hooks + self._fixed
        training = 0.0 if self._began is None else time.process_time() - self._began
        return {
            "own_seconds": round(hooks + self.copies, 6),
            "seconds": round(max(training, 0.0), 6),
            "hooks": round(hooks, 6),
            "copies": round(self.copies, 6),
            "install": round(self.install, 6),
            "replay": round(self.replay, 6),
            "every": self.every,
        }


def _least(before, value):
    """What it mostly is at the least: other processes make a step longer, never shorter."""
    if before is None or value < before:
        return value if before is None else before + (value - before) / 4
    return before + (min(value, 2 * before) - before) / 64
