"""Which samples of a dataset the batch holds that is trained on, where a DataLoader gave it."""

from collections import deque

_KEPT = 256
"""Batches; workers are this many ahead at the most."""


class Indices:
    """What the samplers of this process's loaders gave, by loader in use."""

    def __init__(self, torch):
        self._last = None
        self._loaders = torch.utils.data.dataloader
        plain = self._loaders._BaseDataLoaderIter._next_index
        looks = self

        def _next_index(iterator):
            found = plain(iterator)
            given = iterator.__dict__.get("_envkit_given")
            if given is None:
                given = iterator.__dict__["_envkit_given"] = [0, deque(maxlen=_KEPT)]
            given[0] += 1
            given[1].append(found)
            looks._last = iterator
            return found

        self._loaders._BaseDataLoaderIter._next_index = _next_index

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
        """Dataset indices of the newest batch, or None."""
        iterator = self._last
        given = None if iterator is None else iterator.__dict__.get("_envkit_given")
        if given is None:
            return None
        asked, kept = given
        received = getattr(iterator, "_rcvd_idx", asked)  # only where workers run ahead
        place = len(kept) - 1 - (asked - received)
        if not 0 <= place < len(kept):
            return None
        found = kept[place]
        return list(found) if isinstance(found, (list, tuple)) else None
