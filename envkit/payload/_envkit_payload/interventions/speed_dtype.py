"""Single precision in place of double: as far as that can be done from outside, for speed alone."""

import functools

_MAKERS = (
    *(
        "tensor",
        "as_tensor",
        "asarray",
        "zeros",
        "ones",
        "empty",
        "full",
        "rand",
        "randn",
        "arange",
        "linspace",
    ),
    *("eye", "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "logspace"),
)
_METHODS = ("to", "type", "new_tensor", "new_zeros", "new_ones", "new_full", "new_empty")


def torch_dtype(torch, applied, value):
    """Nothing is float64, whether the script asks for it or its arrays are."""
    double, single = torch.float64, torch.float32

    def narrowed(given):
        if given is double or given is torch.DoubleTensor or given is float:
            return single
        return "torch.FloatTensor" if isinstance(given, str) and given == "torch.DoubleTensor" else given

    plain_to = torch.Tensor.to

    def around(owner, name):
        plain = getattr(owner, name, None)
        if plain is None:
            return

        @functools.wraps(plain)
        def call(*args, **kwargs):
            changed = [narrowed(one) for one in args]
            if "dtype" in kwargs:
                kwargs = dict(kwargs, dtype=narrowed(kwargs["dtype"]))
            out = plain(*changed, **kwargs)
            if isinstance(out, torch.Tensor) and out.dtype is double:
                applied("dtype")
                needs = out.requires_grad and out.is_leaf
                out = plain_to(out.detach() if needs else out, single)
                return out.requires_grad_() if needs else out
            if any(one is not other for one, other in zip(args, changed)):
                applied("dtype")
            return out

        setattr(owner, name, call)

    for name in (*_MAKERS, "from_numpy"):
        around(torch, name)
    for name in _METHODS:
        around(torch.Tensor, name)
    for name in ("to", "type"):
        around(torch.nn.Module, name)
    for name in ("set_default_dtype", "set_default_tensor_type"):
        around(torch, name)
    for owner in (torch.Tensor, torch.nn.Module):
        _single(owner, applied)


def _single(owner, applied):
    def double(self, *args, **kwargs):
        applied("dtype")
        return self.float()

    owner.double = double
