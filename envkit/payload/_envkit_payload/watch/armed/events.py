"""Values that are not finite in one step: where each began, and from where others have them.

A NaN of inputs that hold none, and an Inf of inputs that are finite, are born. What holds such values and no
operation of this step made is a source: data, a weight, memory that was never set. All else has them from
elsewhere, which is followed, so that a loss can say with which event its NaN began.
"""

from .. import frames
from ..rows import found as found_rows
from . import fields as fields_torch
from .marks import MASK
from .values import at, seen

_MOST = 64
"""Events kept."""
_WIDE = 1 << 24
"""Values of an operation that is repeated in float64 at the most."""
_MEANT = (
    *("masked_fill", "full", "fill", "scalar_tensor", "new_full", "full_like", "triu", "tril", "lift_fresh"),
    *("where", "masked_scatter", "index_put", "constant_pad_nd", "scatter", "index_fill"),
)
"""Operations by which people write an Inf on purpose, as masks are made."""
_CUTS = (
    *(
        "slice",
        "select",
        "index",
        "index_select",
        "split",
        "split_with_sizes",
        "unbind",
        "stack",
        "cat",
        "view",
    ),
    *("to_copy", "clone", "detach", "alias", "transpose", "permute", "t", "unsqueeze", "squeeze", "expand"),
    *("unsafe_view", "reshape", "gather", "narrow", "as_strided", "lift_fresh", "copy", "contiguous"),
)
"""Operations by which data are cut and put together: what computes with them meets their NaN."""
_SOFT = ("softmax", "logsumexp")
_KEPT_SAMPLES = 256


class Given:
    """An input that an operation was given."""

    __slots__ = ("inf", "nan", "origin", "tensor")

    def __init__(self, tensor, nan, inf, origin):
        self.tensor, self.nan, self.inf, self.origin = tensor, nan, inf, origin


