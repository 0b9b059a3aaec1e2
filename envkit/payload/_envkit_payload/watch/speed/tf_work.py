"""Operations of number crunching in a step, from the shapes in its graph: forward and backward pass."""

_PARTS = (
    "While", "StatelessWhile", "XlaWhile", "PartitionedCall", "StatefulPartitionedCall", "If", "StatelessIf",
    "Case", "StatelessCase", "CudnnRNNV3",
)  # fmt: skip
"""Operations that hold others, or run them an unknown number of times."""
_FILTER = {
    "Conv2D": 1, "Conv2DBackpropInput": 1, "Conv3D": 1, "Conv3DBackpropInputV2": 1,
    "DepthwiseConv2dNative": 1, "DepthwiseConv2dNativeBackpropInput": 1,
}  # fmt: skip
_LAST = ("Conv2DBackpropInput", "Conv2DBackpropFilter", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2",
         "DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter")  # fmt: skip
"""Those whose gradient from above is their last input."""


class Work:
    """Products that a graph computes: their lengths, None where the batch decides."""

    def __init__(self):
        self._products = []
        self._whole = True
        self._types = {}
        self.operations = 0

    def see(self, graph):
        """Add what stands in a graph."""
        for one in graph.get_operations():
            kind = one.type
            if kind in _PARTS:
                self._whole = False
            found = _product(one, kind)
            if found is not None:
                self._products.append(found)
                name = one.outputs[0].dtype.base_dtype.name
                self._types[name] = self._types.get(name, 0) + 1

    def flops(self, batch):
        """Floating-point operations of a step, or None. batch: its rows."""
        if not self._whole or not self._products:
            return None
        whole = 0.0
        for lengths in self._products:
            number = 2.0
            for length in lengths:
                if length is None and batch is None:
                    return None
                number *= batch if length is None else length
            whole += number
        return whole

    def computed(self):
        """The type of most of them, or None."""
        return max(self._types, key=self._types.get, default=None)


def _product(one, kind):
    """Lengths whose product is the number of multiplications of an operation; None for another one."""
    if kind in ("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"):
        turned = "transpose_a" if kind == "MatMul" else "adj_x"
        first = _shape(one.inputs[0])
        out = _shape(one.outputs[0])
        if first is None or out is None:
            return None
        return [*out, first[-2] if one.get_attr(turned) else first[-1]]
    if kind == "Einsum":
        return _einsum(one)
    if "Conv2D" in kind or "Conv3D" in kind or "Conv2d" in kind:
        return _convolution(one, kind)
    return None


def _convolution(one, kind):
    out = _shape(one.inputs[2] if kind in _LAST else one.outputs[0])
    weights = _shape(one.inputs[_FILTER[kind]] if kind in _FILTER else one.outputs[0])
    if out is None or weights is None:
        return None
    # Of a depthwise one each channel is worked out from one channel.
    return out + (weights[:-2] if kind.startswith("Depthwise") else weights[:-1])


def _einsum(one):
    equation = one.get_attr("equation")
    equation = equation.decode() if isinstance(equation, bytes) else equation
    if "." in equation:
        return None
    letters = {}
    for names, tensor in zip(equation.split("->")[0].split(","), one.inputs):
        shape = _shape(tensor)
        if shape is None or len(shape) != len(names):
            return None
        for letter, length in zip(names, shape):
            letters[letter] = length if letters.get(letter) is None else letters[letter]
    return list(letters.values())


def _shape(tensor):
    return None if tensor.shape.rank is None else tensor.shape.as_list()
