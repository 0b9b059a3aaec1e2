"""What is seen of a run's time with torch, beside the phases of its steps."""

from .sampler import Sampler


class Speed:
    """Looks at stacks and counters while the script trains."""

    def __init__(self, torch, recorder, watch):
        self.torch = torch
        self.recorder = recorder
        self.watch = watch
        self.sampler = Sampler(recorder, watch.phases, lambda: watch.step)

    def install(self):
        """Begin, before the script does."""
        self.sampler.start()
        self.recorder.endings.append(self._end)

    def _end(self, error):
        """The script is over."""
        self.watch.phases.now = "end"
        self.sampler.finish()
        self.recorder("trains", since=self.watch.phases.training_from, looking=round(self.sampler.seconds, 6))
