"""Tier 0 for TensorFlow: loss and gradient norm of each step, and the trip when one is not finite.

Three things are wrapped: the call of a tf.function (what is running, and with what it was called), the
gradient of a tape (which loss), and a Keras optimizer's `apply` (the gradients are there, the update is
not). In eager mode values are read there; in a graph a check is added when it is traced: see
tensorflow_guard. Either way a trip comes before the update, so that the weights are those that failed.
"""

import functools
import math
import threading
import time
import weakref

from .. import frames, patches, stop, weave
from ..speed.tensorflow import Speed
from ..tier0.governor import Governor

WATCH = []
"""The one of this process, once it is installed."""
_PIECE = 0.5
"""Seconds between two lines of steps."""


def install(tf, recorder):
    """Watch what this process trains with TensorFlow from now on."""
    watch = Watch(tf, recorder)
    WATCH.append(watch)
    patches.later(WATCH.clear)
    recorder("framework", name="tensorflow", version=str(tf.__version__), threads=None)
    _wrap_calls(watch)
    _wrap_gradient(watch)
    recorder.endings.append(watch.end)
    watch.speed.install()
    return watch


def _wrap_calls(watch):
    from tensorflow.python.eager.polymorphic_function import polymorphic_function

    calls, recorder, main, speed = watch.calls, watch.recorder, threading.get_ident(), watch.speed

    def begins(function, *args, **kwds):
        if recorder.on and threading.get_ident() == main:
            if not calls and watch.armed is None:
                speed.begins()
            calls.append((function, args, kwds))

    def gave(out, function, *_, **__):
        if len(calls) == 1 and calls[0][0] is function and threading.get_ident() == main:
            speed.done()

    def ends(function, *_, **__):
        if calls and calls[-1][0] is function and threading.get_ident() == main:
            done = calls.pop()
            if not calls:
                watch.returned(done)

    weave.around(polymorphic_function.Function, "__call__", before=begins, after=gave, last=ends)


def _wrap_gradient(watch):
    from tensorflow.python.eager import backprop

    seen, phases, eager = watch.guarded(watch.before_gradient), watch.speed.phases, watch.tf.executing_eagerly

    def before(tape, target, sources, *_):
        if watch.armed is None and watch.recorder.on:
            seen(target, sources)
            if eager():
                phases.begin("backward")

    def last(tape, target, sources, *_):
        if phases.now == "backward":
            phases.end("backward")

    weave.around(backprop.GradientTape, "gradient", before=before, last=last)


def _armed_gradient(watch):
    """While a step is repeated: gradients are what the one says who looks. Returns what takes that back."""
    from tensorflow.python.eager import backprop

    plain = backprop.GradientTape.gradient

    @functools.wraps(plain)
    def gradient(self, target, sources, *args, **kwds):
        return watch.armed.gradient(plain, self, target, sources, args, kwds)

    frames.OURS.add(gradient.__code__)
    backprop.GradientTape.gradient = gradient
    return lambda: setattr(backprop.GradientTape, "gradient", plain)


