"""Tier 0 for torch: loss, gradient norm, learning rate of each step, and the trip when one is not finite.

Hooks are torch's own global ones, and one wrapper, of `torch.autograd.backward`, through which every loss
goes. On a CPU a value is read at once; on a device it would make the script wait, so it is kept there
and read some steps later.
"""

import importlib
import math
import os
import time

from . import frames
from .governor import Governor
from .loader_torch import Indices
from .timetravel import Travel

_PIECE = 0.5
"""Seconds between two lines of steps."""


def install(torch, recorder):
    """Watch what this process trains with torch from now on."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        travel = None  # a lone rank cannot repeat a step that all ranks do together
    else:
        travel = Travel(torch, recorder)
    watch = Watch(torch, recorder, travel)
    recorder("framework", name="torch", version=str(torch.__version__), threads=torch.get_num_threads())
    optimizer = importlib.import_module("torch.optim.optimizer")
    optimizer.register_optimizer_step_pre_hook(watch.guarded(watch.before_step))
    optimizer.register_optimizer_step_post_hook(watch.guarded(watch.after_step))
    _wrap_backward(torch, watch)
    _wrap_optimizer(optimizer.Optimizer, watch)
    recorder.endings.append(watch.end)


def _wrap_backward(torch, watch):
    plain = torch.autograd.backward
    seen = watch.guarded(watch.before_backward)

    def backward(*args, **kwargs):
        seen(args, kwargs)
        return plain(*args, **kwargs)

    backward.__wrapped__ = plain
    backward.__name__, backward.__doc__, backward.__module__ = "backward", plain.__doc__, plain.__module__
    frames.OURS.add(backward.__code__)
    torch.autograd.backward = backward


def _wrap_optimizer(kind, watch):
    plain = kind.__init__
    seen = watch.guarded(watch.optimizer_made)

    def __init__(self, *args, **kwargs):
        plain(self, *args, **kwargs)
        seen(self)

    __init__.__wrapped__ = plain
    frames.OURS.add(__init__.__code__)
    kind.__init__ = __init__


class Watch:
    """What was seen so far in this process. step: optimiser steps that are done."""

    def __init__(self, torch, recorder, travel):
        self.torch = torch
        self.recorder = recorder
        self.travel = travel
        self.step = 0
        self.backwards = 0
        self.tripped = None
        self.governor = Governor()
        self._losses = []
        self._norms = []
        self._rates = []
        self._ends = []
        self.usual_norms = []
        """Gradient norms of the first steps, for comparison."""
        self._first = 0
        self._last_line = time.monotonic()
        self._loss = None
        self.indices = Indices(torch)
        self.armed = None
        """In a copy that repeats a step: who looks at every operation."""
        self.trial = None
        """In a copy that runs on with a change: who says what became of it."""

    def guarded(self, function):
        """A hook whose own fault switches the watcher off and never reaches the script."""
        recorder, name = self.recorder, function.__name__

        def hook(*args, **kwargs):
            if not recorder.on:
                return
            try:
                function(*args, **kwargs)
            except Exception as error:
                recorder.fault(name, error)

        return hook

    def optimizer_made(self, optimizer):
        """The script made one, perhaps of a class of its own."""
        rate = optimizer.param_groups[0].get("lr")
        self.recorder(
            "optimizer",
            name=type(optimizer).__name__,
            rate=float(rate) if isinstance(rate, (int, float)) else None,
            stack=frames.users(),
        )

    def before_backward(self, args, kwargs):
        """The script asks for gradients: its loss is at hand."""
        start = time.perf_counter()
        tensors = args[0] if args else kwargs.get("tensors")
        tensors = (tensors,) if isinstance(tensors, self.torch.Tensor) else tuple(tensors or ())
        self.backwards += 1
        if tensors and tensors[0].numel() == 1:
            self._loss = value = tensors[0].detach()
            if value.device.type == "cpu":
                number = value.item()
                if self.trial is not None:
                    self.trial.seen("loss", number)
                if not math.isfinite(number):
                    self.trip("loss", number)
        self.governor.spent(time.perf_counter() - start)

    def before_step(self, optimizer, args, kwargs):
        """Gradients are there, the update is not."""
        start = time.perf_counter()
        if self.armed is not None:
            self.armed.before_step(optimizer)
            return
        norm = None
        if self.governor.due(self.step):
            norm = self._norm(optimizer)
            if self.trial is not None and norm is not None:
                self.trial.seen("gradient", norm)
            if norm is not None and not math.isfinite(norm):
                self.trip("gradient", norm)
        self._norms.append(norm)
        if norm is not None and len(self.usual_norms) < 512 and math.isfinite(norm):
            self.usual_norms.append(norm)
        self.governor.spent(time.perf_counter() - start)

    def after_step(self, optimizer, args, kwargs):
        """One update is done."""
        start = time.perf_counter()
        if self.armed is not None:
            self.armed.after_step(optimizer)
        if self.governor.always:  # on the way to the step that failed
            self._weights(optimizer)
        loss, self._loss = self._loss, None
        self._losses.append(None if loss is None else loss)
        self._rates.append(optimizer.param_groups[0].get("lr"))
        self._ends.append(start)
        self.step += 1
        if self.trial is not None:
            self.trial.after_step()
        if start - self._last_line > _PIECE or len(self._losses) >= 4096:
            self.flush()
        self.governor.spent(time.perf_counter() - start)
        self.governor.step_ended()
        if self.travel is not None:
            self.travel.step_ended(self)

    def _norm(self, optimizer):
        """Global norm of the gradients of an optimiser, or None when there are none or they are not dense."""
        torch = self.torch
        gradients = [
            one.grad
            for group in optimizer.param_groups
            for one in group["params"]
            if one.grad is not None and one.grad.layout is torch.strided
        ]
        if not gradients or gradients[0].device.type != "cpu":
            return None
        return torch.stack(torch._foreach_norm(gradients)).norm().item()

    def _weights(self, optimizer):
        weights = [one for group in optimizer.param_groups for one in group["params"]]
        if not all(self.torch.isfinite(one).all() for one in weights):
            if self.trial is not None:
                self.trial.end("broke", "weights")
            self.trip("weights", float("nan"))

    def trip(self, what, value):
        """Something is not finite: once in a run it is looked into."""
        if self.tripped is not None or self.armed is not None:
            return
        self.tripped = what
        self.flush()
        self.recorder("trip", what=what, value=repr(value), step=self.step)
        if self.travel is not None:
            self.travel.replay(self, self.step)

    def last_indices(self):
        """Dataset indices of the batch that is trained on, where a DataLoader gave it."""
        return self.indices.last()

    def flush(self):
        """Write the steps since the last line."""
        self._last_line = time.monotonic()
        if not self._ends:
            return
        losses = [None if one is None else float(one) for one in self._losses]
        self.recorder(
            "steps",
            first=self._first,
            loss=[one if one is None or math.isfinite(one) else repr(one) for one in losses],
            grad=[one if one is None or math.isfinite(one) else repr(one) for one in self._norms],
            lr=[float(one) if isinstance(one, (int, float)) else None for one in self._rates],
            ended=[round(one, 6) for one in self._ends],
        )
        self._first += len(self._ends)
        for kept in (self._losses, self._norms, self._rates, self._ends):
            kept.clear()

    def end(self, error):
        """The script is over."""
        if self.armed is not None:
            self.armed.finish("script ended")
        if self.trial is not None:
            if error is None:
                self.trial.end("survived")
            self.trial.end("crashed", "{}: {}".format(type(error).__name__, str(error)[:300]))
        self.flush()
        if self.tripped is None and error is not None and self.travel is not None:
            self.travel.replay(self, self.step)
        if self.travel is not None:
            self.travel.drop()
        self.recorder("watched", steps=self.step, backwards=self.backwards, **self.governor.report())
