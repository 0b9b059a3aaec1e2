"""S22: several GPUs or processes, joined in a slow way. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, source
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

_DP = (
    "torch/nn/parallel/data_parallel.py",
    "torch/nn/parallel/replicate.py",
    "torch/nn/parallel/scatter_gather.py",
    "torch/nn/parallel/parallel_apply.py",
    "torch/nn/parallel/comm.py",
    "torch/nn/parallel/_functions.py",
)
_SOURCE = "looks at the stack"


def data_parallel(view: View) -> Iterable[Slow]:
    """DataParallel: one process copies the model to all GPUs in each step, and its threads share one
    interpreter."""
    if not view.gpu or not any(one.startswith("DataParallel") for one in view.settings.wrappers):
        return
    share, number = own.told(
        view, own.looks(view), lambda one: any(own.library(frame, _DP) for frame in own.below(one.stack))
    )
    if share < 0.1 or number < 6:
        return
    yield _slow(
        view,
        min(0.9, 0.5 * share),
        f"DataParallel copies the model in each step: {share:.0%} of the time is "
        "spent in it, its forward pass among that",
        "DataParallel",
        "One process for each GPU: torchrun --nproc-per-node N, DistributedDataParallel(model)",
        0.7,
    )


def backend(view: View) -> Iterable[Slow]:
    """Gradients of GPUs that are exchanged through the CPU."""
    settings = view.settings
    name = (settings.backend or "").lower()
    if not view.gpu or (settings.world or 1) < 2 or name not in ("gloo", "mpi"):
        return
    share = 0.5 * view.shares.get("backward", 0.0)
    yield _slow(
        view,
        share,
        f"the processes exchange gradients of GPUs with {name}, through the CPU",
        "init_process_group",
        'torch.distributed.init_process_group("nccl")',
        0.75,
    )


def unused(view: View) -> Iterable[Slow]:
    """find_unused_parameters: the graph is searched in each step."""
    if not any("find_unused" in one for one in view.settings.wrappers):
        return
    share, number = own.told(
        view,
        own.looks(view),
        lambda one: any(
            own.library(frame, ("torch/nn/parallel/distributed.py",))
            and frame.function in ("_find_tensors", "_pre_forward", "_post_forward", "_rebuild_tensors")
            for frame in own.below(one.stack)[:3]
        ),
    )
    if share < 0.04 or number < 4:
        return
    yield _slow(
        view,
        share,
        f"DistributedDataParallel searches the graph for unused parameters: {share:.0%} of the time",
        "find_unused_parameters",
        "DistributedDataParallel(..., find_unused_parameters=False)",
        0.7,
    )


def _slow(view: View, share: float, what: str, call: str, say: str, sure: float) -> Slow:
    where = Where()
    for file, text in view.files.items():
        number = source.find(text, call)
        if number is not None:
            where = Where(file=file, line=number, phase="setup")
            break
    return Slow(
        key="wrong-parallelism",
        share=share,
        summary=what,
        evidence=(
            Evidence(
                what="how it is joined",
                value=", ".join(view.settings.wrappers) or str(view.settings.backend),
                source="read while it trained",
            ),
            Evidence(what="share of the time", value=f"about {share:.0%}", source=_SOURCE),
        ),
        where=where,
        confidence=sure,
        gains=(Gain(fix=say, predicted=whatif.of_share(0.2 * share, 1.3 * share)),),
        fix=(FixStep(say=say),),
        folds=("exposed-communication",),
    )
