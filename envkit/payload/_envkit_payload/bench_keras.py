"""The Keras 3 / TensorFlow side of `bench`: device, precision, optimiser, XLA, training with `fit`, memory.

Imported after tensorflow was found and imported.
"""

import gc
import importlib

import keras
import numpy
import tensorflow as tf

from . import bench_keras_device as devices
from . import workloads
from .bench import Unsupported
from .workloads import flops, shapes

INPUTS, TARGETS = 4, 5
"""Batches that a workload turns through: see bench_torch."""
POLICIES = {"fp32": "float32", "tf32": "float32", "bf16": "mixed_bfloat16", "fp16": "mixed_float16"}
_FOREVER = 1 << 40


class Backend:
    """See bench.py."""

    def __init__(self, job, world):
        if int(keras.__version__.split(".")[0]) < 3:
            text = (
                "the workloads are written for Keras 3, which TensorFlow has from 2.16 on; this is Keras {}"
            )
            raise Unsupported(text.format(keras.__version__))
        self.job, self.world = job, world
        self.device, self.notes = devices.pick(job["device"])
        devices.start(self.device)
        self.scale, self.precision = job["scale"], job["precision"]
        tf.config.experimental.enable_tensor_float_32_execution(self.precision == "tf32")
        # A person's keras.json may say otherwise.
        keras.config.set_floatx("float32")
        keras.config.set_image_data_format("channels_last")

    def start(self):
        """Precision and random numbers of the next model; `release` forgets both."""
        keras.config.set_dtype_policy(POLICIES[self.precision])
        keras.utils.set_random_seed(self.job["seed"])

    def environment(self):
        """Fields of the "environment" line."""
        return devices.environment(self.device)

    def script(self, name):
        """The module of a workload."""
        scripts = workloads.SCRIPTS["tensorflow"]
        if name not in scripts:
            raise Unsupported("{}: there is none for TensorFlow, only for torch".format(name))
        return importlib.import_module("." + scripts[name], workloads.__name__)

    def limit(self, what):
        """A ceiling of this machine: fields of the "limit" line, or None."""
        gemm = importlib.import_module(".keras_gemm", workloads.__name__)
        devices.check_precision(self.precision, self.device)
        return gemm.LIMITS[what](self) if what in gemm.LIMITS else None

    def batch(self, name, batch):
        """Batch size of one process."""
        if name not in shapes.SIZES:
            return batch
        return batch or shapes.batch(name, self.scale, self.device.accelerator)

    def work(self, name, batch, scale):
        """A workload that is ready to run."""
        if self.world.size > 1:
            raise Unsupported("several processes are torchrun's: TensorFlow is measured in one")
        script = self.script(name)
        devices.check_precision(self.precision, self.device)
        if name not in workloads.TRAINING:
            return script.Work(self, batch, scale)
        return Training(self, name, shapes.size(name, scale), self.batch(name, batch))

    def learn(self, lesson):
        """Losses of a lesson, one a step: each is an epoch of its own. Never with XLA."""
        self.start()
        pairs = [_pair(lesson, made) for made in lesson.batches]
        model = self.script(lesson.name).build(lesson.size, False)
        compiled(model, lesson.optimiser, False)
        inputs, targets = (numpy.stack(column) for column in zip(*pairs))
        dataset = tf.data.Dataset.from_tensor_slices((inputs, targets)).repeat()
        told = model.fit(dataset, epochs=lesson.steps, steps_per_epoch=1, verbose=0, shuffle=False)
        return [float(loss) for loss in told.history["loss"]]

    def options(self, **real):
        """Fields of samples.Options, as it really runs."""
        job = self.job
        shown = {name: job[name] for name in ("framework", "precision", "workers", "scale")}
        shown.update(
            device=self.device.name, compile=None, channels_last=False, fused=False, nproc=1, nnodes=1
        )
        return dict(shown, **real)

    def event(self):
        """None: TensorFlow has no events to time a device with."""

    def sync(self):
        devices.sync(self.device)

    def agree(self, number):
        return number

    def is_out_of_memory(self, error):
        return devices.is_out_of_memory(error)

    def peak_memory(self):
        return devices.peak_memory(self.device)

    def reset_peak(self):
        devices.reset_peak(self.device)

    def release(self):
        """Give memory back between workloads."""
        keras.backend.clear_session()
        gc.collect()


