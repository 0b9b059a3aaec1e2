"""What the graph of a loss says of a step: its operations, their number types, what they cost.

Shapes are read from the graph alone: saved tensors are not touched, since unpacking them may run the script.
"""

import math

from .recipe import Recipe

MOST = 20000
"""Nodes that are looked at."""
_SHAPES = 64
_DENSE = 32
"""Floating-point operations of a product that take as long as reading or writing one value, about."""
_LAYOUT = ("stride", "padding", "dilation", "groups", "transposed", "output_padding")
_DEEP = 10
"""Operations between two that belong together."""
_MATRIX = {"Addmm": 1, "Mm": 0, "Bmm": 0, "Baddbmm": 1, "Addbmm": 1, "Mv": 0, "Addmv": 1}
"""Products, with the place of their first factor."""
_LIGHT = frozenset(
    "View UnsafeView ReshapeAlias Expand Transpose Permute T Mul Div Add Sub MaskedFill Where ToCopy Clone"
    " NativeDropout FusedDropout Squeeze Unsqueeze Slice Select AsStrided Alias Dropout Tril Triu".split()
)
"""Operations that may stand between the products of attention and its softmax."""
_FREE = frozenset(
    "View UnsafeView ReshapeAlias Expand Transpose Permute T Unsqueeze Squeeze AsStrided Alias Detach Split"
    " UnsafeSplit Unbind Chunk AccumulateGrad Unfold".split()
)
"""Operations that move no values."""
_NORMS = ("NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "BatchNorm")


class Found:
    """Sums over the graphs of some losses."""

    def __init__(self):
        self.operations = 0
        self.whole = True
        """Whether all graphs were seen to their ends."""
        self.flops = 0.0
        self.types = {}
        """Operations per second count for their types: flops by number type."""
        self.weights = {}
        """Shapes of weights of products, with how often they were met."""
        self.attention = 0
        self.biased = 0
        """Convolutions with a bias that the batch norm after them takes away."""
        self.convolutions = 0
        self.compiled = False
        self.parallel = False
        """Whether a model was copied to several devices for this step."""
        self.recipe = Recipe()


def walk(roots, found):
    """Add what the graphs of these losses say. roots: their `grad_fn`."""
    seen = dict.fromkeys(one for one in roots if one is not None)
    waiting = list(seen)
    while waiting and len(seen) < MOST:
        for edge, _ in waiting.pop().next_functions:
            if edge is not None and edge not in seen:
                seen[edge] = None
                waiting.append(edge)
    found.whole = found.whole and not waiting
    for node in seen:
        name = _name(node)
        if name == "AccumulateGrad":
            continue
        found.operations += 1
        if name in _MATRIX:
            _product(node, name, found)
        elif "onvolution" in name:
            _convolution(node, found)
        elif name.startswith("ScaledDotProduct"):
            _fused(node, found)
        elif "Rnn" in name:
            _recurrent(node, found)
        elif name == "Linear":
            _linear(node, found)
        elif name not in _FREE:
            _other(node, name, found)


def _name(node):
    """Without `Backward0`."""
    return type(node).__name__.partition("Backward")[0]


def _out(node):
    """Shape and type of what the operation gave, or None in older versions of torch."""
    known = getattr(node, "_input_metadata", None)
    if not known or known[0] is None:
        return None
    return tuple(known[0].shape), str(known[0].dtype).replace("torch.", "")


def _shape(edge):
    """The shape of what an operation was given, where a gradient is made for it."""
    node, place = edge
    if node is None:
        return None
    variable = getattr(node, "variable", None)
    if variable is not None:
        return tuple(variable.shape)
    known = getattr(node, "_input_metadata", None)
    return tuple(known[place].shape) if known and place < len(known) and known[place] is not None else None


def _costs(found, kind, forward, backward):
    found.flops += forward + backward
    found.types[kind] = found.types.get(kind, 0.0) + forward + backward


def _other(node, name, found):
    """An operation whose cost is that of its values, if it has any."""
    if name.startswith(_NORMS):
        found.biased += _is_biased(node)
    elif name.startswith("CompiledFunction"):
        found.compiled = True
    elif name in ("Gather", "Broadcast"):
        found.parallel = True
    out = _out(node)
    edges = node.next_functions
    if out is None or not edges:
        return
    given = _shape(edges[0])
    if not math.prod(out[0]) or out[1].startswith("int"):
        return
    size = max(math.prod(out[0]), math.prod(given or ()))
    found.recipe.did(name, out, 4 * size, **({} if given in (None, out[0]) else {"given": given}))


def _wanted(edges):
    """Of which operands a gradient is made: `11`, `01`."""
    return "".join("01"[one[0] is not None] for one in edges)


def _product(node, name, found):
    edges, out = node.next_functions, _out(node)
    place = _MATRIX[name]
    if out is None or len(edges) < place + 2:
        return
    first, second = _shape(edges[place]), _shape(edges[place + 1])
    vector = name.endswith("v")
    if first is not None:
        inner = first[-1]
    elif second is not None:
        inner = second[0] if vector else second[-2]
    else:  # a gradient for the bias alone
        return
    forward = 2.0 * math.prod(out[0]) * inner
    factors = edges[place : place + 2]
    _costs(found, out[1], forward, forward * sum(one[0] is not None for one in factors))
    if not vector:
        found.recipe.did(
            "product", out, forward / _DENSE, inner=inner, wanted=_wanted(factors), bias=place == 1,
            batched=name in ("Bmm", "Baddbmm"),
        )  # fmt: skip
    weight = _leaf(edges[place + 1][0])
    if weight is not None and len(weight) == 2 and (weight in found.weights or len(found.weights) < _SHAPES):
        found.weights[weight] = found.weights.get(weight, 0) + 1
    if name in ("Bmm", "Baddbmm", "Mm"):
        for factor in edges[place : place + 2]:
            softmax = _behind(factor[0], ("Softmax",))
            if softmax is not None and _behind(softmax.next_functions[0][0], ("Bmm", "Baddbmm", "Mm")):
                found.attention += 1
                break


def _leaf(node):
    """The shape of the parameter that is used as it is, but for its layout and type."""
    for _ in range(4):
        if node is None:
            return None
        variable = getattr(node, "variable", None)
        if variable is not None:
            return tuple(variable.shape)
        if _name(node) not in ("T", "Transpose", "Permute", "ToCopy"):
            return None
        node = node.next_functions[0][0]
    return None


def _behind(node, names):
    """The operation with one of these names that this one is made of by light ones, or None."""
    waiting = [(node, 0)]
    for node, depth in waiting:
        if node is None:
            continue
        name = _name(node)
        if name in names:
            return node
        if name in _LIGHT and depth < _DEEP and len(waiting) < 4 * _DEEP:
            waiting += [(edge, depth + 1) for edge, _ in node.next_functions]
    return None


def _convolution(node, found):
    edges, out = node.next_functions, _out(node)
    found.convolutions += 1
    weight = _shape(edges[1]) if len(edges) > 1 else None
    if out is None or weight is None:
        return
    rows = _shape(edges[0]) if getattr(node, "_saved_transposed", False) else out[0]
    if rows is not None:
        forward = 2.0 * math.prod(rows) * math.prod(weight[1:])
        _costs(found, out[1], forward, forward * sum(one[0] is not None for one in edges[:2]))
        told = {name: _plain(getattr(node, "_saved_" + name, None)) for name in _LAYOUT}
        if None not in told.values():
            found.recipe.did(
                "convolution", out, forward / _DENSE, weight=weight, wanted=_wanted(edges[:2]),
                given=_shape(edges[0]), **told
            )  # fmt: skip


def _plain(value):
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _fused(node, found):
    edges, out = node.next_functions, _out(node)
    if out is not None and len(out[0]) >= 2 and len(edges) > 1:
        keys = _shape(edges[1]) or out[0]
        forward = 4.0 * math.prod(out[0]) * keys[-2]
        _costs(found, out[1], forward, 2 * forward)
        found.recipe.did("attention", out, forward / _DENSE, keys=keys[-2])


def _recurrent(node, found):
    out = _out(node)
    shapes = [_shape(edge) for edge in node.next_functions[1:]]
    if out is not None and len(out[0]) == 3:
        weights = [one for one in shapes if one and len(one) == 2]
        forward = 2.0 * out[0][0] * out[0][1] * sum(math.prod(one) for one in weights)
        _costs(found, out[1], forward, 2 * forward)
        if weights:
            found.recipe.did("recurrent", out, forward / _DENSE, weight=max(weights))


def _linear(node, found):
    edges, out = node.next_functions, _out(node)
    weight = _shape(edges[1]) if len(edges) > 1 else None
    if out is not None and weight is not None:
        forward = 2.0 * math.prod(out[0]) * weight[-1]
        _costs(found, out[1], forward, forward * sum(one[0] is not None for one in edges[:2]))
        found.recipe.did(
            "product", out, forward / _DENSE, inner=weight[-1], wanted=_wanted(edges[:2]),
            bias=len(edges) > 2, batched=False,
        )  # fmt: skip


def _is_biased(node):
    before = node.next_functions[0][0] if node.next_functions else None
    if before is None or not getattr(node, "_saved_training", True) or "onvolution" not in _name(before):
        return False
    edges = before.next_functions
    return len(edges) > 2 and edges[2][0] is not None
