"""How training with TensorFlow is really set up: read from what is there after some steps."""

import os
import sys

from .tf_work import Work

_FROM = 3
"""Updates that are done before one is looked at."""
_CHECKS = (
    ("check_numerics_callback", "check_numerics_callback", "enable_check_numerics"),
    ("dumping_callback", "dumping_callback", "enable_dump_debug_info"),
)
"""(module, attribute while it is on, function that switches it on)."""


class Survey:
    """Writes one line of settings, and another one at the end where something has changed."""

    def __init__(self, tf, recorder, speed):
        self._tf = tf
        self._recorder = recorder
        self._speed = speed
        self.more = []
        """Functions that give further fields."""
        self.work = Work()
        """Of the graphs of steps."""
        self.rows = None
        """Of a batch that a compiled function was given."""
        self._told = {}

    def look(self):
        """Some steps were made."""
        if not self._told and self._speed.trained >= _FROM:
            self.over()

    def over(self):
        """Tell what is not known yet."""
        self._speed.guarded("settings")(self._tell)()

    def _tell(self):
        fields = {**self._flags(), **self._optimizer()}
        for more in self.more:
            fields.update(more())
        fields["batch"] = self._batch()
        fields["flops"], fields["computed"] = self.work.flops(fields["batch"]), self.work.computed()
        told = {name: value for name, value in fields.items() if value != self._told.get(name, "")}
        # A switch that was on for a part of the script is told as on.
        told = {name: value for name, value in told.items() if not (self._told.get(name) and value is False)}
        self._told.update(told)
        if told:
            self._recorder("settings", **told)

    def _flags(self):
        tf = self._tf
        config = tf.config
        devices = config.list_logical_devices("GPU") if "GPU" in _kinds(tf) else []
        return {
            "threads": config.threading.get_intra_op_parallelism_threads() or _cpus(),
            "interop": config.threading.get_inter_op_parallelism_threads() or _cpus(),
            "omp": os.environ.get("OMP_NUM_THREADS"),
            "device": "cuda" if devices else "cpu",
            "eager": bool(config.functions_run_eagerly()),
            "checks": _checks(),
            "profiler": _profiled(),
            "deterministic": _deterministic(),
            "world": tf.distribute.get_strategy().num_replicas_in_sync,
        }

    def _optimizer(self):
        watch = self._speed.watch
        optimizer = watch.current() if watch.current is not None else None
        if optimizer is None:
            return {}
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        weights = list(getattr(inner, "_trainable_variables", None) or ())
        types = {}
        for one in weights:
            kind = str(getattr(one.dtype, "name", one.dtype))
            size = 1
            for length in one.shape:
                size *= int(length)
            types[kind] = types.get(kind, 0) + size
        return {
            "optimizer": type(inner).__name__,
            "parameters": len(weights),
            "values": sum(types.values()),
            "dtypes": types,
            "scaler": inner is not optimizer,
        }

    def _batch(self):
        known = self._speed.pipelines.newest
        if known is not None and known.get("batch_size"):
            return known["batch_size"]
        return self.rows


def _cpus():
    """That TensorFlow uses where it is not told."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _kinds(tf):
    """Kinds of devices that are in use; asking must not begin to use one."""
    from tensorflow.python.eager import context

    made = context.context()._context_handle is not None
    return {one.device_type for one in tf.config.list_logical_devices()} if made else set()


def _deterministic():
    from tensorflow.python.framework import config

    return bool(config.is_op_determinism_enabled())


def _checks():
    """What looks at each operation's numbers."""
    found = []
    for module, kept, name in _CHECKS:
        state = getattr(sys.modules.get("tensorflow.python.debug.lib." + module), "_state", None)
        if getattr(state, kept, None) is not None:
            found.append(name)
    return found


def _profiled():
    profiler = sys.modules.get("tensorflow.python.profiler.profiler_v2")
    on = profiler is not None and getattr(profiler, "_profiler", None) is not None
    return on or sys.getprofile() is not None or sys.gettrace() is not None
