"""L2: medians, intervals, comparison of paired runs. Pure."""
