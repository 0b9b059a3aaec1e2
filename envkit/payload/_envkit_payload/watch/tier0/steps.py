"""The course of training as it goes into the trace: one entry a step, some steps a line."""

import math
import time

_PIECE = 0.5
"""Seconds between two lines of steps."""
_MOST = 4096
"""Steps of a line."""
_COLUMNS = ("loss", "grad", "lr", "ended", "scale", "clip", "skipped", "times")
_RARE = ("scale", "clip", "skipped")
"""Columns that most scripts have not: left out of a line where they are empty."""


class Course:
    """Keeps steps until they are written."""

    def __init__(self, recorder):
        self._recorder = recorder
        self._first = 0
        self._at = time.perf_counter()
        self.kept = []
        """One tuple a step, as in `_COLUMNS`. loss, grad, clip: a number, or a tensor without dimensions.

        scale: of a loss scaler; skipped: whether it left the update out; clip: the norm of the gradients
        before the script clipped them; times: seconds of (wait, backward, optimizer) in it.
        """

    def due(self, now):
        """Whether it is time for a line."""
        return now - self._at > _PIECE or len(self.kept) >= _MOST

    def flush(self):
        """Write the steps since the last line."""
        self._at = time.perf_counter()
        kept, self.kept = self.kept, []
        if not kept:
            return
        columns = dict(zip(_COLUMNS, zip(*kept)))
        columns["lr"] = [one if isinstance(one, (int, float)) else None for one in columns["lr"]]
        columns["ended"] = [round(one, 6) for one in columns["ended"]]
        columns["times"] = [[round(1e6 * one) for one in phase] for phase in zip(*columns["times"])]
        for name in ("loss", "grad", *_RARE):
            columns[name] = [written(one) for one in columns[name]]
        for name in _RARE:
            if all(one is None for one in columns[name]):
                del columns[name]
        self._recorder("steps", first=self._first, **columns)
        self._first += len(kept)


def written(value):
    """As it stands in JSON."""
    if value is None or isinstance(value, bool):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):  # complex, or of a device that is gone
        return None
    return number if math.isfinite(number) else repr(number)
