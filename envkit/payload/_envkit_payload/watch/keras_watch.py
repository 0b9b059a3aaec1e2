"""What Keras has of its own for the watcher: its optimizers, on whichever backend."""

import functools
import math
import sys
import time
import weakref

from . import frames, patches, weave
from .tf import watch as tensorflow_watch

_installed = []


def install(keras, recorder):
    """Watch Keras' optimizers, whichever backend it has."""
    if _installed:
        return
    if keras.config.backend() == "torch":
        from . import keras_torch

        _install(recorder)
        keras_torch.install(recorder)
        return
    from keras.src.optimizers import base_optimizer, loss_scale_optimizer

    watch = tensorflow_watch.WATCH[0] if tensorflow_watch.WATCH else None
    if keras.config.backend() != "tensorflow" or watch is None:
        return

    _install(recorder)
    watch.speed.install_keras()
    _wrap_init(base_optimizer.BaseOptimizer, watch)
    inside = []
    for kind in (base_optimizer.BaseOptimizer, loss_scale_optimizer.LossScaleOptimizer):
        _wrap_apply(kind, watch, inside)


def _install(recorder):
    _installed.append(recorder)
    patches.later(_installed.clear)


def _wrap_init(kind, watch):
    def after(out, optimizer, *_, **__):
        if watch.recorder.on:
            watch.guarded(made)(watch.recorder, optimizer)
            watch.optimizers.add(optimizer)
            watch.made[optimizer] = frames.users()

    weave.around(kind, "__init__", after=after)


def made(recorder, optimizer):
    """The script made an optimizer."""
    rate = getattr(optimizer, "_learning_rate", None)
    value = getattr(rate, "value", rate)
    try:
        number = float(value.numpy() if hasattr(value, "numpy") else value)
    except (TypeError, ValueError, NotImplementedError, RuntimeError):
        number = None
    recorder("optimizer", name=type(optimizer).__name__, rate=number, stack=frames.users())


def _wrap_apply(kind, watch, inside):
    """inside: shared by all wrapped classes; not empty while one of them is at work."""
    plain = kind.__dict__["apply"]
    recorder = watch.recorder

    @functools.wraps(plain)
    def apply(self, grads, trainable_variables=None):
        if inside or not recorder.on:
            return plain(self, grads, trainable_variables)
        grads = list(grads)
        variables = None if trainable_variables is None else list(trainable_variables)
        inside.append(self)
        try:
            if watch.armed is not None:
                return watch.armed.apply(plain, self, grads, variables)
            wait = watch.guarded(_before)(watch, self, grads, variables)
            eager = watch.eager()
            if eager:
                watch.speed.phases.begin("optimizer")
            with watch.tf.control_dependencies([] if wait is None else [wait]):
                plain(self, grads, variables)
            if eager:
                watch.speed.phases.end("optimizer")
            if wait is not None or watch.eager():
                watch.guarded(_after)(watch, self, grads, variables)
        finally:
            inside.pop()

    frames.OURS.add(apply.__code__)
    patches.put(kind, "apply", apply)


def _before(watch, optimizer, grads, variables):
    """Gradients are there, the update is not. In a graph: what the update must wait for."""
    watch.optimizers.add(optimizer)
    watch.current = weakref.ref(optimizer)
    known = [one for one in grads if one is not None]
    if not known:
        return None
    loss = watch.loss_of(variables or optimizer._trainable_variables)
    scaled = optimizer if hasattr(optimizer, "dynamic_scale") or hasattr(optimizer, "initial_scale") else None
    if watch.eager():
        _eagerly(watch, optimizer, known, loss, scaled)
        return None
    return _in_graph(watch, optimizer, known, loss, scaled)


def _in_graph(watch, optimizer, grads, loss, scaled):
    tf = watch.tf
    if not watch.calls or tf.distribute.has_strategy() or any(call[0]._jit_compile for call in watch.calls):
        return None
    if not optimizer.built and not _without_slots(optimizer):
        # It makes its variables in this trace, which must not depend on the check; there will be another one.
        return None
    if watch.guard is None:
        from .tf.guard import Guard

        watch.guard = Guard(watch)
    if not isinstance(loss, tf.Tensor):  # a number of an eager tape
        loss = None
    return watch.guard.check(optimizer, grads, loss, scaled)


def _without_slots(optimizer):
    """Whether an optimizer makes no variables for its weights: then there is one trace only."""
    return getattr(optimizer, "momentum", None) == 0 and not getattr(optimizer, "use_ema", True)


def _eagerly(watch, optimizer, grads, loss, scaled):
    start = time.perf_counter()
    loss = loss if isinstance(loss, float) else None
    norm = _norm(grads)
    watch.governor.spent(time.perf_counter() - start)
    if norm is not None and not math.isfinite(norm) and scaled is None:
        watch.trip_now("gradient", norm, optimizer)
    watch.applied(optimizer, loss, norm)


def _after(watch, optimizer, grads, variables):
    """The update is done: in half precision it can be bad although the gradient was not."""
    pairs = [
        (grad, variable)
        for grad, variable in zip(grads, variables or optimizer._trainable_variables)
        if grad is not None and str(variable.dtype).split("'")[-1] in ("float16", "bfloat16")
    ]
    if not pairs or watch.tripped is not None:
        return
    tf, numpy = watch.tf, sys.modules["numpy"]

    def seen(*gradients):
        if watch.tripped is None and watch.pending is None and watch.recorder.on:
            watch.guarded(_updated)(watch, numpy, optimizer, [one for _, one in pairs], gradients)
        return False

    gradients = [tf.convert_to_tensor(grad) for grad, _ in pairs]
    if watch.eager():
        seen(*gradients)
        return
    bad = tf.logical_not(
        tf.reduce_all([tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(one))) for _, one in pairs])
    )
    tf.cond(bad, lambda: tf.py_function(seen, gradients, tf.bool), lambda: tf.constant(False))


def _updated(watch, numpy, optimizer, variables, gradients):
    """Weights are not finite: of gradients that were?"""
    for variable, gradient in zip(variables, gradients):
        weight, gradient = numpy.asarray(variable.numpy()), numpy.asarray(gradient.numpy())
        bad = ~numpy.isfinite(weight)
        if not bad.any() or not numpy.isfinite(gradient).all():
            continue
        made = watch.made.get(optimizer)
        watch.trip("weights", float("nan"))
        epsilon = getattr(optimizer, "epsilon", None)
        watch.recorder(
            "update", step=watch.step, optimizer=type(optimizer).__name__,
            name=getattr(variable, "path", variable.name), dtype=str(weight.dtype), bad=int(bad.sum()),
            of=int(bad.size), unmoved=int((bad & (gradient == 0)).sum()),
            eps=float(epsilon) if isinstance(epsilon, (int, float)) else None, rate=watch.rate(),
            gradient=float(abs(gradient).max()), stack=made or frames.users(),
        )  # fmt: skip
        watch.recorder("replay", state="repeated", step=watch.step)
        return


def _norm(grads):
    """Global norm of eager gradients on a CPU, or None."""
    total = 0.0
    for one in grads:
        values = getattr(one, "values", one) if not callable(getattr(one, "values", None)) else one
        read = getattr(values, "_numpy", None)
        if read is None or "CPU" not in (values.device or "CPU"):
            return None
        array = read()
        if array.dtype.itemsize < 4:
            array = array.astype("float32")
        flat = array.reshape(-1)
        total += float(flat.dot(flat))
    return math.sqrt(total) if total >= 0 else total
