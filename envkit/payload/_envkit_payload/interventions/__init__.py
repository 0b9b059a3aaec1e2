"""What may be changed in a training run from outside, without a change to its code: a literal table.

Each is a function `(torch, watch, **arguments)` that takes effect from then on. They serve in a copy of the
process (trials from a snapshot) and in a run that is started anew.
"""

from . import lines_torch, memory_torch, precision_torch, rows_torch, torch_changes

TORCH = {
    "rewrite": lines_torch.rewrite,
    "learning-rate": torch_changes.learning_rate,
    "clip": torch_changes.clip,
    "float32": precision_torch.float32,
    "epsilon": torch_changes.epsilon,
    "replace-rows": rows_torch.replace_rows,
    "initialise": memory_torch.initialise,
    "zero-memory": memory_torch.zero_memory,
    "fill-memory": memory_torch.fill_memory,
    "eager": torch_changes.eager,
    "compiled": torch_changes.compiled,
}
COUNTED = ("rewrite", "replace-rows", "initialise", "zero-memory", "learning-rate", "clip", "epsilon")
"""Those that count in `watch.trial.applied` how often there was something to change."""


def apply(torch, watch, name, arguments):
    """Make one change. Raises KeyError for a name that does not exist."""
    TORCH[name](torch, watch, **arguments)
