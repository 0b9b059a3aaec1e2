"""What most steps need, in as few instructions as it can be: of each few steps only one is looked at in full.

A loss is read, whether it is finite is seen, and the end of the step is noted. Whatever is out of the
ordinary takes the full way.
"""

import collections
import time

from .. import signals
from ..closures import closure_of
from .unseen import Unseen

_TIMED = 63
"""One step of so many and one tells what these hooks take."""


Hooks = collections.namedtuple("Hooks", "grad backward backward_done backward_over before_step after_step")


def hooks(torch, watch):
    """Hooks, each to be called as torch, or `weave`, calls it."""
    compiling = getattr(getattr(torch, "compiler", None), "is_compiling", bool)
    dispatched = getattr(torch._C, "_len_torch_dispatch_stack", bool)
    asked = getattr(torch._C, "_len_torch_function_stack", bool)
    recorder, governor, course = watch.recorder, watch.governor, watch.course
    backward = watch.guarded(watch.before_backward)
    before, after = watch.guarded(watch.before_step), watch.guarded(watch.after_step)
    done = watch.guarded(watch.after_backward)
    phases = watch.phases
    tensor, clock = torch.Tensor, time.perf_counter

    def before_grad(*_):
        if not compiling() and recorder.on:
            phases.begin("backward")

    def before_backward(loss, *_):
        if compiling() or not recorder.on:  # (first: the compiler watches over all else that is read)
            return
        if not watch.plain or type(loss) is not tensor or not loss.is_cpu or dispatched() or asked():
            backward(loss)
            phases.begin("backward")
            return
        start = 0.0 if watch.step & _TIMED else clock()
        try:
            number = loss.item()
        except Exception as error:
            if signals.raised(error):
                raise
            number = None
        # Not a number, or not finite where that is news.
        if number is None or (number * 0 != 0 and watch.tripped is None):
            backward(loss)
            phases.begin("backward")
            return
        watch.backwards += 1
        watch.backward_at = watch.step
        watch.since_update += 1
        watch.loss = number
        if start:
            governor.fast_loss = clock() - start
        phases.begin("backward")

    def after_backward(*given):
        if compiling() or not recorder.on:
            return
        if not watch.plain and (watch.within is not None or watch.by_hand or watch.doubt.held is not None):
            done()

    def backward_over(*_):
        if not compiling():
            phases.end("backward")

    def before_step(optimizer, args, kwargs):
        if compiling():
            return None
        phases.update((len(args) > 1 or bool(kwargs)) and closure_of(args, kwargs) is not None)
        return None if watch.plain else before(optimizer, args, kwargs)

    def after_step(optimizer, args, kwargs):
        if compiling() or not recorder.on:
            return
        phases.end("optimizer")
        if not watch.plain:
            after(optimizer, args, kwargs)
            return
        now = clock()
        course.kept.append((watch.loss, None, None, now, None, watch.clip, None, phases.step()))
        watch.loss = watch.clip = None
        watch.since_update = 0
        watch.step = step = watch.step + 1
        if step >= watch.full_at:
            watch.plain = False
        if not step & _TIMED:
            governor.fast_step = clock() - now

    found = Hooks(before_grad, before_backward, after_backward, backward_over, before_step, after_step)
    for hook in found:
        Unseen(torch).never_compiled(hook)
    return found
