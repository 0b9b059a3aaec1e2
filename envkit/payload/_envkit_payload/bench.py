"""`bench --job JSON [--out DIR]`: limits and workloads of one process, told line by line.

Nothing here knows a framework. `bench_torch` and `bench_keras` hold a `Backend(job, world)`, which picks the
device (`NoDevice`) and has:

    environment()             fields of the "environment" line that the backend knows
    limit(what)               fields of a "limit" line, or None where there is nothing to measure
    work(name, batch, scale)  something to run, a `Work` (below); batch None = the workload's own
    learn(lesson)             losses of training the lesson (workloads/data.py), one a step
    event()                   makes an event for StepTimer; None on a CPU
    agree(number)             the same integer in all processes: that of rank 0
    is_out_of_memory(error), peak_memory() -> bytes or None, reset_peak(), release()

A Work has `facts` (fields of the "workload" line: batch_size, items, unit, flops, parameters, options,
notes), `step()`, `sync()`, and where they make sense `loss()` -> float, `no_sync()` -> context manager,
`close()` to give back what is not memory. One
whose framework has its own loop offers `run(before, after)` in place of `step()`: call before() before the
first step and after() after each, and end when after() is true.
"""

import errno
import importlib
import importlib.util
import json
import math
import os
import statistics
import sys
import time
import traceback

from . import bench_keras_environ, interrupt, measure, numerics, orphan, workloads
from .steptimer import StepTimer
from .workloads import data

MODULES = {"torch": "bench_torch", "tensorflow": "bench_keras"}

DEFAULTS = {
    "workloads": ("mlp", "cnn", "rnn", "transformer"),
    "framework": "torch",
    "device": "auto",
    "precision": "fp32",
    "compile": None,
    "batch_size": None,
    "channels_last": False,
    "fused": False,
    "workers": None,
    "scale": "default",
    "seconds": 5.0,
    "warmup": 5.0,
    "check": True,
    "limits": (),
    "seed": 0,
    "dir": None,
    "strong": False,
    "no_sync": False,
    "processes": 1,
}


class NoDevice(Exception):
    """The device that was asked for is not there."""

    def __init__(self, device, why, available):
        super().__init__(why)
        self.fields = {"device": device, "why": why, "available": list(available)}


class Unsupported(Exception):
    """This device or this build cannot do what was asked for; the text says why."""


class World:
    """Place of this process among those that torchrun started."""

    def __init__(self, environ):
        self.rank = int(environ.get("RANK", "0"))
        self.size = int(environ.get("WORLD_SIZE", "1"))
        self.local_rank = int(environ.get("LOCAL_RANK", "0"))
        self.local_size = int(environ.get("LOCAL_WORLD_SIZE", "1"))


def run(emit, job):
    """Do the job; the exit code. KeyboardInterrupt: what was measured is told, "interrupted" is not yet."""
    started = time.monotonic()
    job = dict(DEFAULTS, **job)
    interrupted = interrupt.Interrupt()
    if World(os.environ).size > 1:
        orphan.end_with_parent()
    backend = _backend(emit, job, started)
    if backend is None:
        return 1
    for what in job["limits"]:
        _limit(emit, backend, what)
    bench = _Bench(emit, job, backend, interrupted)
    for name in job["workloads"]:
        bench.workload(name)
    bench.end()
    return 0


