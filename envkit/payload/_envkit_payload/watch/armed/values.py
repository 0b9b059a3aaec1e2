"""What a tensor holds, in a few numbers."""

import math


def seen(torch, tensor):
    """Shape, dtype, and of a floating-point tensor its range and what is not finite."""
    found = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).replace("torch.", "")}
    if not tensor.numel() or tensor.layout is not torch.strided or tensor.is_complex():
        return found
    wide = tensor.detach().double() if tensor.is_floating_point() else tensor.detach()
    if tensor.is_floating_point():
        finite = wide[torch.isfinite(wide)]
        found["nan"] = int(torch.isnan(wide).sum())
        found["inf"] = int(torch.isinf(wide).sum())
        found["minus_inf"] = int(torch.isneginf(wide).sum())
    else:
        finite = wide.flatten()
    if finite.numel():
        found["min"], found["max"] = finite.min().item(), finite.max().item()
        found["zeros"] = int((finite == 0).sum())
        if tensor.is_floating_point():
            found["mean"] = finite.mean().item()
    return found


def at(tensor, place):
    """The value of an input at the place of a bad result, by the rules of broadcasting; None when not so."""
    index = place[len(place) - tensor.dim() :] if tensor.dim() <= len(place) else None
    if index is None:
        return None
    for number, size in zip(index, tensor.shape):
        if number >= size and size != 1:
            return None
    value = tensor[tuple(0 if size == 1 else number for number, size in zip(index, tensor.shape))].item()
    return value if math.isfinite(value) else repr(value)
