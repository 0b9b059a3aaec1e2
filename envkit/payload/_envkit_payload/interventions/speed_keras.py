"""What may be changed in a training run with Keras, or TensorFlow alone, to make it faster: literal tables.

Each is a function `(module, applied, value)`; it counts in `applied(name)` how often there was something to
change.
"""

import functools
import inspect
import sys

from .speed_loaders import larger


def _is_on(value):
    return value not in ("0", "False", "false")


def _change(owner, name, change):
    """Have `change` alter the arguments of a function, by name."""
    plain = getattr(owner, name)
    signature = inspect.signature(plain)

    @functools.wraps(plain)
    def call(*args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:  # the function itself will say so
            return plain(*args, **kwargs)
        change(bound.arguments)
        return plain(*bound.args, **bound.kwargs)

    setattr(owner, name, call)


def _trainers(keras):
    """The classes whose `compile` and `fit` the backend uses, Keras' own base first."""
    found = [keras.src.trainers.trainer.Trainer]
    name = "keras.src.backend.{}.trainer".format(keras.config.backend())
    module = sys.modules.get(name)
    for kind in vars(module).values() if module is not None else ():
        if isinstance(kind, type) and kind is not found[0] and kind.__module__ == name:
            found.append(kind)
    return found


def _at(keras, method, change):
    for kind in _trainers(keras):
        if method in vars(kind):
            _change(kind, method, change)


def _is_dataset(value):
    tf = sys.modules.get("tensorflow")
    return tf is not None and isinstance(value, tf.data.Dataset)


def prefetch(keras, applied, value):
    """A pipeline works while the model does."""

    def change(given):
        data = given.get("x")
        if _is_dataset(data) and "Prefetch" not in type(data).__name__:
            given["x"] = data.prefetch(-1)  # tf.data.AUTOTUNE
            applied("prefetch")

    _at(keras, "fit", change)


def eager(keras, applied, value):
    """The model's functions are graphs."""
    on = value == "1"

    def change(given):
        if bool(given.get("run_eagerly")) != on:
            applied("eager")
            given["run_eagerly"] = on

    _at(keras, "compile", change)
    kind = keras.src.trainers.trainer.Trainer
    plain = kind.run_eagerly

    def put(self, asked):
        if bool(asked) != on:
            applied("eager")
        plain.fset(self, on)

    kind.run_eagerly = property(plain.fget, put)


def jit(keras, applied, value):
    """The model's functions are compiled by XLA."""
    on = _is_on(value)

    def change(given):
        if given.get("jit_compile", "auto") is not on:
            applied("jit")
            given["jit_compile"] = on

    _at(keras, "compile", change)


def steps(keras, applied, value):
    """So many steps in each call of a graph."""
    number = int(value)

    def change(given):
        if given.get("steps_per_execution", 1) != number:
            applied("steps")
            given["steps_per_execution"] = number

    _at(keras, "compile", change)


def batch(keras, applied, value):
    """So many samples in a batch of arrays."""

    def change(given):
        before = given.get("batch_size") or 32
        number = larger(before, value)
        if hasattr(given.get("x"), "shape") and before < number:
            applied("batch")
            applied.scaled(number / before)
            given["batch_size"] = number

    _at(keras, "fit", change)


def workers(keras, applied, value):
    """A PyDataset's batches made by so many threads, or processes where the script says so."""
    number = int(value)

    def change(given):
        if (given.get("workers") or 1) != number:
            applied("workers")
            given["workers"] = number

    _change(keras.utils.PyDataset, "__init__", change)


def dtype(keras, applied, value):
    """Single precision in place of double."""

    def change(given):
        for name in ("value", "name", "policy", "dtype_policy"):
            if given.get(name) == "float64":
                applied("dtype")
                given[name] = "float32"

    policies = keras.src.dtype_policies.dtype_policy
    for owner, name in (
        (keras.config, "set_floatx"),
        (keras.backend, "set_floatx"),
        (keras.config, "set_dtype_policy"),
        (policies.DTypePolicy, "__init__"),
    ):
        if hasattr(owner, name):
            _change(owner, name, change)


def mixed(keras, applied, value):
    """The layers compute in half precision."""
    keras.config.set_dtype_policy("mixed_" + (value or "bfloat16"))
    applied("autocast")


def functions_eagerly(tf, applied, value):
    """tf.functions are graphs."""

    def change(given):
        if given.get("run_eagerly"):
            applied("eager")
            given["run_eagerly"] = False

    _change(tf.config, "run_functions_eagerly", change)


def map_parallel(tf, applied, value):
    """Pipelines map several elements at once, in the same order."""

    def change(given):
        if given.get("num_parallel_calls") is None:
            applied("map-parallel")
            given["num_parallel_calls"] = -1  # tf.data.AUTOTUNE

    from tensorflow.python.data.ops import dataset_ops

    _change(dataset_ops.DatasetV2, "map", change)


def threads(tf, applied, value):
    """So many threads within an operation."""
    number = int(value)
    tf.config.threading.set_intra_op_parallelism_threads(number)
    applied("threads")

    def change(given):
        given["num_threads"] = number

    _change(tf.config.threading, "set_intra_op_parallelism_threads", change)


KERAS = {
    "prefetch": prefetch,
    "eager": eager,
    "jit": jit,
    "steps": steps,
    "batch": batch,
    "workers": workers,
    "dtype": dtype,
    "autocast": mixed,
}
TENSORFLOW = {"eager": functions_eagerly, "map-parallel": map_parallel, "threads": threads}
