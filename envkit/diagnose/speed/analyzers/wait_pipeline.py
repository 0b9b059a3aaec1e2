"""Waiting for pipelines of tf.data and for the data that Keras is given."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, source
from envkit.diagnose.speed.analyzers.wait_facts import LEAST
from envkit.diagnose.speed.analyzers.wait_kinds import kinds
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Loader
from envkit.diagnose.speed.view import Line, View
from envkit.diagnose.speed.words import duration
from envkit.stats import median

_BUSY, _STANDS = 0.4, 0.3
"""Share of the time in which Python of a pipeline must run, and in which nothing else is computed."""
_COMPUTES, _ALONE = 0.8, 1.4
"""CPUs that the process uses: at least this part of the Python's time; at most so many in all."""
_LITTLE = 2e-3
"""Seconds of waiting in a step below which nothing is said."""


def pipeline(view: View) -> Iterable[Slow]:
    """S1 of tf.data and Keras."""
    loaders = [one for one in view.training_loaders if one.kind in ("tf.data", "keras") and one.batches]
    if not loaders or not view.durations:
        return
    loader = loaders[0]
    step = view.seconds / len(view.durations)
    share = _usual(view, loader)
    if share < LEAST or share * step < _LITTLE:
        return
    compute = step * (1 - view.shares.get("wait", 0.0))
    line = _line(view, loader)
    gains = _gains(view, loader, compute, share * step)
    yield Slow(
        key="dataloader-bound",
        share=share,
        summary=f"the training waits for its {loader.kind} data {share:.0%} of its time, "
        f"{duration(share * step)} a step, and the rest of a step takes {duration(compute)}{_how(loader)}",
        evidence=(
            Evidence(what="waiting for batches", value=f"{share:.0%} of the time",
                     source="the pipeline, timed"),
            *_stages(loader),
        ),
        where=Where(phase="data") if line is None else Where(file=line.file, line=line.line, phase="data"),
        confidence=0.8,
        gains=tuple(gains),
        fix=tuple(FixStep(say=f"{one.fix}{', at ' + own.named(line) if line else ''}") for one in gains),
    )  # fmt: skip


def contended(view: View) -> Iterable[Slow]:
    """S1 of tf.data and Keras, where Python makes the batches in another thread of the process: it holds
    Python's lock, so that the training cannot go on, though it waits for no batch."""
    loaders = [one for one in view.training_loaders if one.kind in ("tf.data", "keras") and one.batches]
    busy, user, system = (view.counted(name) for name in ("beside", "user", "system"))
    if not loaders or view.gpu or not view.durations or busy is None or user is None or busy < _BUSY:
        return
    used = user + (system or 0.0)
    if not _COMPUTES * busy <= used <= _ALONE:  # it sleeps, or the model computes beside it
        return
    # What is left of the process's CPU time is the model and all else; for the rest it stood still.
    share = min(0.95, 1 - max(0.0, used - busy))
    if share < _STANDS:
        return
    worst = next(iter(view.worker_lines()), None)
    kind = loaders[0].options.get("source") or loaders[0].kind
    yield Slow(
        key="dataloader-bound",
        share=share,
        summary=f"Python makes the batches ({kind}) in a thread of the same process, {busy:.0%} of the time, "
        f"and the training stands still meanwhile: {share:.0%} of the time nothing of the model is computed"
        + (f"; most of it at {own.named(worst)}" if worst else ""),
        evidence=(
            Evidence(what="Python of the pipeline", value=f"{busy:.0%} of the time",
                     source="looks at its threads"),
            Evidence(what="CPUs that the process used", value=f"{used:.2g}", source="/proc/self/stat"),
            *_stages(loaders[0]),
        ),
        where=Where(phase="data") if worst is None else Where(file=worst.file, line=worst.line, phase="data"),
        confidence=0.75,
        gains=(
            Gain(
                fix="batches that are made at once, or in processes", key="dataloader-bound",
                predicted=whatif.of_share(0.5 * share, share),
            ),
        ),
        fix=(
            FixStep(
                say="Make whole batches with NumPy or tf.data operations in place of Python loops, and once "
                "if they are the same each time; or a keras.utils.PyDataset(workers=N, "
                "use_multiprocessing=True), whose processes have locks of their own"
            ),
        ),
    )  # fmt: skip