class Events:
    """What was found in a step."""

    def __init__(self, torch, recorder, watch, marks, rows, places):
        self.torch = torch
        self.recorder = recorder
        self.watch = watch
        self.marks = marks
        self.rows = rows
        self.places = places
        self.all = []
        self._spread = set()
        self.fields = False
        """Whether guilty rows were looked at beside the others."""

    def result(self, function, bound, inputs, out, before):
        """A result of an operation.

        bound: arguments by name. before: of what the operation changed in place, what it held: a copy or
        None, whether NaN, whether Inf; by id.
        """
        torch = self.torch
        if out.is_nested:
            return  # its parts are looked at
        values = torch.view_as_real(out) if out.is_complex() else out
        if not values.is_floating_point() or values.layout is not torch.strided or not values.numel():
            return
        if torch.isfinite(values).all():
            return
        given = [self._given(one, before) for one in inputs if one.is_floating_point() or one.is_complex()]
        name = str(function).split(".")[1].strip("_")  # `_softmax`, `div_`
        has_nan = bool(torch.isnan(values).any())
        for one in given:
            if (one.nan or one.inf) and one.origin is None and name not in _CUTS:
                one.origin = self._source(function, one)
        if name in _CUTS and any((one.nan or one.inf) and one.origin is None for one in given):
            return
        bad = [one for one in given if one.nan] if has_nan else []
        infinite = [one for one in given if one.inf]
        number = any(isinstance(one, float) and one * 0 != 0 for one in flat(list(bound.values())))
        if bad:
            self._passed_on(out, values, _first(bad))
        elif has_nan:
            self._event(function, bound, name, given, values, out, infinite, number)
        elif infinite or number or (name in _MEANT and self.places.phase == "forward"):
            fresh = self._fresh(function, given, values) if infinite and _first(infinite) == MASK else None
            if fresh is None:
                self._passed_on(out, values, _first(infinite))
            else:
                self._event(function, bound, name, given, values, out, (), False, fresh)
        elif any(one.nan for one in given):
            self.marks.comes_from(out, _first([one for one in given if one.nan]))
        else:
            self._event(function, bound, name, given, values, out, (), False)

    def _passed_on(self, out, values, origin):
        """It has them from elsewhere. Which samples they belong to may show only here."""
        self.marks.comes_from(out, origin)
        if origin < 0 or origin in self._spread or self.all[origin]["rows"] is not None:
            return
        carry = self.rows.of(out)
        if carry is None and self.places.phase == "forward":
            carry = self.rows.weakly(out)
        if carry is None:
            return
        rows = self.bad_rows(~self.torch.isfinite(values), carry)
        if rows is not None and rows["count"] < rows["length"]:
            self._spread.add(origin)
            self.recorder("spread", event=origin, rows=rows)
            self.all[origin]["spread"] = rows

    def _given(self, tensor, before):
        torch = self.torch
        if id(tensor) in before:
            copy, nan, inf = before[id(tensor)]
            return Given(tensor if copy is None else copy, nan, inf, self.marks.origin(tensor))
        if tensor.layout is not torch.strided or not tensor.numel():
            return Given(tensor, False, False, MASK)
        values = torch.view_as_real(tensor) if tensor.is_complex() else tensor
        nan, inf = bool(torch.isnan(values).any()), bool(torch.isinf(values).any())
        return Given(tensor, nan, inf, self.marks.origin(tensor) if nan or inf else None)

    def _fresh(self, function, given, values):
        """Where a mask's Inf are around: places that became Inf of finite inputs, or None."""
        torch = self.torch
        if torch.Tag.pointwise not in function.tags:
            return None
        fresh = torch.isinf(values)
        for one in given:
            if not isinstance(one.tensor, torch.Tensor) or one.tensor.is_complex():
                return None
            fresh = fresh & torch.isfinite(one.tensor)
        return fresh if fresh.any() else None

    def _source(self, function, one):
        """The number of a source of bad values, or MASK for those that mean no harm, or None."""
        torch, tensor = self.torch, one.tensor
        if tensor.numel() == 1 and not one.nan:
            return MASK
        mark = self.marks.get(tensor)
        kind = "memory" if mark is not None and mark.unset else self._kind(tensor)
        if kind is None or len(self.all) >= _MOST:
            return None
        values = torch.view_as_real(tensor) if tensor.is_complex() else tensor
        bad = torch.isnan(values) if one.nan else torch.isinf(values)
        event = self._described(str(function), "nan" if one.nan else "inf", values, bad, self.rows.of(tensor))
        event.update(born=False, given="nan" if one.nan else "inf", source=kind, name=self.name(tensor))
        event["inputs"] = [dict(seen(torch, values), role=kind, name=event["name"])]
        event["columns"] = _columns(torch, values, bad)
        return self._keep(event, tensor)

    def _kind(self, tensor):
        if id(tensor) in self.places.buffers:
            return "buffer"
        if tensor.requires_grad and tensor.grad_fn is None:
            return "parameter"
        if self.places.phase != "forward" or tensor.grad_fn is not None:
            return "before"  # from an earlier step, or by a way that was not seen
        return "parameter" if id(tensor) in self.places.names else "data"

    def name(self, tensor):
        """What the person calls a tensor, as far as it has a name."""
        return self.places.names.get(id(tensor)) or found_rows.name_of(tensor, frames.is_users)

    def _event(self, function, bound, name, given, values, out, infinite, number, fresh=None):
        torch = self.torch
        if len(self.all) >= _MOST:
            self.marks.comes_from(out, self.all[-1]["number"])
            return
        has_nan = fresh is None and bool(torch.isnan(values).any())
        bad = fresh if fresh is not None else torch.isnan(values) if has_nan else torch.isinf(values)
        carry = self.rows.of(out)
        event = self._described(str(function), "nan" if has_nan else "inf", values, bad, carry)
        origins = [one.origin for one in infinite]
        event.update(
            born=True, given="inf" if infinite or number else "finite",
            masked=number or MASK in origins,
            scalars=[one for one in flat(list(bound.values())) if isinstance(one, (int, float, bool))][:6],
        )  # fmt: skip
        event["from"] = sorted({one for one in origins if one is not None and one >= 0})
        pointwise = torch.Tag.pointwise in function.tags
        event["inputs"] = [self._input(one.tensor, event["place"] if pointwise else None) for one in given]
        event["data"] = event["phase"] == "forward" and not any(one.tensor.requires_grad for one in given)
        if not infinite and not number:
            event["wide"] = self._wide(function, bound, given, event["place"], values)
        if any(part in name for part in _SOFT) or "dot_product_attention" in name:
            event["masked_row"] = _masked_row(torch, name, bound, event["place"])
        event["lost"] = next((found for one in given if (found := self._lost(one.tensor)) is not None), None)
        self._keep(event, out)

    def _described(self, op, became, values, bad, carry):
        torch = self.torch
        places = bad.nonzero()
        return {
            "number": len(self.all), "op": op, "became": became, "from": [],
            "count": len(places) if bad.dim() else 1, "of": values.numel(),
            "place": places[0].tolist() if bad.dim() else [], "scalars": [], "out": seen(torch, values),
            "rows": self.bad_rows(bad, carry), "batch": self._batch(carry), **self.places.now(),
        }  # fmt: skip

    def _keep(self, event, tensor):
        self.all.append(event)
        self.marks.comes_from(tensor, event["number"])
        self.recorder("event", step=self.watch.step, **event)
        if event["born"] and not self.fields:  # the functions that hold the batch are still running
            self.fields = fields_torch.look(self.torch, self.recorder, event["rows"])
        return event["number"]

    def _lost(self, tensor):
        mark = self.marks.get(tensor)
        return None if mark is None else mark.lost

    def _input(self, tensor, place):
        found = seen(self.torch, tensor)
        if place is not None and not tensor.is_complex():
            found["at"] = at(tensor, place)
        name = self.places.names.get(id(tensor))
        if name is not None:
            found.update(role="buffer" if id(tensor) in self.places.buffers else "parameter", name=name)
        elif not tensor.requires_grad and self.marks.get(tensor) is None:
            found["role"] = "data"
        return found

    def _wide(self, function, bound, given, place, values):
        """What the same operation gives at that place in float64, where it can be repeated; else None."""
        torch = self.torch
        if function._schema.is_mutable or sum(one.tensor.numel() for one in given) > _WIDE:
            return None
        kept = {id(one.tensor) for one in given}

        def widened(one):
            if isinstance(one, torch.Tensor):
                return one.double() if id(one) in kept and not one.is_complex() else one
            if isinstance(one, (list, tuple)):
                return type(one)(widened(each) for each in one)
            return None if isinstance(one, torch.dtype) else one

        try:
            # A schema may call its first argument `self`, which a keyword cannot be here.
            names = [one.name for one in function._schema.arguments if one.name in bound]
            plain = [one for one in names if one in ("self", "input")]
            out = function(
                *(widened(bound[one]) for one in plain),
                **{one: widened(bound[one]) for one in names if one not in plain},
            )
            out = next(
                one for one in flat([out]) if isinstance(one, torch.Tensor) and one.shape == values.shape
            )
            value = out[tuple(place)].item()
        except Exception:  # not every operation has a form in float64
            return None
        return value if value * 0 == 0 else repr(value)

    def bad_rows(self, bad, carry):
        """Which samples of the batch are bad."""
        if carry is None:
            return None
        batch = carry.batch
        if carry.axis is None or not bad.dim():
            each = {0: 1}
        else:
            each = {}
            counts = bad.movedim(carry.axis, 0).reshape(bad.shape[carry.axis], -1).sum(1)
            for row in counts.nonzero().flatten().tolist():
                place = carry.sample(row)
                each[place] = each.get(place, 0) + int(counts[row])
        samples, how = self.samples(batch)
        places = sorted(each)[:_KEPT_SAMPLES]
        under = None if batch.under is None else [batch.under[one] for one in places]
        return {
            "length": batch.length, "bad": places, "count": len(each), "samples": _named(samples, places),
            "worst": _named(samples, _worst(each, batch.length)), "how": how, "under": under,
        }  # fmt: skip

    def samples(self, batch):
        """Places in the data of what a batch holds, looked for where they are not known."""
        if batch.samples is None and batch.source == "unknown":
            batch.samples, batch.source = found_rows.samples_of(
                self.torch, batch.tensor, batch.length, frames.is_users
            )
        return batch.samples, batch.source

    def _batch(self, carry):
        """Samples of the whole batch, or None."""
        batch = self.rows.current if carry is None else carry.batch
        if batch is not None:
            samples = self.samples(batch)[0]
        else:
            one = found_rows.one_sample(frames.is_users)
            samples = None if one is None else [one]
        return None if samples is None else _named(list(dict.fromkeys(samples)), range(len(set(samples))))


