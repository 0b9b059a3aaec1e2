"""A copy of one rank of a distributed run: what it would tell the other ranks goes nowhere.

The other ranks are not repeated with it, so that gradients on the way to the failing step are its own and not
the mean of all. What it is asked is whether the step goes wrong with its own data.
"""

import os
import sys

LIMIT = 20.0
"""Seconds that a repetition may take: the other ranks wait for this one."""
_LOCAL = ("allreduce", "allreduce_coalesced", "broadcast", "reduce", "barrier", "monitored_barrier")
"""Of these a rank keeps what it has."""
_ALL = (
    *("allgather_coalesced", "allgather_into_tensor_coalesced", "alltoall", "alltoall_base", "gather"),
    *("recv", "recv_anysource", "reduce_scatter", "reduce_scatter_tensor_coalesced", "scatter", "send"),
    *("_reduce_scatter_base", "all_gather_single", "reduce_scatter_single", "all_to_all_single"),
)


def is_one(torch):
    """Whether this process trains together with others."""
    kind = torch.distributed
    return kind.is_available() and kind.is_initialized() and kind.get_world_size() > 1


def tell(torch, recorder):
    """Write down which rank this is, where its environment did not say so from the start."""
    if "RANK" not in os.environ and is_one(torch):
        kind = torch.distributed
        recorder("rank", rank=kind.get_rank(), world=kind.get_world_size())


def possible(torch):
    """Whether a copy can go on without the other ranks: not where what it needs is theirs or on a device."""
    return not is_one(torch) or torch.distributed.get_backend() == "gloo"


def cut_off(torch, stuck):
    """In a copy: no other ranks. stuck: called where nothing can be done without them; does not return."""
    if not is_one(torch):
        return
    # Its hooks do nothing where no gradients are awaited, and nobody waits where its forward was not called.
    torch.nn.parallel.DistributedDataParallel.forward = _forward
    # A copy from before the model was wrapped: these talk to the others without a method of Python.
    module = sys.modules[torch.nn.parallel.DistributedDataParallel.__module__]
    _stub(module, "_verify_param_shape_across_processes", lambda *args, **kwargs: True)
    _stub(module, "_sync_module_states", lambda *args, **kwargs: None)
    group = sys.modules["torch._C._distributed_c10d"].ProcessGroup
    done = _Done(torch)
    for name in _LOCAL:
        _stub(group, name, lambda *args, **kwargs: done)
    for name in _ALL:
        _stub(group, name, lambda *args, **kwargs: stuck())

    def allgather(self, outputs, inputs, *args, **kwargs):
        for places, value in zip(outputs, inputs):
            for place in places:
                place.copy_(value)
        return done

    def allgather_base(self, output, value, *args, **kwargs):
        output.view(-1, *value.shape)[:] = value
        return done

    _stub(group, "allgather", allgather)
    _stub(group, "_allgather_base", allgather_base)


def _forward(self, *inputs, **kwargs):
    return self.module(*inputs, **kwargs)


def _stub(group, name, value):
    if hasattr(group, name):
        setattr(group, name, value)


class _Done:
    """A piece of work with the other ranks that is over."""

    def __init__(self, torch):
        self._torch = torch

    def wait(self, *args, **kwargs):
        return True

    is_completed = is_success = wait

    def get_future(self):
        future = self._torch.futures.Future()
        future.set_result([])
        return future

    def result(self):
        return []
