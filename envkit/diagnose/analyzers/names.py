"""Names of operations: as people know them, and one name for what is the same in several frameworks."""

from __future__ import annotations

import re

_PUBLIC = {
    "nll_loss_forward": "nll_loss", "nll_loss2d_forward": "nll_loss", "cdist_forward": "cdist",
    "euclidean_dist": "cdist", "linalg_vector_norm": "norm", "linalg_norm": "norm", "native_norm": "norm",
    "linalg_svd": "svd", "linalg_eigh": "eigh", "linalg_eig": "eig", "linalg_det": "det",
    "linalg_slogdet": "slogdet", "linalg_inv_ex": "inv", "linalg_cholesky_ex": "cholesky",
    "linalg_solve_ex": "solve", "linalg_qr": "qr", "linalg_lstsq": "lstsq", "linalg_pinv": "pinv",
    "linalg_lu_factor_ex": "lu", "linalg_matrix_exp": "matrix_exp", "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm", "native_batch_norm": "batch_norm", "cudnn_batch_norm": "batch_norm",
    "native_batch_norm_legit": "batch_norm", "native_batch_norm_legit_no_training": "batch_norm",
    "miopen_batch_norm": "batch_norm", "native_dropout": "dropout", "mkldnn_rnn_layer": "rnn",
    "cudnn_rnn": "rnn", "thnn_fused_lstm_cell": "lstm", "thnn_fused_gru_cell": "gru",
    "mkldnn_convolution": "convolution", "cudnn_convolution": "convolution", "to_copy": "to",
    "local_scalar_dense": "item", "softmax_backward_data": "softmax",
    "log_softmax_backward_data": "log_softmax",
    "native_multi_head_attention": "multi_head_attention", "safe_softmax": "softmax",
}  # fmt: skip
_SAME = {
    "divide": "div", "true_divide": "div", "realdiv": "div", "div_no_nan": "div", "power": "pow",
    "float_power": "pow", "multiply": "mul", "subtract": "sub", "arccos": "acos", "arcsin": "asin",
    "arctanh": "atanh", "arccosh": "acosh", "arctan2": "atan2", "special_xlogy": "xlogy",
    "special_log_ndtr": "log_ndtr", "special_logit": "logit", "special_erfinv": "erfinv",
    "special_entr": "entr",
    "frobenius_norm": "norm", "hypotenuse": "hypot", "reduce_mean": "mean", "log_sum_exp": "logsumexp",
    "xlogy": "xlogy", "rsub": "sub", "lgamma": "lgamma", "mvlgamma": "lgamma", "reduce_std": "std",
    "to": "to_copy",
}  # fmt: skip


def name(op: str) -> str:
    """`aten.log_.default` -> `log`, `aten._softmax.default` -> `softmax`."""
    parts = op.split(".")
    plain = (parts[1] if len(parts) > 1 else parts[0]).strip("_")
    plain = plain.removeprefix("foreach_")
    if plain.startswith("scaled_dot_product"):
        return "scaled_dot_product_attention"
    if plain.startswith("fused_"):
        return plain.removeprefix("fused_")
    return _PUBLIC.get(plain, plain)


def of_node(node: str | None) -> str:
    """`LinalgEighBackward0` -> `eigh`; an empty string for none."""
    plain = (node or "").rsplit("::", 1)[-1].rstrip("0123456789").removesuffix("Backward")
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    return name(plain)


def base(op: str) -> str:
    """One name for the same operation: `divide` and `aten.div.Tensor` are `div`."""
    plain = name(op)
    return _SAME.get(plain, plain)


def spoken(op: str, node: str | None, *, own: bool = False) -> str:
    """The operation that a person wrote: that of the forward pass, where it fails in the backward pass."""
    return of_node(node) if node and not own else name(op)
