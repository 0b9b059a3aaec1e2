"""Which samples of a dataset the batch holds that is trained on, where a DataLoader gave it."""

import operator
from collections import deque

from .. import signals, weave
from .batches import Batches

_KEPT = 256
"""Batches; workers are this many ahead at the most."""


class Indices:
    """What the samplers of this process's loaders gave, by loader in use."""

    def __init__(self, torch, waits):
        """waits: is told when a batch is wanted and when that is over."""
        self._last = None
        self.batches = Batches(torch)
        self._loaders = torch.utils.data.dataloader
        kind = self._loaders._BaseDataLoaderIter
        weave.around(kind, "_next_index", after=self._asked)
        weave.around(kind, "__next__", before=waits.wanted, after=self._gave, last=waits.over)

    def _asked(self, found, iterator):
        given = iterator.__dict__.get("_envkit_given")
        if given is None:
            given = iterator.__dict__["_envkit_given"] = [0, deque(maxlen=_KEPT)]
        given[0] += 1
        given[1].append(found)
        self._last = iterator

    def _gave(self, data, iterator):
        try:
            self.batches.gave(data, self._of(iterator))
        except Exception as error:  # then it is not known which samples these are
            if signals.raised(error):
                raise

    def without_workers(self):
        """In a copy of the process, which has no workers: batches are made here, from the same samples."""
        loaders = self._loaders
        plain = loaders._MultiProcessingDataLoaderIter

        def _next_data(iterator):
            asked, kept = iterator.__dict__.get("_envkit_given") or (0, ())
            ahead = asked - iterator._rcvd_idx
            indices = kept[len(kept) - ahead] if 0 < ahead <= len(kept) else iterator._next_index()
            iterator._rcvd_idx += 1
            fetcher = loaders._DatasetKind.create_fetcher(
                iterator._dataset_kind,
                iterator._dataset,
                iterator._auto_collation,
                iterator._collate_fn,
                iterator._drop_last,
            )
            return fetcher.fetch(indices)

        plain._next_data = _next_data

    def last(self):
        """Dataset indices of the batch that was last worked on, else of the newest, or None."""
        return self.batches.now if self.batches.now is not None else self._of(self._last)

    def _of(self, iterator):
        """Dataset indices of the newest batch of a loader, or None."""
        given = None if iterator is None else iterator.__dict__.get("_envkit_given")
        if given is None:
            return None
        asked, kept = given
        received = getattr(iterator, "_rcvd_idx", asked)  # only where workers run ahead
        place = len(kept) - 1 - (asked - received)
        if not 0 <= place < len(kept):
            return None
        return _taken(kept[place], getattr(iterator, "_dataset", None))


class Taken(list):
    """Indices of the dataset that a loader was given; `under`: of the one that this is a part of, or None."""

    under = None


def _taken(found, dataset):
    """What a sampler gave, where that are indices: a stream has none."""
    try:
        if hasattr(found, "tolist"):
            found = found.tolist()
        under = [operator.index(one) for one in (found if isinstance(found, (list, tuple)) else [found])]
    except TypeError:
        return None
    taken = Taken(under)
    while hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        try:
            under = [int(dataset.indices[one]) for one in under]
        except (IndexError, TypeError, ValueError):
            return taken
        dataset, taken.under = dataset.dataset, under
    return taken
