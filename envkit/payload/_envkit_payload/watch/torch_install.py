"""To hang on torch's own global hooks, and on functions through which every loss and optimiser goes."""

import importlib
import time

from . import patches, weave
from .copies.timetravel import Travel
from .ending import unlearned
from .rerun import again
from .speed import trial as speed_trial
from .tier0 import fast, scaler, schedules
from .tier0.unseen import Unseen
from .torch_watch import Watch


def install(torch, recorder):
    """Watch what this process trains with torch from now on."""
    start = time.thread_time()
    if speed_trial.wanted():
        travel = None  # steps are timed, and nothing else
    elif again.plan() is not None:
        travel = again.Again(torch, recorder)
    else:
        travel = Travel(torch, recorder)
    watch = Watch(torch, recorder, travel)
    recorder("framework", name="torch", version=str(torch.__version__))
    optimizer = importlib.import_module("torch.optim.optimizer")
    hooks = fast.hooks(torch, watch)
    patches.keep(optimizer.register_optimizer_step_pre_hook(hooks.before_step))
    patches.keep(optimizer.register_optimizer_step_post_hook(hooks.after_step))
    weave.around(
        torch.autograd,
        "backward",
        before=hooks.backward,
        after=hooks.backward_done,
        last=hooks.backward_over,
    )
    weave.around(torch.autograd, "grad", before=hooks.grad, last=hooks.backward_over)
    _wrap_optimizer(optimizer.Optimizer, watch)
    _wrap_clip(torch, watch)
    schedules.install(torch, watch, recorder)
    scaler.install(torch, watch)
    watch.evaluation.install(watch)
    unlearned.install(torch, watch.gave_up)
    recorder.endings.append(watch.end)
    never_compiled = Unseen(torch).never_compiled
    if speed_trial.wanted():
        speed_trial.torch(torch, watch)
    elif again.plan() is not None:
        travel.begin(watch)
    else:
        watch.speed.install(never_compiled)
    for hook in weave.hooks:
        never_compiled(hook)
    watch.governor.install += time.thread_time() - start


def _wrap_optimizer(kind, watch):
    made = watch.guarded(watch.optimizer_made)
    weave.around(kind, "__init__", after=lambda out, optimizer, *_: made(optimizer))


def _wrap_clip(torch, watch):
    """The norm that the script itself takes of its gradients costs nothing."""
    clipped = watch.guarded(watch.clipped)
    weave.around(torch.nn.utils.clip_grad, "clip_grad_norm_", after=lambda norm, *_: clipped(norm))
