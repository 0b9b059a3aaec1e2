"""The operations of a run that is over, done once more with a change and without, by turns, each for itself.

A recipe says which they were: how often in a step, name, number type, shape of the result, and what else must
be known. What a change does to a step is then the difference of two sums; what Python does between
the operations is in neither.
"""

import math
import statistics
import time
from contextlib import nullcontext

_EACH = 0.05
"""Seconds for an operation in one variant, at most, from two calls on."""
_BUDGET, _UPDATES = 6.0, 2.0
"""Seconds for the operations of a step; for its update."""
_MOST = 15
"""Calls of one operation."""
_LONGEST = 1.5
"""Seconds that an operation may take, once in each variant: it must be done some times in all of them."""
_LARGEST, _STATE = 500_000_000, 4_000_000_000
"""Bytes of one operation's tensors, about, in each variant; of the weights, gradients and states of all
optimisers together. More could be more than the run itself had."""
_FLOATS = ("float64", "float32", "float16", "bfloat16")


class Variant:
    """How operations are done."""

    def __init__(self, torch, name, change, device):
        """change: parts (some of model, update), dtype, autocast, threads, rows (times as many), anomaly,
        fused, foreach."""
        self.torch, self.name, self.device = torch, name, device
        self.dtype, self.half = change.get("dtype"), change.get("autocast")
        self.threads, self.rows = change.get("threads"), change.get("rows", 1)
        self.anomaly = change.get("anomaly", False)
        self.fused, self.foreach = change.get("fused"), change.get("foreach")
        self.parts = change["parts"]

    def type_of(self, name):
        """The number type in place of that of the recipe."""
        if self.half and name == "float32":
            return self.torch.float32
        return getattr(self.torch, self.dtype or name) if name in _FLOATS else None

    def within(self):
        """The context of its operations."""
        half = self.half and getattr(self.torch, self.half)
        return self.torch.autocast(self.device, dtype=half) if half else nullcontext()


def rehearse(torch, job, device):
    """Seconds of a step's operations, and of its update, by variant.

    job: recipe, sizes, optimizer, momentum, variants (name: change; "now" is without), threads, depth.
    Returns seconds by part and variant, and what was left out, with the reason.
    """
    variants = [Variant(torch, name, change, device) for name, change in job["variants"].items()]
    found, left_out = {}, []
    for part, rehearsed in (("model", _model), ("update", _update)):
        own = [one for one in variants if part in one.parts]
        if len(own) > 1:
            found[part] = rehearsed(torch, job, own, left_out)
    return {"seconds": found, "left_out": left_out}


def _model(torch, job, variants, left_out):
    took = [{} for _ in job["recipe"]]
    groups = {}
    for one in variants:
        groups.setdefault(one.threads or job["threads"], []).append(one)
    # One number of threads after the other: those of a larger pool wait busily for a while.
    for together in groups.values():
        until = time.perf_counter() + _BUDGET / len(groups)
        for row, found in zip(job["recipe"], took):
            if time.perf_counter() > until:
                left_out.append("{}: no time".format(row["name"]))
                continue
            try:
                found.update(_operation(torch, job, together, row))
            except Exception as error:  # one that cannot be had in one of the variants
                left_out.append("{}: {}: {}".format(row["name"], type(error).__name__, str(error)[:200]))
    both = [(row["often"], found) for row, found in zip(job["recipe"], took) if len(found) == len(variants)]
    sums = {one.name: sum(often * found[one.name] for often, found in both) for one in variants}
    return sums if all(sums.values()) else {}


def _operation(torch, job, variants, row):
    """Median seconds of an operation with its gradients, by variant; they take turns."""
    calls = []
    for one in variants:
        dtype = one.type_of(row["dtype"])
        if dtype is None:
            return {one.name: 0.0 for one in variants}
        make = _MAKERS.get(row["name"], _other)
        calls.append(_pass(torch, one, make(torch, Given(torch, dtype, one, row))))
    took, sync = [[] for _ in variants], _sync(torch, variants[0].device)
    spent = 0.0
    for turn in range(_MOST):
        for place, one in enumerate(variants):
            with _set(torch, one, job):
                sync()
                start = time.perf_counter()
                _deep(job.get("depth") or 0, calls[place])
                sync()
                seconds = time.perf_counter() - start
            if turn:  # the first call finds its kernels
                took[place].append(seconds)
            spent += seconds
        if not turn and spent > _LONGEST:
            raise ValueError("takes {:.1f} s".format(spent))
        if turn >= 2 and spent > _EACH * len(variants):
            break
    return {one.name: statistics.median(seconds) for one, seconds in zip(variants, took)}


def _sync(torch, device):
    """Waits until a device has done what it was asked for."""
    return torch.cuda.synchronize if device == "cuda" else int