class Watch:
    """What was seen so far in this process. step: optimizer steps that are done."""

    def __init__(self, tf, recorder):
        self.tf = tf
        self.recorder = recorder
        self.step = 0
        self.tripped = None
        self.governor = Governor()
        self.speed = Speed(tf, recorder, self)
        self.calls = []
        """Calls of tf.functions that are running now, the outermost first: (function, args, kwargs)."""
        self._armed = self._disarm = None
        self.pending = None
        """A step that failed inside of a graph, to be repeated when the graph has returned."""
        self.guard = None
        self.last = None
        """The last call of a tf.function that took gradients and left the update to somebody else."""
        self.took_gradients = weakref.WeakSet()
        self.optimizers = weakref.WeakSet()
        self.current = None
        """A weak reference to the one whose update was the newest."""
        self.made = weakref.WeakKeyDictionary()
        """Where the script made an optimizer."""
        self.usual_norms = []
        self.initial = None
        """State after the first step, for trials; False where there are none."""
        self._losses = []
        """Of tapes that were asked since the last update: (ids of the sources, loss)."""
        self._steps = []
        """(loss, gradient norm, end) since the last line."""
        self._first = 0
        self._last_line = time.monotonic()

    @property
    def armed(self):
        """While a step is repeated: who looks at every operation."""
        return self._armed

    @armed.setter
    def armed(self, look):
        if self._disarm is not None:
            self._disarm()
        self._armed = look
        self._disarm = None if look is None else _armed_gradient(self)

    def guarded(self, function):
        """A hook whose own fault switches the watcher off and never reaches the script."""
        recorder = self.recorder

        def hook(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except Exception as error:
                recorder.fault(getattr(function, "__name__", "hook"), error)
                return None

        return hook

    def eager(self):
        """Whether operations are run now, and not put into a graph."""
        return self.tf.executing_eagerly()

    def before_gradient(self, target, sources):
        """A tape is asked for gradients: its target is the loss, if they are those of variables."""
        flat = self.tf.nest.flatten(sources)
        if not flat or not hasattr(flat[0], "assign"):
            return
        if not self.eager():
            if self.calls:
                self.took_gradients.add(self.calls[-1][0])
                self.speed.traced_gradient(self.calls[0][0])
            if isinstance(target, self.tf.Tensor):
                self._remember(flat, target)
            return
        start = time.perf_counter()
        value = scalar(target)
        if value is not None:
            self._remember(flat, value)
        self.governor.spent(time.perf_counter() - start)
        if value is not None and not self.optimizers:  # the script changes its weights by hand
            self.applied(None, value, None)
        if value is not None and not math.isfinite(value):
            self.trip_now("loss", value)

    def _remember(self, sources, loss):
        del self._losses[:-3]
        self._losses.append((frozenset(map(id, sources)), loss))

    def loss_of(self, variables):
        """The loss whose gradients an optimizer is given, or None."""
        wanted = set(map(id, variables))
        for sources, loss in reversed(self._losses):
            if not wanted.isdisjoint(sources):
                return loss
        return None

    def applied(self, optimizer, loss, norm):
        """An update was done in eager mode."""
        self.governor.training()
        now = time.perf_counter()
        self.speed.applied(now)
        self._steps.append((loss, norm, now))
        self.step += 1
        if norm is not None and math.isfinite(norm) and len(self.usual_norms) < 512:
            self.usual_norms.append(norm)
        self._losses.clear()
        if self.initial is None:
            self.keep_first()
        if time.monotonic() - self._last_line > _PIECE:
            self.flush()

    def trip_now(self, what, value, optimizer=None):
        """Something is not finite, in eager mode, before the update: look into it at once."""
        if self.tripped is not None or self.armed is not None:
            return
        from . import repeat as tensorflow_repeat

        self.trip(what, value)
        site = tensorflow_repeat.find(self)
        self.speed.phases.begin("replay")
        tensorflow_repeat.repeat(self, site, None, optimizer)
        self.speed.phases.end("replay")
        stop.stop(self.recorder)

    def trip(self, what, value):
        """Once in a run."""
        self.tripped = what
        self.flush()
        self.recorder("trip", what=what, value=repr(float(value)), step=self.step)

    def returned(self, call):
        """The outermost tf.function has returned."""
        if self.armed is not None:
            return
        self.speed.ends(call)
        if self.pending is not None:
            self.guarded(self._repeat)()
        elif call[0] in self.took_gradients:
            self.last = call
        if self.initial is None and self.guard is not None and self.tripped is None:
            self.guarded(self.keep_first)()
        seen = self.guard is not None or self.speed.unseen
        if seen and time.monotonic() - self._last_line > _PIECE:
            self.guarded(self.flush)()

    def keep_first(self):
        """The state from which training begins, where fixes are to be tried."""
        from . import trials as tensorflow_trials
        from .state import State

        wanted = tensorflow_trials.wanted()
        self.initial = (
            State(self.tf, but=self.guard.own() if self.guard is not None else ()) if wanted else False
        )

    def _repeat(self):
        from . import repeat as tensorflow_repeat

        pending, self.pending = self.pending, None
        self.trip(pending.what, pending.value)
        self.speed.phases.begin("replay")
        tensorflow_repeat.repeat(self, pending.site, pending.before, pending.optimizer)
        self.speed.phases.end("replay")
        stop.stop(self.recorder)

    def flush(self):
        """Write the steps since the last line."""
        start = time.perf_counter()
        self._last_line = time.monotonic()
        rows = self._steps
        if self.guard is None:
            rows = rows + self.speed.unseen_steps()
        else:
            rows = sorted(rows + self.guard.drain(start), key=lambda row: row[2])
            self.step = self._first + len(rows)
            norms = [row[1] for row in rows if row[1] is not None and math.isfinite(row[1])]
            self.usual_norms = (self.usual_norms + norms)[:512]
        if rows:
            rate = self.rate()
            self.recorder(
                "steps",
                first=self._first,
                loss=[_json(row[0]) for row in rows],
                grad=[_json(row[1]) for row in rows],
                lr=[rate] * len(rows),
                ended=[round(row[2], 6) for row in rows],
                times=self.speed.times([row[2] for row in rows]),
            )
        self._first += len(rows)
        self._steps = []
        self.governor.spent(time.perf_counter() - start)

    def rate(self):
        """The learning rate of the newest update, where it is a number and no schedule."""
        optimizer = self.current() if self.current is not None else None
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        rate = getattr(optimizer, "_learning_rate", None)
        value = getattr(rate, "value", rate)
        try:
            return float(value.numpy() if hasattr(value, "numpy") else value)
        except (TypeError, ValueError, NotImplementedError):
            return None

    def end(self, error):
        """The script is over."""
        self.flush()
        self.recorder("watched", steps=self.step, backwards=self.step, **self.governor.report())


def scalar(value):
    """The number in an eager tensor on a CPU, the sum of a vector; None for anything else."""
    read = getattr(value, "_numpy", None)
    if read is None or getattr(value, "is_symbolic", False) or "CPU" not in (value.device or "CPU"):
        return None
    array = read()
    return float(array) if getattr(array, "ndim", 0) == 0 else float(array.sum())


def _json(value):
    if value is None:
        return None
    return value if math.isfinite(value) else repr(float(value))
