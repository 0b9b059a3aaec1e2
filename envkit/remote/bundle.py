"""What is sent: the agent's source, and the files that are started as children there."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import envkit

_OURS = Path(envkit.__file__).resolve().parent
_AGENT = _OURS / "payload" / "_envkit_agent"
_PARTS = ("commands", "folder", "looks", "serve")
"""Modules of the agent; each imports those before it."""
_CHILDREN = ("look_child.py", "nvml_*.py")
"""Of envkit/facts: they run in the interpreter of the agent, which may be older than what envkit needs."""


def agent_source() -> bytes:
    """The program that answers, as one text: its modules are made there, since nothing lies on a disk yet."""
    lines = [
        "import sys, types",
        "package = sys.modules['_envkit_agent'] = types.ModuleType('_envkit_agent')",
    ]
    for name in _PARTS:
        text = (_AGENT / f"{name}.py").read_text()
        lines += [
            f"module = sys.modules['_envkit_agent.{name}'] = types.ModuleType('_envkit_agent.{name}')",
            f"package.{name} = module",
            f"exec(compile({text!r}, '{name}', 'exec'), module.__dict__)",
        ]
    return "\n".join([*lines, "package.serve.main()", ""]).encode()


def files() -> tuple[tuple[str, bytes], ...]:
    """Relative names and contents, as `Machine.place` of the remote machine expects them."""
    return tuple(_files())


def _files() -> Iterator[tuple[str, bytes]]:
    for package in ("envkit", "envkit/facts"):
        yield f"{package}/__init__.py", b""
    for pattern in _CHILDREN:
        for path in sorted((_OURS / "facts").glob(pattern)):
            yield f"envkit/facts/{path.name}", older(path.read_text()).encode()
    payload = _OURS / "payload"
    for path in (payload / "__main__.py", *sorted((payload / "_envkit_payload").glob("*.py"))):
        yield f"envkit/{path.relative_to(_OURS).as_posix()}", path.read_bytes()
    spec = importlib.util.find_spec("pynvml")
    if spec is not None and spec.origin is not None:
        yield "pynvml.py", Path(spec.origin).read_bytes()


def older(source: str) -> str:
    """A module as Python 3.6 reads it: without annotations, and without what is there for them alone."""
    return ast.unparse(_Older().visit(ast.parse(source)))


class _Older(ast.NodeTransformer):
    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module == "__future__" else node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        value = node.value.value if isinstance(node.value, ast.Subscript) else None
        if isinstance(value, ast.Name) and value.id == "tuple":
            node.value = ast.Constant(value=None)  # the name of a type
        return node
