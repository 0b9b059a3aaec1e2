"""Tier 1 for torch: one step with every operation looked at.

An operation whose result is not finite although what it was given was is where a fault begins. The first Inf
from finite values and the first NaN from values that are none are told apart, since an Inf may be meant (a
mask), and each later one names those it came from.
"""

import functools
import json
import sys

from .. import frames
from ..closures import closure_of
from ..copies.told import told
from ..eager import eager
from ..rows.followed import Rows, bound_arguments
from . import fields as fields_torch
from .batches import Told
from .events import Events, flat
from .marks import MASK, Marks
from .numpy_calls import Calls
from .places import Places
from .state import State
from .values import seen

_UNSET = (
    *("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided", "empty_permuted"),
    *("set_", "resize_"),
)
"""Operations whose results hold whatever was in memory."""
_COPIED = 1 << 22
"""Values of a tensor that are kept while an operation changes it."""
_FAULTS = 256
"""Operations that could not be looked at after which there is no use in going on."""


def _unseen(method):
    """What a method of ours computes is no operation of the script's."""

    @functools.wraps(method)
    def quiet(self, *args, **kwargs):
        self.quiet += 1
        try:
            return method(self, *args, **kwargs)
        finally:
            self.quiet -= 1

    frames.OURS.add(quiet.__code__)
    return quiet


