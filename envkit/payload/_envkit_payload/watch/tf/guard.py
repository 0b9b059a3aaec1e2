"""The check that a traced training step gets: a few operations that look at loss and gradients.

Loss, norm and time of each step go into a ring on the device, read from time to time. Where one is not
finite a branch that otherwise never runs keeps the variables and the batch, before the update is made.
"""

import math

from .state import State

_RING = 2048
_IN_A_ROW = 12
"""Updates that a loss scaler skips one after the other before that counts as a fault: from the usual first
scale of 2**15, halving, a run that can be saved has found its scale by then."""


class Pending:
    """A step that failed inside of a graph."""

    def __init__(self, what, value, site, before, optimizer):
        self.what = what
        self.value = value
        self.site = site
        self.before = before
        self.optimizer = optimizer


class Guard:
    """The ring, and what is put into graphs."""

    def __init__(self, watch):
        tf = watch.tf
        self._watch = watch
        watch.governor.training()
        from tensorflow.python.ops import resource_variable_ops

        # Not tf.Variable: a function that is traced must not learn of them.
        make = resource_variable_ops.ResourceVariable
        with tf.init_scope():
            self._ring = make(tf.zeros((_RING, 3), tf.float64), trainable=False, name="envkit_ring")
            self._count = make(tf.constant(0, tf.int64), trainable=False, name="envkit_count")
            self._skipped = make(tf.constant(0, tf.int32), trainable=False, name="envkit_skipped")
        self._read = 0
        self._last = None

    def own(self):
        """Variables of ours."""
        return (self._ring, self._count, self._skipped, *self._watch.speed.clock.own())

    def drain(self, now):
        """(loss, norm, end) of the steps since the last time: their ends are those of their gradients.

        now: instant by `time.perf_counter`, as ends are.
        """
        count = int(self._count.numpy())
        new = min(count - self._read, _RING)
        missed = count - self._read - new
        before, self._last = self._last or 0.0, now
        rows = [(None, None, before or now)] * missed
        if new:
            ring, shift = self._ring.numpy(), self._watch.speed.clock.measured()
            for number in range(count - new, count):
                loss, squares, at = map(float, ring[number % _RING])
                norm = math.sqrt(squares) if squares >= 0 else squares
                rows.append((loss, norm, min(now, max(before, at + shift))))
        self._read = count
        return rows

    def check(self, optimizer, gradients, loss, scaled):
        """Add the check to the graph that is being traced.

        scaled: the optimizer that scales the loss, or None. Returns what the update must wait for.
        """
        tf = self._watch.tf
        squares = tf.add_n([_squares(tf, one) for one in gradients]) * 2.0
        if loss is None:
            loss = tf.zeros(())
        loss = tf.cast(loss if loss.shape.rank == 0 else tf.reduce_sum(loss), tf.float32)
        if scaled is not None:
            scale = tf.cast(tf.convert_to_tensor(scaled.dynamic_scale), tf.float32)
            loss, squares = loss / scale, squares / scale / scale
        self._watch.speed.guarded("operations")(self._watch.speed.survey.work.see)(squares.graph)
        number = self._count.assign_add(1, read_value=True) - 1
        with tf.control_dependencies([squares]):
            now = tf.timestamp()
        row = tf.stack([tf.cast(loss, tf.float64), tf.cast(squares, tf.float64), now])
        tf.raw_ops.ResourceScatterUpdate(resource=self._ring.handle, indices=number % _RING, updates=row)
        bad = tf.logical_not(tf.math.is_finite(squares + loss))
        if scaled is not None:
            bad = self._is_stuck(bad, loss)
        return self._report(bad, optimizer, loss, squares)

    def _is_stuck(self, bad, loss):
        """A loss scaler skips an update now and then; a NaN loss or many skips in a row are a fault."""
        tf = self._watch.tf
        row = tf.where(bad, self._skipped.read_value() + 1, 0)
        self._skipped.assign(row, read_value=False)
        return tf.logical_or(tf.math.is_nan(loss), row >= _IN_A_ROW)

    def _report(self, bad, optimizer, loss, squares):
        tf, watch = self._watch.tf, self._watch
        from . import repeat as tensorflow_repeat

        site, inputs = tensorflow_repeat.traced(watch)

        def seen(loss, squares, *values):
            watch.guarded(self._seen)(optimizer, loss, squares, site, values)
            return False

        def report():
            return tf.py_function(seen, [loss, squares, *inputs], tf.bool)

        told = tf.cond(bad, report, lambda: tf.constant(False))
        return told.op

    def _seen(self, optimizer, loss, squares, site, values):
        """Inside of the graph, in a thread of TensorFlow: keep everything for later."""
        watch = self._watch
        if watch.tripped is not None or watch.pending is not None or not watch.recorder.on:
            return
        loss, squares = float(loss.numpy()), float(squares.numpy())
        what, value = ("gradient", squares) if math.isfinite(loss) else ("loss", loss)
        before = State(watch.tf, but=self.own())
        where = None if site is None else site.with_values(values)
        watch.pending = Pending(what, value, where, before, optimizer)


def _squares(tf, gradient):
    """Half of the sum of squares."""
    if isinstance(gradient, tf.IndexedSlices):
        gradient = gradient.values
    gradient = tf.convert_to_tensor(gradient)
    return tf.nn.l2_loss(gradient if gradient.dtype == tf.float32 else tf.cast(gradient, tf.float32))
