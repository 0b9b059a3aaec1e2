"""What single events mean: rules over hand-built events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.diagnose.analyzers.names import base, name, of_node
from envkit.diagnose.analyzers.numeric import numeric
from envkit.diagnose.analyzers.operations import named
from envkit.diagnose.analyzers.root import begin
from envkit.diagnose.trace import Optimizer, Steps, Trace, Trip
from envkit.diagnose.trace_crash import Crash
from envkit.diagnose.trace_step import Arrival, Batch, Event, NumpyCall, Rows, Values, Weight

INF = float("inf")
LINE = (("/home/me/train.py", 7, "loss"),)


def value(at=None, shape=(8,), dtype="float32", **more):
    """A tensor, with its value at the bad place."""
    return Values(shape=shape, dtype=dtype, at=at, **{"nan": 0, "inf": 0, "minus_inf": 0, **more})


def event(op, became="nan", inputs=(), **more):
    """An event of step 3."""
    given = {
        "step": 3, "number": 0, "born": True, "given": "finite", "phase": "forward", "count": 1, "of": 8,
        "place": (0,), "out": value(), "stack": LINE,
    }  # fmt: skip
    return Event(**{**given, **more}, op=f"aten.{op}", became=became, inputs=tuple(inputs))


FORWARD = [
    (event("log.default", "inf", [value(0.0)]), "log-of-zero", "log of zero"),
    (event("log.default", "nan", [value(-2.0)]), "log-of-zero", "log of a negative number, -2"),
    (event("log_.default", "inf", [value(0.0)]), "log-of-zero", "log of zero"),
    (event("log1p.default", "inf", [value(-1.0)]), "log-of-zero", "log1p of -1.0"),
    (event("logit.default", "inf", [value(1.0)]), "log-of-zero", "logit of 1"),
    (event("div.Tensor", "nan", [value(0.0), value(0.0)]), "division-by-zero", "0 / 0"),
    (event("div.Tensor", "inf", [value(2.0), value(0.0)]), "division-by-zero", "2 / 0"),
    (event("div.Tensor", "inf", [value(2.0)], scalars=(0.0,)), "division-by-zero", "2 / 0"),
    (event("div.Tensor", "inf", [value(2.0), value(1e-45)]), "division-by-zero", "2 / 1e-45"),
    (event("reciprocal.default", "inf", [value(0.0)]), "division-by-zero", "1 / 0"),
    (event("rsqrt.default", "inf", [value(0.0)]), "division-by-zero", "sqrt of zero"),
    (event("sqrt.default", "nan", [value(-1.0)]), "sqrt-at-zero", "negative"),
    (event("pow.Tensor_Scalar", "nan", [value(-2.0)], scalars=(0.5,)), "sqrt-at-zero", "-2"),
    (event("pow.Tensor_Scalar", "inf", [value(0.0)], scalars=(-1,)), "division-by-zero", "zero to a neg"),
    (event("acos.default", "nan", [value(1.0000001)]), "domain-error", "acos of 1.0000001"),
    (event("acosh.default", "nan", [value(0.5)]), "domain-error", "acosh of 0.5"),
    (event("atanh.default", "inf", [value(1.0)]), "domain-error", "atanh of 1"),
    (event("exp.default", "inf", [value(120.0)], wide=1e52), "domain-error", "exp of 120"),
    (event("mean.default", "nan", [value(shape=(0,), nan=None)]), "empty-reduction", "empty"),
    (event("mse_loss.default", "nan", [value(shape=(0,), nan=None)]), "empty-reduction", "empty"),
    (event("nll_loss_forward.default", "nan", [value(shape=(8, 3))]), "empty-reduction", "ignored"),
    (event("std.correction", "nan", [value(shape=(1, 3))]), "batchnorm-single-value", "single value"),
    (
        event("_softmax.default", "nan", [value(inf=3, minus_inf=3)], given="inf", masked_row=True),
        "fully-masked-softmax", "masked with -inf",
    ),
    (event("linalg_inv_ex.default", "inf", [value(shape=(3, 3))]), "decomposition-degenerate", "singular"),
    (event("_ctc_loss.default", "inf", [value()]), "ctc-target-too-long", "no alignment"),
    (
        event("add.Tensor", "inf", [value(-3.4e38), value(-3.4e38)], wide=-6.8e38),
        "mask-overflow", "less than float32 holds",
    ),
    (
        event("mul.Tensor", "inf", [value(300.0), value(300.0)], out=value(dtype="float16"), wide=90000.0),
        "fp16-overflow", "90000",
    ),
    (
        event("div.Tensor", "nan", [value(0.0, dtype="float16"), value(0.0, dtype="float16")], lost=1e-8),
        "fp16-eps-underflow", "1e-08 is zero",
    ),
]  # fmt: skip
BACKWARD = [
    ("div.Tensor", "SqrtBackward0", "inf", "sqrt-at-zero", "sqrt"),
    ("pow.Tensor_Scalar", "PowBackward0", "inf", "sqrt-at-zero", "pow"),
    ("div.Tensor", "LinalgVectorNormBackward0", "nan", "sqrt-at-zero", "norm"),
    ("_cdist_backward.default", "CdistBackward0", "nan", "sqrt-at-zero", "cdist"),
    ("div.Tensor", "HypotBackward0", "nan", "sqrt-at-zero", "hypot"),
    ("div.Tensor", "LogBackward0", "inf", "log-of-zero", "log"),
    ("div.Tensor", "DivBackward0", "inf", "division-by-zero", "div"),
    ("rsqrt.default", "AcosBackward0", "inf", "domain-error", "acos"),
    ("rsqrt.default", "AcoshBackward0", "inf", "domain-error", "acosh"),
    ("div.Tensor", "Atan2Backward0", "nan", "domain-error", "atan2"),
    ("div.Tensor", "LinalgSvdBackward0", "nan", "decomposition-degenerate", "svd"),
    ("div.Tensor", "LinalgEighBackward0", "inf", "decomposition-degenerate", "eigh"),
    ("div.Scalar", "MeanBackward0", "nan", "empty-reduction", "mean"),
]


@pytest.mark.parametrize(("one", "key", "said"), FORWARD, ids=[one.op for one, _, _ in FORWARD])
def test_value(one: Event, key: str, said: str):
    found = named(one)
    assert found is not None
    assert found[0] == key
    assert said in found[1]


@pytest.mark.parametrize(("op", "node", "became", "key", "operation"), BACKWARD)
def test_derivative(op: str, node: str, became: str, key: str, operation: str):
    one = event(op, became, [value(1.0), value(0.0)], phase="backward", node=node)
    found = named(one)
    assert found is not None
    assert found[0] == key
    assert operation in found[1]
    (first,) = numeric(trace(one, what="gradient"))
    assert first.where.op == operation
    assert first.where.line == 7


def test_backward_that_a_person_wrote_is_judged_by_its_own_operations():
    one = event(
        "div.Tensor", "inf", [value(1.0), value(0.0)], phase="backward", node="RootBackward", own=True
    )
    (first,) = numeric(trace(one, what="gradient"))
    assert (first.key, first.where.op) == ("division-by-zero", "div")


@pytest.mark.parametrize(
    "one",
    [
        event("mm.default", "inf", wide=1e40),
        event("mul.Tensor", "inf", [value(1e30), value(1e30)], wide=1e60),
        event("add.Tensor", "inf", [value(-1e30), value(-1.0)], wide=-1e39),
        event("pow.Tensor_Scalar", "inf", [value(1e30)], scalars=(2,), wide=1e60),
        event("sum.default", "inf", wide=1e40),
        event("_softmax.default", "nan", [value(inf=1)], given="inf", masked_row=False),
    ],
    ids=lambda one: one.op,
)
def test_an_overflow_says_nothing_of_its_operation(one: Event):
    assert named(one) is None


def test_a_branch_that_was_not_selected():
    one = event(
        "div.Tensor", "nan", [value(0.0), value(0.0)], phase="backward", node="LogBackward0", selected="Where"
    )
    assert named(one)[0] == "where-gradient-trap"
    assert named(replace(one, selected=None))[0] == "log-of-zero"
    assert named(replace(one, inputs=(value(1.0), value(0.0))))[0] == "log-of-zero"


def trace(*events, what="loss", step=3, **more):
    """A run that broke in a step, which was repeated."""
    steps = Steps(loss=(1.0, 0.9, 0.8), gradient=(0.5, 0.4, 0.5), rate=(0.1,) * 3, ended=(1.0, 2.0, 3.0))
    given = {
        "steps": steps,
        "optimizers": (Optimizer(name="SGD", rate=0.1, stack=(("/home/me/train.py", 3, "main"),)),),
    }
    return Trace(
        trip=Trip(what=what, value="nan", step=step),
        replay="repeated",
        events=tuple(events),
        **{**given, **more},
    )


def test_the_beginning_is_followed_from_what_reached_the_loss():
    harmless = event("log.default", "inf", [value(0.0)], number=0)
    guilty = event("sqrt.default", "nan", [value(-1.0)], number=1)
    found = begin([harmless, guilty], loss_is_bad=True, arrival=Arrival(what="loss", event=1))
    assert found is not None
    assert found.event is guilty


def test_a_nan_of_a_computed_inf_goes_back_to_it():
    first = event("log.default", "inf", [value(0.0)], number=0)
    second = event("mul.Tensor", "nan", [value(0.0), value("-inf")], number=1, given="inf", parents=(0,))
    assert begin([first, second], loss_is_bad=True).event is first


def test_a_mask_is_no_beginning():
    mask = event("masked_fill.Scalar", "inf", number=0)
    soft = event("_softmax.default", "nan", [value(inf=4, minus_inf=4)], number=1, given="inf", parents=(0,))
    assert begin([mask, soft], loss_is_bad=True).event is soft


def test_a_mask_that_overflowed_is():
    sums = event("add.Tensor", "inf", [value(-3.4e38), value(-3.4e38)], number=0, wide=-6.8e38)
    soft = event(
        "_softmax.default",
        "nan",
        [value(inf=4, minus_inf=4)],
        number=1,
        given="inf",
        parents=(0,),
        masked_row=True,
    )
    first = numeric(trace(sums, soft))[0]
    assert first.key == "mask-overflow"


def test_the_logarithm_of_a_mask_is_a_mask():
    logs = event("log.default", "inf", [value(0.0)], number=0, data=True)
    soft = event(
        "_softmax.default",
        "nan",
        [value(inf=4, minus_inf=4)],
        number=1,
        given="inf",
        parents=(0,),
        masked_row=True,
    )
    assert numeric(trace(logs, soft))[0].key == "fully-masked-softmax"


def test_a_nan_that_was_not_selected_comes_back_in_the_backward_pass():
    one = event("div.Tensor", "nan", [value(0.0), value(0.0)])
    assert numeric(trace(one, what="gradient"))[0].key == "where-gradient-trap"
    assert numeric(trace(one, what="loss"))[0].key == "division-by-zero"


def test_growth_over_steps_before_an_overflow_is_the_rate():
    loss = tuple(1.0 for _ in range(20)) + tuple(10.0 ** (3 * n) for n in range(1, 9))
    one = event("mm.default", "inf", wide=1e40)
    found = numeric(trace(one, steps=Steps(loss=loss, rate=(0.5,) * 28), step=28))
    assert found[0].key == "lr-too-high"
    assert found[0].where.line == 3
    assert "grew" in found[0].summary


def test_an_overflow_in_one_jump_is_not():
    rows = Rows(length=8, bad=(2,), count=1, samples=(42,))
    one = event("mm.default", "inf", wide=1e40, rows=rows)
    steps = Steps(loss=(1.0, 1.1) * 30, gradient=(0.4, 0.5) * 30, rate=(0.01,) * 60)
    found = numeric(trace(one, steps=steps, step=60))
    assert found[0].key == "exploding-gradient"
    assert found[0].where.samples == (42,)


def test_a_sample_far_from_all_others():
    rows = Rows(length=8, bad=(2,), count=1, samples=(42,))
    far = Batch(
        model="", argument=0, values=value(max=3e30, min=-1.0), far=replace(rows, usual=1.5), name="energy"
    )
    found = numeric(
        trace(event("pow.Tensor_Scalar", "inf", [value(3e30)], wide=9e60, rows=rows), batches=(far,))
    )
    assert found[0].key == "bad-sample"
    assert found[0].where.samples == (42,)
    assert "energy" in found[0].summary


def test_weights_beyond_all_reason_are_the_rate():
    one = event("mm.default", "inf", wide=1e40)
    steps = Steps(loss=(1.0, 1.1) * 3, gradient=(0.4, 0.5) * 3, rate=(5.0,) * 6)
    found = numeric(trace(one, steps=steps, step=6, weights=(Weight(name="fc.weight", max=1e20),)))
    assert found[0].key == "lr-too-high"
    assert any("1e+20" in shown.value for shown in found[0].evidence)


def test_a_schedule_that_raised_the_rate_is_named():
    loss = tuple(1.0 for _ in range(20)) + tuple(10.0 ** (3 * n) for n in range(1, 9))
    schedule = Optimizer(name="LambdaLR", stack=(("/home/me/train.py", 5, "main"),))
    more = {"schedules": (schedule,), "step": 28}
    raised = Steps(loss=loss, rate=(0.1,) * 10 + (30.0,) * 18)
    one = event("mm.default", "inf", wide=1e40)
    assert numeric(trace(one, steps=raised, **more))[0].where.line == 5
    same = Steps(loss=loss, rate=(0.1,) * 28)
    assert numeric(trace(one, steps=same, **more))[0].where.line == 3


DATA = event(
    "addmm.default", "nan", [value(nan=1, shape=(8, 4), role="data", name="x")], born=False, given="nan",
    source="data", name="x", out=value(nan=1, shape=(8, 4)),
    rows=Rows(length=8, bad=(2,), count=1, samples=(42,)),
)  # fmt: skip


def test_the_data_held_it():
    (found,) = numeric(trace(DATA))
    assert found.key == "bad-sample"
    assert (found.where.line, found.where.phase, found.where.samples) == (7, "data", (42,))


def test_numpy_made_it_in_the_same_step():
    call = NumpyCall(what="invalid value", call="div", stack=(("/home/me/data.py", 31, "__getitem__"),))
    first, second = numeric(trace(DATA, numpy=(call,)))
    assert (first.key, first.where.file, first.where.line) == ("division-by-zero", "/home/me/data.py", 31)
    assert first.where.samples == (42,)
    assert second.key == "bad-sample"


def test_a_weight_that_nothing_was_written_to():
    one = replace(DATA, source="parameter", name="biaffine.weight", rows=None)
    first = numeric(trace(one, step=0))[0]
    assert first.key == "uninitialised-memory"
    assert "biaffine.weight" in first.summary


SAMPLES = [
    (Rows(length=8, bad=(2,), count=1, samples=(42,)), {}, (42,)),
    (Rows(length=8, bad=tuple(range(8)), count=8, samples=tuple(range(8))), {}, ()),
    (Rows(length=8, bad=tuple(range(8)), count=8, samples=tuple(range(8)), worst=(3,)), {}, (3,)),
    (Rows(length=8, bad=tuple(range(6)), count=6, samples=tuple(range(6))), {"data": True}, tuple(range(6))),
    (Rows(length=8, bad=(2,), count=1), {}, ()),
    (None, {}, ()),
]


@pytest.mark.parametrize(("rows", "more", "expected"), SAMPLES)
def test_samples(rows: Rows | None, more: dict, expected: tuple):
    found = numeric(
        trace(event("log.default", "inf", [value(0.0)], rows=rows, batch=tuple(range(8)), **more))
    )
    assert found[0].where.samples == expected


def test_what_is_one_number_for_a_batch_names_the_batch():
    one = event(
        "div.Tensor",
        "nan",
        [value(0.0, shape=()), value(0.0, shape=())],
        out=value(shape=()),
        of=1,
        batch=(4, 5, 6),
    )
    assert numeric(trace(one))[0].where.samples == (4, 5, 6)


def test_a_run_that_was_ended_by_the_error_that_came_of_it():
    one = event("log.default", "nan", [value(-1.0)])
    text = "Expected parameter loc (Tensor of shape (20,)) of distribution Normal to satisfy the constraint"
    ended = replace(trace(one), trip=None, crash=Crash(type="ValueError", text=text))
    assert numeric(ended)[0].key == "log-of-zero"
    assert numeric(replace(ended, crash=Crash(type="KeyError", text="'labels'"))) == ()
    assert numeric(replace(ended, crash=None)) == ()


def test_a_mask_in_a_run_that_an_error_ended_is_no_cause():
    mask = event("log.default", "inf", [value(0.0)])
    ended = replace(trace(mask), trip=None, crash=Crash(type="AssertionError", text=""))
    assert numeric(ended) == ()


@pytest.mark.parametrize(
    ("op", "people", "same"),
    [
        ("aten.log_.default", "log", "log"), ("aten._softmax.default", "softmax", "softmax"),
        ("aten._log_softmax.default", "log_softmax", "log_softmax"),
        ("aten.nll_loss_forward.default", "nll_loss", "nll_loss"), ("divide", "divide", "div"),
        ("aten._linalg_eigh.default", "eigh", "eigh"), ("aten.linalg_vector_norm.default", "norm", "norm"),
        ("aten._scaled_dot_product_flash_attention_for_cpu.default", *("scaled_dot_product_attention",) * 2),
        ("aten._foreach_addcdiv_.Scalar", "addcdiv", "addcdiv"), ("power", "power", "pow"),
        ("aten.native_batch_norm.default", "batch_norm", "batch_norm"),
        ("aten._to_copy.default", "to", "to_copy"),
    ],
)  # fmt: skip
def test_names(op: str, people: str, same: str):
    assert name(op) == people
    assert base(op) == same


@pytest.mark.parametrize(
    ("node", "people"),
    [
        ("SqrtBackward0", "sqrt"), ("LinalgEighBackward0", "eigh"), ("Atan2Backward0", "atan2"),
        ("LogSoftmaxBackward0", "log_softmax"), ("torch::autograd::CopySlices", "copy_slices"), (None, ""),
    ],
)  # fmt: skip
def test_names_of_derivatives(node: str | None, people: str):
    assert of_node(node) == people
