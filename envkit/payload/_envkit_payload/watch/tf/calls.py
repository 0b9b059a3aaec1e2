"""To change what some operations of TensorFlow are given, in eager mode, from outside.

Every eager call of an operation goes through one function of TensorFlow's C++ side; that one is replaced for
a while.
"""


class Calls:
    """While it is entered, `change(op_type, arguments)` gives the arguments an operation is called with.

    arguments: as TensorFlow's own Python has them, inputs first, then attributes. What `change` calls itself
    is not changed. None leaves the call as it is. Operations of a graph that is traced meanwhile are changed,
    too.
    """

    def __init__(self, change):
        self._change = change
        self._busy = False

    def __enter__(self):
        from tensorflow.python import pywrap_tfe
        from tensorflow.python.framework import op_def_library

        self._module, self._plain = pywrap_tfe, pywrap_tfe.TFE_Py_FastPathExecute
        self._library, self._plain_helper = op_def_library, op_def_library._apply_op_helper
        pywrap_tfe.TFE_Py_FastPathExecute = self._eager
        op_def_library._apply_op_helper = self._traced
        return self

    def __exit__(self, *error):
        self._module.TFE_Py_FastPathExecute = self._plain
        self._library._apply_op_helper = self._plain_helper
        return False

    def _eager(self, context, op_type, name, *arguments):
        return self.call(op_type, arguments, lambda given: self._plain(context, op_type, name, *given))

    def _traced(self, op_type, name=None, **keywords):
        if op_type in ("Placeholder", "Const"):
            return self._plain_helper(op_type, name=name, **keywords)
        # In the order of the operation's definition, as its Python has them.
        names = list(keywords)

        def plain(given):
            return self._plain_helper(op_type, name=name, **dict(zip(names, given)))

        return self.call(op_type, tuple(keywords.values()), plain)

    def call(self, op_type, arguments, plain):
        """One operation. plain: a function of its arguments."""
        if not self._busy:
            self._busy = True
            try:
                changed = self._change(op_type, arguments)
            finally:
                self._busy = False
            if changed is not None:
                arguments = changed
        return plain(arguments)


class Silent:
    """Nothing is printed or written by operations."""

    _OPS = ("PrintV2", "Print", "LogString")

    def __enter__(self):
        from tensorflow.python import pywrap_tfe

        self._module, self._plain = pywrap_tfe, pywrap_tfe.TFE_Py_FastPathExecute

        def call(context, op_type, name, *arguments):
            if op_type in self._OPS or ("Write" in op_type and "Summary" in op_type):
                return None
            return self._plain(context, op_type, name, *arguments)

        pywrap_tfe.TFE_Py_FastPathExecute = call
        return self

    def __exit__(self, *error):
        self._module.TFE_Py_FastPathExecute = self._plain
        return False


_ULPS = 8


EDGES = {"Acos": 0, "Asin": 0, "Atanh": 0}
"""Operations whose derivative is infinite at 1 and -1, and which of their arguments it is about."""
ZEROS = {"Sqrt": 0, "Rsqrt": 0, "Log": 0, "Pow": 0, "RealDiv": 1, "Reciprocal": 0}
"""The same for 0."""


def nudged(tf, places):
    """A change that puts arguments at an edge onto it, where they are within a few roundings of it.

    A graph is optimised and rounds elsewhere: what was at the edge there may be next to it in eager mode.
    places: EDGES or ZEROS.
    """

    def change(op_type, arguments):
        place = places.get(op_type)
        if place is None:
            return None
        value = tf.convert_to_tensor(arguments[place])
        if not value.dtype.is_floating or not value.shape.num_elements():
            return None
        near = tf.constant(_ULPS * _epsilon(value.dtype), value.dtype)
        if op_type in EDGES:
            moved = tf.where(tf.abs(value) >= 1 - near, tf.sign(value), value)
        else:
            moved = tf.where(
                tf.abs(value) <= near * tf.reduce_max(tf.abs(value)), tf.zeros_like(value), value
            )
        # Its gradient is that of the value.
        moved = value + tf.stop_gradient(moved - value)
        return (*arguments[:place], moved, *arguments[place + 1 :])

    return change


def _epsilon(dtype):
    return {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float64": 2.0**-52}.get(dtype.name, 2.0**-23)
