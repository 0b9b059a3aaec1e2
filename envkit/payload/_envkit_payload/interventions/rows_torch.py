"""Other samples in place of guilty ones."""

import gc
import weakref

_FETCHED = (
    *(
        "__getitem__",
        "index_select",
        "narrow",
        "split",
        "chunk",
        "unbind",
        "tensor",
        "as_tensor",
        "from_numpy",
    ),
    *("stack", "cat", "to", "float", "long", "pad_sequence"),
)
"""Operations by which a batch is cut from the data. What others make of it follows what it holds."""


def replace_rows(torch, watch, step, rows, length, samples=None):
    """Put another row of the batch in place of each of `rows`, in all that has `length` rows and no gradient.

    It is written into the batch itself: where that is a view of the whole data, they are mended for good.
    samples: the same rows as indices of the dataset, replaced whenever they come up again.
    """
    from torch.overrides import TorchFunctionMode

    batch = _Batch(torch, watch, step, rows, length, samples)

    class Replaced(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            name = getattr(function, "__name__", "")
            if name in ("__getitem__", "index_select") and len(args) > 1:
                batch.source(args[0], args[-1])
            elif not name.startswith("__get__"):
                for one in (*args, *kwargs.values()):
                    batch.mend(one)
            out = function(*args, **kwargs)
            if name not in _FETCHED and not name.startswith("__get__"):
                batch.computed(out)
            return out

    def before(module, args):
        for one in args:
            batch.mend(one)

    torch.nn.modules.module.register_module_forward_pre_hook(before)
    mode = Replaced()
    mode.__enter__()
    watch.trial.kept = mode


def _buffers(torch):
    """Statistics of layers may be as long as a batch."""
    for one in gc.get_objects():
        if isinstance(one, torch.nn.Module):
            yield from one.buffers(recurse=False)


class _Batch:
    def __init__(self, torch, watch, step, rows, length, samples):
        self.torch = torch
        self.watch = watch
        self.step = step
        self.rows = list(rows)
        self.length = length
        self.samples = list(samples or ())
        self._done = {}
        self._sources = {}
        self._made = {}
        """What was computed in this step, by id."""
        self._layers = {id(one) for one in _buffers(torch)}
        self._at = None

    def mend(self, one):
        """Replace the rows of a tensor or of a list that is a batch, once."""
        if isinstance(one, dict):
            for part in one.values():
                self.mend(part)
            return
        torch = self.torch
        if isinstance(one, list):
            if len(one) == self.length and one and isinstance(one[0], torch.Tensor):
                self._put(one, one)
            return
        if not isinstance(one, torch.Tensor) or not one.dim() or one.shape[0] != self.length:
            return
        if one.requires_grad or one.is_sparse or not one.is_leaf or id(one) in self._layers:
            return
        made = self._made.get(id(one))
        if made is not None and made() is one:
            return
        self._put(one, one.data)

    def computed(self, out):
        """A result of an operation: an order, say, that sorting gave, which no row may be taken from."""
        for one in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(one, self.torch.Tensor) and not one.requires_grad:
                self._made[id(one)] = weakref.ref(one)

    def _put(self, one, target):
        if self._at != self.watch.step:
            self._at = self.watch.step
            self._done.clear()
            self._made = {key: made for key, made in self._made.items() if made() is not None}
        if id(one) in self._done:
            return
        self._done[id(one)] = one
        rows = self._now()
        good = next((number for number in range(self.length) if number not in rows), None)
        if not rows or good is None:
            return
        for row in rows:
            value = target[good]
            target[row] = value.clone() if isinstance(value, self.torch.Tensor) else value
        self.watch.trial.applied += 1

    def _now(self):
        """The rows of this step's batch."""
        if self.watch.step == self.step:
            return self.rows
        indices = self.watch.last_indices() if self.samples else None
        if indices is None or len(indices) != self.length:
            return []
        return [row for row, sample in enumerate(indices) if sample in self.samples]

    def source(self, one, index):
        """A batch is picked from the whole data by indices: those are mended there, once."""
        torch = self.torch
        if not self.samples or not isinstance(one, torch.Tensor) or not isinstance(index, torch.Tensor):
            return
        if one.requires_grad or not one.dim() or id(one) in self._sources:
            return
        if one.shape[0] <= max(self.samples):
            return
        if index.dtype == torch.bool or index.dim() != 1 or index.shape[0] != self.length:
            return
        self._sources[id(one)] = one
        good = next(number for number in range(one.shape[0]) if number not in self.samples)
        one.data[self.samples] = one.data[good].clone()
        self.watch.trial.applied += 1