class _set:
    """Threads and anomaly mode of a variant, while it is measured."""

    def __init__(self, torch, variant, job):
        self._torch = torch
        self._threads = variant.threads or job["threads"]
        self._anomaly = variant.anomaly
        self._mode = None

    def __enter__(self):
        torch = self._torch
        if self._threads and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
            torch.mm(torch.ones(256, 256), torch.ones(256, 256))  # a pool of so many
        if self._anomaly:
            self._mode = torch.autograd.set_detect_anomaly(True)
            self._mode.__enter__()

    def __exit__(self, *error):
        if self._mode is not None:
            self._mode.__exit__(*error)


def _deep(depth, call):
    """Calls from as deep as the script does: the text of a stack is as long as the stack."""
    if depth > 0:
        _deep(depth - 1, call)
    else:
        call()


def _pass(torch, variant, made):
    """Forward and backward of an operation."""
    forward, inputs = made
    wanted = [one for one in inputs if one.requires_grad]
    with variant.within():
        gradient = torch.ones_like(forward(*inputs))

    def call():
        with variant.within():
            out = forward(*inputs)
        if out.requires_grad:
            torch.autograd.backward((out,), (gradient,))
        for one in wanted:
            one.grad = None

    return call


class Given:
    """What an operation is made from."""

    def __init__(self, torch, dtype, variant, row):
        self.torch, self.dtype, self.variant = torch, dtype, variant
        self.name, self.more, self.whole = row["name"], row["more"], row["shape"]
        self.shape = self.scaled(self.whole)

    def scaled(self, shape):
        """With more rows, where the variant has them."""
        shape = list(shape)
        if shape and self.variant.rows != 1:
            shape[0] = max(1, round(shape[0] * self.variant.rows))
        return shape

    def tensor(self, shape, wanted=True, weight=False):
        """Values between 0.1 and 1.1, which no function turns into NaN.

        Under autocast weights keep their type, and what goes from layer to layer is narrow already.
        """
        if math.prod(shape) * self.dtype.itemsize * 6 > _LARGEST:
            raise ValueError("too large")
        half = self.variant.half and not weight and self.dtype == self.torch.float32
        dtype = getattr(self.torch, self.variant.half) if half else self.dtype
        made = (self.torch.rand(shape, device=self.variant.device) + 0.1).to(dtype)
        return made.requires_grad_(bool(int(wanted)))


def _product(torch, given):
    *rows, columns = given.shape
    inner, wanted = given.more["inner"], given.more["wanted"]
    if given.more["batched"]:
        one = given.tensor([rows[0], rows[1], inner], wanted[0])
        return torch.bmm, (one, given.tensor([rows[0], inner, columns], wanted[1]))
    one, weight = given.tensor([*rows, inner], wanted[0]), given.tensor([columns, inner], wanted[1], True)
    if not given.more["bias"]:
        return (lambda x, w: x @ w.t()), (one, weight)
    return torch.nn.functional.linear, (one, weight, given.tensor([columns], True, True))


def _convolution(torch, given):
    more = given.more
    weight, wanted = more["weight"], more["wanted"]
    channels = weight[0] if more["transposed"] else weight[1] * more["groups"]
    if more["given"]:
        shape = given.scaled(more["given"])
    else:
        spatial = [
            (out - 1) * stride + dilation * (size - 1) + 1 - 2 * padding
            for out, size, stride, dilation, padding in zip(
                given.shape[2:], weight[2:], more["stride"], more["dilation"], more["padding"]
            )
        ]
        shape = [given.shape[0], channels, *spatial]

    # Autocast knows these names, and not that which is behind all of them.
    kind = "conv{}{}d".format("_transpose" if more["transposed"] else "", len(shape) - 2)
    told = {name: more[name] for name in ("stride", "padding", "dilation", "groups")}
    if more["transposed"]:
        told["output_padding"] = more["output_padding"]
    call = getattr(torch.nn.functional, kind)

    def forward(x, w):
        return call(x, w, None, **told)

    return forward, (given.tensor(shape, wanted[0]), given.tensor(weight, wanted[1], True))


def _attention(torch, given):
    *rows, queries, width = given.shape
    keys = [*rows, given.more["keys"], width]
    tensors = given.tensor([*rows, queries, width]), given.tensor(keys), given.tensor(keys)
    return torch.nn.functional.scaled_dot_product_attention, tensors


