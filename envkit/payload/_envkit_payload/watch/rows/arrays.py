"""What a numpy array holds, in a few numbers: `values` for frameworks whose tensors are seen as arrays."""

import math


class Arrays:
    """Functions over arrays. numpy is the script's own: the watcher imports none."""

    def __init__(self, numpy):
        self._numpy = numpy

    def of(self, tensor):
        """The array of an eager tensor, without a copy on a CPU; None where it has none."""
        read = getattr(tensor, "_numpy", None)
        if read is None:
            return None
        try:
            array = read()
        except Exception:  # a resource, a variant
            return None
        return self._numpy.asarray(array)

    def is_float(self, array):
        """Whether it can hold NaN and Inf: also bfloat16 and float8, which numpy itself does not know."""
        kind = array.dtype.kind
        return kind in "fc" or (kind == "V" and "float" in str(array.dtype))

    def finite(self, array):
        """Whether all of it is."""
        with self._numpy.errstate(all="ignore"):
            return bool(self._numpy.isfinite(array).all())

    def seen(self, array):
        """Shape, dtype, and of numbers the range and what is not finite."""
        numpy = self._numpy
        found = {"shape": list(array.shape), "dtype": str(array.dtype)}
        is_float = self.is_float(array)
        if not array.size or array.dtype.kind == "c" or not (is_float or array.dtype.kind in "iub"):
            return found
        with numpy.errstate(all="ignore"):
            wide = array.astype("float64")
            finite = wide[numpy.isfinite(wide)]
            if is_float:
                found["nan"] = int(numpy.isnan(wide).sum())
                found["inf"] = int(numpy.isinf(wide).sum())
                found["minus_inf"] = int(numpy.isneginf(wide).sum())
            if finite.size:
                found["min"], found["max"] = float(finite.min()), float(finite.max())
                found["zeros"] = int((finite == 0).sum())
                if is_float:
                    found["mean"] = float(finite.mean())
        return found

    def at(self, array, place):
        """The value of an input at the place of a result, by the rules of broadcasting; None when not so."""
        if array.ndim > len(place):
            return None
        index = place[len(place) - array.ndim :]
        for number, size in zip(index, array.shape):
            if number >= size and size != 1:
                return None
        value = array[tuple(0 if size == 1 else number for number, size in zip(index, array.shape))]
        try:
            value = float(value)
        except (TypeError, ValueError):
            return None
        return value if math.isfinite(value) else repr(value)
