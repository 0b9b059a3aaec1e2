"""What data a step works on: which rows are not finite before anything is computed, or far from others."""

from .. import frames
from ..rows import found as found_rows
from .values import seen

_BATCHES = 64
"""Tensors of data that are written down."""
_FAR = 1e3
"""Times the usual size of a row's largest value from which it is far from all others."""


class Told:
    """Writes down each tensor of data once."""

    def __init__(self, torch, recorder, rows, events):
        self._torch = torch
        self._recorder = recorder
        self._rows = rows
        self._events = events
        self._told = set()
        self.bad = None
        """Rows of the batch that were not finite before anything was computed."""

    def tell(self, tensor, model, number):
        """Write down a tensor of data. model: the class that was given it as argument `number`, or None."""
        torch = self._torch
        if tensor.layout is not torch.strided:  # a gradient
            return
        key = (tensor.data_ptr(), tuple(tensor.shape))
        if (key in self._told and model is None) or len(self._told) >= _BATCHES:
            return
        self._told.add(key)
        carry, bad, far = self._rows.of(tensor), None, None
        if tensor.is_floating_point() and tensor.numel() and tensor.layout is torch.strided:
            finite = torch.isfinite(tensor)
            if not finite.all():
                bad = self._events.bad_rows(~finite, carry) or _rows_alone(~finite)
                self.bad = self.bad or bad
            elif carry is not None and carry.axis is not None:
                far = self._far(tensor, carry)
        self._recorder(
            "batch", model=model or "", argument=number, bad=bad, far=far,
            name=found_rows.name_of(tensor, frames.is_users), **seen(torch, tensor)
        )  # fmt: skip

    def _far(self, tensor, carry):
        """Samples whose values are far larger than those of all others."""
        size = tensor.shape[carry.axis]
        largest = tensor.detach().double().abs().movedim(carry.axis, 0).reshape(size, -1).amax(1)
        usual = largest.median()
        if size < 4 or usual == 0:
            return None
        rows = largest > _FAR * usual
        if not rows.any():
            return None
        shape = [1] * tensor.dim()
        shape[carry.axis] = size
        return dict(self._events.bad_rows(rows.reshape(shape), carry), usual=usual.item())


def _rows_alone(bad):
    """Rows along the first axis, where nothing is known of samples."""
    if not bad.dim():
        return None
    rows = bad.reshape(bad.shape[0], -1).any(1).nonzero().flatten().tolist()
    return {"length": bad.shape[0], "bad": rows[:64], "count": len(rows), "samples": None}
