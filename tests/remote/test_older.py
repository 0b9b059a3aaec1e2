"""What is sent must be read by the Python 3.6 that some machines still have as python3."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from envkit.remote import bundle

AGENT = sorted((Path(bundle.__file__).parents[1] / "payload/_envkit_agent").glob("*.py"))
SENT = dict(bundle.files())
CHILDREN = [name for name in SENT if name.startswith("envkit/facts/") or name == "pynvml.py"]
LATER = {"removeprefix", "removesuffix", "SimpleQueue", "nullcontext", "dataclass", "capture_output"}
"""Names of the standard library that are newer and that our own code likes to use."""


def old(source: bytes | str) -> ast.Module:
    return ast.parse(source, feature_version=(3, 6))


@pytest.mark.parametrize("path", AGENT, ids=lambda path: path.name)
def test_the_agent_is_old_python(path: Path) -> None:
    tree = old(path.read_text())
    check_names(tree)
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]


def test_the_whole_that_is_sent_is_old_python() -> None:
    assert old(bundle.agent_source())


@pytest.mark.parametrize("name", CHILDREN)
def test_children_are_sent_as_old_python(name: str) -> None:
    tree = old(SENT[name])
    if name != "pynvml.py":
        check_names(tree)
        assert b"__future__" not in SENT[name]
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]


def check_names(tree: ast.Module) -> None:
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not used & LATER
    # `list[int]` outside of an annotation is an expression, which 3.8 and older cannot evaluate
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    assert not {one.id for one in values if isinstance(one, ast.Name)} & {
        "list",
        "dict",
        "tuple",
        "set",
        "type",
    }


def test_everything_that_the_children_import_is_sent() -> None:
    for name in CHILDREN:
        for node in ast.walk(ast.parse(SENT[name])):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("envkit"):
                folder = node.module.replace(".", "/")
                names = (
                    [f"{folder}.py"]
                    if f"{folder}.py" in SENT
                    else [f"{folder}/{a.name}.py" for a in node.names]
                )
                assert set(names) <= set(SENT), (name, names)


def test_a_child_does_the_same_when_it_is_older(tmp_path: Path) -> None:
    child = tmp_path / "look_child.py"
    child.write_bytes(SENT["envkit/facts/look_child.py"])
    request = {"statfs": [str(tmp_path), "/none/such"], "which": ["sh"], "path": "/usr/bin:/bin", "limit": 30}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(child)],
        input=json.dumps(request).encode(),
        capture_output=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    states = {answer.get("statfs") or answer["which"]: answer["state"] for answer in answers}
    assert states == {str(tmp_path): "ok", "/none/such": "absent", "sh": "ok"}


def test_annotations_go_and_code_stays() -> None:
    source = (
        "from __future__ import annotations\nT = tuple[int, ...]\nx: int = 1\ny: str\n"
        "def f(a: T, *b: int) -> T:\n    z: T\n    return a\n"
    )
    assert bundle.older(source) == "T = None\nx = 1\npass\n\ndef f(a, *b):\n    pass\n    return a"