def _backend(emit, job, started):
    """The backend, or None when it was told why there is none."""
    name, world = job["framework"], World(os.environ)
    ours = __package__ + "." + MODULES[name]
    emit.at("import " + name)
    if importlib.util.find_spec(name) is None:
        emit("absent", framework=name)
        return None
    if name == "tensorflow":
        bench_keras_environ.prepare(job["device"])
    start = time.monotonic()
    try:
        framework = importlib.import_module(name)
        version = str(framework.__version__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit of a broken package too
        emit("import-failed", error=_said(error), traceback=_traceback(error))
        return None
    seconds = time.monotonic() - start
    emit.at("starting the device")
    try:
        backend = importlib.import_module(ours).Backend(job, world)
    except NoDevice as error:
        emit("no-device", **error.fields)
        return None
    except Unsupported as error:
        emit("import-failed", error=str(error), traceback=None)
        return None
    emit(
        "environment",
        framework=name,
        version=version,
        python="{}.{}.{}".format(*sys.version_info[:3]),
        rank=world.rank,
        world=world.size,
        started=started,
        import_seconds=round(seconds, 3),
        **backend.environment(),
    )
    for note in backend.notes:
        emit("note", workload="", text=note)
    return backend


def _limit(emit, backend, what):
    emit.at("limit: " + what)
    try:
        found = backend.limit(what)
    except Exception as error:
        emit("failure", **failure(what, error, backend))
    else:
        if found is not None:
            emit("limit", **found)


class _Bench:
    """The workloads of a job, one after the other."""

    def __init__(self, emit, job, backend, interrupted):
        self._emit, self._job, self._backend, self._interrupted = emit, job, backend, interrupted
        self._alone = World(os.environ).size == 1
        self._agree = None if self._alone else backend.agree

    def workload(self, name):
        """One workload to its end or to the failure that is told; half the batch while memory is short."""
        batch = self._job["batch_size"]
        while True:
            shown = []
            try:
                self._once(name, batch, shown)
                return
            except Exception as error:
                self._interrupted.check()  # a neighbour that was interrupted breaks our collectives
                told = failure(name, error, self._backend)
            self._backend.release()
            last = shown[0] if shown else self._backend.batch(name, batch)
            if told["failure"] != "out-of-memory" or not self._alone or not last or last < 2:
                self._emit("failure", **told)
                if not self._alone:
                    raise SystemExit(1)  # the others wait for this one
                return
            batch = last // 2
            text = "out of memory at batch {}: halved to {}".format(last, batch)
            self._emit("note", workload=name, text=text)

    def _once(self, name, batch, shown):
        emit, job, backend = self._emit, self._job, self._backend
        emit.at(name + ": building")
        backend.reset_peak()
        work = backend.work(name, batch, job["scale"])
        try:
            shown.append(work.facts["batch_size"])
            emit("workload", workload=name, **work.facts)
            if job["check"] and name in workloads.TRAINING and not self._learns(name):
                if not self._alone:
                    raise SystemExit(1)  # the others wait for this one
                return
            self._measure(name, work)
        finally:
            if hasattr(work, "close"):
                work.close()
            del work
        backend.release()

    def _learns(self, name):
        for lesson in data.lessons(name, self._job["seed"]):
            self._emit.at("{}: learning check on {} data".format(name, lesson.data))
            start = time.monotonic()
            losses = self._backend.learn(lesson)
            told, why = judged(lesson, losses)
            if told is not None:
                self._emit("check", workload=name, seconds=round(time.monotonic() - start, 3), **told)
            if why:
                self._emit("failure", workload=name, failure="does-not-learn", error=why, traceback=None)
                return False
        return True

    def _measure(self, name, work):
        emit, backend = self._emit, self._backend
        timer = StepTimer(backend.event())
        emit.at(name + ": first step")
        first = measure.First(work, timer)
        measure.run(work, first)
        emit("first-step", workload=name, seconds=first.seconds)
        emit.at(name + ": warm-up")
        warm = measure.WarmUp(work, timer, self._job["warmup"], self._interrupted, self._agree)
        with self._interrupted.patient():
            measure.run(work, warm)
        self._interrupted.check()
        emit("warm", workload=name, steps=warm.steps, seconds=warm.seconds, stable=warm.stable)
        emit.at(name + ": measuring")
        stretch = measure.Stretch(
            emit, name, work, timer, warm.step, self._job["seconds"], self._interrupted, self._agree
        )
        try:
            with self._interrupted.patient():
                measure.run(work, stretch)
            self._interrupted.check()
            if self._job["no_sync"] and not self._alone:
                self._without_collectives(name, work, warm.step)
        finally:
            told = stretch.end()
            if told is not None:
                emit("measured", workload=name, rss=_rss(), device_memory=backend.peak_memory(), **told)
        self._finite(name, work)

    def _without_collectives(self, name, work, step):
        """A quarter of the measured time again, with gradients that stay in each process."""
        no_sync = getattr(work, "no_sync", None)
        if no_sync is None:
            return
        self._emit.at(name + ": measuring without collectives")
        timer, host = StepTimer(self._backend.event()), []

        def told(kind, **fields):
            host.extend(fields["host"])

        stretch = measure.Stretch(told, name, work, timer, step, self._job["seconds"] / 4, self._interrupted)
        with self._interrupted.patient(), no_sync():
            measure.run(work, stretch)
        self._interrupted.check()
        self._emit("no-sync", workload=name, host=host)

    def _finite(self, name, work):
        loss = getattr(work, "loss", None)
        if loss is not None and not math.isfinite(loss()):
            self._emit("note", workload=name, text="the loss was not finite at the end of the measured steps")

    def end(self):
        """Leave together: nobody takes a collective's other end away."""
        if not self._alone:
            self._backend.agree(0)


def judged(lesson, losses):
    """(fields of the "check" line or None, why it does not learn or "")."""
    bad = [number for number, loss in enumerate(losses) if not math.isfinite(loss)]
    if bad:
        return None, "the loss was not finite after {} of {} steps on {} data".format(
            bad[0], len(losses), lesson.data
        )
    last = statistics.fmean(losses[-lesson.mean :])
    told = {
        "data": lesson.data,
        "steps": len(losses),
        "first": losses[0],
        "last": last,
        "demanded": lesson.demanded,
        "ok": last <= lesson.demanded,
    }
    text = "the loss went from {:.3g} to {:.3g} in {} steps on {} data; at most {:.3g} was expected"
    why = text.format(losses[0], last, len(losses), lesson.data, lesson.demanded)
    return told, "" if told["ok"] else why


def failure(name, error, backend):
    """Fields of a "failure" line; its kind of failure is `failure`, since a line's own kind is `kind`."""
    if isinstance(error, Unsupported):
        return {"workload": name, "failure": "unsupported", "error": str(error), "traceback": None}
    kind = "error"
    if backend.is_out_of_memory(error):
        kind = "out-of-memory"
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        kind = "no-space"
    elif numerics.is_unsupported(error) or any(phrase in str(error).lower() for phrase in _CANNOT):
        kind = "unsupported"
    return {"workload": name, "failure": kind, "error": _said(error), "traceback": _traceback(error)}


_CANNOT = (
    "no working c++ compiler",  # torch.compile on a CPU
    "cannot find a working triton",  # torch.compile on a GPU
    "python.h: no such file",
    "could not create a primitive",  # oneDNN: not in this precision on this CPU
)
"""What is said where something cannot be had here; numerics knows the other phrases."""


def _said(error):
    return "{}: {}".format(type(error).__name__, " ".join(str(error)[:2000].split()))


def _traceback(error):
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return text if len(text) <= 8000 else text[:2000] + "\n...\n" + text[-6000:]


def _rss():
    """Peak resident memory of this process, bytes."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def parsed(arguments):
    """The job of a command line."""
    return json.loads(arguments[arguments.index("--job") + 1])
