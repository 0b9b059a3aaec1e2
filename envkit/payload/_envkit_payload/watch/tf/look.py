"""While a fix is tried in TensorFlow: whether loss, gradients and weights stay finite."""

import math
import sys


class Stop(BaseException):
    """Something is not finite; goes through whatever the script catches."""

    def __init__(self, what):
        super().__init__(what)
        self.what = what


class Look:
    """Stands where `Armed` stands when a step is repeated."""

    def __init__(self, watch, optimizer):
        self.watch = watch
        self.losses = []
        self.applied = 0
        """How often the change had something to change, where that is counted."""
        self.counted = False
        self.gradients = None
        """A function of gradients that gives others."""
        self.factor = None
        """Of the learning rate."""
        self.rows = None
        """A function of an array of a batch that gives another one."""
        self._optimizer = optimizer
        self._variables = []
        self._traced = []

    def batch(self, key, array):
        """What an array of a batch is in this trial."""
        return array if self.rows is None else self.rows(key, array)

    def gradient(self, plain, tape, target, sources, args, kwds):
        """A tape is asked."""
        from .watch import scalar

        found = plain(tape, target, sources, *args, **kwds)
        flat = self.watch.tf.nest.flatten(sources)
        if not flat or not hasattr(flat[0], "assign"):
            return found
        if not self.watch.eager():
            self._traced.append(self.watch.tf.cast(self.watch.tf.reduce_sum(target), "float32"))
            return found
        value = scalar(target)
        if value is not None:
            self._loss(value)
        return found

    def _loss(self, value):
        self.losses.append(value)
        if not math.isfinite(value):
            raise Stop("loss")

    def apply(self, plain, optimizer, grads, variables):
        """Gradients are there."""
        tf = self.watch.tf
        scales = hasattr(optimizer, "dynamic_scale")
        if self.watch.eager() and not scales:
            self._eagerly([one for one in grads if one is not None])
        if self.gradients is not None:
            grads = self.gradients(grads)
        self._variables = list(variables or optimizer._trainable_variables)
        before = [tf.convert_to_tensor(one) for one in self._variables] if self.factor is not None else ()
        before = [tf.identity(one) for one in before]
        plain(optimizer, grads, variables)
        # An update is proportional to the rate, whatever schedule gives it.
        for variable, value in zip(self._variables, before):
            variable.assign(value + self.factor * (tf.convert_to_tensor(variable) - value))

    def _eagerly(self, grads):
        from ..keras_watch import _norm

        norm = _norm(grads)
        if norm is not None and not math.isfinite(norm):
            raise Stop("gradient")

    def traced(self):
        """Of a graph: the loss, and whether the weights are finite after the update."""
        tf = self.watch.tf
        weights = [tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(one))) for one in self._variables]
        losses, self._traced = self._traced, []
        return (losses[0] if losses else tf.zeros(())), tf.reduce_all(weights or [True])

    def ran(self, loss, finite):
        """A graph ran a step."""
        self._loss(float(loss.numpy()))
        if not bool(finite.numpy()):
            raise Stop("weights")

    def after(self):
        """One step is done in eager mode."""
        numpy = sys.modules["numpy"]
        for one in self._variables:
            if not numpy.isfinite(numpy.asarray(one.numpy())).all():
                raise Stop("weights")
