"""A script under `envkit diagnose --exit-code script` does what it does without: its output to the byte, its
exit code or signal, its losses and weights; and nothing of the watcher stays behind.

A quarter of the slow ones runs here; ENVKIT_TEST_CORPUS=all runs all.
"""

from __future__ import annotations

import os

import pytest

from tests.coverage_notes import require
from tests.diagnose.fidelity.helpers import TORCH, Case, left_over, plain, watched

QUICK = {
    "itself": Case(argv=("python", "where_am_i.py", "--rate", "1", "a b", "")),
    "itself with PYTHONPATH": Case(argv=("python", "where_am_i.py"), path="pack"),
    "options of Python": Case(argv=("python", "-W", "error", "-X", "dev", "-u", "-O", "where_am_i.py")),
    "isolated": Case(argv=("python", "-I", "adds_numbers.py"), stdin=b"1\n"),
    "no site": Case(argv=("python", "-S", "adds_numbers.py"), stdin=b"1\n"),
    "stdin": Case(argv=("python", "adds_numbers.py"), stdin=b"1\n2\n300\n"),
    "bad stdin": Case(argv=("python", "adds_numbers.py"), stdin=b"1\nx\n"),
    "script from stdin": Case(
        argv=("python", "-", "more"), stdin=b"import sys; print(sys.argv, __name__); 1 / 0"
    ),
    "-c": Case(argv=("python", "-c", "import sys; print(sys.argv, sys.path[0] == ''); sys.exit('bye')", "x")),
    "-m": Case(argv=("python", "-m", "pack.sub.train", "--rate", "1")),
    "-m, bad usage": Case(argv=("python", "-m", "pack.sub.train", "--rate", "x")),
    "the end": Case(argv=("python", "last_words.py")),
    "os._exit": Case(argv=("python", "last_words.py", "at-once")),
    "SIGINT": Case(argv=("python", "signals.py", "INT")),
    "SIGKILL": Case(argv=("python", "signals.py", "KILL")),
    "SIGSEGV": Case(argv=("python", "signals.py", "USR2")),
    "its own sitecustomize": Case(argv=("python", "uses_own_site.py"), path="own"),
    "processes": Case(argv=("python", "processes.py")),
    "looks for torch": Case(argv=("python", "shadow/looks_for_torch.py")),
    "in a shell": Case(argv=("bash", "in_a_shell.sh", "1"), inherited=b"from descriptor 3\n"),
}
SLOW = {
    "errors in torch": Case(argv=("python", "torch_crash.py")),
    "goes wrong": Case(argv=("python", "torch_full.py")),
    "a fault of the watcher": Case(argv=("python", "torch_limits.py", "broken")),
    "hooks at forks": Case(argv=("python", "torch_limits.py", "forks")),
    "a handler for children": Case(argv=("python", "torch_limits.py", "children")),
    "goes wrong, with workers": Case(argv=("python", "torch_full.py", "workers")),
    "shares memory": Case(argv=("python", "torch_shared.py")),
    "closes all descriptors": Case(argv=("python", "torch_shared.py", "closes")),
    "killed": Case(argv=("python", "torch_signals.py", "SIGKILL")),
    "interrupted": Case(argv=("python", "torch_signals.py", "SIGINT")),
    "no room for the trace": Case(argv=("python", "torch_limits.py", "files")),
    "deep recursion": Case(argv=("python", "torch_crash.py", "recursion")),
    "compiled": Case(argv=("python", "torch_compiled.py"), dated=True),
    "torchrun": Case(
        argv=(
            *("torchrun", "--nproc-per-node", "2", "--master-addr", "127.0.0.1", "--master-port", "29517"),
            *("torch_ranks.py", "x"),
        ),
        env={"GLOO_SOCKET_IFNAME": "lo"},
        dated=True,
    ),
}
ALL = os.environ.get("ENVKIT_TEST_CORPUS") == "all"
CHOSEN = {**QUICK, **(SLOW if ALL else {name: SLOW[name] for name in list(SLOW)[:3]})}


@pytest.mark.torch
@pytest.mark.parametrize("name", CHOSEN)
def test_is_the_same_with_and_without(tmp_path, name: str):
    require("torch (make torch)", TORCH.exists())
    case = CHOSEN[name]
    without = plain(case, tmp_path, str(TORCH))
    under = watched(case, tmp_path, str(TORCH))
    assert under.stdout == without.stdout
    assert case.dated or under.stderr == without.stderr
    assert under.code == without.code
    assert under.trained == without.trained
    assert without.stdout or without.stderr, "nothing was compared"
    assert (tmp_path / "report").read_text().startswith("envkit diagnose")
    assert not left_over(tmp_path)
