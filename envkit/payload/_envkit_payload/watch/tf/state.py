"""What a training step changes in a process with TensorFlow, to save it and to put it back."""

import gc
import random
import sys


class State:
    """The values of all variables that exist, with the random state and the plain numbers of some objects."""

    def __init__(self, tf, owners=(), but=()):
        """owners: objects whose plain attributes are kept (counters of a model). but: variables left out."""
        self._tf = tf
        left_out = {id(one) for one in but}
        self._values = [(one, _read(one)) for one in variables(tf) if id(one) not in left_out]
        self._plain = [(one, _plain(one)) for one in owners]
        self._random = random.getstate()
        numpy = sys.modules.get("numpy")
        self._numpy = numpy.random.get_state() if numpy is not None else None
        self._seeds = _seeds(tf)

    def restore(self, only=None):
        """Put all back. only: a function of a variable; nothing else but those is put back."""
        for variable, value in self._values:
            if only is None or only(variable):
                variable.assign(value, read_value=False)
        if only is not None:
            return
        for one, kept in self._plain:
            vars(one).update(kept)
        random.setstate(self._random)
        if self._numpy is not None:
            sys.modules["numpy"].random.set_state(self._numpy)
        if self._seeds is not None:
            self._seeds[0].setstate(self._seeds[1])

    def value(self, variable):
        """What a variable held, or None."""
        return next((value for one, value in self._values if one is variable), None)

    def bytes(self):
        """How much the values hold."""
        return sum(getattr(value, "nbytes", 0) for _, value in self._values)


def variables(tf):
    """All variables of TensorFlow in this process that hold a value outside of a graph."""
    from tensorflow.python.ops import resource_variable_ops

    kind, tensor = resource_variable_ops.BaseResourceVariable, type(tf.constant(0))
    found = []
    for one in gc.get_objects():
        # Not isinstance(): it would ask proxies, and a lazy module would import itself.
        if issubclass(type(one), kind):
            handle = one.__dict__.get("_handle")
            if isinstance(handle, tensor) and one.is_initialized():
                found.append(one)
    return found


def _read(variable):
    return variable.read_value().numpy()


def _plain(one):
    return {
        name: value
        for name, value in vars(one).items()
        if value is None or isinstance(value, (bool, int, float, str))
    }


def _seeds(tf):
    """The generator from which eager operations without a seed of their own take one."""
    from tensorflow.python.eager import context

    made = getattr(context.context(), "_rng", None)
    return None if made is None else (made, made.getstate())
