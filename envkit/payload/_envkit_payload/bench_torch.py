"""The torch side of `bench`: device, precision, optimiser, compilation, the training loop, memory.

Imported after torch was found and imported.
"""

import contextlib
import gc
import importlib
import itertools

import torch

from . import bench_torch_device as devices
from . import workloads
from .bench import Unsupported
from .workloads import flops, shapes

INPUTS, TARGETS = 4, 5
"""Batches that a workload turns through. Inputs and targets have different periods, so that they cannot be
learnt by heart: gradients would shrink to denormal numbers, with which a CPU is many times slower."""
IMAGES = ("cnn", "resnet50")


class Backend:
    """See bench.py."""

    def __init__(self, job, world):
        self.job, self.world = job, world
        self.device, self.notes = devices.pick(job["device"], world)
        if job["processes"] > 1:
            devices.share_cpus(job["processes"])
        devices.start(self.device, world)
        self.precision = job["precision"]
        devices.set_precision(self.precision)
        torch.manual_seed(job["seed"] + world.rank)

    def environment(self):
        """Fields of the "environment" line."""
        return devices.environment(self.device)

    def script(self, name):
        """The module of a workload."""
        return importlib.import_module("." + workloads.SCRIPTS["torch"][name], workloads.__name__)

    def limit(self, what):
        """A ceiling of this machine: fields of the "limit" line, or None."""
        return self.script(workloads.LIMITS[what]).limit(self, what)

    def batch(self, name, batch):
        """Batch size of one process."""
        if name not in shapes.SIZES:
            return batch
        own = batch or shapes.batch(name, self.job["scale"], self.device.type != "cpu")
        return max(1, own // self.world.size) if self.job["strong"] else own

    def work(self, name, batch, scale):
        """A workload that is ready to run."""
        if name not in workloads.TRAINING:
            return self.script(name).Work(self, batch, scale)
        devices.check_precision(self.precision, self.device)
        return Training(self, name, shapes.size(name, scale), self.batch(name, batch))

    def learn(self, lesson):
        """Losses of a lesson, one a step; always eager and alone.

        On a CPU with one thread: so small a model gains nothing by more, and where other programs run they
        would wait for each other at every operation.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._losses(lesson)
        finally:
            torch.set_num_threads(threads)

    def _losses(self, lesson):
        script = self.script(lesson.name)
        torch.manual_seed(self.job["seed"])
        model = script.build(lesson.size).to(self.device)
        batches = [devices.pair(lesson, one, self.device) for one in lesson.batches]
        step = trainer(self, script, model, optimiser(model, lesson.optimiser, False)[0])
        losses = [step(*batches[number % len(batches)]).detach() for number in range(lesson.steps)]
        return torch.stack(losses).float().cpu().tolist()

    def options(self, **real):
        """Fields of samples.Options, as it really runs."""
        job, world = self.job, self.world
        shown = {name: job[name] for name in ("framework", "precision", "compile", "workers", "scale")}
        shown.update(device=str(self.device), channels_last=False, fused=False)
        shown.update(nproc=world.local_size, nnodes=max(1, world.size // world.local_size))
        return dict(shown, **real)

    def event(self):
        return devices.event(self.device)

    def sync(self):
        devices.sync(self.device)

    def agree(self, number):
        """The number of rank 0."""
        if self.world.size == 1:
            return number
        shared = torch.tensor([number], dtype=torch.int64, device=self.device)
        torch.distributed.broadcast(shared, 0)
        return int(shared.item())

    def is_out_of_memory(self, error):
        return devices.is_out_of_memory(error)

    def peak_memory(self):
        return devices.peak_memory(self.device)

    def reset_peak(self):
        devices.reset_peak(self.device)

    def release(self):
        """Give memory back between workloads."""
        gc.collect()
        if self.job["compile"]:
            torch._dynamo.reset()
        devices.empty(self.device)


class Training:
    """One workload's training."""

    def __init__(self, backend, name, size, batch):
        script, device = backend.script(name), backend.device
        layout, notes = memory_format(name, backend.job)
        model = script.build(size).to(device).to(memory_format=layout)
        parameters = sum(one.numel() for one in model.parameters() if one.requires_grad)
        self._ddp = distributed(model, backend)
        model = compiled(self._ddp or model, backend.job["compile"])
        optimise, fused, said = optimiser(model, shapes.OPTIMISERS[name], backend.job["fused"])
        train = trainer(backend, script, model, optimise)
        made = [script.inputs(size, batch, device).contiguous(memory_format=layout) for _ in range(INPUTS)]
        inputs = itertools.cycle(made)
        targets = itertools.cycle([script.targets(size, batch, device) for _ in range(TARGETS)])
        self._last = None

        def step():
            self._last = train(next(inputs), next(targets))

        self.step, self.sync, self.model = step, backend.sync, model
        self.facts = {
            "batch_size": batch,
            "items": shapes.items(size, batch),
            "unit": size["unit"],
            "flops": flops.step(name, size, batch),
            "parameters": parameters,
            "options": backend.options(
                batch_size=batch, fused=fused, channels_last=layout is torch.channels_last
            ),
            "notes": notes + said,
        }

    def loss(self):
        """Of the last step."""
        return float(self._last)

    def no_sync(self):
        """Steps inside keep their gradients in this process."""
        return contextlib.nullcontext() if self._ddp is None else self._ddp.no_sync()


def memory_format(name, job):
    """(layout of a workload's model and inputs, notes)."""
    if not job["channels_last"]:
        return torch.contiguous_format, []
    if name in IMAGES:
        return torch.channels_last, []
    return torch.contiguous_format, ["channels_last: {} has no images".format(name)]


def trainer(backend, script, model, optimise):
    """One training step: (inputs, targets) -> loss. The same few lines that a person would write."""
    loss_of, zero, device = script.loss, optimise.zero_grad, backend.device.type
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(backend.precision)
    scaler = devices.scaler(backend.device) if backend.precision == "fp16" else None

    def full(inputs, targets):
        zero(set_to_none=True)
        loss = loss_of(model, inputs, targets)
        loss.backward()
        optimise.step()
        return loss

    def half(inputs, targets):
        zero(set_to_none=True)
        with torch.autocast(device, dtype=kind):
            loss = loss_of(model, inputs, targets)
        if scaler is None:
            loss.backward()
            optimise.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimise)
            scaler.update()
        return loss

    return full if kind is None else half


