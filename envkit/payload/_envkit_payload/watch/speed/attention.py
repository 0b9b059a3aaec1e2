"""Where the person's files build attention from parts: a softmax beside products of matrices."""

import ast
import sys

from .. import frames

_LONGEST = 1 << 20
"""Bytes of a file that is read."""
_MOST = 8
_PRODUCTS = {"matmul", "bmm", "baddbmm", "einsum", "mm"}


def lines():
    """`file:line` of each such softmax."""
    found = []
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and frames.is_users(path):
            found += ["{}:{}".format(frames.path_of(path), line) for line in _of(path)]
    return list(dict.fromkeys(found))[:_MOST]


def _of(path):
    try:
        with open(path, "rb") as file:
            text = file.read(_LONGEST)
        if b"softmax" not in text:
            return
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = list(ast.walk(function))
            if any(_is_product(one) for one in inner):
                yield from sorted(one.lineno for one in inner if _called(one) == "softmax")


def _is_product(node):
    return _called(node) in _PRODUCTS or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult))


def _called(node):
    """The name of the function that a node calls, without what it belongs to."""
    if not isinstance(node, ast.Call):
        return None
    return getattr(node.func, "attr", getattr(node.func, "id", None))
