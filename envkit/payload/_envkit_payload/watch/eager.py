"""A copy of the process runs without `torch.compile`."""

import sys


def has_compiled():
    """Whether torch.compile has compiled anything in this process."""
    counters = getattr(sys.modules.get("torch._dynamo.utils"), "counters", None)
    return bool(counters and counters["stats"].get("unique_graphs"))


def eager(torch):
    """Run what was compiled as it was written, from now on.

    Compiled code has threads that a copy does not have, and with one thread it would be compiled anew. Where
    nothing was compiled this imports nothing.
    """
    if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):
        torch.compiler.set_stance("force_eager")
