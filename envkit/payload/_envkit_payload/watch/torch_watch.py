"""Tier 0 for torch: what is seen of each step, and the trip when a value that is trained on is not finite.

Hooks are torch's own global ones, and one wrapper, of `torch.autograd.backward`, through which every loss
goes. On a CPU a value is read at once; on a device it would make the script wait, so it is kept there
and read some steps later. A step ends with an optimiser's update; in a script that changes its weights by
hand, with the backward pass.
"""

import math
import time
import weakref

from . import frames, signals
from .closures import closure_of
from .rows.loader import Indices
from .speed.phases import Phases
from .speed.torch_speed import Speed
from .tier0 import ring as tier0_ring
from .tier0 import scaler as tier0_scaler
from .tier0.doubt import Doubt
from .tier0.evaluation import Evaluation
from .tier0.governor import Governor
from .tier0.made import Made
from .tier0.norms import Norms
from .tier0.ring import Ring
from .tier0.steps import Course, written
from .tier0.trips import Trips
from .tier0.unseen import Unseen
from .tier0.wide import Wide

_UNSEEN, _NO_MORE = 64, 1024
"""Backward passes without an update after which a script changes weights by hand: one whose optimiser never
made an update, one whose optimiser did."""


class Watch(Trips):
    """What was seen so far in this process. step: steps that are done."""

    def __init__(self, torch, recorder, travel):
        self.torch = torch
        self.recorder = recorder
        self.travel = travel
        self.step = 0
        self.backwards = 0
        self.tripped = None
        self.governor = Governor()
        self.doubt = Doubt()
        self.norms = Norms(torch)
        self.course = Course(recorder)
        self.ring = Ring(torch, self._arrived)
        self.wide = Wide(torch, self)
        self.evaluation = Evaluation(torch)
        self.usual_norms = []
        """Gradient norms of the first steps, for comparison."""
        self.phases = Phases()
        self.speed = Speed(torch, recorder, self)
        self.indices = Indices(torch, self.speed.loaders)
        self.made = Made(torch)
        self.armed = None
        """In a copy that repeats a step: who looks at every operation."""
        self.trial = None
        """In a copy that runs on with a change: who says what became of it."""
        self.backward_at = -1
        """The step in which the newest gradients were made: several optimisers may use them, a step each."""
        self.settled = True
        """Whether the next step begins with gradients of its own, as far as is known."""
        self.within = None
        """The optimiser in whose update, with a closure, the script is."""
        self.by_hand = True
        """Whether the script changes its weights without an optimiser, as far as was seen."""
        self.optimizers = weakref.WeakValueDictionary()
        """Optimisers that made an update, by id: their weights, for the check of a copy."""
        self.plain = False
        """Whether the steps until `full_at` are looked at in short."""
        self.full_at = 0
        self.since_update = 0
        self.loss = self.clip = None
        """Of this step: its loss, and the norm of the gradients before the script clipped them."""
        self._full = self._new_at = 0
        self._previous = None
        self._leads = set()
        """Optimisers after which another one makes its update of the same gradients, by id."""
        self._late = []
        self._unscaled = self._scale = None
        self._norm = self._bad = None
        self._looked = 0.0
        self._leaves = ()
        self._doubted = []
        """The gradients of a loss in doubt, with their versions."""
        self._streak = 0

    def guarded(self, function):
        """A hook whose own fault switches the watcher off and never reaches the script."""
        recorder, name = self.recorder, function.__name__
        compiling = getattr(getattr(self.torch, "compiler", None), "is_compiling", bool)
        dispatched = getattr(self.torch._C, "_len_torch_dispatch_stack", bool)
        asked = getattr(self.torch._C, "_len_torch_function_stack", bool)
        unseen = Unseen(self.torch)

        def hook(*args, **kwargs):
            if compiling() or not recorder.on:  # (its compiler knows the first)
                return None
            try:
                if dispatched() or asked():
                    with unseen():
                        return function(*args, **kwargs)
                return function(*args, **kwargs)
            except Exception as error:
                if signals.raised(error):
                    raise
                recorder.fault(name, error)
                return None

        unseen.never_compiled(hook)
        return hook

    def optimizer_made(self, optimizer):
        """The script made one, perhaps of a class of its own."""
        start = time.thread_time()
        rate = optimizer.param_groups[0].get("lr")
        self.recorder(
            "optimizer",
            name=type(optimizer).__name__,
            rate=float(rate) if isinstance(rate, (int, float)) else None,
            stack=frames.users(),
        )
        self.by_hand = self.plain = False
        self.norms.baseline(optimizer)
        if self.travel is not None and self.step == 0:
            self.travel.first(self)  # the first step may be the one that fails
        if self.step == 0:
            self.governor.install += time.thread_time() - start

    def scaled(self, outputs, out):
        """A loss scaler multiplied a loss."""
        self.speed.survey.scales = True
        if isinstance(outputs, self.torch.Tensor) and out is not outputs:
            self._unscaled = (id(out), outputs.detach())
            self.plain = False

    def clipped(self, norm):
        """The script clipped its gradients, whose norm was this."""
        if isinstance(norm, self.torch.Tensor) and norm.numel() == 1:
            self.clip = norm.detach()

    def before_backward(self, tensors):
        """The script asks for gradients: its loss is at hand."""
        start = time.thread_time()
        self.governor.training()
        self.backwards += 1
        if self.speed.survey.on:
            self.speed.backward(tensors)
        self.backward_at = self.step
        self.since_update += 1
        if not self.by_hand and self.since_update > (_NO_MORE if self.optimizers else _UNSEEN):
            self.by_hand = True
        loss = tensors
        if isinstance(loss, (list, tuple)) and loss:
            loss = loss[0]
        given = loss
        unscaled, self._unscaled = self._unscaled, None
        if unscaled is not None and unscaled[0] == id(loss):
            loss = unscaled[1]
        if self.armed is not None:
            self.armed.before_backward(loss)
        if type(loss) is self.torch.Tensor and loss.numel() == 1:
            self._see_loss(loss)
        if self.governor.always and self.by_hand and isinstance(loss, self.torch.Tensor):
            self._leaves = self.norms.leaves(given)
        self.governor.spent(time.thread_time() - start)

    def _see_loss(self, loss):
        if not loss.is_cpu:
            self.loss = None
            self.plain = False
            self._on_device()
            self.ring.put(self.step, "loss", loss)
            return
        self.loss = number = loss.item()
        if self.trial is not None and self.within is None:
            self.trial.seen("loss", number)
        if self.tripped is not None:  # it is known
            return
        found = self.doubt.loss(number, self.step, self.by_hand, self._gathers)
        if self.doubt.held is not None:
            self.plain = False
        if found is not None:
            self.trip(*found)

    def _gathers(self):
        """Whether the gradients of the loss in doubt are still there: the next ones are added to them."""
        return any(one() is not None and one()._version == version for one, version in self._doubted)

    def _in_doubt(self):
        """A loss in doubt has its gradients: remember them, whose version changes when they are zeroed."""
        known = (one for optimizer in self.optimizers.values() for one in self.norms.gradients(optimizer))
        self._doubted = [(weakref.ref(one), one._version) for one in known]

    def _on_device(self):
        """The script trains on a device: it is asked rarely, and its process is not forked."""
        self.governor.least = tier0_ring.EVERY
        if self.travel is not None:
            self.travel.on_device = True

    def after_backward(self):
        """The gradients are there: in a script without optimiser, or within an update that makes them."""
        if self.within is not None:
            self._gradients(self.within)
            self.wide.before_step(self.within)
        elif not self.by_hand:
            self._in_doubt()
        else:
            start = time.thread_time()
            if self.armed is not None:
                self.armed.gradients(self._leaves)
            if self.governor.always:
                grads = [one.grad for one in self._leaves if one.grad is not None]
                if not self.norms.finite(grads) or not self.norms.finite(self._leaves):
                    self.trip("gradient", float("nan"), self.step)
                self._leaves = ()
            self.ring.taken(self.step)
            self._step_done(None, start)

    def before_step(self, optimizer, args, kwargs):
        """Gradients are there, the update is not; with a closure, which makes them, neither is."""
        self.within = None if closure_of(args, kwargs) is None else optimizer
        if self.armed is not None:
            return self.armed.before_step(optimizer, args, kwargs)
        if self.within is None:
            if getattr(optimizer, "found_inf", None) is None:
                # (else a scaler lets the optimiser itself decide)
                found = self.doubt.update()
                if found is not None:
                    self.trip(*found)
                self.ring.taken(self.step)
                self._gradients(optimizer)
            self.wide.before_step(optimizer)
        return None

    def _gradients(self, optimizer):
        """Look at the gradients that an update is made of."""
        start = time.thread_time()
        if self.governor.due(id(optimizer), self.step):
            grads = self.norms.gradients(optimizer)
            norm = self.norms.norm(grads)
            if norm is not None and norm.device.type != "cpu":
                self._on_device()
                self.ring.put(self.step, "gradient", norm)
            elif norm is not None:
                self._norm = number = norm.item()
                if not math.isfinite(number) and self.tripped is None and not self.norms.finite(grads):
                    self._bad = number
                elif len(self.usual_norms) < 512 and math.isfinite(number):
                    self.usual_norms.append(number)
            self._looked = time.thread_time() - start
            self.governor.looked(self._looked)
        self.governor.spent(time.thread_time() - start)

    def after_step(self, optimizer, args, kwargs):
        """One update is done."""
        start = time.thread_time()
        closure = closure_of(args, kwargs) is not None
        self.within, self.by_hand, self.since_update = None, False, 0
        if self.optimizers.get(id(optimizer)) is not optimizer:
            self.optimizers[id(optimizer)] = optimizer
            self._new_at = self.step
        if self.armed is not None:
            self.armed.after_step(optimizer)
        if closure:
            if self.trial is not None and self.loss is not None:
                self.trial.seen("loss", self.loss)
            found = self.doubt.update()
            if found is not None:
                if self.norms.finite(self.norms.weights(optimizer)):
                    self.doubt.thrown()  # a line search tried this point, and went back
                else:
                    self.trip(*found)
        if self._bad is not None or self.governor.always:
            self._weights(optimizer)
        self.wide.after_step(optimizer)
        left_out = _is_true(getattr(optimizer, "found_inf", None))  # where the optimiser itself decides
        if left_out:
            self._left_out()
        else:
            self._streak = 0
        self._step_done(optimizer, start, skipped=left_out or None)

    def scaler_stepped(self, scaler, optimizer, before):
        """A loss scaler is done with a step, which it may have left out. before: the step it began with."""
        self._scale = tier0_scaler.scale_of(scaler)
        if self.step == before:
            start = time.thread_time()
            if self.armed is not None:
                self.armed.finish("repeated")
            self.wide.left_out()
            self._left_out()
            self._step_done(optimizer, start, skipped=True)

    def _left_out(self):
        """A scaler made no update of the newest gradients."""
        self.doubt.thrown()
        self._streak += 1
        if self._scale is not None and self._scale <= tier0_scaler.USED_UP:
            if self.trial is not None:
                self.trial.seen("gradient", float("nan"))
            self.trip("gradient", float("nan"), self.step)

    def _step_done(self, optimizer, start, skipped=None):
        rate = None if optimizer is None else optimizer.param_groups[0].get("lr")
        now = time.perf_counter()
        times = self.phases.step()
        self.course.kept.append((self.loss, self._norm, rate, now, self._scale, self.clip, skipped, times))
        self.loss = self._norm = self._bad = self.clip = None
        if self.backward_at != self.step and self._previous is not None:
            self._leads.add(self._previous)
        self._previous = id(optimizer)
        self.settled = self._previous not in self._leads
        self.step += 1
        if self.trial is not None:
            self.trial.after_step()
        looked, self._looked = self._looked, 0.0
        steps, self._full = self.step - self._full, self.step
        if self.course.due(now):
            self.flush()
        self.ring.steps_ended(steps)
        if optimizer is not None and self.tripped is None and self.governor.wide_due(self.step):
            self.wide.begin()
        if not self.speed.survey.done:
            self.speed.step_done()
        self.governor.steps_ended(time.process_time(), steps, time.thread_time() - start, looked)
        if self.travel is not None:
            self.travel.step_ended(self, steps)
        self._plainly(optimizer)

    def _plainly(self, optimizer):
        """Whether the next steps are looked at in short, and how many."""
        ordinary = (
            self.trial is None
            and self.armed is None
            and optimizer is not None
            and self.within is None
            and self._scale is None
            and self.doubt.held is None
            and not self.governor.always
            and not self.wide.on
            and not self.speed.survey.on
            # Each optimiser that takes part is seen, and which of them is seen in full changes.
            and self.step > self._new_at + 2 * len(self.optimizers)
        )
        if ordinary:
            self.full_at = self.step + self.governor.stride(len(self.optimizers)) - 1
        self.plain = ordinary and self.full_at > self.step

    def last_indices(self):
        """Dataset indices of the batch that is trained on, where a DataLoader gave it."""
        return self.indices.last()

    def flush(self):
        """Write the steps since the last line."""
        self.course.flush()
        late, self._late = self._late, []
        if late:
            self.recorder("late", values=[[step, what, written(value)] for step, what, value in late])

    def end(self, error):
        """The script is over."""
        if self.armed is not None:
            self.armed.finish("repeated" if self.armed.events else "script ended")
        if self.trial is not None:
            if error is None:
                self.trial.end("survived", "end")
            self.trial.end("crashed", "{}: {}".format(type(error).__name__, str(error)[:300]))
        if self.travel is not None:
            self.travel.over(error)
        self.ring.finish()
        found = self.doubt.end()
        given_up = None if self.tripped is not None else self._unlearned(error)
        if found is not None:
            self.trip(*found)
        elif given_up is not None:
            self.trip("loss", given_up, self.step)
        elif self._streak >= tier0_scaler.STREAK:
            self.trip("gradient", float("nan"), self.step - 1)
        elif self.travel is not None and self.travel.possible() and not self.sound():
            self.unsound()
        self.flush()
        if self.tripped is None and error is not None and self.travel is not None:
            self.travel.replay(self, self.step, "error")
        if self.travel is not None:
            self.travel.drop()
        self.recorder("watched", steps=self.step, backwards=self.backwards, **self.governor.report())


def _is_true(tensor):
    """What a tensor of a CPU says; False of others."""
    return tensor is not None and tensor.device.type == "cpu" and bool(tensor.item())
