"""Where the script made its learning-rate schedules: one that rises too far is changed there."""

import sys

from .. import frames, weave


def install(torch, watch, recorder):
    """Write down each that is made."""
    module = sys.modules.get("torch.optim.lr_scheduler")
    kind = getattr(module, "LRScheduler", None) or getattr(module, "_LRScheduler", None)
    if kind is None:
        return

    def made(schedule):
        # A schedule may be made of others: the person's line is the same for all of them.
        recorder("schedule", name=type(schedule).__name__, stack=frames.users())

    told = watch.guarded(made)
    weave.around(kind, "__init__", after=lambda out, schedule, *_: told(schedule))
