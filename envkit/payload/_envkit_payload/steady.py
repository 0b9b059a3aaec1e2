"""When warm-up is over: pure functions of step times."""

import statistics

WINDOWS = 3
"""Windows whose medians must agree."""
TOLERANCE = 0.05
"""By how much they may differ, of the smallest."""
_NOISE = 0.2
"""The most that scatter inside the windows may excuse."""


def window(times, seconds=0.1):
    """Steps of a window of about `seconds`, 5 to 100, from the times of a few steps."""
    middle = statistics.median(times)
    return max(5, min(100, int(seconds / middle))) if middle > 0 else 100


def steady(times, width):
    """Whether the last three windows of `width` steps have medians that agree.

    They may differ by 5 %, or by three standard errors of a median where steps scatter more (1.2533
    sigma/sqrt(n), sigma by the median absolute deviation), at most by 20 %: what differs by more is still
    moving, or cannot be told from it.
    """
    if len(times) < WINDOWS * width:
        return False
    tail = times[-WINDOWS * width :]
    parts = [tail[start : start + width] for start in range(0, len(tail), width)]
    medians = [statistics.median(part) for part in parts]
    errors = [_error(part, middle) for part, middle in zip(parts, medians)]
    allowed = max(TOLERANCE, min(_NOISE, 3 * max(errors)))
    return max(medians) <= min(medians) * (1 + allowed)


def _error(part, middle):
    """Relative standard error of a median."""
    if middle <= 0:
        return 0.0
    deviation = statistics.median(abs(one - middle) for one in part)
    return 1.2533 * 1.4826 * deviation / len(part) ** 0.5 / middle
