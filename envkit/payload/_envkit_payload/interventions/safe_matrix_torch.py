"""Decompositions of matrices whose singular or eigen values are told apart and are not zero."""

_CLOSE = 1e-4
"""Of the largest singular value: two that are closer are parted by about as much."""
_SINGULAR = 1e-6


def _jittered(torch, function, args, kwargs):
    """A little of a growing diagonal where values are equal or zero: equal ones part, zero ones grow."""
    value = args[0] if args else kwargs["A"]
    size = min(value.shape[-2:])
    sizes = torch.linalg.svdvals(torch.nan_to_num(value.detach()))
    largest = sizes[..., :1]
    near = (sizes[..., -1:] <= _SINGULAR * largest).any(-1)
    if size > 1:
        near = near | (sizes[..., :-1] - sizes[..., 1:] <= _CLOSE * largest).any(-1)
    diagonal = torch.zeros(value.shape[-2:], dtype=value.dtype, device=value.device)
    steps = torch.linspace(1, 2, size, device=value.device).to(value.dtype)
    diagonal[range(size), range(size)] = _CLOSE * size * steps
    added = near[..., None, None] * largest.clamp_min(1e-2)[..., None] * diagonal
    value = value + added
    return function(value, *args[1:], **kwargs) if args else function(**dict(kwargs, A=value))


CALLS = dict.fromkeys(
    (
        *("svd", "linalg_svd", "linalg_svdvals", "linalg_eigh", "linalg_eigvalsh", "symeig", "linalg_eig"),
        *("inverse", "linalg_inv", "linalg_solve", "linalg_cholesky", "cholesky", "linalg_qr", "qr"),
        *("det", "linalg_det", "slogdet", "linalg_slogdet", "logdet", "linalg_pinv", "pinverse"),
    ),
    _jittered,
)
