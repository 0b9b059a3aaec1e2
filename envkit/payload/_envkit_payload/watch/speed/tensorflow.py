"""What is seen of a run's time with TensorFlow: phases, stacks, pipelines, traces of functions."""

import sys
import time
import weakref

from .. import signals
from .garbage import Garbage
from .keras import Models
from .sampler import Sampler
from .tf_calls import CallPhases, Calls
from .tf_clock import Clock
from .tf_data import Pipelines
from .tf_settings import Survey
from .tf_source import OwnStacks, Sources
from .tf_traces import Traces

_PYTHON = ("script_ops.py", "py_dataset_adapter.py")
"""Files through which TensorFlow's and Keras' own threads call the person's Python."""
_WAITING = (
    "threading.py",
    "queue.py",
    "connection.py",
    "pool.py",
    "selectors.py",
    "popen_fork.py",
    "_base.py",
)
"""Files of Python's own in which a thread waits for others."""
_DEEP = 60
_RARELY = 10
"""One look of so many is made while functions are traced."""
_LEAST = 0.005
"""Share of waiting in compiled calls from which looks are divided."""


class PipelineSampler(Sampler):
    """Looks that know that a compiled function waits for its pipeline, whose Python runs in other threads."""

    def __init__(self, recorder, phases, step, failed, calls, traces, sources):
        super().__init__(recorder, phases, step, failed)
        self._calls = calls
        self.traces = traces
        self._turns = 0
        self._traced = None
        """The newest stack while a function was traced."""
        self.stacks = OwnStacks(sources)
        self._others = {}
        """The stack of a thread of the pipeline, by the place of a look."""
        self._beside = []
        """Looks at such threads."""
        self.beside = 0.0
        """Seconds that these stand for."""

    def look(self, passed):
        """See `Sampler.look`."""
        place = len(self._seen)
        if self.traces.busy:  # each look sees a new stack, which takes long
            self._turns += 1
            if self._turns % _RARELY != 1 and self._traced is not None:
                self.saw(self._step(), self._phases.now, self._traced, passed)
                return
        else:
            self._turns = 0
        super().look(passed)
        if self.traces.busy and len(self._seen) > place:
            self._traced = self._seen[-1][2]
            return
        if len(self._seen) > place:
            found = of_pipeline(self._phases.thread)
            if found is not None:
                step, phase, _, _ = self._seen[-1]
                number = self.stacks.number(found)
                if not found.f_code.co_filename.endswith(_WAITING):
                    self._beside.append((step, "wait", number, round(passed, 5)))
                    self.beside += passed
                if phase == "forward":
                    self._others[place] = number

    def written(self):
        """See `Looks.written`."""
        others, self._others = self._others, {}
        self._seen = divided(self._seen, others, self._calls.waiting)
        super().written()
        if self._beside:
            self.recorder("stacks", new=[], seen=[], beside=self._beside)
            self._beside = []


def divided(rows, others, share):
    """Looks at compiled calls as two: what was waiting, and what was work. share: of waiting.

    rows: (step, phase, stack, seconds). others: the stack of the pipeline's Python, by the place of a look.
    """
    if share < _LEAST:
        return rows
    found = []
    for place, row in enumerate(rows):
        step, phase, stack, seconds = row
        if phase != "forward":
            found.append(row)
            continue
        found.append((step, "wait", others.get(place, stack), round(seconds * share, 5)))
        found.append((step, "forward", stack, round(seconds * (1 - share), 5)))
    return found


def of_pipeline(own):
    """The frame of a thread that runs Python for the pipeline, or None. own: the thread that trains."""
    for thread, frame in sys._current_frames().items():
        one, deep = None if thread == own else frame, 0
        while one is not None and deep < _DEEP:
            if one.f_code.co_filename.endswith(_PYTHON):
                return frame
            one, deep = one.f_back, deep + 1
    return None


