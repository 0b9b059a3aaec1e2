"""S21: switches for debugging that are still on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, source
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Frame
from envkit.diagnose.speed.view import Line, View

_ANOMALY, _PROFILER = 100e-6, 60e-6
"""Seconds for each operation of the forward pass: the text of a stack and a look for NaN; two events with
shapes and stacks. Measured on four small models on a CPU: anomaly mode made steps 1.2 to 2.9 times longer,
a profiler with stacks 1.1 to 3 times."""
_TRACEBACKS = ("/traceback.py", "/linecache.py", "torch/fx/traceback.py")
_PROFILERS = ("torch/profiler/", "torch/autograd/profiler", "/cProfile.py", "/profile.py", "line_profiler")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cost:
    share: float
    low: float
    high: float
    how: str


def anomaly(view: View) -> Iterable[Slow]:
    """torch's anomaly mode: the stack of each operation is written down, each gradient is searched for
    NaN."""
    if not view.settings.anomaly:
        return
    seen, _ = own.told(view, own.looks(view), lambda one: _inside(one.stack, _TRACEBACKS))
    ahead = view.shares.get("forward", 0.0) + view.shares.get("own", 0.0)
    back = view.shares.get("backward", 0.0)
    texts = max(seen, min(0.6 * ahead, _operations(view, _ANOMALY)))
    share = texts + 0.3 * back
    how = (
        f"stacks written as text {texts:.0%} of the time; looking for NaN, about a third of the backward pass"
    )
    cost = _Cost(share=share, low=0.5 * texts + 0.1 * back, high=1.3 * texts + 0.5 * back, how=how)
    yield _slow(
        view,
        cost,
        "anomaly detection of torch is on",
        ("set_detect_anomaly", "detect_anomaly"),
        "torch.autograd.set_detect_anomaly(False); --detect_anomaly off",
        Change(name="anomaly", value="0"),
        0.9,
    )


def profiler(view: View) -> Iterable[Slow]:
    """A profiler that is open while it trains."""
    if not view.settings.profiler:
        return
    seen, _ = own.told(view, own.looks(view), lambda one: _inside(own.below(one.stack), _PROFILERS))
    work = sum(view.shares.get(name, 0.0) for name in ("forward", "backward", "optimizer", "own"))
    share = max(seen, min(0.55 * work, max(0.09 * work, _operations(view, _PROFILER))))
    cost = _Cost(
        share=share, low=0.4 * share, high=min(0.8, 1.4 * share), how=f"about {share:.0%} of the time"
    )
    yield _slow(
        view,
        cost,
        "a profiler runs while it trains",
        ("profile", "emit_nvtx", "Profile", "record_function"),
        "Close the profiler, or let it watch a few steps: schedule(wait=1, warmup=1, active=3, repeat=1)",
        None,
        0.75,
    )


def blocking(view: View) -> Iterable[Slow]:
    """CUDA_LAUNCH_BLOCKING: the process waits for each kernel. Only with a GPU."""
    if not (view.settings.blocking and view.gpu):
        return
    work = sum(view.shares.get(name, 0.0) for name in ("forward", "backward", "optimizer"))
    cost = _Cost(
        share=0.3 * work, low=0.05, high=0.6 * work, how="the process and the GPU never work at once"
    )
    yield _slow(
        view,
        cost,
        "CUDA_LAUNCH_BLOCKING is set: each operation waits for the GPU",
        (),
        "Unset CUDA_LAUNCH_BLOCKING (look for it in the script, the shell and the job file)",
        None,
        0.8,
    )


def deterministic(view: View) -> Iterable[Slow]:
    """Deterministic algorithms: some GPU kernels have slower ones, and memory is filled. Only with a GPU;
    on a CPU they cost next to nothing."""
    if not (view.settings.deterministic and view.gpu):
        return
    work = sum(view.shares.get(name, 0.0) for name in ("forward", "backward"))
    cost = _Cost(share=0.05 * work, low=0.0, high=0.3 * work, how="depends on the operations")
    yield _slow(
        view,
        cost,
        "deterministic algorithms are asked for",
        ("use_deterministic_algorithms", "enable_op_determinism"),
        "torch.use_deterministic_algorithms(False), unless runs must repeat to the bit; "
        "torch.utils.deterministic.fill_uninitialized_memory = False",
        Change(name="deterministic", value="0"),
        0.5,
    )


def eager(view: View) -> Iterable[Slow]:
    """Keras: each operation is called from Python instead of a graph of them."""
    if not view.settings.eager:
        return
    looks = own.looks(view)
    # In a graph, the process waits in one call for all of a step; eagerly, it is in the layers' Python code.
    python, number = own.told(view, looks, _layers)
    if number < 4:
        return
    share = min(0.9, 0.6 * python)
    cost = _Cost(
        share=share,
        low=0.3 * python,
        high=min(0.9, 0.9 * python),
        how=f"{python:.0%} of the time in Python code of layers ({number} looks)",
    )
    yield _slow(
        view,
        cost,
        "Keras runs eagerly",
        ("run_eagerly", "run_functions_eagerly"),
        "compile(..., run_eagerly=False); no tf.config.run_functions_eagerly(True)",
        None,
        0.85,
    )


def _slow(
    view: View, cost: _Cost, what: str, calls: tuple[str, ...], say: str, change: Change | None, sure: float
) -> Slow:
    line = _set_by(view, calls)
    place = own.named(line)
    return Slow(
        key="debug-left-on",
        share=min(0.95, cost.share),
        summary=what + (f" ({place})" if place else "") + f": about {cost.share:.0%} of the time",
        evidence=(
            Evidence(what="setting", value=what, source="read from the framework while it trained"),
            Evidence(what="cost", value=cost.how, source="looks at the stack and the number of operations"),
        ),
        where=own.at(line),
        confidence=sure,
        gains=(Gain(fix=say.split(";")[0], predicted=whatif.of_share(cost.low, cost.high), change=change),),
        fix=(FixStep(say=f"{place}: {say}" if place else say),),
        folds=("launch-bound", "slow-optimizer", "python-overhead", "batch-too-small"),
    )


def _operations(view: View, seconds: float) -> float:
    """Share of a step that so many seconds for each operation of the forward pass are; 0.0 where not
    known."""
    number = view.settings.operations or 0
    return number * seconds / view.step if view.step else 0.0


def _inside(stack: Iterable[Frame], parts: tuple[str, ...]) -> bool:
    return any(own.library(frame, parts) for frame in stack)


def _layers(one: own.Look) -> bool:
    inner = own.below(one.stack)
    return any(
        own.library(
            frame,
            (
                "keras/src/layers/",
                "keras/src/ops/",
                "keras/src/backend/",
                "tensorflow/python/ops/",
                "tensorflow/python/eager/backprop.py",
                "tensorflow/python/framework/",
                "keras/src/optimizers/",
            ),
        )
        for frame in inner
    )


def _set_by(view: View, calls: tuple[str, ...]) -> Line | None:
    """The person's line that calls one of these, in the files that are at hand."""
    if not calls:
        return None
    for file, text in view.files.items():
        number = source.find(text, *calls)
        if number is not None:
            return Line(file, number, "", 0.0, view.text(file, number))
    return None


ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = (anomaly, profiler, blocking, deterministic, eager)
