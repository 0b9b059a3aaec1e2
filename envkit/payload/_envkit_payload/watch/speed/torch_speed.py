"""What is seen of a run's time with torch, beside the phases of its steps."""

from .compiled import Compiled
from .garbage import Garbage
from .guard import Guard
from .loaders import Loaders
from .sampler import Sampler
from .settings import Survey
from .workers import Workers

_RARELY = 5
"""Seconds from one line of each loader to the next."""


class Speed:
    """Looks at stacks, counters, loaders and settings while the script trains.

    A fault of one of these is said in a line, and what it would have told is missing: nothing else.
    """

    def __init__(self, torch, recorder, watch):
        self.torch = torch
        self.recorder = recorder
        self.watch = watch
        waits, settings = Guard(recorder, "loaders"), Guard(recorder, "settings")
        self.loaders = Loaders(torch, watch, recorder, waits)
        self._write = waits(self.loaders.write)
        self.workers = Workers(torch, self.loaders, recorder)
        self.garbage = Garbage()
        self.compiled = Compiled(recorder, self._step)
        self.survey = survey = Survey(torch, recorder, watch)
        self.saw, self.backward = settings(survey.saw), settings(survey.backward)
        """Told of modules that the script calls itself, and of losses in steps that are looked at in full."""
        self.step_done = settings(survey.step_done)
        self._over = settings(survey.over)
        self.sampler = Sampler(recorder, watch.phases, self._step, Guard(recorder, "sampler").told)
        self._lines = 0

    def _step(self):
        return self.watch.step

    def install(self, unseen):
        """Begin, before the script does. unseen: keeps a function out of torch's compiler."""
        for name, begin in (
            ("loaders", self.loaders.install),
            ("data workers", self.workers.install),
            ("garbage", lambda: self.garbage.install(unseen)),
        ):
            try:
                begin()
            except Exception as error:
                Guard(self.recorder, name).failed(error)
        self.survey.done = False
        self.workers.quiet.append(self.sampler.stop)
        self.sampler.more.append(self.garbage.more)
        compilations = Guard(self.recorder, "compilations")
        self.sampler.also += [compilations(self.compiled.tell), self._now_and_then]
        self.sampler.start()
        self.recorder.endings.append(self._end)

    def _now_and_then(self):
        self._lines += 1
        if not self._lines % _RARELY:
            self._write()

    def _end(self, error):
        """The script is over."""
        self.watch.phases.now = "end"
        self.sampler.finish()
        self._write()
        self._over()
        self.recorder("trains", since=self.watch.phases.training_from, looking=round(self.sampler.seconds, 6))
