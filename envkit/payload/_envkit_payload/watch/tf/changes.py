"""The changes that are tried in a run with TensorFlow: the same names as for torch."""

import contextlib
import sys

from .. import frames
from .calls import Calls


def make(name, arguments, watch, look, site):
    """What must be entered for a change to hold."""
    return _CHANGES[name](watch, look, site, **arguments)


def _nothing(watch, look, site):
    return contextlib.nullcontext()


def _rewrite(watch, look, site, file, line, wide=False):
    from ...interventions.safe_tensorflow import OPERATIONS, WIDE

    tf, look.counted = watch.tf, True

    def change(op_type, arguments):
        safe = OPERATIONS.get(op_type)
        if (safe is None and not wide) or (wide and op_type not in WIDE) or not _is_at(file, line):
            return None
        look.applied += 1
        return safe(tf, arguments) if not wide else None

    if wide:
        return _Wide(tf, look, WIDE, file, line)
    return Calls(change)


class _Wide(Calls):
    """Operations of one line in float32; what they give is clipped to what the type holds."""

    def __init__(self, tf, look, operations, file, line):
        super().__init__(lambda op_type, arguments: None)
        self._tf, self._look, self._operations, self._place = tf, look, operations, (file, line)

    def call(self, op_type, arguments, plain):
        """One operation."""
        tf = self._tf
        half = [one for one in arguments if getattr(one, "dtype", None) in (tf.float16, tf.bfloat16)]
        traced = not tf.executing_eagerly()
        if self._busy or traced or not half or op_type not in self._operations or not _is_at(*self._place):
            return plain(arguments)
        self._busy = True
        try:
            self._look.applied += 1
            kind = half[0].dtype
            wide = [
                tf.cast(one, tf.float32) if getattr(one, "dtype", None) == kind else one for one in arguments
            ]
            return tf.cast(tf.clip_by_value(plain(wide), kind.min, kind.max), kind)
        finally:
            self._busy = False


def _is_at(file, line):
    frame = sys._getframe(1)
    while frame is not None and not frames.is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and frame.f_lineno == line and frames.same(frame.f_code.co_filename, file)


def _rate(watch, look, site, factor):
    look.factor = factor
    return contextlib.nullcontext()


def _clip(watch, look, site, norm):
    look.gradients = lambda grads: watch.tf.clip_by_global_norm(list(grads), norm)[0]
    return contextlib.nullcontext()


@contextlib.contextmanager
def _float32(watch, look, site):
    """No layer in reduced precision."""
    module = sys.modules["keras.src.dtype_policies"]
    changed = []
    try:
        for layer in _layers(site, watch):
            policy = getattr(layer, "_dtype_policy", None)
            if policy is not None and policy.compute_dtype in ("float16", "bfloat16"):
                changed.append((layer, policy))
                object.__setattr__(layer, "_dtype_policy", module.DTypePolicy("float32"))
        yield
    finally:
        for layer, policy in changed:
            object.__setattr__(layer, "_dtype_policy", policy)


def _layers(site, watch):
    import gc

    kind = sys.modules["keras.src.layers.layer"].Layer
    return [one for one in gc.get_objects() if issubclass(type(one), kind)]


@contextlib.contextmanager
def _epsilon(watch, look, site, value):
    kept = [
        (one, one.epsilon) for one in watch.optimizers if isinstance(getattr(one, "epsilon", None), float)
    ]
    try:
        for one, before in kept:
            object.__setattr__(one, "epsilon", max(before, value))
        yield
    finally:
        for one, before in kept:
            object.__setattr__(one, "epsilon", before)


def _replace_rows(watch, look, site, rows, length, samples=None):
    """Another row in place of the guilty ones, in whichever batch they come."""
    numpy = sys.modules["numpy"]
    good = next((place for place in range(length) if place not in rows), None)
    guilty = {}

    def replaced(key, array):
        if good is None or not array.ndim or len(array) != length:
            return array
        if key not in guilty:  # the failing batch comes first
            guilty[key] = array[list(rows)].copy(), array[good].copy()
        bad, other = guilty[key]
        flat, wanted = array.reshape(length, -1), bad.reshape(len(bad), -1)
        same = [
            ((flat == one) | ((flat != flat) & (one != one))).all(1) for one in wanted
        ]  # NaN is equal to NaN here
        places = numpy.flatnonzero(numpy.any(same, 0))
        if array.ndim < 2 or not len(places):
            places = list(rows) if array.ndim < 2 and numpy.array_equal(array[list(rows)], bad) else places
        if not len(places):
            return array
        array = array.copy()
        array[places] = other
        return array

    look.rows = replaced
    return contextlib.nullcontext()


_CHANGES = {
    "control": _nothing,
    "rewrite": _rewrite,
    "learning-rate": _rate,
    "clip": _clip,
    "float32": _float32,
    "epsilon": _epsilon,
    "replace-rows": _replace_rows,
}
