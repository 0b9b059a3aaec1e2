"""How training is really set up: read from what is there after some steps, and from one step's graph."""

import math
import os
import sys
import weakref

from ..tier0.evaluation import compiled
from . import attention, graph

_FROM = 3
"""Steps that are done before one is looked at."""
_TURNS = 4
"""Optimisers that take turns, each with a step."""
_TENSORS, _VALUES = 32, 4096
"""That are looked at for denormals."""
_SIZES = 128
"""Of tensors that are trained, at most."""
_HALF = ("float16", "bfloat16")


class Survey:
    """Looks at one step, or at one of each optimiser, and writes a line."""

    def __init__(self, torch, recorder, watch):
        self._torch = torch
        self._recorder = recorder
        self._watch = watch
        self.on = False
        """Whether this step is looked at."""
        self.done = True
        """Whether that was done, or is not wanted."""
        self.scales = False
        """Whether a loss scaler is used."""
        self._left = 0
        self._steps = 0
        self._found = graph.Found()
        self._models = weakref.WeakSet()
        """Modules that the script itself called."""
        self._inputs = []
        self._rows = {}
        self._flags = {}

    def saw(self, module, tensors):
        """The script called a module with these tensors."""
        self._models.add(module)
        if not self._torch.is_grad_enabled():
            return
        for _, _, one in tensors:
            kind = _short(one.dtype)
            if kind not in self._inputs and len(self._inputs) < 8:
                self._inputs.append(kind)
        watch = self._watch
        if tensors and tensors[0][2].dim():
            if self._rows and next(iter(self._rows))[0] != watch.step:
                self._rows.clear()
            key = watch.step, watch.backwards
            self._rows[key] = max(self._rows.get(key, 0), tensors[0][2].shape[0])

    def backward(self, losses):
        """Gradients of these are asked for."""
        self._see_flags()
        if isinstance(losses, self._torch.Tensor):
            losses = (losses,)
        if isinstance(losses, (list, tuple)):
            graph.walk([getattr(one, "grad_fn", None) for one in losses], self._found)

    def step_done(self):
        """An update is done."""
        if self.on:
            if self._found.operations:
                self._steps += 1
                self._left -= 1
            if self._left <= 0 or self._watch.step > _FROM + 4 * _TURNS:
                self.on, self.done = False, True
                self.tell()
        elif not self.done and self._watch.step >= _FROM:
            self.on = True
            self._left = max(1, min(_TURNS, len(self._watch.optimizers)))

    def over(self):
        """The script is over: what may have changed, or all where too few steps were made."""
        trained = self._watch.backwards or self._watch.optimizers
        if not self.done and trained:
            self.tell()
        elif trained:
            before = dict(self._flags)
            self._see_flags()
            told = {name: value for name, value in self._flags.items() if before.get(name) != value}
            if told:
                self._recorder("settings", **told)

    def tell(self):
        """Write the line."""
        self._see_flags()
        self._recorder("settings", **{**self._flags, **self._parameters(), **self._model(), **self._world()})

    def _see_flags(self):
        """Switches. One that was on is told as on: it may be for a part of the script only."""
        torch, flags = self._torch, self._flags
        flags["threads"], flags["interop"] = torch.get_num_threads(), torch.get_num_interop_threads()
        flags["omp"] = os.environ.get("OMP_NUM_THREADS")
        now = {
            "anomaly": torch.is_anomaly_enabled(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "profiler": _profiled(torch),
        }
        for name, value in now.items():
            flags[name] = flags.get(name, False) or value
        flags["flush_denormal"] = sys.float_info.min / 2 == 0.0
        flags["blocking"] = os.environ.get("CUDA_LAUNCH_BLOCKING", "0") not in ("", "0")
        flags["matmul_precision"] = torch.get_float32_matmul_precision()

    def _parameters(self):
        """Of all optimisers: what they train."""
        watch = self._watch
        optimizers = list(watch.optimizers.values())
        found = {id(one): one for each in optimizers for one in watch.norms.weights(each)}
        weights = list(found.values())
        types = {}
        for one in weights:
            kind = _short(one.dtype)
            types[kind] = types.get(kind, 0) + one.numel()
        told = {"parameters": len(weights), "values": sum(types.values()), "dtypes": types}
        if optimizers:
            largest = max(optimizers, key=lambda one: sum(len(group["params"]) for group in one.param_groups))
            group = largest.param_groups[0]
            told["optimizer"] = type(largest).__name__
            told["foreach"], told["fused"] = group.get("foreach"), group.get("fused")
            told["momentum"] = bool(group.get("momentum")) if "momentum" in group else None
            told["sizes"] = _sizes(largest)
        if weights:
            told["device"] = kind = max({one.device.type for one in weights}, key=lambda one: one != "cpu")
            told["channels_last"] = self._channels_last(weights)
            if kind == "cpu":
                told["denormals"] = self._denormals(weights)
            elif kind == "cuda":
                told.update(self._cuda())
        return told

    def _channels_last(self, weights):
        """Of weights of 4-dimensional convolutions; None without any whose layout matters."""
        layout, found = self._torch.channels_last, []
        for one in weights:
            if one.dim() == 4 and one.layout is self._torch.strided:
                last, first = one.is_contiguous(memory_format=layout), one.is_contiguous()
                if last != first:
                    found.append(last)
        return all(found) if found else None

    def _denormals(self, weights):
        """Share of values of weights and gradients that are not zero and smaller than normal numbers are."""
        torch, small, looked = self._torch, 0, 0
        usual = [
            one for weight in weights[:: -(-len(weights) // _TENSORS)] for one in (weight, weight.grad)
            if type(one) in (torch.Tensor, torch.nn.Parameter) and one.layout is torch.strided
            and one.dtype in (torch.float32, torch.float64) and one.numel()
        ]  # fmt: skip
        with torch.no_grad():
            for one in usual:
                flat = one.detach().reshape(-1)
                part = flat[:: -(-flat.numel() // _VALUES)].abs()
                small += int(((part > 0) & (part < torch.finfo(one.dtype).tiny)).sum())
                looked += part.numel()
        return small / looked if looked else None

    def _cuda(self):
        core = self._torch._C
        return {
            "tf32": bool(core._get_cublas_allow_tf32()) if hasattr(core, "_get_cublas_allow_tf32") else None,
            "cudnn_benchmark": bool(self._torch.backends.cudnn.benchmark),
        }

    def _model(self):
        """From the graph, and from the modules that were called."""
        found, told = self._found, {}
        names = {type(one).__name__ for one in self._models}
        told["compiled"] = found.compiled or compiled() or "OptimizedModule" in names
        told["wrappers"] = self._wrappers()
        told["inputs"] = list(self._inputs)
        told["scaler"] = self.scales
        told["batch"] = sum(self._rows.values()) or None
        if self._steps:
            told["operations"] = round(found.operations / self._steps)
            told["conv_bias_norm"] = found.biased if found.convolutions else None
            told["shapes"] = sorted(found.weights, key=lambda one: -found.weights[one] * one[0] * one[1])
            if found.flops and found.whole and not told["compiled"]:
                told["flops"] = found.flops / self._steps
            told["recipe"] = found.recipe.told(self._steps)
            told["attention"] = attention.lines() or [""] if found.attention else []
            most = max(found.types, key=found.types.get, default=None)
            told["computed"] = most
            types = {_short(one.dtype) for each in self._watch.optimizers.values()
                     for one in self._watch.norms.weights(each)}  # fmt: skip
            told["autocast"] = most if most in _HALF and most not in types else None
        return told

    def _wrappers(self):
        found = []
        for one in self._models:
            name = type(one).__name__
            if name == "DistributedDataParallel" and getattr(one, "find_unused_parameters", False):
                found.append(name + "(find_unused_parameters)")
            elif name in ("DataParallel", "DistributedDataParallel", "FullyShardedDataParallel"):
                found.append(name)
        return found or (["DataParallel"] if self._found.parallel else [])

    def _world(self):
        ranks = getattr(self._torch, "distributed", None)
        if ranks is None or not ranks.is_available() or not ranks.is_initialized():
            return {}
        return {"world": ranks.get_world_size(), "backend": str(ranks.get_backend())}


def _sizes(optimizer):
    """Shapes and types of what it trains, and how many tensors have them; the largest first."""
    found = {}
    for group in optimizer.param_groups:
        for one in group["params"]:
            if one.requires_grad:
                key = tuple(one.shape), _short(one.dtype)
                found[key] = found.get(key, 0) + 1
    largest = sorted(found, key=lambda one: -math.prod(one[0]) * found[one])
    return [{"shape": one[0], "dtype": one[1], "count": found[one]} for one in largest[:_SIZES]]


def _short(kind):
    return str(kind).replace("torch.", "")


def _profiled(torch):
    """Whether torch's profiler, Python's own or a debugger looks at what runs."""
    asked = getattr(torch._C._autograd, "_profiler_enabled", bool)
    return bool(asked()) or sys.getprofile() is not None or sys.gettrace() is not None
