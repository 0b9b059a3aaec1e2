"""What may be changed in a training run from outside, without a change to its code: a literal table.

Each is a function `(torch, watch, **arguments)` that takes effect from then on. They serve in a copy of the
process (trials from a snapshot) and in a run that is started anew.
"""

from . import torch_changes

TORCH = {
    "rewrite": torch_changes.rewrite,
    "learning-rate": torch_changes.learning_rate,
    "clip": torch_changes.clip,
    "float32": torch_changes.float32,
    "epsilon": torch_changes.epsilon,
    "replace-rows": torch_changes.replace_rows,
}


def apply(torch, watch, name, arguments):
    """Make one change. Raises KeyError for a name that does not exist."""
    TORCH[name](torch, watch, **arguments)
