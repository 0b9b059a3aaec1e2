"""A wide step, now and then: gradient, weight and update of each layer, what layers give, what the batch is.

Hooks of modules are there for that step only. Of large tensors a part is looked at, evenly spread.
"""

import time

from .evaluation import _floats, compiled

_PART = 1 << 16
"""Values of a tensor that are looked at."""
_LAYERS = 48
"""Parameters, and modules, of a step."""
_BATCH = 8


class Wide:
    """Begins a step, is told of it, and writes a line at its end."""

    def __init__(self, torch, watch):
        self.torch = torch
        self.watch = watch
        self.on = False
        self._handles = []
        self._names = {}
        self._seconds = 0.0
        self._begun = None
        self._modules = 0
        self._clear()

    def _clear(self):
        self._depth = 0
        self._count = 0
        self._outputs = []
        self._inputs = []
        self._before = None

    def begin(self):
        """The next step is a wide one. Only where nothing is compiled: a hook would compile it anew."""
        if self.watch.governor.always or self.watch.armed is not None:
            return
        self._clear()
        self.on, self._seconds = True, 0.0
        if compiled():
            return
        module = self.torch.nn.modules.module
        enter, leave = self.watch.guarded(self._enter), self.watch.guarded(self._leave)
        self._handles = [
            module.register_module_forward_pre_hook(lambda *given: enter(*given)),
            module.register_module_forward_hook(lambda *given: leave(*given)),
        ]

    def _enter(self, module, inputs):
        start = time.thread_time()
        self._depth += 1
        if self._depth == 1 and len(self._inputs) < _BATCH:
            if self.torch.is_grad_enabled():
                for name, one in module.named_parameters():
                    self._names.setdefault(id(one), name)
            given = [(type(module).__name__, at, one) for at, one in enumerate(_tensors(self.torch, inputs))]
            self._inputs += given
            self.watch.speed.saw(module, given)
        self._seconds += time.thread_time() - start

    def _leave(self, module, inputs, output):
        start = time.thread_time()
        self._depth = max(0, self._depth - 1)
        if self.torch.is_grad_enabled() and next(module.children(), None) is None:
            self._count += 1
            every = max(1, -(-self._modules // _LAYERS))
            if self._count % every == 0 and len(self._outputs) < _LAYERS:
                out = next(_floats(self.torch, output), None)
                if out is not None and out.device.type == "cpu":
                    self._outputs.append((type(module).__name__, self._count - 1, self._sketch(out)))
        self._seconds += time.thread_time() - start

    def _part(self, tensor):
        flat = tensor.detach().reshape(-1)
        return flat[:: -(-flat.numel() // _PART)] if flat.numel() > _PART else flat

    def _sketch(self, out):
        """Mean, deviation, share of zeros, share at the ends of its own range (tanh, sigmoid), largest."""
        torch = self.torch
        with torch.no_grad():
            part = self._part(out).float()
            large = part.abs()
            deviation = part.std(unbiased=False)
            top = large.max()
            ends = (large > 0.99).float().mean()
            return torch.stack([part.mean(), deviation, (part == 0).float().mean(), ends, top])

    def before_step(self, optimizer):
        """The gradients are there."""
        if not self.on:
            return
        start = time.thread_time()
        torch = self.torch
        self._remove()
        chosen = [
            (group, place, one)
            for group, groups in enumerate(optimizer.param_groups)
            for place, one in enumerate(groups["params"])
            if type(one.grad) is torch.Tensor and one.grad.layout is torch.strided and one.numel()
        ]
        chosen = chosen[:: -(-len(chosen) // _LAYERS)] if chosen else []
        if chosen and all(one.device.type == "cpu" for _, _, one in chosen):
            with torch.no_grad():
                weights = [self._part(one).float() for _, _, one in chosen]
                self._before = (
                    chosen,
                    [one.clone() for one in weights],
                    [self._part(one.grad).float() for _, _, one in chosen],
                )
                self._gradients = torch._foreach_norm(self._before[2])
                self._weights = torch._foreach_norm(self._before[1])
        self._seconds += time.thread_time() - start

    def after_step(self, optimizer):
        """The update is done: write the line."""
        if not self.on:
            return
        start = time.thread_time()
        self.on = False
        self._remove()
        self._modules = self._count
        self.watch.recorder(
            "wide",
            step=self.watch.step,
            parameters=self._parameters(),
            activations=[[name, place, *map(_short, one.tolist())] for name, place, one in self._outputs],
            inputs=[self._input(*one) for one in self._inputs[:_BATCH]],
        )
        self._clear()
        self._done(self._seconds + time.thread_time() - start)

    def left_out(self):
        """The step made no update."""
        if self.on:
            self.on = False
            self._remove()
            self._clear()
            self._done(self._seconds)

    def _done(self, seconds):
        self.watch.governor.wide_done(self.watch.step, seconds)

    def _parameters(self):
        if self._before is None:
            return []
        torch = self.torch
        chosen, weights, _ = self._before
        with torch.no_grad():
            after = [self._part(one).float() for _, _, one in chosen]
            updates = torch._foreach_norm(torch._foreach_sub(after, weights))
            rows = torch.stack([torch.stack(list(one)) for one in (self._gradients, self._weights, updates)])
        found = []
        for (group, place, one), weight, row in zip(chosen, weights, rows.t().tolist()):
            root = weight.numel() ** 0.5
            name = self._names.get(id(one), "{}.{}".format(group, place))
            found.append([name, *(_short(norm / root) for norm in row)])
        self._names.clear()
        return found

    def _input(self, model, place, tensor):
        found = {
            "model": model,
            "argument": place,
            "shape": list(tensor.shape),
            "dtype": str(tensor.dtype).replace("torch.", ""),
        }
        if tensor.device.type == "cpu" and tensor.numel() and not tensor.is_complex():
            with self.torch.no_grad():
                part = self._part(tensor).float()
                values = [part.min(), part.max(), part.mean(), part.std(unbiased=False)]
                found.update(
                    zip(("min", "max", "mean", "std"), map(_short, self.torch.stack(values).tolist()))
                )
        return found

    def _remove(self):
        for handle in self._handles:
            handle.remove()
        self._handles = []


def _tensors(torch, value, depth=3):
    if type(value) is torch.Tensor:
        if value.layout is torch.strided:
            yield value
    elif depth and isinstance(value, (list, tuple)):
        for one in value[:8]:
            yield from _tensors(torch, one, depth - 1)
    elif depth and isinstance(value, dict):
        for one in list(value.values())[:8]:
            yield from _tensors(torch, one, depth - 1)


def _short(value):
    """Six digits; what is not finite as text."""
    return float("{:.6g}".format(value)) if value * 0 == 0 else repr(value)
