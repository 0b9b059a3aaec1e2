"""Changes of how models compute: under autocast, compiled, in another layout. For speed alone."""

import functools


def autocast(torch, applied, value):
    """The forward pass of each outermost module under autocast; what it gives is float32 again."""
    half = getattr(torch, value or "bfloat16")

    def around(module, call):
        device = _device(module)
        if torch.is_autocast_enabled(device):
            return call()
        applied("autocast")
        with torch.autocast(device, dtype=half):
            out = call()
        return _mapped(out, lambda one: one.float() if one.dtype == half else one, torch)

    _outermost(torch, around)


def channels_last(torch, applied, value):
    """Images and filters with their channels innermost."""
    done = set()

    def convert(one):
        return one.contiguous(memory_format=torch.channels_last) if one.dim() == 4 else one

    def around(module, call):
        if id(module) not in done:
            done.add(id(module))
            if any(one.dim() == 4 and not _is_last(torch, one) for one in module.parameters()):
                applied("channels-last")
                module.to(memory_format=torch.channels_last)
        return call(convert)

    _outermost(torch, around)


def _is_last(torch, one):
    return one.is_contiguous(memory_format=torch.channels_last) and not one.is_contiguous()


def compiled(torch, applied, value):
    """Each outermost module is compiled before its first call with gradients."""
    done = set()

    def around(module, call):
        if id(module) not in done and torch.is_grad_enabled() and module.training:
            done.add(id(module))
            ready = hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
            if not ready and any(True for _ in module.parameters()):
                applied("compile")
                module.compile(**({"mode": value} if value and value != "1" else {}))
        return call()

    _outermost(torch, around)


def _outermost(torch, around):
    """Have `around(module, call)` run calls of modules that no other module makes.

    call: runs it, its tensors changed by the function that it is given.
    """
    kind = torch.nn.Module
    plain = kind.__call__
    compiling = torch.compiler.is_compiling
    depth = [0]

    @functools.wraps(plain)
    def called(self, *args, **kwargs):
        if compiling() or depth[0]:
            return plain(self, *args, **kwargs)

        def call(change=None):
            if change is None:
                return plain(self, *args, **kwargs)
            given = _mapped((args, kwargs), change, torch)
            return plain(self, *given[0], **given[1])

        depth[0] += 1
        try:
            return around(self, call)
        finally:
            depth[0] -= 1

    kind.__call__ = called


def _device(module):
    """`cpu`, `cuda`: where its weights are."""
    return next((one.device.type for one in module.parameters()), "cpu")


def _mapped(value, change, torch):
    """The same structure with its tensors changed; what is of another kind is as it is."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_mapped(one, change, torch) for one in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_mapped(one, change, torch) for one in value))
    if type(value) is dict:
        return {name: _mapped(one, change, torch) for name, one in value.items()}
    if isinstance(value, dict):  # outputs of models of libraries: they keep their class
        for name in list(value):
            if isinstance(value[name], torch.Tensor):
                value[name] = change(value[name])
    return value
