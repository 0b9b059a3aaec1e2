"""What weights, buffers and optimisers hold before and after the update of the step that is looked at."""

import gc
import math

from .. import frames
from .values import seen

_MOST = 16


class State:
    """Looks at what outlives a step, in a copy of the process."""

    def __init__(self, torch, recorder, watch):
        self._torch = torch
        self._recorder = recorder
        self._watch = watch
        self.spoilt = []
        """Names of parameters and buffers that were bad before the step."""
        self.update = False
        """Whether the update made weights bad of gradients that were finite."""
        self.half = False
        """Whether a parameter is held in float16 or bfloat16."""

    def before(self):
        """Look at everything before the step."""
        found, every = [], 0
        for name, one, kind in named(self._torch):
            every += 1
            self.half = self.half or one.dtype in (self._torch.float16, self._torch.bfloat16)
            told = self._told(name, one, kind)
            if told is not None:
                found.append(told)
        self.spoilt = [one["name"] for one in found if one["part"] != "optimizer"]
        if found:
            self._recorder("state", step=self._watch.step, bad=found[:_MOST], count=len(found), of=every)

    def _told(self, name, one, kind):
        torch = self._torch
        if not one.is_floating_point() or not one.numel() or one.layout is not torch.strided or one.is_meta:
            return None
        made = getattr(self._watch, "made", None)
        untouched = made.untouched(one) if made is not None and kind != "optimizer" else None
        bad = not torch.isfinite(one).all()
        if not bad and not (untouched is not None and _strange(torch, one)):
            return None
        return dict(seen(torch, one), name=name, part=kind, untouched=untouched)

    def after_update(self, optimizer):
        """Look at what an update made of gradients that were finite."""
        torch = self._torch
        names = {id(one): name for name, one, _ in named(torch)}
        for group in optimizer.param_groups:
            for number, one in enumerate(group["params"]):
                if one.grad is None or one.is_complex() or one.grad.is_sparse:
                    continue
                bad = ~torch.isfinite(one)
                if not bad.any() or not torch.isfinite(one.grad).all():
                    continue
                self.update = True
                rate = group.get("lr")
                self._recorder(
                    "update", step=self._watch.step, optimizer=type(optimizer).__name__,
                    name=names.get(id(one), "parameter {}".format(number)), dtype=_dtype(one),
                    bad=int(bad.sum()), of=one.numel(), unmoved=int((bad & (one.grad == 0)).sum()),
                    eps=group.get("eps"), rate=None if rate is None else float(rate),
                    gradient=float(one.grad.detach().abs().max()), stack=frames.users(),
                )  # fmt: skip
                return


def named(torch):
    """(name, tensor, kind) of parameters, buffers and what optimisers keep, of all models, once each."""
    objects = gc.get_objects()
    modules = [one for one in objects if _is(one, torch.nn.Module)]
    parts = {id(part) for one in modules for part in one.children()}
    known = set()
    for root in [one for one in modules if id(one) not in parts]:
        for kind, every in (("parameter", root.named_parameters()), ("buffer", root.named_buffers())):
            for name, one in every:
                if id(one) not in known:
                    known.add(id(one))
                    yield name, one, kind
    for optimizer in [one for one in objects if _is(one, torch.optim.Optimizer)]:
        for number, one in enumerate(part for group in optimizer.param_groups for part in group["params"]):
            if id(one) not in known:
                known.add(id(one))
                yield "{} parameter {}".format(type(optimizer).__name__, number), one, "parameter"
        for state in optimizer.state.values():
            for name, value in state.items() if isinstance(state, dict) else ():
                if isinstance(value, torch.Tensor) and value.dim():
                    yield "{} {}".format(type(optimizer).__name__, name), value, "optimizer"


def _is(one, kind):
    try:
        return issubclass(type(one), kind)
    except Exception:  # a proxy that answers questions about its class with an error
        return False


def _strange(torch, one):
    """Whether values are such as no initialisation gives: their squares overflow, or they are subnormal."""
    size = one.detach().abs()
    info = torch.finfo(one.dtype)
    return bool((size > math.sqrt(info.max)).any() or ((size > 0) & (size < info.tiny)).any())


def _dtype(one):
    return str(one.dtype).replace("torch.", "")
