"""To which sample each row of a tensor belongs, followed through the operations of one step."""

import gc
from math import prod


class Batch:
    """Samples that are worked on together. samples: places in the data, or None where that is not known."""

    def __init__(self, length, samples=None, tensor=None, source=None, under=None):
        self.length = length
        self.under = under
        """The same places in the data that these are a part of, where a loader was given a part."""
        self.samples = samples
        self.tensor = tensor
        """Where the samples are not known: what the batch held, to look for it in larger arrays."""
        self.source = source
        """`loader`, `slice`, `whole`, `unknown`."""


class Carry:
    """Row `r` along `axis` belongs to sample `(r // per) % batch.length`; axis None: all of it to the one."""

    __slots__ = ("axis", "batch", "per")

    def __init__(self, batch, axis, per=1):
        self.batch, self.axis, self.per = batch, axis, per

    def sample(self, row):
        return (row // self.per) % self.batch.length


class Rows:
    """Follows batches from where they are cut to what becomes of them."""

    def __init__(self, torch, watch, marks, places):
        self.torch = torch
        self.watch = watch
        self.marks = marks
        self.current = None
        """The batch that is worked on."""
        self._new = []
        self._places = places
        self._before = {id(one) for one in gc.get_objects() if issubclass(type(one), torch.Tensor)}
        """Tensors that were there before this step."""

    def of(self, tensor):
        """What is known of a tensor's rows, or None."""
        mark = self.marks.get(tensor)
        return None if mark is None else mark.carry

    def taken(self):
        """(batch, tensor) that were met for the first time since this was called."""
        new, self._new = self._new, []
        return new

    def meet(self, inputs):
        """An operation was given these; call it before `marks.made` for what it made of them."""
        for one in inputs:
            self._meet(one)

    def follow(self, function, bound, inputs, outs):
        """One operation is done. Call it after `marks.made` for each of `outs`."""
        if not inputs or not outs:
            return
        name = str(function).split(".")[1]
        cut = self._cut(name, bound, inputs, outs)
        if cut is not None:
            for out, carry in zip(outs, cut):
                self._set(out, carry)
            return
        carried = [(one, carry) for one in inputs if (carry := self.of(one)) is not None]
        for number, out in enumerate(outs):
            if carried and out.dim() and not (number and "backward" in name and "convolution" in name):
                self._set(out, _passed(name, bound, carried, inputs, out))

    def _set(self, tensor, carry):
        self.marks.or_new(tensor).carry = carry

    def _meet(self, tensor):
        """Perhaps part of a batch: what a loader gave, or what no operation of this step made."""
        mark = self.marks.get(tensor)
        if mark is not None and mark.carry is not None and mark.carry.batch.source == "loader":
            return
        indices = self.watch.indices.batches.of(tensor)
        if indices is not None:
            self._loaded(tensor, indices)
        elif mark is None and self._is_data(tensor) and id(tensor) not in self._before and tensor.dim():
            self._unknown(tensor)

    def _loaded(self, tensor, indices):
        axis = next((axis for axis, size in enumerate(tensor.shape[:2]) if size == len(indices)), None)
        if self.current is None or self.current.samples != indices or self.current.source != "loader":
            under = getattr(indices, "under", None)
            self.current = Batch(len(indices), indices, source="loader", under=under)
        if axis is not None or len(indices) == 1:
            self._set(tensor, Carry(self.current, axis))
        self._new.append((self.current, tensor))

    def _unknown(self, tensor):
        """Made in this step by nothing that can be seen: from numpy, from a list."""
        length = tensor.shape[0]
        if self.current is None or self.current.length != length or self.current.source == "whole":
            self.current = Batch(length, tensor=tensor, source="unknown")
        if tensor.dim() > 1 and self.current.source == "unknown" and self.current.tensor.dim() < 2:
            self.current.tensor = tensor  # rows of features can be told apart, labels cannot
        self._set(tensor, Carry(self.current, 0))
        self._new.append((self.current, tensor))

    def given(self, tensor):
        """A model is given this: where it was there before, all of the data may be one batch."""
        self._meet(tensor)  # a loader that fetches ahead gave it before this step
        if self.of(tensor) is None and self.marks.get(tensor) is None and tensor.dim() > 1:
            if self._is_data(tensor) and id(tensor) in self._before:
                self.current = Batch(tensor.shape[0], list(range(tensor.shape[0])), source="whole")
                self._set(tensor, Carry(self.current, 0))
                self._new.append((self.current, tensor))

    def listed(self, tensors):
        """A model is given a list of samples, such as sequences of different lengths."""
        shapes = {tuple(one.shape) for one in tensors}
        if len(tensors) > 1 and len(shapes) > 1 and all(self._is_data(one) for one in tensors):
            self.current = Batch(len(tensors), source="unknown")
            self._before -= {id(one) for one in tensors}
            for one in tensors:
                self.marks.made(one)

    def weakly(self, tensor):
        """The carry of a tensor whose first axis is as long as the batch, where nothing else is known."""
        batch = self.current
        fits = batch is not None and tensor.dim() and batch.length > 1 and tensor.shape[0] == batch.length
        return Carry(batch, 0) if fits else None

    def _is_data(self, tensor):
        return not (
            tensor.requires_grad
            or tensor.grad_fn is not None
            or isinstance(tensor, self.torch.nn.Parameter)
            or id(tensor) in self._places.buffers
        )

    def _cut(self, name, bound, inputs, outs):
        """Carries of what is cut out of a larger tensor, or made of single samples; None = neither."""
        source = inputs[0]
        if name == "stack" and not bound.get("dim"):
            return self._stacked(inputs, outs)
        if name not in ("slice", "index", "index_select", "select", "split", "unbind", "split_with_sizes"):
            return None
        carry = self.of(source)
        if carry is not None and carry.batch.tensor is source and carry.batch.source == "unknown":
            carry = None  # what seemed to be a batch is cut: it is data
            self.marks.forget(source)
        data = carry is None and self.marks.get(source) is None and self._is_data(source) and source.dim()
        if not (data or (carry is not None and carry.axis == 0 and carry.per == 1)):
            return None
        groups = _taken(self.torch, name, bound, source)
        if groups is None or len(groups) != len(outs):
            return None
        if len(outs) == 1 and len(groups[0]) == source.shape[0] and name == "slice":
            return [carry]
        if carry is not None:
            if carry.batch.samples is None or source.shape[0] != carry.batch.length:
                return None
            groups = [[carry.batch.samples[row] for row in rows] for rows in groups]
        return [self._part(rows, name, carry, out) for rows, out in zip(groups, outs)]

    def _part(self, rows, name, carry, out):
        axis = None if name in ("select", "unbind") else 0
        if axis == 0 and (not out.dim() or out.shape[0] != len(rows)):
            return None
        if self.current is not None and self.current.samples == rows:
            batch = self.current
        else:
            batch = Batch(len(rows), rows, source="slice")
        if carry is None or carry.batch is not self.current:
            self.current = batch
        self._new.append((batch, out))
        return Carry(batch, axis)

    def _stacked(self, inputs, outs):
        singles = [self.of(one) for one in inputs]
        if any(one is None or one.axis is not None or not one.batch.samples for one in singles):
            return None
        samples = [one.batch.samples[0] for one in singles]
        if self.current is None or self.current.samples != samples:
            self.current = Batch(len(samples), samples, source="slice")
        self._new.append((self.current, outs[0]))
        return [Carry(self.current, 0)]


def bound_arguments(function, args, kwargs):
    """Arguments by the names of the operation's schema."""
    found = dict(zip((one.name for one in function._schema.arguments), args))
    found.update(kwargs)
    return found


def _taken(torch, name, bound, source):
    """Rows along the first axis that each result holds, or None when it is another axis."""
    length = source.shape[0]
    if name == "index":
        chosen = bound["indices"][0] if bound["indices"] else None
        if chosen is None or chosen.dim() != 1:
            return None
        rows = chosen.nonzero().flatten() if chosen.dtype in (torch.bool, torch.uint8) else chosen
        return [[row % length for row in rows.tolist()]]
    if bound.get("dim") not in (None, 0):
        return None
    if name == "slice":
        step = bound.get("step") or 1
        return [list(range(length))[bound.get("start") : bound.get("end") : step]]
    if name == "select":
        return [[bound["index"] % length]]
    if name == "index_select":
        return [bound["index"].tolist()]
    if name == "unbind":
        return [[row] for row in range(length)]
    sizes = bound.get("split_size", bound.get("split_sizes"))
    if isinstance(sizes, int):
        sizes = [min(sizes, length - first) for first in range(0, length, sizes)]
    firsts = [sum(sizes[:number]) for number in range(len(sizes))]
    return [list(range(first, first + size)) for first, size in zip(firsts, sizes)]


def _passed(name, bound, carried, inputs, out):
    """The carry of a result, from what its inputs carry."""
    if name in ("mm", "bmm", "addmm", "baddbmm"):
        return _product(name, carried, inputs, out)
    if name in ("t", "transpose", "permute"):
        return _turned(name, bound, *carried[0], out)
    for one, carry in carried:
        if carry.axis is None:
            return carry if carry.batch.length == 1 else None
        if name in ("view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "_reshape_alias"):
            return _reshaped(one, carry, out)
        if name == "select" and isinstance(bound.get("dim"), int):
            dim = bound["dim"] % one.dim()
            return (
                None if dim == carry.axis else Carry(carry.batch, carry.axis - (dim < carry.axis), carry.per)
            )
    others = [one for one in inputs if all(one is not each for each, _ in carried)]
    for one, carry in carried:
        if name == "embedding":
            return Carry(carry.batch, carry.axis, carry.per)
        found = _reduced(bound, one, carry, out) or _aligned(one, carry, others, out)
        if found is not None:
            return found
    return None


def _reduced(bound, one, carry, out):
    """A sum, mean, norm... along other axes, which are gone."""
    dims = bound.get("dim")
    if out.dim() >= one.dim() or dims is None:
        return None
    dims = {each % one.dim() for each in (dims if isinstance(dims, (list, tuple)) else [dims])}
    if carry.axis in dims or out.dim() != one.dim() - len(dims):
        return None
    return Carry(carry.batch, carry.axis - sum(each < carry.axis for each in dims), carry.per)


def _aligned(one, carry, others, out):
    """The axis that has the batch's size where no other axis has; else that in the same place."""
    size = carry.batch.length * carry.per
    alone = not any(size in each.shape for each in others)
    if alone and list(one.shape).count(size) == 1 and list(out.shape).count(size) == 1:
        return Carry(carry.batch, list(out.shape).index(size), carry.per)
    if out.dim() == one.dim() and out.shape[carry.axis] and out.shape[carry.axis] % size == 0:
        return Carry(carry.batch, carry.axis, carry.per)
    right = out.dim() - one.dim() + carry.axis  # broadcast from the right
    if out.dim() > one.dim() and out.shape[right] == one.shape[carry.axis]:
        return Carry(carry.batch, right, carry.per)
    return None


def _product(name, carried, inputs, out):
    """A matrix product: rows of the left, columns of the right."""
    left, right = inputs[-2:]
    for one, carry in carried:
        if carry.axis is None:
            return carry
        last = one.dim() - 1
        if one is left and carry.axis != last:
            return Carry(carry.batch, carry.axis, carry.per)
        if one is right and carry.axis != last - 1:
            return Carry(carry.batch, carry.axis, carry.per)
    return None


def _turned(name, bound, one, carry, out):
    if carry.axis is None:
        return carry
    order = list(range(one.dim()))
    if name == "t":
        order.reverse()
    elif name == "transpose":
        first, second = bound["dim0"] % one.dim(), bound["dim1"] % one.dim()
        order[first], order[second] = order[second], order[first]
    else:
        order = [each % one.dim() for each in bound["dims"]]
    return Carry(carry.batch, order.index(carry.axis), carry.per)


def _reshaped(one, carry, out):
    """The same values in the same order: where an axis tells the sample by itself."""
    stride = carry.per * prod(one.shape[carry.axis + 1 :])
    length = carry.batch.length
    for axis in range(out.dim()):
        after = prod(out.shape[axis + 1 :])
        if after and stride % after == 0:
            per = stride // after
            if out.shape[axis] and out.shape[axis] % (length * per) == 0:
                return Carry(carry.batch, axis, per)
    return None
