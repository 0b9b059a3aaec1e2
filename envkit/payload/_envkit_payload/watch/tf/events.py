"""Values that are not finite in one step of TensorFlow: where each began, and from where others have them.

The same events as for torch: a NaN of inputs that hold none, and an Inf of inputs that are finite, are born;
what holds such values and no operation of the step made is a source, data or a weight.
"""

import os

from .names import node, shown

_MOST = 64
_WIDE = 1 << 22
_SELECTS = ("Select", "SelectV2", "Mul", "GatherV2", "GatherNd", "MulNoNan")
"""Operations that leave places out, so that their gradient there is zero."""
_SOFT = ("Softmax", "LogSoftmax", "SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits")
MASK = -1
"""Of an Inf that the script wrote on purpose."""


class Call:
    """An operation: where it was called, in which layer, what it was given."""

    __slots__ = ("attrs", "inputs", "layer", "op_type", "stack")

    def __init__(self, op_type, stack, layer, inputs, attrs):
        self.op_type, self.stack, self.layer = op_type, stack, layer
        self.inputs, self.attrs = inputs, attrs


class Events:
    """What was found in a step."""

    def __init__(self, tf, arrays, finder, numpy, variables):
        """variables: names by the number of a variable's handle."""
        self.all = []
        self._tf = tf
        self._arrays = arrays
        self._finder = finder
        self._numpy = numpy
        self._variables = variables
        self._origin = {}
        """Event that a tensor's bad values come from, by the tensor's number."""
        self._weighted = set()
        """Tensors that depend on a weight."""
        self._read = {}
        """Names of the weights that tensors are the values of."""
        self._known = set()
        """Tensors that an operation of this step made."""
        self._selected = {}
        """In the backward pass: who left places of a gradient out."""

    def forget(self):
        """What was not finite so far did no harm."""
        self.all.clear()
        self._origin.clear()

    def origin(self, tensor):
        """The number of the event that a tensor's bad values come from, or None."""
        found = self._origin.get(getattr(tensor, "_id", None))
        return None if found == MASK else found

    def read(self, handle, outputs):
        """The value of a variable is read."""
        name = self._variables.get(getattr(handle, "_id", None), "a variable")
        for one in outputs:
            self._weighted.add(one._id)
            self._read[one._id] = name

    def passed(self, inputs, outputs):
        """An operation gives what it was given."""
        for one in inputs:
            number = getattr(one, "_id", None)
            for out in outputs:
                for kept in (self._origin, self._read, self._selected):
                    if number in kept:
                        kept[out._id] = kept[number]
                if number in self._weighted:
                    self._weighted.add(out._id)
                self._known.add(out._id)

    def result(self, call, inputs, out, phase):
        """One result of an operation, or of its derivative.

        inputs: in the backward pass, the gradients from above; the forward inputs are those of the call.
        """
        self._known.add(out._id)
        if phase != "backward" and any(getattr(one, "_id", None) in self._weighted for one in inputs):
            self._weighted.add(out._id)
        if phase == "backward":
            self._select(call, inputs, out)
        array = self._arrays.of(out)
        if array is None or not array.size or not self._arrays.is_float(array) or self._arrays.finite(array):
            return
        given = [(one, held) for one in inputs if (held := self._number(one)) is not None]
        more = [self._number(one) for one in call.inputs] if phase == "backward" else []
        floats = [one for _, one in given if self._arrays.is_float(one)]
        floats += [one for one in more if one is not None and self._arrays.is_float(one)]
        isnan, isinf = self._numpy.isnan, self._numpy.isinf
        nan_in, inf_in = any(isnan(one).any() for one in floats), any(isinf(one).any() for one in floats)
        origins = [self._origin_of(one, array, call) for one, array in given]
        origins += [self._origin.get(getattr(one, "_id", None)) for one in call.inputs if phase == "backward"]
        origins = sorted({one for one in origins if one is not None})
        has_nan = bool(isnan(array).any())
        born = (has_nan and not nan_in) or (not has_nan and not inf_in and not nan_in)
        if not born or len(self.all) >= _MOST:
            if origins:
                self._origin[out._id] = max(origins) if has_nan and origins[-1] >= 0 else origins[0]
            return
        written = call.op_type in ("Fill", "Select", "SelectV2") and not has_nan and phase == "forward"
        if written:
            self._origin[out._id] = MASK
            return
        bad = isnan(array) if has_nan else isinf(array)
        event = self._described(call, "nan" if has_nan else "inf", array, bad, phase)
        shown_arrays = [one for _, one in given] + [one for one in more if one is not None]
        event.update(
            born=True, given="nan" if nan_in else "inf" if inf_in else "finite", masked=MASK in origins,
            inputs=[
                dict(self._arrays.seen(one), at=self._arrays.at(one, event["place"])) for one in shown_arrays
            ],
            data=phase == "forward" and out._id not in self._weighted,
            selected=self._left_out(given, event["place"]) if phase == "backward" else None,
        )  # fmt: skip
        event["from"] = [one for one in origins if one >= 0]
        if event["given"] == "finite":
            event["wide"] = self._wide(call, inputs, phase, array, event["place"])
        if call.op_type in _SOFT and given:
            event["masked_row"] = bool((self._numpy.isneginf(given[0][1])).all(-1).any())
        self._keep(event, out)

    def _select(self, call, inputs, out):
        """Remember who left places of a gradient out."""
        kept = [self._selected[one._id] for one in inputs if one._id in self._selected]
        if call.op_type in _SELECTS and (call.op_type != "Mul" or self._is_mask(call.inputs)):
            kept.append(shown(call.op_type))
        if kept:
            self._selected[out._id] = kept[0]

    def _is_mask(self, inputs):
        free = [one for one in inputs if getattr(one, "_id", None) not in self._weighted]
        return any((array := self._number(one)) is not None and (array == 0).any() for one in free)

    def _left_out(self, given, place):
        for one, array in given:
            if one._id in self._selected and self._arrays.at(array, place) == 0:
                return self._selected[one._id]
        return None

    def _number(self, tensor):
        array = self._arrays.of(tensor)
        if array is None or not (array.dtype.kind in "iub" or self._arrays.is_float(array)):
            return None
        return array

    def _origin_of(self, tensor, array, call):
        """From which event an input has its bad values; a source is one."""
        number = tensor._id
        if number in self._origin or self._arrays.finite(array):
            return self._origin.get(number)
        if number in self._known and number not in self._read:
            return None
        kind = "parameter" if number in self._read else "data"
        if kind == "data" and not self._finder.is_data(array):
            # A number that the script wrote: a mask, where it is an Inf.
            return None if self._numpy.isnan(array).any() else MASK
        isnan = self._numpy.isnan(array)
        bad = isnan if isnan.any() else self._numpy.isinf(array)
        event = self._described(call, "nan" if isnan.any() else "inf", array, bad, "forward")
        event.update(
            born=False, given=event["became"], source=kind,
            name=self._read.get(number) or self._finder.name(array), inputs=[], columns=self._columns(bad),
        )  # fmt: skip
        return self._keep(event, tensor)

    def _columns(self, bad):
        if bad.ndim != 2:
            return None
        columns = self._numpy.flatnonzero(bad.all(0)).tolist()
        return columns[:16] or None

    def _described(self, call, became, array, bad, phase):
        layer = call.layer
        rows = self._finder.rows(bad)
        return {
            "number": len(self.all), "op": "tf." + shown(call.op_type), "became": became, "from": [],
            "count": int(bad.sum()), "of": int(array.size), "scalars": [],
            "place": [int(one) for one in self._numpy.argwhere(bad)[0]] if array.ndim else [],
            "out": self._arrays.seen(array), "rows": rows, "phase": phase,
            "batch": self._finder.whole() if rows is None else None,
            "node": node(call.op_type) if phase == "backward" else None,
            "module": getattr(layer, "path", None) or getattr(layer, "name", None),
            "stack": [(os.path.abspath(file), line, name) for file, line, name in call.stack],
        }  # fmt: skip

    def _keep(self, event, tensor):
        self.all.append(event)
        self._origin[tensor._id] = event["number"]
        return event["number"]

    def _wide(self, call, inputs, phase, array, place):
        """What the same operation gives at that place in float64, where it can be repeated; else None."""
        from tensorflow.python.eager import context, execute

        if (
            phase != "forward"
            or sum(one.size for one in map(self._number, inputs) if one is not None) > _WIDE
        ):
            return None
        tf = self._tf
        try:
            wide = [tf.cast(one, tf.float64) if one.dtype.is_floating else one for one in inputs]
            attrs = tuple(
                tf.float64.as_datatype_enum if before in ("T", "Tout", "DstT") else value
                for before, value in zip((None, *call.attrs), call.attrs)
            )
            found = execute.quick_execute(call.op_type, 1, wide, attrs, context.context())
            value = float(found[0].numpy()[tuple(place)])
        except Exception:  # not every operation has a form in float64
            return None
        return value if value * 0 == 0 else repr(value)
