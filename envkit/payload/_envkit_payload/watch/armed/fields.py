"""What the guilty rows of a batch hold beside its other rows, field by field, by the script's own names."""

import sys

from .. import frames

_FRAMES = 8
_FIELDS = 32
_LARGEST = 1 << 26
"""Values of a field that are looked at."""


def look(torch, recorder, rows):
    """Write down what is odd about `rows`, as an event has them, in the fields that the script holds.

    Returns whether there was anything to look at.
    """
    if rows is None or not 0 < rows["count"] < rows["length"] or rows["count"] > 32:
        return False
    bad = torch.zeros(rows["length"], dtype=torch.bool)
    bad[rows["bad"]] = True
    done = set()
    for name, one in _held(torch, rows["length"]):
        if id(one) in done or len(done) >= _FIELDS:
            continue
        done.add(id(one))
        found = dict(_size(torch, one, bad), **_boxes(torch, one, bad))
        if found:
            recorder("field", name=name, shape=list(one.shape), **found)
    return bool(done)


def _held(torch, length):
    """(name, tensor) of the data in the person's running functions that have that many rows."""
    frame, looked = sys._getframe(2), 0
    while frame is not None and looked < _FRAMES:
        if frames.is_users(frame.f_code.co_filename):
            looked += 1
            for name, value in list(frame.f_locals.items()):
                yield from _within(torch, name, value, length)
        frame = frame.f_back


def _within(torch, name, value, length, deep=2):
    if isinstance(value, torch.Tensor) or hasattr(value, "__array_interface__"):
        one = _plain(torch, value, length)
        if one is not None:
            yield name, one
    elif deep and hasattr(value, "items") and hasattr(value, "keys"):
        for key in list(value.keys())[:_FIELDS]:
            yield from _within(torch, "{}[{!r}]".format(name, key), value[key], length, deep - 1)
    elif deep and isinstance(value, (list, tuple)) and len(value) <= 8:
        for number, part in enumerate(value):
            yield from _within(torch, "{}[{}]".format(name, number), part, length, deep - 1)


def _plain(torch, value, length):
    """As a tensor of data: of that many rows, with no gradient."""
    try:
        one = value if isinstance(value, torch.Tensor) else torch.as_tensor(value)
        if not one.dim() or one.shape[0] != length or one.requires_grad or one.numel() > _LARGEST:
            return None
        if one.dtype == torch.bool or one.is_complex() or one.layout is not torch.strided:
            return None
        return one.detach().cpu()
    except Exception:  # an array of objects, say
        return None


def _size(torch, one, bad):
    """The largest value of the bad rows, and the largest and the usual one of the others."""
    if not one.numel():
        return {}
    size = one.reshape(one.shape[0], -1).double().abs().nan_to_num(0.0, float("inf"), float("inf")).amax(1)
    others = size[~bad]
    row = int(torch.where(bad, size, torch.full_like(size, -1.0)).argmax())
    return {
        "row": row, "value": _number(size[row]), "largest": _number(others.max()),
        "usual": _number(others.median()),
    }  # fmt: skip


def _boxes(torch, one, bad):
    """How many rows hold a box, as two corners, without a positive width and height."""
    if one.shape[-1] != 4 or one.dim() < 2 or not one.numel():
        return {}
    flat = ((one[..., 2] <= one[..., 0]) | (one[..., 3] <= one[..., 1])).reshape(one.shape[0], -1).any(1)
    return {
        "guilty": int(bad.sum()), "boxes": int((flat & bad).sum()), "boxes_others": int((flat & ~bad).sum()),
    }  # fmt: skip


def _number(value):
    value = value.item()
    return value if value * 0 == 0 else repr(value)