def _usual(view: View, loader: Loader) -> float:
    """Share of the time in usual waits: not in those that fill a cache or a buffer first."""
    wait, waits = view.shares.get("wait", 0.0), view.column("wait")
    if loader.epochs < 2 or not loader.waited or not view.seconds:
        return wait
    later = wait * max(0.0, loader.waited - loader.first_waits) / loader.waited
    return max(later, min(wait, median(waits) * len(waits) / view.seconds) if waits else 0.0)


def _how(loader: Loader) -> str:
    options = loader.options
    if options.get("python"):
        return "; it calls Python for each element, which runs on one CPU"
    if options.get("serial_maps"):
        return "; its map works on one element after the other"
    return ""


def _stages(loader: Loader) -> tuple[Evidence, ...]:
    stages = loader.options.get("stages")
    return (Evidence(what="stages", value=str(stages), source=loader.kind),) if stages else ()


def _gains(view: View, loader: Loader, compute: float, waited: float) -> list[Gain]:
    """What can be set from outside. Without prefetch, making and training take turns; with it, the longer
    sets the pace. A parallel map uses the CPUs that the training leaves."""
    options = loader.options
    cpus = max(1.0, view.cpus or 1.0)
    step = compute + waited
    filling = max(0.0, view.seconds / len(view.durations) - step)  # of caches and buffers: that stays

    def between(least: float, most: float) -> tuple[float, float]:
        return whatif.between(view.durations, least + filling, most + filling)

    serial = bool(options.get("serial_maps")) and not options.get("python")
    ahead = bool(options.get("prefetch") or options.get("prefetch_last")) or loader.kind == "keras"
    made = step if ahead else waited
    found = []
    if loader.kind == "tf.data" and serial and cpus >= 2:
        after = made / cpus if ahead else compute + made / cpus
        ends = max(compute, after), max(compute, after * 1.35)
        found.append(Gain(
            fix="map(..., num_parallel_calls=tf.data.AUTOTUNE)", key="dataloader-bound",
            predicted=between(ends[0], min(step, ends[1])),
            change=Change(name="map-parallel", value="1"),
        ))  # fmt: skip
    if loader.kind == "tf.data" and not ahead:
        ends = max(compute, made), max(compute, made) + 0.3 * min(compute, made)
        found.append(Gain(
            fix="prefetch(tf.data.AUTOTUNE) at the end of the pipeline", key="dataloader-bound",
            predicted=between(*ends), change=Change(name="prefetch", value="1"),
        ))  # fmt: skip
    if loader.kind == "keras" and (loader.workers or 1) < cpus and loader.workers is not None:
        number = max(2, round(cpus))
        ends = max(compute, made / number), max(compute, made)
        found.append(Gain(
            fix=f"workers={number}, use_multiprocessing=True for Python code", key="dataloader-bound",
            predicted=between(*ends), change=Change(name="workers", value=str(number)),
        ))  # fmt: skip
    if not options.get("cache"):
        found.append(Gain(
            fix="what the map does alike each time, done once: cache()", key="dataloader-bound",
            predicted=between(compute, compute + 0.3 * waited),
        ))  # fmt: skip
    return found


def _asks(view: View, file: str, line: int) -> int | None:
    """In the function of a map, the line that goes back to Python."""
    text = view.files.get(file, "")
    function = source.function(text, line) or source.function(text, line + 1)
    number = source.find(text, "py_function", "numpy_function")
    inside = (
        function is not None
        and number is not None
        and function.lineno <= number <= (function.end_lineno or 0)
    )
    return number if inside else None


def _line(view: View, loader: Loader) -> Line | None:
    """Where the time goes: the person's Python in the pipeline, its map, else where the pipeline is made."""
    waits = kinds(view, [one for one in view.samples if one.phase == "wait"])
    line = waits.line("")
    for name in ("python", "functions"):
        told = str(loader.options.get(name) or "").splitlines()
        if told:
            place, _, function = told[0].partition(" ")
            file, _, number = place.rpartition(":")
            if number.isdigit():
                asked = _asks(view, file, int(number)) if name == "python" else None
                return Line(file, asked or int(number), function, 0.0, view.text(file, asked or int(number)))
    if line is not None:
        return line
    if not loader.stack:
        return None
    frame = loader.stack[0]
    return Line(frame.file, frame.line, frame.function, 0.0, view.text(frame.file, frame.line))
