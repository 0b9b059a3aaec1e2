"""Which samples of the person's data a bad row of a batch is.

A batch is a copy: its rows are looked for, by value, in the arrays at hand. Those are what `fit` was given
and whatever arrays the person's running functions hold, also inside of lists, dicts and objects.
"""

import os
import sys

from .. import frames
from .arrays import Arrays

_MOST = 64
_FAR = 1e3
"""Times the usual size of a row's largest value from which it is far from all others."""
_LARGEST = 20_000_000
"""Elements of an array above which it is not looked through."""


class Finder:
    """Knows the batch of one step."""

    def __init__(self, numpy, tf, site):
        self._numpy = numpy
        self._tf = tf
        self._arrays = Arrays(numpy)
        self._found = {}
        self._keyed = [(key, one) for key, one in site.parts(tf) if one.ndim]
        self._parts = [one for _, one in self._keyed]
        lengths = [len(one) for one in self._parts]
        # Most of the parts have the length of the batch.
        self.length = max(set(lengths), key=lengths.count) if lengths else None
        self._data = None

    def batches(self, record):
        """Write what the batch holds."""
        for number, one in enumerate(self._parts):
            if not self._arrays.is_float(one):
                continue
            finite = self._arrays.finite(one)
            bad = None if finite else self.rows(~self.finite(one))
            record(
                "batch", model="", argument=number, bad=bad, far=self._far(one) if finite else None,
                name=self.name(one), **self._arrays.seen(one)
            )  # fmt: skip

    def finite(self, array):
        """Where an array is finite."""
        return self._numpy.isfinite(array)

    def others(self, random, *, first, change):
        """The arrays of the batch by key, and then those of other batches, as long as there are any.

        first: whether the failing batch comes first. change: a function of a key and its array.
        """
        if first:
            yield {key: change(key, one) for key, one in self._keyed}
        parts = [(key, one, self._source(one)) for key, one in self._keyed if len(one) == self.length]
        rest = {key: one for key, one in self._keyed if len(one) != self.length}
        if not parts or any(source is None for _, _, source in parts):
            return
        if len({len(source) for _, _, source in parts}) != 1:
            return
        order = random.permutation(len(parts[0][2]))
        while len(order) >= self.length:
            for start in range(0, len(order) - self.length + 1, self.length):
                places = order[start : start + self.length]
                batch = {
                    key: change(key, source[places].astype(one.dtype).reshape(one.shape))
                    for key, one, source in parts
                }
                yield {**rest, **batch}

    def _source(self, part):
        """The array of the person's of whose rows a part of the batch is made, or None."""
        if self._data is None:
            self._data = self._candidates()
        for array in self._data:
            if array.shape[1:] == part.shape[1:] or array.size // max(len(array), 1) == part[0].size:
                if all(len(self._equal(array, part[row])) for row in (0, self.length - 1)):
                    return array
        return None

    def is_data(self, array):
        """Whether an array is a piece of the batch."""
        return any(one.shape == array.shape for one in self._parts) or (
            array.ndim > 0 and len(array) == self.length
        )

    def name(self, array):
        """What the person calls it, or None."""
        return

    def whole(self):
        """Samples of the whole batch, or None."""
        if self.length is None or self.length > 512:
            return None
        found = [self.sample(row) for row in range(self.length)]
        return None if any(one is None for one in found) else found

    def _far(self, array):
        """Rows whose values are far larger than those of all others."""
        if array.ndim < 2 or len(array) != self.length or len(array) < 4:
            return None
        largest = abs(array.reshape(len(array), -1).astype("float64")).max(1)
        usual = float(self._numpy.median(largest))
        far = largest > _FAR * usual
        if not usual or not far.any():
            return None
        return dict(self.rows(far), usual=usual)

    def rows(self, bad):
        """Places along the first axis where `bad` holds, if that is the axis of the batch."""
        if not bad.ndim or self.length is None or len(bad) != self.length:
            return None
        places = self._numpy.flatnonzero(bad.reshape(len(bad), -1).any(1)).tolist()
        samples = None
        if places:
            found = [self.sample(row) for row in places[:_MOST]]
            samples = found if all(one is not None for one in found) else None
        return {"length": len(bad), "bad": places[:_MOST], "count": len(places), "samples": samples}

    def sample(self, row):
        """Index of a row of the batch in the data, or None."""
        if row not in self._found:
            try:
                self._found[row] = self._search(row)
            except Exception:  # arrays of the person's may be of any kind
                self._found[row] = None
        return self._found[row]

    def _search(self, row):
        if self._data is None:
            self._data = self._candidates()
        best, told = None, 0
        parts = [part for part in self._parts if len(part) == self.length]
        for part in parts:
            for array in self._data:
                if array.shape[1:] != part.shape[1:] and array.size // max(len(array), 1) != part[0].size:
                    continue
                if len(array) < self.length or part is array:
                    continue
                places = self._equal(array, part[row])
                told = max(told, part[0].size if len(places) else 0)
                if len(places) and (best is None or len(places) < len(best)):
                    best = places
                elif len(places) and best is not None:
                    both = self._numpy.intersect1d(best, places)
                    best = both if len(both) else best
        # Labels alone name nobody: a dataset may have made its features anew.
        if best is None or (len(best) > 1 and told < max(part[0].size for part in parts)):
            return None
        return int(best[0]) if len(best) == 1 else self._neighbours(best, row)

    def _neighbours(self, places, row):
        """Of several equal rows the one whose neighbours fit, where the data are not shuffled."""
        other = row + 1 if row + 1 < self.length else row - 1
        if other < 0 or (other in self._found and self._found[other] is None):
            return int(places[0])
        self._found.setdefault(row, int(places[0]))
        near = self.sample(other)
        if near is not None and near - (other - row) in places:
            return int(near - (other - row))
        return int(places[0])

    def _equal(self, array, row):
        """Indices of the rows that are equal to one, NaN to NaN."""
        numpy = self._numpy
        flat, wanted = array.reshape(len(array), -1), numpy.asarray(row).reshape(-1)
        left = numpy.arange(len(flat))
        with numpy.errstate(all="ignore"):
            # The columns that tell most first: those that are not zero.
            order = numpy.argsort(wanted == 0, kind="stable")
            for column in order[:16]:
                values = flat[left, column].astype(wanted.dtype)
                left = left[
                    (values == wanted[column]) | ((values != values) & (wanted[column] != wanted[column]))
                ]
                if not len(left):
                    return left
            kept = [place for place in left[:4096] if self._same(flat[place].astype(wanted.dtype), wanted)]
        return numpy.asarray(kept, dtype=int)

    def _same(self, one, other):
        return bool(((one == other) | ((one != one) & (other != other))).all())

    def _candidates(self):
        """Arrays of the running functions, the outermost last."""
        found, seen = [], set()
        frame = sys._getframe(1)
        while frame is not None:
            file, name = frame.f_code.co_filename, frame.f_code.co_name
            if frames.is_users(file):
                self._take(frame.f_locals.values(), found, seen, 2)
                if frame.f_locals is not frame.f_globals:
                    self._take(frame.f_globals.values(), found, seen, 1)
            elif name in ("fit", "train_on_batch", "evaluate") and os.sep + "keras" + os.sep in file:
                local = frame.f_locals
                self._take([local.get("x"), local.get("y"), local.get("sample_weight")], found, seen, 2)
            frame = frame.f_back
        return found

    def _take(self, values, found, seen, depth):
        numpy = self._numpy
        for one in list(values):
            if id(one) in seen or one is None:
                continue
            if isinstance(one, numpy.ndarray) or hasattr(one, "_numpy"):
                seen.add(id(one))
                array = one if isinstance(one, numpy.ndarray) else self._arrays.of(one)
                if array is not None and array.ndim and self.length < len(array) and array.size < _LARGEST:
                    found.append(array)
            elif hasattr(one, "to_numpy") and hasattr(one, "index"):  # a frame or a column of pandas
                seen.add(id(one))
                array = one.to_numpy()
                if array.ndim and self.length < len(array) and array.size < _LARGEST:
                    found.append(array)
            elif depth and isinstance(one, (list, tuple)) and len(one) <= 64:
                seen.add(id(one))
                self._take(one, found, seen, depth - 1)
            elif depth and isinstance(one, dict) and len(one) <= 256:
                seen.add(id(one))
                self._take(one.values(), found, seen, depth - 1)
            elif depth and type(one).__name__.endswith("Dataset") and hasattr(one, "_inputs"):
                seen.add(id(one))
                self._of_dataset(one, found, seen)
            elif depth and hasattr(one, "__dict__") and frames.is_users(_file(type(one))):
                seen.add(id(one))
                self._take(vars(one).values(), found, seen, depth - 1)

    def _of_dataset(self, one, found, seen):
        """Tensors that a dataset of tf.data was made from."""
        self._take(getattr(one, "_tensors", ()) or (), found, seen, 1)
        for source in one._inputs():
            self._of_dataset(source, found, seen)


def _file(kind):
    module = sys.modules.get(getattr(kind, "__module__", ""), None)
    return getattr(module, "__file__", None) or ""
