"""A run with changes that may make it faster, timed: whole repetitions of the script take turns.

The host's plan names the changes; none of them = the control. Every process of the repetition makes them,
data workers that are started anew among them. How often each had something to change goes into the trace.
"""

import json

from .. import environ

_PIECE = 0.1
"""Seconds between two lines of steps: a repetition may be stopped, or ended, at any moment."""
_known, _made = [], []


class Applied:
    """How often each change had something to change."""

    def __init__(self, recorder):
        self._recorder = recorder
        self._counts = {}
        self.scale = 1.0
        """Samples of a step, relative to those without the changes."""

    def __call__(self, name, count=1):
        """One more time, told at the first time, the tenth, ..."""
        before = self._counts.get(name, 0)
        self._counts[name] = now = before + count
        if count and len(str(now)) > (len(str(before)) if before else 0):
            self.tell()

    def scaled(self, factor):
        """Each step has so many times the samples."""
        if factor != self.scale:
            self.scale = factor
            self.tell()

    def tell(self):
        """Write it down."""
        self._recorder("applied", counts=dict(self._counts), scale=self.scale)


def wanted():
    """Whether this process belongs to such a trial."""
    return changes() is not None


def changes():
    """(name, value) of what is changed, a list; None where this is no trial of speed."""
    if not _known:
        path, found = environ.get("ENVKIT_AGAIN"), None
        if path:
            with open(path, encoding="utf-8") as file:
                asked = json.load(file).get("faster")
            found = None if asked is None else [(one["name"], one["value"]) for one in asked]
        _known.append(found)
    return _known[0]


def torch(module, watch):
    """Change what torch does in this process. watch: sees the steps."""
    course = watch.course
    course.due = lambda now: now - course._at > _PIECE or len(course.kept) >= 4096
    from ...interventions import speed_loaders, speed_torch

    speed_loaders.patient(module)
    _apply(module, watch.recorder, speed_torch.TORCH)


def keras(module, recorder):
    """The same for Keras, once."""
    from ...interventions import speed_keras

    if module not in _made:
        _made.append(module)
        _apply(module, recorder, speed_keras.KERAS)


def tensorflow(module, recorder):
    """What is TensorFlow's own."""
    from ...interventions import speed_keras
    from ..tf import watch as tensorflow_watch

    tensorflow_watch._PIECE = _PIECE

    _apply(module, recorder, speed_keras.TENSORFLOW)


def _apply(module, recorder, table):
    applied = Applied(recorder)
    for name, value in changes() or ():
        if name not in table:
            continue
        try:
            table[name](module, applied, value)
        except Exception as error:
            recorder("unapplied", name=name, error="{}: {}".format(type(error).__name__, str(error)[:300]))
    applied.tell()
