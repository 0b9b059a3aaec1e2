"""Which samples a batch holds, known by its tensors: what is fetched last need not be what is trained on.

Accelerate and the Trainer of Hugging Face fetch a batch ahead, and several at once where gradients are
accumulated.
"""

import weakref
from collections.abc import Mapping

_TENSORS = 16
"""Tensors of a batch that are looked at."""
_PLACES = 1024
"""Tensors remembered; those that are gone make room."""


class Batches:
    """Batches that loaders gave and that are still there."""

    def __init__(self, torch):
        self._torch = torch
        self._places = {}
        self.now = None
        """Dataset indices of the batch that an operation was last given, or None."""

    def gave(self, data, indices):
        """A loader gave a batch. Holds nothing of it."""
        if len(self._places) > _PLACES:
            self._places = {at: kept for at, kept in self._places.items() if kept[0]() is not None}
        for number, one in enumerate(_tensors(self._torch, data, 3)):
            if number >= _TENSORS:
                return
            place = _place(one)
            if place:
                self._places[place] = (weakref.ref(one), indices)

    def of(self, tensor):
        """Dataset indices of what a loader gave as this tensor, or None."""
        kept = self._places.get(_place(tensor))
        return None if kept is None or kept[0]() is None else kept[1]

    def touched(self, tensors):
        """An operation is given these."""
        for one in tensors:
            kept = self._places.get(_place(one))
            if kept is None:
                continue
            if kept[0]() is not None:
                self.now = kept[1]
                return
            del self._places[_place(one)]


def _place(one):
    """The address of its first value; 0 where it has none."""
    try:
        if hasattr(one, "data_ptr"):
            return one.data_ptr()
        return one.__array_interface__["data"][0]
    except (RuntimeError, NotImplementedError, AttributeError):  # sparse, or without memory of its own
        return 0


def _tensors(torch, data, depth):
    if isinstance(data, torch.Tensor) or hasattr(data, "__array_interface__"):
        yield data
    elif depth and isinstance(data, Mapping):
        for one in data.values():
            yield from _tensors(torch, one, depth - 1)
    elif depth and isinstance(data, (list, tuple)):
        for one in data[:_TENSORS]:
            yield from _tensors(torch, one, depth - 1)
    elif depth and hasattr(data, "__dict__"):
        for one in vars(data).values():
            yield from _tensors(torch, one, depth - 1)
