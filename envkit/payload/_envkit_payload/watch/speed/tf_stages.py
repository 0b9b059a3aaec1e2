"""What a tf.data pipeline is made of, stage by stage."""

import sys

from .. import frames

_STAGES = (
    ("ParallelMap", "map"), ("Map", "map"), ("MapAndBatch", "map"), ("ParallelBatch", "batch"),
    ("Batch", "batch"), ("PaddedBatch", "batch"), ("Prefetch", "prefetch"), ("Cache", "cache"),
    ("Shuffle", "shuffle"), ("ParallelInterleave", "interleave"), ("Interleave", "interleave"),
    ("FlatMap", "flat_map"), ("Filter", "filter"), ("Repeat", "repeat"), ("TensorSlice", "tensors"),
    ("TFRecord", "records"), ("TextLine", "lines"), ("Generator", "generator"),
)  # fmt: skip
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")
_EVALUATE = ("evaluate", "predict", "test_on_batch")
_MOST = 64
"""Stages of a pipeline that are looked at."""


def stages(dataset):
    """A pipeline's data sets, the last one first."""
    waiting, count = [dataset], 0
    while waiting and count < _MOST:
        one = waiting.pop(0)
        count += 1
        yield one
        waiting += list(one._inputs())


def options(found):
    """What a loader's line says of stages, the last one first."""
    kinds = [type(one).__name__.strip("_").replace("DatasetV2", "").replace("Dataset", "") for one in found]
    names, functions, python = [], [], []
    for one, kind in zip(found, kinds):
        known = dict(_STAGES).get(kind)
        wrapped = getattr(one, "_map_func", None)
        function = getattr(wrapped, "_func", None)
        code = getattr(function, "__code__", None)
        if code is not None and code.co_filename.endswith("from_generator_op.py"):
            known = "generator"
        names.append(known or kind)
        if code is not None and frames.is_users(code.co_filename):
            place = "{}:{} {}".format(frames.path_of(code.co_filename), code.co_firstlineno, code.co_name)
            functions.append(place)
            if _calls_python(wrapped):
                python.append(place)
    maps = [kind for kind in kinds if kind in ("Map", "ParallelMap")]
    return {
        "stages": " ".join(names[::-1]),
        "maps": len(maps),
        "serial_maps": sum(1 for one, kind in zip(found, kinds) if kind == "Map" and _is_persons(one)),
        "map_parallel": _first(found, kinds, "ParallelMap", "_num_parallel_calls"),
        "prefetch": _first(found, kinds, "Prefetch", "_buffer_size"),
        "prefetch_last": _is_prefetched(kinds),
        "cache": "Cache" in kinds,
        "functions": "\n".join(functions),
        "python": "\n".join(python),
    }


def _first(found, kinds, wanted, name):
    return next((number(one, name) for one, kind in zip(found, kinds) if kind == wanted), None)


def _is_persons(dataset):
    function = getattr(getattr(dataset, "_map_func", None), "_func", None)
    code = getattr(function, "__code__", None)
    return code is None or frames.is_users(code.co_filename)


def made_ahead(dataset):
    """Whether TensorFlow puts a prefetch at the end of a pipeline by itself: it does unless told not to."""
    options = dataset.options()
    return options.autotune.enabled is not False and (
        options.experimental_optimization.inject_prefetch is not False
        and options.experimental_optimization.apply_default_optimizations is not False
    )


def _is_prefetched(kinds):
    """Whether the pipeline ends by making batches ahead."""
    kinds = [kind for kind in kinds if kind not in ("Options", "Repeat", "Take", "Skip")]
    return bool(kinds) and kinds[0] == "Prefetch"


def _calls_python(wrapped):
    """Whether the function of a stage runs Python for each element."""
    graph = getattr(getattr(wrapped, "function", None), "graph", None)
    if graph is None:
        return False
    return any(one.type in _PYTHON for one in graph.get_operations())


def number(dataset, name):
    """An attribute of a data set as a number; None where it is none."""
    value = getattr(dataset, name, None)
    if value is None:
        return None
    try:
        return int(value.numpy() if hasattr(value, "numpy") else value)
    except (TypeError, ValueError, NotImplementedError):
        return None


def evaluates():
    """Whether Keras evaluates or predicts now."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name in _EVALUATE and code.co_filename.endswith("trainer.py"):
            return True
        frame = frame.f_back
    return False