def _recurrent(torch, given):
    steps, rows, width = given.whole
    gates, inner = given.more["weight"]
    rows = max(1, round(rows * given.variant.rows))  # they are the second dimension here
    model = {4: torch.nn.LSTM, 3: torch.nn.GRU}.get(gates // width, torch.nn.RNN)(inner, width)
    model = model.to(given.variant.device, given.dtype)
    return (lambda x: model(x)[0]), (given.tensor([steps, rows, inner]),)


def _norm(torch, given):
    width = given.shape[-1]
    tensors = given.tensor(given.shape), *(given.tensor([width], True, True) for _ in range(2))
    return (lambda x, w, b: torch.nn.functional.layer_norm(x, [width], w, b)), tensors


def _batch_norm(torch, given):
    width = given.shape[1]
    tensors = given.tensor(given.shape), *(given.tensor([width], True, True) for _ in range(2))
    return (lambda x, w, b: torch.nn.functional.batch_norm(x, None, None, w, b, training=True)), tensors


def _embedding(torch, given):
    weight = given.tensor(given.more["given"], True, True)
    index = torch.randint(0, given.more["given"][0], given.shape[:-1], device=given.variant.device)
    return (lambda w: torch.nn.functional.embedding(index, w)), (weight,)


def _pool(torch, given):
    shape, out = given.scaled(given.more.get("given") or given.shape), given.shape
    size = [max(1, one // two) for one, two in zip(shape[2:], out[2:])]
    pool = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}[len(size)]
    return (lambda x: pool(x, size)), (given.tensor(shape),)


def _other(torch, given):
    """One value after the other: all of them cost about what reading and writing them costs."""
    shape = given.scaled(given.more.get("given") or given.shape)
    name = given.name
    simple = _SIMPLE.get(name) or _SIMPLE.get(name.rstrip("0123456789"))
    if simple in ("softmax", "log_softmax"):
        return (lambda x: getattr(torch, simple)(x, -1)), (given.tensor(shape),)
    if simple in ("add", "mul", "sub", "div"):
        return getattr(torch, simple), (given.tensor(shape), given.tensor(shape))
    if simple is not None:
        function = getattr(torch, simple, None) or getattr(torch.nn.functional, simple)
        return function, (given.tensor(shape),)
    return (lambda x: x * 1.0001), (given.tensor(shape),)


_SIMPLE = {
    "Relu": "relu", "Threshold": "relu", "Gelu": "gelu", "Silu": "silu", "Tanh": "tanh", "Sigmoid": "sigmoid",
    "Elu": "elu", "LeakyRelu": "leaky_relu", "Softplus": "softplus", "Exp": "exp", "Log": "log",
    "Sqrt": "sqrt", "Rsqrt": "rsqrt", "Sin": "sin", "Cos": "cos", "Abs": "abs", "Neg": "neg",
    "Softmax": "softmax", "LogSoftmax": "log_softmax", "Add": "add", "Mul": "mul", "Sub": "sub", "Div": "div",
    "Clone": "clone", "ToCopy": "clone", "Sum": "sum", "Mean": "mean", "NativeDropout": "dropout",
    "Pow": "square", "Erf": "erf", "Log1P": "log1p", "Expm1": "expm1",
}  # fmt: skip
_MAKERS = {
    "product": _product, "convolution": _convolution, "attention": _attention, "recurrent": _recurrent,
    "NativeLayerNorm": _norm, "NativeBatchNorm": _batch_norm, "CudnnBatchNorm": _batch_norm,
    "Embedding": _embedding, "MaxPool1DWithIndices": _pool, "MaxPool2DWithIndices": _pool,
    "MaxPool3DWithIndices": _pool,
}  # fmt: skip


def _update(torch, job, variants, left_out):
    """Seconds of an update of tensors of these sizes; variants take turns."""
    size = sum(row["count"] * math.prod(row["shape"]) for row in job["sizes"])
    if 4 * 4 * size * len(variants) > _STATE:
        left_out.append("update: too large")
        return {}
    try:
        calls = [_optimizer(torch, job, one) for one in variants]
    except Exception as error:  # an optimiser of another kind, or one without such a form
        left_out.append("update: {}: {}".format(type(error).__name__, str(error)[:200]))
        return {}
    took, sync = [[] for _ in variants], _sync(torch, variants[0].device)
    until = time.perf_counter() + _UPDATES
    for turn in range(2 + _MOST):
        for place, one in enumerate(variants):
            with _set(torch, one, job):
                sync()
                start = time.perf_counter()
                calls[place].step()
                sync()
                if turn > 1:  # its state is made by the first
                    took[place].append(time.perf_counter() - start)
        if turn > 3 and time.perf_counter() > until:
            break
    return {one.name: statistics.median(seconds) for one, seconds in zip(variants, took)}


def _optimizer(torch, job, variant):
    weights = []
    for row in job["sizes"]:
        for _ in range(row["count"]):
            weight = torch.zeros(row["shape"], dtype=variant.type_of(row["dtype"]), device=variant.device)
            weight.grad = torch.full_like(weight, 1e-3)
            weights.append(weight.requires_grad_())
    given = {"fused": variant.fused, "foreach": variant.foreach}
    if job.get("momentum"):
        given["momentum"] = 0.9
    given = {name: value for name, value in given.items() if value is not None}
    made = getattr(torch.optim, job["optimizer"])(weights, lr=1e-6, **given)
    made.step()
    return made