class Training:
    """One workload's training: `run` is `model.fit` with a callback."""

    def __init__(self, backend, name, size, batch):
        self._backend = backend
        job, script = backend.job, backend.script(name)
        jit, notes = wanted_jit(job), []
        backend.start()
        rng = numpy.random.default_rng(job["seed"])
        inputs = _batches(script.inputs(size, INPUTS * batch, rng), INPUTS)
        targets = _batches(script.targets(size, TARGETS * batch, rng), TARGETS)
        self.model = model = script.build(size, jit)
        compiled(model, shapes.OPTIMISERS[name], jit)
        if jit and not model.jit_compile:
            notes.append("jit_compile: Keras says that XLA does not support this model")
        if not jit and automatic(model):
            notes.append("without XLA; Keras's own default, jit_compile='auto', compiles this model with it")
        if job["fused"]:
            notes.append("fused: Keras has no fused optimisers; XLA fuses one where it compiles the step")
        self._loss = None
        if backend.device.accelerator:
            notes.append("the device is waited for after each step; batches lie in its memory")
            self._dataset = resident(model, inputs, targets, backend.device.place)
        else:
            self._dataset = piped(inputs, targets)
        self.facts = {
            "batch_size": batch,
            "items": shapes.items(size, batch),
            "unit": size["unit"],
            "flops": flops.step(name, size, batch),
            "parameters": sum(int(numpy.prod(one.shape)) for one in model.trainable_weights),
            "options": backend.options(
                batch_size=batch,
                precision=backend.precision
                if model.dtype_policy.name == POLICIES[backend.precision]
                else "fp32",
                compile="xla" if model.jit_compile else None,
                channels_last=name in ("cnn", "resnet50"),
            ),
            "notes": notes,
        }

    def sync(self):
        self._backend.sync()

    def run(self, before, after):
        """`fit` until after() is true; one step more is made, which nobody counts."""
        loop = Loop(before, after, self.sync)
        told = self.model.fit(
            self._dataset, epochs=1, steps_per_epoch=_FOREVER, verbose=0, callbacks=[loop], shuffle=False
        )
        self._loss = told.history["loss"][-1]

    def loss(self):
        """Mean of the last `fit`: not finite when one step's was not."""
        return float(self._loss)


class Loop(keras.callbacks.Callback):
    """Calls before() at the first step's begin and after() at each following one.

    Only the begin of a batch is listened to: a callback for its end makes `fit` read the loss at each step,
    which a training without such a callback does not do.
    """

    def __init__(self, before, after, sync):
        super().__init__()
        self._before, self._after, self._sync = before, after, sync

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            self._before()
            return
        self._sync()
        if self._after():
            self.model.stop_training = True


def wanted_jit(job):
    """Whether XLA shall compile. Unsupported for a mode of torch.compile."""
    if job["compile"] not in (None, "xla"):
        raise Unsupported("{} is a mode of torch.compile; TensorFlow has xla".format(job["compile"]))
    return job["compile"] == "xla"


def automatic(model):
    """What jit_compile="auto", the default of `compile`, would be for this model."""
    decide = getattr(model, "_resolve_auto_jit_compile", None)
    return bool(decide()) if decide is not None else False


def compiled(model, rule, jit):
    """`model.compile` with the optimiser of shapes.OPTIMISERS; fp16 gets a loss scaler from the policy."""
    if rule["name"] == "sgd":
        optimiser = keras.optimizers.SGD(rule["rate"], momentum=rule["momentum"])
    else:
        one, two = rule["betas"]
        optimiser = keras.optimizers.AdamW(
            rule["rate"], weight_decay=rule["decay"], beta_1=one, beta_2=two, epsilon=1e-8
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimiser, loss=loss, jit_compile=jit)
    # Else they are made while the step is traced, and TensorFlow traces it a second time.
    model.optimizer.build(model.trainable_variables)


def piped(inputs, targets):
    """Endless batches through tf.data."""
    parts = [tf.data.Dataset.from_tensor_slices(part).repeat() for part in (inputs, targets)]
    return tf.data.Dataset.zip(tuple(parts)).prefetch(tf.data.AUTOTUNE)


def resident(model, inputs, targets, place):
    """Endless numbers of batches, which lie in the memory of the device `place`; the model takes them there.

    So no copy from the host is measured, as in the workloads of torch.
    """
    with tf.device(place):
        inputs, targets = tf.constant(inputs), tf.constant(targets)
    train = model.train_step

    def train_step(number):
        return train((tf.gather(inputs, number % INPUTS), tf.gather(targets, number % TARGETS)))

    model.train_step = train_step
    return tf.data.Dataset.range(_FOREVER).prefetch(tf.data.AUTOTUNE)


def _batches(rows, number):
    """Rows as `number` batches: one axis more in front."""
    return rows.reshape((number, -1, *rows.shape[1:]))


def _pair(lesson, made):
    """(inputs, targets) of a lesson as arrays; images become channels-last."""
    values, wanted = made
    kind = "float32" if values.typecode == "f" else "int32"
    inputs = numpy.frombuffer(values, kind).reshape((-1, *lesson.shape))
    targets = numpy.frombuffer(wanted, "int32")
    if values.typecode == "i":
        targets = targets.reshape(inputs.shape)
    return (inputs.transpose(0, 2, 3, 1) if inputs.ndim == 4 else inputs), targets
