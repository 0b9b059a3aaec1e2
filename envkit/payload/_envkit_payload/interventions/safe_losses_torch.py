"""Losses that do not count what cannot be counted."""


def _nothing(torch, function, args, kwargs):
    """A loss of an empty batch is zero."""
    value = args[0]
    return function(*args, **kwargs) if value.numel() else value.sum() * 0.0


def _targets(torch, function, args, kwargs):
    """A loss of class indices of which all may be ignored, or weigh nothing: zero then."""
    out = function(*args, **kwargs)
    target = args[1] if len(args) > 1 else kwargs["target"]
    if target.is_floating_point():
        return out
    counted = target[target != kwargs.get("ignore_index", -100)]
    weight = kwargs.get("weight", args[2] if len(args) > 2 else None)
    if counted.numel() and (weight is None or weight[counted].sum() > 0):
        return out
    return torch.nan_to_num(out) * 0.0


def _ctc(torch, function, args, kwargs):
    return function(*args[:6], **dict(kwargs, zero_infinity=True))


def _divergence(torch, function, args, kwargs):
    """kl_div: log-probabilities of at least -100, as torch's own binary_cross_entropy takes them."""
    return function(args[0].clamp_min(-100.0), *args[1:], **kwargs)


def _poisson(torch, function, args, kwargs):
    """Logarithms of rates that exp can hold."""
    return function(args[0].clamp_max(80.0), *args[1:], **kwargs)


CALLS = {
    **dict.fromkeys(
        (
            *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy"),
            *("binary_cross_entropy_with_logits", "margin_ranking_loss", "cosine_embedding_loss"),
            *("triplet_margin_loss", "hinge_embedding_loss", "multi_margin_loss"),
        ),
        _nothing,
    ),
    **dict.fromkeys(("cross_entropy", "nll_loss"), _targets),
    "ctc_loss": _ctc,
    "kl_div": _divergence,
    "poisson_nll_loss": _poisson,
}
