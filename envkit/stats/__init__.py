"""L2: medians, intervals, comparison of paired runs, changes in a history. Pure."""

from envkit.stats.bootstrap import median, percentiles, quantile, resampled_medians
from envkit.stats.change import Change, changes
from envkit.stats.compare import MARGIN, compare
from envkit.stats.model import MINIMUM, Comparison, Estimate, Verdict
from envkit.stats.summary import estimate, typical

__all__ = [
    "MARGIN",
    "MINIMUM",
    "Change",
    "Comparison",
    "Estimate",
    "Verdict",
    "changes",
    "compare",
    "estimate",
    "median",
    "percentiles",
    "quantile",
    "resampled_medians",
    "typical",
]
