"""Changes of how a run with torch is optimised."""

import importlib


def _before_steps(change):
    importlib.import_module("torch.optim.optimizer").register_optimizer_step_pre_hook(change)


def learning_rate(torch, watch, factor):
    """Scale every learning rate, whatever a scheduler makes of it."""
    given = {}
    kept = []

    def before(optimizer, args, kwargs):
        for number, group in enumerate(optimizer.param_groups):
            asked = group.get("lr")
            if asked is None:
                continue
            watch.trial.applied += 1
            key = (id(optimizer), number)
            if key not in given:
                kept.append(optimizer)
            if given.get(key) != float(asked):  # the scheduler's own
                group["lr"] = asked * factor
                given[key] = float(group["lr"])

    _before_steps(before)


def clip(torch, watch, norm):
    """Clip the global norm of the gradients."""

    def before(optimizer, args, kwargs):
        watch.trial.applied += 1
        with torch.no_grad():
            parameters = [one for group in optimizer.param_groups for one in group["params"]]
            torch.nn.utils.clip_grad_norm_([one for one in parameters if one.grad is not None], norm)

    _before_steps(before)


def epsilon(torch, watch, value):
    """The optimiser's epsilon."""

    def before(optimizer, args, kwargs):
        for group in optimizer.param_groups:
            if "eps" in group:
                watch.trial.applied += 1
                group["eps"] = max(group["eps"], value)

    _before_steps(before)


def compiled(torch, watch):
    """Compiled again what the script compiles: copies of a process run without."""
    torch.compiler.set_stance("default")


def eager(torch, watch):
    """Nothing compiled."""
    torch.compiler.set_stance("force_eager")