def flat(value):
    """What lists, tuples and dicts hold."""
    if isinstance(value, (tuple, list)):
        for one in value:
            yield from flat(one)
    elif hasattr(value, "values") and hasattr(value, "keys"):
        for one in value.values():
            yield from flat(one)
    else:
        yield value


def _first(given):
    """The origin that says most: the earliest that is no mask."""
    return min((one.origin for one in given if one.origin is not None and one.origin >= 0), default=MASK)


def _named(samples, places):
    """Places in the data, as far as they are known."""
    known = [] if samples is None else [samples[one] for one in places if samples[one] >= 0]
    return list(dict.fromkeys(known))[:_KEPT_SAMPLES] or None


def _worst(each, length):
    """Of many bad places the few that are far worse than the others. each: bad values by place."""
    if len(each) <= length // 2:
        return []
    most = max(each.values())
    worst = [place for place, count in each.items() if 2 * count >= most]
    return sorted(worst) if len(worst) <= length // 4 else []


def _columns(torch, values, bad):
    """Features that are bad in every row, of a table."""
    if values.dim() != 2 or values.shape[0] < 2:
        return None
    return bad.all(0).nonzero().flatten().tolist()[:16] or None


def _masked_row(torch, name, bound, place):
    """Whether some row that is normalised has nothing but -inf, or a mask that leaves nothing."""
    if "dot_product_attention" in name:
        mask = bound.get("attn_mask", bound.get("attn_bias"))
        if not isinstance(mask, torch.Tensor):
            return False
        left_out = ~mask if mask.dtype == torch.bool else torch.isneginf(mask)
        return bool(left_out.all(-1).any())
    scores = bound.get("self")
    if not isinstance(scores, torch.Tensor) or "backward" in name:
        return False
    dim = bound.get("dim", -1)
    dim = dim[0] if isinstance(dim, (list, tuple)) and dim else dim
    return bool(torch.isneginf(scores).all(dim).any()) if isinstance(dim, int) and scores.dim() else False
