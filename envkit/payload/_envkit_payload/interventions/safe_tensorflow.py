"""Operations of TensorFlow whose values may not be finite, made safe: the same where that is finite.

Each takes the arguments of an operation as TensorFlow's Python has them, and gives others. The epsilons are
those that a person would write.
"""


def _tiny(tf, value):
    return tf.constant(1e-4 if value.dtype in (tf.float16, tf.bfloat16) else 1e-6, value.dtype)


def _at_least(power=1):
    def change(tf, arguments):
        value = tf.convert_to_tensor(arguments[0])
        return (tf.maximum(value, _tiny(tf, value) ** power), *arguments[1:])

    return change


def _between(low, high):
    def change(tf, arguments):
        value = tf.convert_to_tensor(arguments[0])
        return (tf.clip_by_value(value, low, high), *arguments[1:])

    return change


def _at_most(high):
    def change(tf, arguments):
        value = tf.convert_to_tensor(arguments[0])
        return (tf.minimum(value, tf.constant(high if value.dtype != tf.float16 else 10.0, value.dtype)),
                *arguments[1:])  # fmt: skip

    return change


def _denominator(tf, arguments):
    value = tf.convert_to_tensor(arguments[1])
    tiny = _tiny(tf, value)
    return (arguments[0], tf.where(tf.abs(value) < tiny, tiny, value), *arguments[2:])


def _power(tf, arguments):
    value = tf.convert_to_tensor(arguments[0])
    return (tf.maximum(value, _tiny(tf, value)), *arguments[1:])


def _masked(tf, arguments):
    value = tf.convert_to_tensor(arguments[0])
    return (tf.maximum(value, value.dtype.min), *arguments[1:])


def _counted(tf, arguments):
    """A mean of what may be nothing: of a zero then."""
    value = tf.convert_to_tensor(arguments[0])
    if value.shape.rank != 1:
        return None
    filled = tf.cond(tf.equal(tf.size(value), 0), lambda: tf.zeros((1,), value.dtype), lambda: value)
    return (filled, *arguments[1:])


_EDGE = _between(-1 + 1e-6, 1 - 1e-6)
OPERATIONS = {
    "Log": _at_least(), "Log1p": _between(-1 + 1e-6, 3e38), "Sqrt": _at_least(2), "Rsqrt": _at_least(2),
    "Pow": _power, "RealDiv": _denominator, "Reciprocal": _at_least(), "Acos": _EDGE, "Asin": _EDGE,
    "Atanh": _EDGE, "Exp": _at_most(80.0), "Expm1": _at_most(80.0), "Softmax": _masked,
    "LogSoftmax": _masked, "Mean": _counted,
}  # fmt: skip
WIDE = ("Mul", "MatMul", "BatchMatMulV2", "Exp", "Sum", "Mean", "Square", "Pow", "AddV2", "Conv2D", "Log",
        "RealDiv", "Sqrt", "Rsqrt", "Einsum")  # fmt: skip
"""Operations that can be computed in float32 and cast back."""
