"""A run in full precision."""

import gc


def float32(torch, watch):
    """No autocast; what is held in half precision is widened, and so is what models are given."""
    _no_autocast(torch)
    halves = (torch.float16, torch.bfloat16)
    widened = False
    for module in [one for one in gc.get_objects() if isinstance(one, torch.nn.Module)]:
        for one in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            if one.dtype in halves:
                one.data = one.data.float()
                if one.grad is not None:
                    one.grad = None
                widened = True
    for optimizer in [one for one in gc.get_objects() if isinstance(one, torch.optim.Optimizer)]:
        for state in optimizer.state.values():
            for name, value in state.items():
                if isinstance(value, torch.Tensor) and value.dtype in halves:
                    state[name] = value.float()
    if widened:
        torch.nn.modules.module.register_module_forward_pre_hook(_wide_inputs(torch, halves))


def _no_autocast(torch):
    plain = torch.autocast.__enter__

    def enter(self):
        self._enabled = False
        return plain(self)

    torch.autocast.__enter__ = enter
    for device in ("cpu", "cuda"):
        torch.set_autocast_enabled(device, False)


def _wide_inputs(torch, halves):
    def before(module, args):
        return tuple(
            one.float() if isinstance(one, torch.Tensor) and one.dtype in halves else one for one in args
        )

    return before
