"""Tensors and arrays that Python objects hold: shapes, types, ranges of whole numbers, and bytes."""

import gc

_PACKAGES = ("torch", "tensorflow", "keras", "numpy", "jaxlib")
_MOST = 24
_LOOKED_AT = 1 << 20
"""Elements of a tensor of whole numbers whose range is read."""


def named(values):
    """Those among named values, one level into lists, tuples and dicts."""
    found = []
    for name, value in list(values.items()):
        if name.startswith("__"):
            continue
        if isinstance(value, (list, tuple)):
            inner = [("{}[{}]".format(name, place), one) for place, one in enumerate(value[:8])]
        elif isinstance(value, dict):
            inner = [("{}[{!r}]".format(name, key), one) for key, one in list(value.items())[:8]]
        else:
            inner = [(name, value)]
        for label, one in inner:
            seen = _seen(label, one)
            if seen is not None:
                found.append(seen)
    return found[:_MOST]


def _seen(name, value):
    if type(value).__module__.split(".")[0] not in _PACKAGES:
        return None
    try:
        shape = [None if one is None else int(one) for one in value.shape]
        dtype = str(getattr(value.dtype, "name", value.dtype)).replace("torch.", "")
        found = {"name": name, "shape": shape, "dtype": dtype, "device": _device(value)}
        found.update(_range(value, dtype))
        return found
    except Exception:  # no tensor, or one that does not know its shape
        return None


def _device(value):
    device = getattr(value, "device", None)
    return str(device) if type(value).__module__.startswith("torch") else None


def _range(value, dtype):
    """Of class indices and the like: least and largest."""
    if "int" not in dtype or 0 in value.shape:
        return {}
    if type(value).__module__.startswith("torch"):
        if value.device.type != "cpu" or value.numel() > _LOOKED_AT:
            return {}
        value = value.detach()
    elif not type(value).__module__.startswith("numpy") or value.size > _LOOKED_AT:
        return {}
    return {"least": int(value.min()), "most": int(value.max())}


def memory(torch):
    """Bytes of parameters, gradients, states of optimisers and other tensors, and how many hold a graph."""
    parameters, gradients, states, others = {}, {}, {}, {}
    graphs = 0
    objects = gc.get_objects()
    optimizers = [one for one in objects if issubclass(type(one), torch.optim.Optimizer)]
    for one in optimizers:
        for group in one.param_groups:
            for weight in group["params"]:
                _add(parameters, weight)
                if weight.grad is not None:
                    _add(gradients, weight.grad)
        for state in one.state.values():
            for value in state.values() if isinstance(state, dict) else ():
                if isinstance(value, torch.Tensor):
                    _add(states, value)
    largest = []
    for one in objects:
        if not issubclass(type(one), torch.Tensor):
            continue
        if one.grad_fn is not None and one.numel() == 1:
            graphs += 1
        if not any(_key(one) in counted for counted in (parameters, gradients, states)):
            if _key(one) not in others:
                largest.append([_bytes(one), list(one.shape), str(one.dtype).replace("torch.", "")])
            _add(others, one)
    found = {
        "parameters": sum(parameters.values()),
        "gradients": sum(gradients.values()),
        "optimizer": sum(states.values()),
        "others": sum(others.values()),
        "graphs": graphs,
        "largest": sorted(largest, reverse=True, key=lambda one: one[0])[:3],
    }
    if torch.cuda.is_initialized():
        found["allocated"] = torch.cuda.memory_allocated()
        found["reserved"] = torch.cuda.memory_reserved()
    return found


def _key(tensor):
    return (str(tensor.device), tensor.untyped_storage().data_ptr() if _bytes(tensor) else id(tensor))


def _bytes(tensor):
    try:
        return tensor.untyped_storage().nbytes()
    except (RuntimeError, NotImplementedError, AttributeError):  # sparse, meta, an old torch
        return 0


def _add(counted, tensor):
    counted[_key(tensor)] = _bytes(tensor)
