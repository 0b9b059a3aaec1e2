"""Optimisers that make loss and gradients themselves, by calling a function of the script."""


def closure_of(args, kwargs):
    """The function given to `optimizer.step`, or None. args: as hooks have them, the optimiser first."""
    return kwargs.get("closure", args[1] if len(args) > 1 else None)