def optimiser(model, rule, fused):
    """(optimiser, whether it is fused, notes)."""
    parameters = model.parameters()
    if rule["name"] == "sgd":
        make, options = torch.optim.SGD, {"lr": rule["rate"], "momentum": rule["momentum"]}
    else:
        make = torch.optim.AdamW
        options = {"lr": rule["rate"], "betas": rule["betas"], "weight_decay": rule["decay"]}
    if fused:
        parameters = list(parameters)
        try:
            return make(parameters, fused=True, **options), True, []
        except (TypeError, RuntimeError) as error:
            note = "fused optimiser not available: {}".format(" ".join(str(error)[:200].split()))
            return make(parameters, **options), False, [note]
    return make(parameters, **options), False, []


def compiled(model, mode):
    """torch.compile in a mode; None = eager."""
    if mode is None:
        return model
    if mode == "xla":
        raise Unsupported(
            "jit_compile with XLA is TensorFlow's; torch has default, reduce-overhead, max-autotune"
        )
    if not hasattr(torch, "compile"):
        raise Unsupported("torch.compile needs torch 2.0; this is {}".format(torch.__version__))
    return torch.compile(model, mode=None if mode == "default" else mode)


def distributed(model, backend):
    """The model in DistributedDataParallel, or None in a single process."""
    if backend.world.size == 1:
        return None
    wrap = torch.nn.parallel.DistributedDataParallel
    return wrap(model, device_ids=[backend.device.index] if backend.device.type == "cuda" else None)
