"""Changes of how models compute: under autocast, compiled, in another layout. For speed alone.

They are made after the first step, which shows the modules that the script itself calls.
"""

import functools
import importlib


def autocast(torch, applied, value):
    """The forward pass of each outermost module under autocast; what it gives is float32 again."""
    half = getattr(torch, value or "bfloat16")

    def change(module):
        device = next(module.parameters()).device.type
        if torch.is_autocast_enabled(device):
            return
        plain = module.forward

        @functools.wraps(plain)
        def forward(*args, **kwargs):
            if torch.is_autocast_enabled(device):
                return plain(*args, **kwargs)
            with torch.autocast(device, dtype=half):
                out = plain(*args, **kwargs)
            return _mapped(out, lambda one: one.float() if one.dtype == half else one, torch)

        module.forward = forward
        applied("autocast")

    _outermost(torch, change)


def channels_last(torch, applied, value):
    """Images and filters with their channels innermost."""
    last = torch.channels_last

    def is_last(one):
        return one.is_contiguous(memory_format=last) and not one.is_contiguous()

    def convert(one):
        return one.contiguous(memory_format=last) if one.dim() == 4 else one

    def change(module):
        filters = [one for one in module.parameters() if one.dim() == 4 and one.shape[2:] != (1, 1)]
        if not filters or all(is_last(one) for one in filters):
            return
        plain = module.forward

        @functools.wraps(plain)
        def forward(*args, **kwargs):
            given = _mapped((args, kwargs), convert, torch)
            return plain(*given[0], **given[1])

        module.to(memory_format=last)
        module.forward = forward
        applied("channels-last")

    _outermost(torch, change)


def compiled(torch, applied, value):
    """Each outermost module is compiled."""

    def change(module):
        if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            return
        module.compile(**({"mode": value} if value and value != "1" else {}))
        applied("compile")

    _outermost(torch, change)


def _outermost(torch, change):
    """After the first step: change each module with weights that was called in it, by no other module.

    Until then every call of a module is seen; from then on nothing stands in the way of a compiler.
    """
    kind = torch.nn.Module
    plain = kind.__call__
    compiling = torch.compiler.is_compiling
    depth, found = [0], {}

    @functools.wraps(plain)
    def called(self, *args, **kwargs):
        if compiling() or depth[0]:
            return plain(self, *args, **kwargs)
        found[id(self)] = self
        depth[0] += 1
        try:
            return plain(self, *args, **kwargs)
        finally:
            depth[0] -= 1

    def after(optimizer, args, kwargs):
        if kind.__call__ is not called:  # (a hook cannot take itself away while hooks run)
            return
        kind.__call__ = plain
        for module in found.values():
            if any(True for _ in module.parameters()):
                change(module)
        found.clear()

    importlib.import_module("torch.optim.optimizer").register_optimizer_step_post_hook(after)
    kind.__call__ = called


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
