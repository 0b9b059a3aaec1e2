"""Names of TensorFlow's operations as a person knows them: those of keras.ops where there is one."""

import re

_SHOWN = {
    "real_div": "divide", "div": "divide", "xdivy": "divide", "div_no_nan": "divide_no_nan",
    "floor_div": "floor_divide", "inv": "reciprocal", "mul": "multiply", "sub": "subtract", "add_v2": "add",
    "add_n": "add", "bias_add": "add", "pow": "power", "mat_mul": "matmul", "batch_mat_mul": "matmul",
    "batch_mat_mul_v2": "matmul", "batch_mat_mul_v3": "matmul", "conv2_d": "conv", "conv3_d": "conv",
    "depthwise_conv2d_native": "depthwise_conv", "select": "where", "select_v2": "where", "fill": "full",
    "acos": "arccos", "asin": "arcsin", "acosh": "arccosh", "atanh": "arctanh", "euclidean_norm": "norm",
    "softmax_cross_entropy_with_logits": "softmax_cross_entropy",
    "sparse_softmax_cross_entropy_with_logits": "sparse_softmax_cross_entropy", "cast": "to",
    "c_t_c_loss": "ctc_loss", "c_t_c_loss_v2": "ctc_loss", "self_adjoint_eig_v2": "eigh",
    "matrix_inverse": "inv", "matrix_solve": "solve", "matrix_determinant": "det",
    "log_matrix_determinant": "slogdet",
}  # fmt: skip


def shown(op_type):
    """`RealDiv` -> `divide`, `Log1p` -> `log1p`."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", op_type).lower()
    return _SHOWN.get(plain, plain)


def node(op_type):
    """`RealDiv` -> `DivideBackward0`: its derivative."""
    return "".join(part.capitalize() for part in shown(op_type).split("_")) + "Backward0"
