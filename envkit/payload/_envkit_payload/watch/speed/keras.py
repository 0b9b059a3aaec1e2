"""What Keras says of a training: how its model is compiled, and where its data comes from."""

import weakref

from .. import frames, weave

_HALF = ("float16", "bfloat16")


class Models:
    """Models that are trained, and data that is given to them."""

    def __init__(self, speed):
        self._speed = speed
        self._trainer = None
        """A weak reference to the one that is trained now."""

    def install(self):
        """See what is given to `fit`."""
        from keras.src.backend.tensorflow import trainer

        guarded = self._speed.guarded("settings of Keras")
        trained = guarded(self._trained)
        weave.around(
            trainer.TensorFlowTrainer,
            "make_train_function",
            after=lambda out, model, *_, **__: trained(model),
        )
        for kind, source in adapters():
            known = guarded(self._given)
            weave.around(
                kind, "get_tf_dataset",
                after=lambda out, adapter, known=known, source=source: known(out, adapter, source),
            )  # fmt: skip
        self._speed.survey.more.append(self.fields)

    def _trained(self, model):
        self._trainer = weakref.ref(model)

    def _given(self, dataset, adapter, source):
        # A pipeline of the script's own is told as what it is.
        self._speed.pipelines.given[dataset] = given(adapter, source)

    def fields(self):
        """Of settings."""
        model = self._trainer() if self._trainer is not None else None
        if model is None:
            return {}
        told = {
            "compiled": bool(model.jit_compile),
            "autocast": autocast(model),
        }
        if model.run_eagerly:
            told["eager"] = True
        if model.steps_per_execution != 1:
            told["execution"] = int(model.steps_per_execution)
        return told


def autocast(model):
    """The type that layers compute in where their weights have a wider one, or None."""
    for layer in model._flatten_layers():
        policy = getattr(layer, "dtype_policy", None)
        kind = getattr(policy, "compute_dtype", None)
        if kind in _HALF and kind != getattr(policy, "variable_dtype", None):
            return kind
    return None


def adapters():
    """(class, what it takes) of Keras' adapters of data that the script has in Python."""
    from keras.src.trainers.data_adapters import (
        array_data_adapter,
        generator_data_adapter,
        py_dataset_adapter,
    )

    return (
        (array_data_adapter.ArrayDataAdapter, "arrays"),
        (py_dataset_adapter.PyDatasetAdapter, "PyDataset"),
        (generator_data_adapter.GeneratorDataAdapter, "generator"),
    )


def given(adapter, source):
    """Fields of a loader for what an adapter makes batches of. source: what kind of thing."""
    fields = {"type": "keras", "dataset": source, "streams": source == "generator", "stack": frames.users(4)}
    options = fields["options"] = {"source": source}
    if source == "PyDataset":
        data = adapter.py_dataset
        fields["dataset"] = type(data).__name__
        fields["workers"] = int(data.workers)
        options["multiprocessing"] = bool(data.use_multiprocessing)
        options["queue"] = int(data.max_queue_size)
    if adapter.batch_size is not None:
        fields["batch_size"] = int(adapter.batch_size)
    return fields
