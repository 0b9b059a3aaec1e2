"""Models that train well and give nothing but NaN once they are evaluated, as running statistics went bad."""

import time
import weakref

from .. import weave

_CALLS = 4
"""Calls of a model that are looked at after each `eval()`."""
_OTHERS = 4096
"""Calls of any module after which that ends, too."""
_SHARE = 0.002
"""Of all time that setting up may take."""
_HELD = 30.0
"""Seconds that a copy is kept from before a buffer went bad, for an evaluation that may tell."""


class Evaluation:
    """Looks at what models give in evaluation, and at their buffers where a copy is renewed."""

    def __init__(self, torch):
        self.torch = torch
        self._owners = weakref.WeakSet()
        """Modules that registered buffers."""
        self._known = weakref.WeakKeyDictionary()
        """Names of buffers that are NaN and were so before, by module."""
        self._since = None
        self._next = 0.0

    def install(self, watch):
        """Be told of each buffer and of each `eval()`."""
        kind = self.torch.nn.Module
        owners, evaluated = self._owners, watch.guarded(self._evaluated)
        owned = watch.guarded(owners.add)
        weave.around(kind, "register_buffer", before=lambda module, *_: owned(module))
        weave.around(kind, "eval", before=lambda module: evaluated(watch, module))

    def _evaluated(self, watch, module):
        """The script is going to evaluate a model."""
        start = time.perf_counter()
        if start < self._next or watch.tripped is not None or not watch.backwards or compiled():
            return
        left = [_CALLS, _OTHERS]
        look = watch.guarded(self._output)

        def hook(called, inputs, output):
            left[0] -= called is module
            left[1] -= 1
            if min(left) <= 0 or module.training:
                handle.remove()
            if called is module and not module.training:
                look(watch, inputs, output)

        # One of the module's own would be saved and copied with it.
        handle = self.torch.nn.modules.module.register_module_forward_hook(hook)
        took = time.perf_counter() - start
        watch.governor.spent(took)
        self._next = start + took / _SHARE

    def _output(self, watch, inputs, output):
        start = time.thread_time()
        torch = self.torch
        out = next(_floats(torch, output), None)
        if out is not None and out.device.type == "cpu" and out.flatten()[0].isnan().item():
            given = _floats(torch, inputs)
            # Rows of padding may be NaN in a correct program, but not all that a model says.
            if torch.isnan(out).all() and all(bool(torch.isfinite(one).all()) for one in given):
                watch.trip("evaluation", float("nan"), watch.step)
        watch.governor.spent(time.thread_time() - start)

    def buffers_sound(self):
        """Whether no buffer became NaN since it was seen first; one that stays so is no news later."""
        bad = self._new()
        if not bad:
            self._since = None
            return True
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if now - self._since < _HELD:
            return False
        for module, name in bad:
            self._known[module].add(name)
        return True

    def became_bad(self):
        """Whether a buffer became NaN: for the way to a step that is repeated."""
        return bool(self._new())

    def _new(self):
        torch, bad = self.torch, []
        for module in list(self._owners):
            first = module not in self._known
            known = self._known.setdefault(module, set())
            for name, one in module._buffers.items():
                if type(one) is not torch.Tensor or not one.is_floating_point() or one.device.type != "cpu":
                    continue
                if name not in known and one.numel() and torch.isnan(one.detach().sum()).item():
                    # inf - inf is NaN, too: masks.
                    if torch.isnan(one).any():
                        if first:
                            known.add(name)
                        else:
                            bad.append((module, name))
        return bad


def compiled():
    """Whether torch.compile compiled something: a new hook would make it do so again."""
    import sys

    utils = sys.modules.get("torch._dynamo.utils")
    counters = getattr(utils, "counters", None)
    return bool(counters) and bool(counters.get("frames"))


def _floats(torch, value, depth=3):
    """Tensors of floating-point numbers in what a module is given or gives."""
    if type(value) is torch.Tensor:
        if value.is_floating_point() and value.numel() and value.layout is torch.strided:
            yield value
    elif depth and isinstance(value, (list, tuple)):
        for one in value[:8]:
            yield from _floats(torch, one, depth - 1)
    elif depth and isinstance(value, dict):
        for one in list(value.values())[:8]:
            yield from _floats(torch, one, depth - 1)
