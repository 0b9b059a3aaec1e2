"""What is known of a tensor, kept by where its values lie.

An object's identity is no use: what autograd saved comes back as another object on the same memory. Whoever
sees every operation can keep this right, since each new tensor is the result of one.
"""


class Mark:
    """What is known of one tensor."""

    __slots__ = ("carry", "lost", "origin", "unset")

    def __init__(self):
        self.origin = None
        """Number of the event that its values which are not finite come from; MASK for those put there."""
        self.carry = None
        """Which samples its rows belong to."""
        self.unset = False
        """It holds whatever was in memory."""
        self.lost = None
        """An epsilon that was added to it and is zero in its precision."""


MASK = -1
"""An origin: Inf that the script wrote on purpose."""


class Marks:
    """Marks by memory, shape and strides; of aliases by memory alone."""

    def __init__(self):
        self._of = {}
        self._storages = {}

    def made(self, tensor, inputs=()):
        """A mark for the result of an operation; what was known of that memory is forgotten."""
        key = _key(tensor)
        if key in self._of and any(_key(one) == key for one in inputs):
            return self._of[key]  # the same values under another name
        mark = self._of[key] = Mark()
        storage = _storage(tensor)
        if storage is not None and all(_storage(one) != storage for one in inputs):
            self._storages.pop(storage, None)
        return mark

    def forget(self, tensor):
        """As if no operation had made it."""
        self._of.pop(_key(tensor), None)

    def get(self, tensor):
        """The mark of a tensor, or None where no operation of this step made it."""
        return self._of.get(_key(tensor))

    def or_new(self, tensor):
        """The same, made where there is none."""
        return self.get(tensor) or self.made(tensor, (tensor,))

    def origin(self, tensor):
        """Where its values that are not finite come from; None = from before."""
        mark = self.get(tensor)
        if mark is not None and mark.origin is not None:
            return mark.origin
        return self._storages.get(_storage(tensor))

    def comes_from(self, tensor, origin):
        """Say where they come from."""
        self.or_new(tensor).origin = origin
        storage = _storage(tensor)
        if storage is not None:
            self._storages[storage] = origin


def _key(tensor):
    try:
        return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()
    except (RuntimeError, NotImplementedError):  # sparse, or without memory of its own
        return id(tensor)


def _storage(tensor):
    try:
        return tensor.untyped_storage().data_ptr() or None
    except (RuntimeError, NotImplementedError, AttributeError):
        return None
