"""The operations of a step by kind: enough to do them once more after the run."""

import math

_KINDS, TOLD = 512, 96
"""Kinds of operations that are counted; that are told of."""


class Recipe:
    """Counts operations that are alike."""

    def __init__(self):
        self._kinds = {}

    def did(self, what, out, size=None, **more):
        """An operation.

        what: its name; out: shape and type of its result; size: what it costs, about, in values that are read
        and written; more: what else says what it costs.
        """
        key = what, out[1], out[0], tuple(sorted(more.items()))
        before = self._kinds.get(key)
        if before is not None:
            before[0] += 1
        elif len(self._kinds) < _KINDS:
            self._kinds[key] = [1, math.prod(out[0]) if size is None else size]

    def told(self, steps):
        """The dearest kinds of so many steps: how often in a step, name, type, shape, and the rest."""
        dearest = sorted(self._kinds, key=lambda one: -self._kinds[one][0] * self._kinds[one][1])
        return [
            {"often": self._kinds[one][0] / steps, "name": one[0], "dtype": one[1], "shape": one[2],
             "more": dict(one[3])}
            for one in dearest[:TOLD]
        ]  # fmt: skip
