"""The rank in which a fault began."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.model import Where
from envkit.diagnose.ranks import judged, named
from envkit.diagnose.trace import Steps, Trace, Trip
from envkit.diagnose.trace_crash import Crash
from envkit.diagnose.trace_step import Event, Values

VALUES = Values(shape=(8,), dtype="float32")
EVENT = Event(
    step=26, number=0, op="aten.sqrt.default", became="nan", born=True, given="finite", phase="backward",
    count=1, of=8, place=(1,), out=VALUES, inputs=(VALUES,), stack=(("train.py", 40, "main"),),
)  # fmt: skip
LAUNCHER = Trace(pid=10, argv=("python", "-m", "torch.distributed.run"), framework="torch")
FAULT = Suspicion(key="sqrt-at-zero", confidence=0.9, where=Where(), evidence=())


def _rank(number: int, what: str | None, step: int = 26, events: tuple[Event, ...] = ()) -> Trace:
    trip = None if what is None else Trip(what=what, value="nan", step=step)  # type: ignore[arg-type]
    steps = Steps(ended=(0.0, 1.0), loss=(1.0, 1.0))
    return Trace(pid=20 + number, parent=10, rank=number, world=2, trip=trip, steps=steps, events=events)


def _judged(*traces: Trace) -> list[int | None]:
    (found,) = {tuple(one.rank for one in judged(order)) for order in permutations((*traces, LAUNCHER))}
    return list(found)


def test_own_loss_before_gradients_of_all():
    assert _judged(_rank(0, "gradient"), _rank(1, "loss")) == [1]


def test_first_step():
    assert _judged(_rank(0, "loss", 27), _rank(1, "loss", 26)) == [1]
    assert _judged(_rank(0, "gradient", 14), _rank(1, "loss", 26)) == [0]


def test_own_operations_where_all_losses_are_finite():
    told = replace(EVENT, stack=())  # what came from the others has no line
    assert _judged(_rank(0, "gradient", events=(told,)), _rank(1, "gradient", events=(EVENT,))) == [1]


def test_a_rank_that_saw_nothing():
    assert _judged(_rank(0, None), _rank(1, "loss")) == [1]


def test_healthy_runs_are_judged_by_one():
    assert len(_judged(_rank(0, None), _rank(1, None))) == 1


def test_one_process_stays():
    alone = Trace(pid=1, trip=Trip(what="loss", value="nan", step=1))
    assert judged((alone,)) == (alone,)
    assert named(FAULT, alone, (alone,)) is FAULT


def test_a_script_that_trains_and_starts_others_is_judged():
    trained = replace(LAUNCHER, steps=Steps(ended=(0.0,), loss=(1.0,)))
    ranks = (_rank(0, None), _rank(1, None))
    assert trained in judged((*ranks, trained)) and LAUNCHER not in judged((*ranks, LAUNCHER))


def test_evidence_names_the_rank():
    ranks = (_rank(0, "gradient"), _rank(1, "loss"))
    (evidence,) = named(FAULT, ranks[1], ranks).evidence
    assert (evidence.what, evidence.value, evidence.source) == ("rank", "1 of 2", "its own loss")


def test_evidence_names_all_ranks_that_failed_alike():
    ranks = (_rank(0, "loss"), _rank(1, "loss"))
    (evidence,) = named(FAULT, ranks[0], ranks).evidence
    assert (evidence.what, evidence.value) == ("ranks", "0, 1 of 2")


def test_who_lost_another_rank_is_not_to_blame():
    lost = Crash(type="RuntimeError", text="[gloo/transport/tcp/pair.cc:547] Connection closed by peer")
    own = Crash(type="ValueError", text="a batch of length 0")
    ranks = (replace(_rank(0, None), crash=lost), replace(_rank(1, None), crash=own))
    assert _judged(*ranks) == [1]