class Armed:
    """Looks at the step that failed, in a copy of the process that then ends."""

    def __init__(self, torch, recorder, watch, done):
        """done: called with how it ended; may return where the run goes on."""
        self.torch = torch
        self.recorder = recorder
        self.watch = watch
        self.places = Places(torch)
        self.marks = Marks()
        self.rows = Rows(torch, watch, self.marks, self.places)
        self._events = Events(torch, recorder, watch, self.marks, self.rows, self.places)
        self.events = self._events.all
        self.bad_gradients = []
        self.reached = None
        """Number of the event from which a loss or a gradient has its NaN."""
        self._done = done
        self._over = False
        self._faults = 0
        self.quiet = 0
        """How many of our own methods run."""
        self._weighed = False
        self._batches = Told(torch, recorder, self.rows, self._events)
        self._hooks = []
        self._numpy = Calls(recorder)
        self._state = State(torch, recorder, watch)

    def begin(self):
        """Look at everything from here on."""
        torch = self.torch
        from torch.utils._python_dispatch import TorchDispatchMode

        looks = self

        class Look(TorchDispatchMode):
            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                return looks.called(function, args, kwargs or {})

        eager(torch)
        torch.autograd.set_detect_anomaly(True, check_nan=False)
        modules = torch.nn.modules.module
        self._hooks = [
            modules.register_module_forward_pre_hook(self._enter),
            modules.register_module_forward_hook(self._leave, always_call=True),
        ]
        self._call = plain = torch.nn.Module.__call__

        def call(module, *args, **kwargs):  # hooks for all modules are not told keywords
            if not looks.places.stack:
                looks.batch(module, args, kwargs)
            return plain(module, *args, **kwargs)

        frames.OURS.add(call.__code__)
        torch.nn.Module.__call__ = call
        self._state.before()
        self._numpy.begin()
        self._mode = Look()
        self._mode.__enter__()

    def _enter(self, module, inputs):
        if not self.places.stack:
            self.places.module(_outermost(torch=self.torch, module=module))
        self.places.enter(module)

    def _leave(self, module, inputs, output):
        self.places.leave()

    @_unseen
    def batch(self, module, args, kwargs):
        """What a model is given, unless it is what another one made of it."""
        for one in (*args, *kwargs.values()):
            if isinstance(one, (list, tuple)) and all(isinstance(each, self.torch.Tensor) for each in one):
                self.rows.listed(one)
        for number, one in enumerate(flat((args, kwargs))):
            if isinstance(one, self.torch.Tensor) and one.grad_fn is None:
                self.rows.given(one)
                self._batches.tell(one, type(module).__name__, number)

    def called(self, function, args, kwargs):
        """An operation of the framework: do it, and look at what came of it."""
        if self.quiet or self._over:
            return function(*args, **kwargs)
        try:
            before = self._before(function, args, kwargs)
        except Exception as error:
            before = self._fault(error)
        out = function(*args, **kwargs)
        try:
            self._looked(function, args, kwargs, out, before)
        except Exception as error:
            self._fault(error)
        return out

    def _fault(self, error):
        """An operation could not be looked at: some kinds of tensors answer no question."""
        self._faults += 1
        if self._faults == 1:
            self.recorder("unseen", error="{}: {}".format(type(error).__name__, str(error)[:200]))
        if self._faults >= _FAULTS:
            self.finish("fault: {}: {}".format(type(error).__name__, str(error)[:200]))
        return {}

    def _before(self, function, args, kwargs):
        """Of what an operation is going to change in place: a copy, whether NaN, whether Inf; by id."""
        if self._over or not (function._schema.is_mutable or "batch_norm" in str(function)):
            return {}
        torch, found = self.torch, {}
        for one in _changed(torch, function, args, kwargs):
            if one.is_floating_point() and one.layout is torch.strided and one.numel():
                copy = one.detach().clone() if one.numel() <= _COPIED else None
                found[id(one)] = (copy, bool(torch.isnan(one).any()), bool(torch.isinf(one).any()))
        return found

    def _looked(self, function, args, kwargs, out, before):
        torch, name = self.torch, str(function).split(".")[1]
        outs = [one for one in flat([out]) if isinstance(one, torch.Tensor)]
        changed = [one for one in _changed(torch, function, args, kwargs) if id(one) in before]
        outs += [one for one in changed if all(one is not each for each in outs)]
        if name.startswith(("_foreach", "_fused")):
            self._each(function, args, outs, before)
            return
        inputs = [one for one in flat((args, kwargs)) if isinstance(one, torch.Tensor)]
        bound = bound_arguments(function, args, kwargs)
        self.watch.indices.batches.touched(inputs)
        self.rows.meet(inputs)
        for batch, one in self.rows.taken():
            if batch.length > 1:
                self._batches.tell(one, None, 0)
        for one in outs:
            if id(one) not in before:
                self.marks.made(one, inputs).unset = name in _UNSET
        self.rows.follow(function, bound, inputs, outs)
        if name in _UNSET:
            return
        for one in outs:
            self._events.result(function, bound, inputs, one, before)
            self._epsilon(name, bound, one)

    def _each(self, function, args, outs, before):
        """An operation on lists of tensors: as many operations on one each."""
        torch = self.torch
        lists = [
            one for one in args if isinstance(one, (list, tuple)) and one and isinstance(one[0], torch.Tensor)
        ]
        for number, out in enumerate(outs):
            inputs = [one[number] for one in lists if number < len(one)]
            if id(out) not in before:
                self.marks.made(out, inputs)
            self._events.result(
                function, {"scalars": [one for one in args if isinstance(one, float)]}, inputs, out, before
            )

    def _epsilon(self, name, bound, out):
        """An epsilon that is zero in half precision."""
        torch = self.torch
        if out.dtype not in (torch.float16, torch.bfloat16) or not out.numel():
            return
        mark = self.marks.or_new(out)
        tiny = torch.finfo(out.dtype).smallest_normal / 1024  # about the smallest that is not zero
        numbers = [one for one in bound.values() if isinstance(one, float) and 0 < abs(one) < tiny]
        if numbers and name.rstrip("_") in ("add", "sub", "clamp", "clamp_min", "maximum"):
            mark.lost = numbers[0]
        source = bound.get("self")
        if name == "_to_copy" and isinstance(source, torch.Tensor) and source.is_floating_point():
            gone = (out == 0) & (source != 0)
            if gone.any():
                mark.lost = source[gone].abs().max().item()

    @_unseen
    def before_backward(self, loss):
        """A loss is about to be walked backwards."""
        torch = self.torch
        if self._over or not isinstance(loss, torch.Tensor):
            return
        self.weigh()
        if not torch.isfinite(loss.detach()).all():
            self._reach("loss", self.marks.origin(loss))
            self.finish("repeated")
        elif loss.grad_fn is not None:
            self.places.loss(loss.grad_fn)

    def before_step(self, optimizer, args, kwargs):
        """An update begins. Returns other arguments for it where a closure makes the gradients."""
        closure = closure_of(args, kwargs)
        if closure is None:
            self.gradients(one for group in optimizer.param_groups for one in group["params"])
            return None

        def looked_at(*given, **named):
            self.places.phase = "forward"
            out = closure(*given, **named)
            self.gradients(one for group in optimizer.param_groups for one in group["params"])
            return out

        frames.OURS.add(looked_at.__code__)
        if "closure" in kwargs:
            return args, dict(kwargs, closure=looked_at)
        return (args[0], looked_at, *args[2:]), kwargs

    @_unseen
    def gradients(self, parameters):
        """The gradients are there: where all are finite the update is looked at, too."""
        torch = self.torch
        bad, origins = [], []
        self.weigh()
        for number, one in enumerate(parameters):
            if (
                one.grad is not None
                and one.grad.layout is torch.strided
                and not torch.isfinite(one.grad).all()
            ):
                bad.append(dict(seen(torch, one.grad), number=number))
                origins.append(self.marks.origin(one.grad))
        self.bad_gradients = bad
        if bad:
            self.recorder("gradients", bad=bad[:16], count=len(bad))
            known = [one for one in origins if one is not None and one >= 0]
            self._reach("gradient", min(known) if known else None)
            self.finish("repeated")
        self.places.phase = "optimizer"

    def weigh(self):
        """Write down how large the weights are, once, before anything changes them."""
        if self._weighed:
            return
        self._weighed = True
        torch, found = self.torch, []
        weights = {id(one): one for each in self.watch.optimizers.values() for group in each.param_groups
                   for one in group["params"]}  # fmt: skip
        for one in weights.values():
            if one.is_floating_point() and one.numel():
                finite = one.detach()[torch.isfinite(one.detach())]
                largest = finite.abs().max().item() if finite.numel() else None
                found.append(
                    (largest or 0.0, self.places.names.get(id(one)), one.numel() - finite.numel(), largest)
                )
        found.sort(key=lambda one: (-one[2], -one[0]))
        self.recorder(
            "weights", largest=[{"name": name, "bad": bad, "max": most} for _, name, bad, most in found[:4]]
        )

    def _reach(self, what, origin):
        self.reached = None if origin in (None, MASK) else origin
        self.recorder("reached", what=what, event=self.reached)

    @_unseen
    def after_step(self, optimizer):
        """The update is done."""
        self._state.after_update(optimizer)
        self.finish("repeated")

    def end(self):
        """Look no further, where the run goes on."""
        self._mode.__exit__(None, None, None)
        self.torch.autograd.set_detect_anomaly(False)
        self.torch.nn.Module.__call__ = self._call
        for hook in self._hooks:
            hook.remove()
        self._numpy.end()

    def finish(self, state):
        """Say how it ended, and end this copy."""
        if self._over:
            return
        self._over = True
        first = self._root()
        events = sorted(self.events, key=lambda one: one["number"] != first)
        found = told(events, self._state, self._batches.bad, self.watch.step)
        if not self._events.fields:
            fields_torch.look(self.torch, self.recorder, found["rows"])
        self._done(json.dumps(dict(found, state=state)))

    def _root(self):
        """The event that the reached one comes from."""
        number = self.reached
        while number is not None and self.events[number]["from"]:
            number = self.events[number]["from"][0]
        return number


def _changed(torch, function, args, kwargs):
    """Tensors that an operation writes to, as its schema says, or as is known of it."""
    if "batch_norm" in str(function) and "backward" not in str(function):
        yield from (one for one in args[3:5] if isinstance(one, torch.Tensor))
        return
    for number, argument in enumerate(function._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[number] if number < len(args) else kwargs.get(argument.name)
            for one in flat([value]):
                if isinstance(one, torch.Tensor):
                    yield one


def _outermost(torch, module):
    """The largest module of which this one is a part, among those whose methods are running.

    A trainer calls methods of the person's module and never the module itself.
    """
    frame, found = sys._getframe(2), module
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, torch.nn.Module) and any(one is found for one in owner.modules()):
            found = owner
        frame = frame.f_back
    return found
