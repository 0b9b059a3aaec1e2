"""Tier 1 for torch: one step with every operation looked at.

An operation whose result is not finite although what it was given was is where a fault begins. The first Inf
from finite values and the first NaN from values that are none are told apart, since an Inf may be meant (a
mask), and each later one names those it came from.
"""

import json
import re

from . import frames
from .values import at, seen

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
_UNSET = ("aten.empty", "aten.new_empty", "aten.set_", "aten.resize_")
"""Operations whose results hold whatever was in memory."""
_MOST = 64
"""Events kept."""


class Armed:
    """Looks at the step that failed, in a copy of the process that then ends."""

    def __init__(self, torch, recorder, watch, done):
        """done: called with how it ended; does not return."""
        self.torch = torch
        self.recorder = recorder
        self.watch = watch
        self.events = []
        self._done = done
        self._origin = {}
        self._kept = []
        self._rows = []
        self._phase = "forward"
        self._modules = {}

    def begin(self):
        """Look at everything from here on."""
        torch = self.torch
        from torch.utils._python_dispatch import TorchDispatchMode

        looks = self

        class Look(TorchDispatchMode):
            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                out = function(*args, **(kwargs or {}))
                try:
                    looks.operation(function, args, kwargs or {}, out)
                except Exception as error:
                    looks.finish("fault: {}: {}".format(type(error).__name__, str(error)[:200]))
                return out

        if hasattr(torch, "compiler") and hasattr(torch.compiler, "set_stance"):
            torch.compiler.set_stance("force_eager")
        torch.autograd.set_detect_anomaly(True, check_nan=False)
        torch.nn.modules.module.register_module_forward_pre_hook(self._enter)
        torch.nn.modules.module.register_module_forward_hook(self._leave, always_call=True)
        self._stack = []
        self._mode = Look()
        self._mode.__enter__()

    def _enter(self, module, inputs):
        if not self._stack:
            self._names(module)
            self.batch(module, inputs)
        self._stack.append(self._modules.get(id(module), type(module).__name__))

    def _leave(self, module, inputs, output):
        if self._stack:
            self._stack.pop()

    def _names(self, root):
        for name, module in root.named_modules():
            self._modules.setdefault(id(module), name or type(root).__name__)

    def batch(self, module, inputs):
        """What a model is given, unless it is what another one made of it."""
        if any(event["born"] for event in self.events):
            return
        for number, one in enumerate(inputs):
            if isinstance(one, self.torch.Tensor) and one.grad_fn is None:
                bad = None
                if one.is_floating_point() and one.numel() and not self.torch.isfinite(one).all():
                    bad = self._bad_rows(~self.torch.isfinite(one))
                self.recorder(
                    "batch", model=type(module).__name__, argument=number, bad=bad, **seen(self.torch, one)
                )

    def operation(self, function, args, kwargs, out):
        """One operation of the framework is done."""
        torch, name = self.torch, str(function)
        outs = [one for one in _flat(out) if isinstance(one, torch.Tensor)]
        inputs = [one for one in _flat((args, kwargs)) if isinstance(one, torch.Tensor)]
        self._trace_rows(name, args, inputs, outs)
        if name.startswith(_UNSET):
            return
        for one in outs:
            if one.is_floating_point() and one.layout is torch.strided and one.numel():
                if not torch.isfinite(one).all():
                    self._not_finite(function, name, args, inputs, one)
            if one.is_complex() and one.numel() and not torch.isfinite(torch.view_as_real(one)).all():
                self._not_finite(function, name, args, inputs, torch.view_as_real(one))

    def _not_finite(self, function, name, args, inputs, out):
        torch = self.torch
        known = [self._origin[id(one)] for one in inputs if id(one) in self._origin]
        floats = [one for one in inputs if one.is_floating_point() and one.numel()]
        nan_in = any(torch.isnan(one).any() for one in floats)
        inf_in = any(torch.isinf(one).any() for one in floats)
        has_nan = bool(torch.isnan(out).any())
        born = (has_nan and not nan_in) or (not has_nan and not inf_in and not nan_in)
        if not born:
            if known:
                self._origin[id(out)] = known[0]
                self._kept.append(out)
            if known or len(self.events) >= _MOST:
                return
        if len(self.events) >= _MOST:
            return
        self._origin[id(out)] = len(self.events)
        self._kept.append(out)
        bad = torch.isnan(out) if has_nan else torch.isinf(out)
        place = bad.nonzero()[0].tolist() if bad.dim() else []
        scalars = [one for one in _flat(args) if isinstance(one, (int, float, bool))][:6]
        event = {
            "number": len(self.events), "op": name, "became": "nan" if has_nan else "inf", "born": born,
            "given": "nan" if nan_in else "inf" if inf_in else "finite", "from": sorted(set(known)),
            "count": int(bad.sum()), "of": out.numel(), "place": place, "scalars": scalars,
            "out": seen(torch, out), "inputs": [dict(seen(torch, one), at=at(one, place)) for one in floats],
            "rows": self._bad_rows(bad), **self._where(),
        }  # fmt: skip
        self.events.append(event)
        self.recorder("event", step=self.watch.step, **event)

    def _where(self):
        """Phase, module, the person's lines."""
        torch = self.torch
        node = torch._C._current_autograd_node() if hasattr(torch._C, "_current_autograd_node") else None
        if node is None:
            return {
                "phase": self._phase, "module": self._stack[-1] if self._stack else None,
                "stack": frames.users(),
            }  # fmt: skip
        # Anomaly mode keeps where the forward call was; a node made in a backward has a parent.
        text = "".join((node.metadata or {}).get("traceback_", ()))
        stack = [
            (file, int(line), name) for file, line, name in _FRAME.findall(text) if frames.is_users(file)
        ]
        return {"phase": "backward", "node": node.name(), "module": None, "stack": stack[::-1][:8]}

    def _trace_rows(self, name, args, inputs, outs):
        """Remember which rows of a larger tensor a batch was cut from."""
        if len(outs) != 1 or not inputs or not outs[0].dim():
            return
        source, out = inputs[0], outs[0]
        if not source.dim() or out.shape[0] > source.shape[0]:
            return
        rows = None
        if name.startswith("aten.slice.Tensor") and (len(args) < 2 or args[1] == 0):
            start = args[2] if len(args) > 2 and args[2] is not None else 0
            start += source.shape[0] if start < 0 else 0
            step = args[4] if len(args) > 4 else 1
            rows = [start + number * step for number in range(out.shape[0])]
        elif name.startswith("aten.index.Tensor") and len(args) > 1 and args[1] and args[1][0] is not None:
            chosen = args[1][0]
            if chosen.dim() == 1:
                chosen = chosen.nonzero().flatten() if chosen.dtype == self.torch.bool else chosen
                rows = chosen.tolist()
        elif name.startswith("aten.index_select") and args[1] == 0:
            rows = args[2].tolist()
        if rows is not None and source.shape[0] > out.shape[0]:
            before = self._rows_of(source)
            if before is not None:
                rows = [before[row] for row in rows]
            self._rows.append((out, rows))

    def _rows_of(self, tensor):
        """Rows of the whole data that a batch of this length holds, as far as they were seen."""
        for out, rows in reversed(self._rows):
            if out is tensor:
                return rows
        return None

    def _bad_rows(self, bad):
        """Places along the first axis where a value is not finite, if it is that of the batch."""
        if not bad.dim():
            return None
        rows = bad.reshape(bad.shape[0], -1).any(1).nonzero().flatten().tolist()
        indices = next((have for out, have in reversed(self._rows) if len(have) == bad.shape[0]), None)
        loader = self.watch.last_indices() if indices is None else None
        if indices is None and loader is not None and len(loader) == bad.shape[0]:
            indices = loader
        return {
            "length": bad.shape[0], "bad": rows[:32], "count": len(rows),
            "samples": None if indices is None else [indices[row] for row in rows[:32]],
        }  # fmt: skip

    def before_step(self, optimizer):
        """The gradients are there: where all are finite the update is looked at, too."""
        torch = self.torch
        bad = []
        for group in optimizer.param_groups:
            for number, one in enumerate(group["params"]):
                if one.grad is not None and not torch.isfinite(one.grad).all():
                    bad.append(dict(seen(torch, one.grad), number=number))
        if bad:
            self.recorder("gradients", bad=bad[:16], count=len(bad))
            self.finish("repeated")
        self._phase = "optimizer"

    def after_step(self, optimizer):
        """The update is done."""
        self.finish("repeated")

    def finish(self, state):
        """Say how it ended, and end this copy."""
        found = [_short(event) for event in self.events if event["born"] and event["stack"]]
        self._done(json.dumps({"state": state, "events": found[:8]}))


def _short(event):
    """What a choice of trials needs of an event."""
    file, line, _ = event["stack"][0]
    rows = event["rows"]
    few = rows is not None and rows["count"] <= rows["length"] // 2
    return {
        "file": file, "line": line, "phase": event["phase"], "dtype": event["out"]["dtype"],
        "rows": [rows["bad"][:8], rows["length"]] if few else None,
    }  # fmt: skip


def _flat(value):
    if isinstance(value, (tuple, list)):
        for one in value:
            yield from _flat(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _flat(one)
    else:
        yield value