class Speed:
    """Looks at phases, stacks and pipelines while the script trains.

    A fault of one of these is said in a line, and what it would have told is missing: nothing else.
    """

    def __init__(self, tf, recorder, watch):
        self.tf = tf
        self.recorder = recorder
        self.watch = watch
        self.phases = CallPhases()
        self.calls = Calls(self.phases)
        self.clock = Clock(tf, self._failed("waiting for tf.data within graphs"))
        self.sources = Sources()
        failed = self._failed("sampler")
        self.traces = Traces(recorder, self.phases, self.step, self.guarded("traces of tf.functions"))
        self.sampler = PipelineSampler(
            recorder, self.phases, self.step, failed, self.calls, self.traces, self.sources
        )
        self.garbage = Garbage()
        self.trained = 0
        """Updates, and calls of functions that take gradients."""
        part = self.guarded("tf.data")
        self.pipelines = Pipelines(tf, recorder, self.phases, part, lambda: self.trained)
        self.survey = Survey(tf, recorder, self)
        self._looks = False
        self._ok = False
        self._trains = weakref.WeakSet()
        """Outermost functions in which gradients are taken."""
        self.unseen = []
        """Their calls, as long as no check and no update tells of steps: (loss, norm, end)."""
        self._updates = False
        """Whether updates are seen, so that such a call is no step of its own."""

    def install(self):
        """Begin, before the script does."""
        for name, begin in (
            ("tf.data", lambda: self.pipelines.install(self.clock)),
            ("traces of tf.functions", self.traces.install),
            ("lines of AutoGraph", self.sources.install),
            ("garbage", lambda: self.garbage.install(bool)),
        ):
            try:
                begin()
            except Exception as error:
                self._failed(name)(error)
        self.sampler.more += [self.garbage.more, lambda: {"beside": round(self.sampler.beside, 5)}]
        if "torch" not in sys.modules:  # else torch's own sampler looks, as it may be torch that trains
            self._look()
        self.recorder.endings.append(self._end)

    def install_keras(self):
        """See what is given to Keras' models."""
        try:
            Models(self).install()
        except Exception as error:
            self._failed("settings of Keras")(error)

    def _look(self):
        if not self._looks:
            self._looks = True
            self.sampler.start()

    def _failed(self, name):
        """What is done with a fault of a part: a line says that it is missing."""

        def told(error):
            self.recorder("blind", what="{}: {}: {}".format(name, type(error).__name__, str(error)[:200]))

        return told

    def guarded(self, name):
        """Makes functions of a part harmless: with their first fault the part is off."""
        recorder, failed, off = self.recorder, self._failed(name), []

        def guarded(function):
            def hook(*given, **named):
                if off or not recorder.on:
                    return
                try:
                    function(*given, **named)
                except Exception as error:
                    if signals.raised(error):
                        raise
                    off.append(error)
                    failed(error)

            return hook

        return guarded

    def step(self):
        """Steps that are done, as far as Python knows before the graph's ring is read."""
        return self.watch.step + (self.calls.called if self.watch.guard is not None else len(self.unseen))

    def begins(self):
        """A tf.function is called, from none."""
        if self.pipelines.ending:
            self.pipelines.ended()
        self.calls.begins()

    def done(self):
        """It gave a result."""
        self._ok = True

    def ends(self, call):
        """It is over. call: (function, args, kwargs)."""
        function = call[0]
        seconds = self.calls.ends()
        ok, self._ok = self._ok, False
        self.traces.called(function, seconds)
        if ok and function in self._trains:
            self.trained += 1
            if self.trained < 4:
                self.guarded("settings")(self._given)(call)
            if not self._updates and self.watch.guard is None:
                self.unseen.append((None, None, time.perf_counter()))

    def _given(self, call):
        for one in self.tf.nest.flatten(call[1:]):
            shape = getattr(one, "shape", None)
            if shape is not None and not hasattr(one, "assign") and len(shape):
                self.survey.rows = int(shape[0])
                return

    def traced_gradient(self, function):
        """Gradients are taken in a graph that is traced, for the outermost call of this function."""
        self.phases.trains()
        self._trains.add(function)
        self._look()

    def applied(self, now):
        """An update was made in eager mode."""
        self.calls.step(now)
        self.trained += 1
        if not self._updates:
            self._updates = True
            self.unseen = []
            self._look()

    def unseen_steps(self):
        """Calls that take gradients, where nothing else tells of steps."""
        found, self.unseen = self.unseen, []
        return found

    def times(self, ends):
        """The column `times` of steps that ended at these instants, after the last ones."""
        found = self.clock.waits(ends)
        self.pipelines.waited(found)
        self.calls.waited(found)
        self.pipelines.write()
        self.survey.look()
        return self.calls.times(ends)

    def _end(self, error):
        """The script is over."""
        self.phases.now = "end"
        self.sampler.finish()
        self.pipelines.write()
        if self.phases.training_from is not None:
            self.survey.over()
            looking = round(self.sampler.seconds, 6)
            self.recorder("trains", since=self.phases.training_from, looking=looking)
