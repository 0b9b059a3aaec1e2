"""L6: options in, one call, render, exit code."""

import gc

# What a start makes, 50,000 objects, stays. Walked through again and again it costs a tenth of doctor's time.
gc.set_threshold(50_000, 20, 20)
