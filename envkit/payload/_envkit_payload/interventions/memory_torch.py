"""What is in memory that nobody has written to."""

import gc
import math


def zero_memory(torch, watch):
    """Zeros in place of whatever was in memory: torch.empty and its kin."""
    from torch.overrides import TorchFunctionMode

    names = ("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "resize_")

    class Zeros(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            # A tensor's own class has no name that tells it: torch.Tensor(2, 3) goes through `__new__`.
            if getattr(function, "__name__", "") in names and isinstance(out, torch.Tensor):
                watch.trial.applied += 1
                with torch.no_grad():
                    out.zero_()
            return out

    mode = Zeros()
    mode.__enter__()
    watch.trial.kept = mode


def fill_memory(torch, watch):
    """NaN in place of whatever was in memory: what reads it is found out at once."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True


def initialise(torch, watch, names):
    """Fresh values for parameters and buffers by name: uniform, as layers of torch begin, zero for vectors.

    What an optimiser remembers of them is forgotten.
    """
    found = {}
    for module in [one for one in gc.get_objects() if isinstance(one, torch.nn.Module)]:
        for name, one in (*module.named_parameters(), *module.named_buffers()):
            found.setdefault(name, one)
    with torch.no_grad():
        for name in names:
            one = found.get(name)
            if one is None or not one.is_floating_point():
                continue
            watch.trial.applied += 1
            fresh(torch, name, one)
    forgotten = {id(found[name]) for name in names if name in found}
    for optimizer in [one for one in gc.get_objects() if isinstance(one, torch.optim.Optimizer)]:
        for parameter in [one for one in optimizer.state if id(one) in forgotten]:
            del optimizer.state[parameter]


def fresh(torch, name, one):
    """Values as torch's own layers begin with: uniform within 1 / sqrt(inputs); ones for a variance."""
    if "var" in name.rpartition(".")[2]:
        one.fill_(1.0)
    elif one.dim() < 2:
        one.zero_()
    else:
        bound = 1 / math.sqrt(max(1, one[0].numel()))
        one.uniform_(-bound, bound)
