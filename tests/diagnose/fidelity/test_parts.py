"""The pieces by which the watcher stays unseen."""

from __future__ import annotations

import errno
import functools
import importlib
import inspect
import json
import math
import mmap
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest

from tests.payload.targets import PAYLOAD

sys.path.append(str(PAYLOAD))
from _envkit_payload.watch import environ, imports, lines, patches, signals, stdlib, weave
from _envkit_payload.watch.copies import forks, origin, shared

SOURCE = '''"""A module of a framework."""

import math


def plain(a, b=2, *more, c=3, **named):
    """Its words."""
    if a < 0:
        raise ValueError("less than nothing")
    for one in more:
        if one == a:
            return math.sqrt(one)
    return a + b + c + sum(more) + len(named)


def silent(found):
    found.append(1)


def generator(n):
    yield n


def outer():
    kept = [1]

    def inner():
        return kept[0]

    return inner


class Kind:
    def __init__(self, value):
        self.__value = value

    def method(
        self,
        more,
    ):
        with open(more) as file:
            return self.__value, file.readline()

    def late(self):
        def one():
            return 1

        try:
            return one()
        finally:
            self.done = True


class Below(Kind):
    def __init__(self, value):
        super().__init__(value + 1)
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "woven_here.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("woven_here")
    patches.undo()
    del sys.modules["woven_here"]


def test_a_woven_function_is_what_it_was(module):
    function, signature, seen = module.plain, inspect.signature(module.plain), []
    expected = [module.plain(1), module.plain(4, 1, 4), module.plain(1, c=2, d=5)]
    assert weave.around(
        module, "plain",
        before=lambda *args, **named: seen.append((args, named)),
        after=lambda out, *args, **named: seen.append(out),
    )  # fmt: skip
    assert module.plain is function
    assert inspect.signature(function) == signature
    assert inspect.getsource(function).startswith("def plain(a")
    assert [module.plain(1), module.plain(4, 1, 4), module.plain(1, c=2, d=5)] == expected
    assert seen[:3] == [((1, 2), {"c": 3}), expected[0], ((4, 1, 4), {"c": 3})]
    assert seen[-2:] == [((1, 2), {"c": 2, "d": 5}), expected[2]]
    patches.undo()
    del seen[:]
    assert module.plain(1) == expected[0]
    assert not seen


@pytest.mark.parametrize("call", ["module.plain(-1)", "module.Kind(1).method('/no/such')", "module.plain()"])
def test_a_traceback_of_a_woven_function_is_what_it_was(module, call):
    def said():
        try:
            eval(call)
        except Exception:
            return traceback.format_exc()

    before = said()
    for owner, name in ((module, "plain"), (module.Kind, "method"), (module.Kind, "__init__")):
        assert weave.around(owner, name, before=lambda *_, **__: None, after=lambda *_, **__: None)
    assert said() == before


def test_returns_of_all_kinds_are_told(module):
    seen = []
    for owner, name in (
        (module, "silent"), (module.Kind, "late"), (module.Kind, "__init__"), (module.Below, "__init__"),
    ):  # fmt: skip
        assert weave.around(owner, name, after=lambda out, *_, at=name: seen.append((at, out)))
    module.silent([])
    one = module.Below(1)
    assert one.late() == 1
    assert one.done
    assert vars(one)["_Kind__value"] == 2
    assert seen == [("silent", None), ("__init__", None), ("__init__", None), ("late", 1)]


def test_the_end_is_told_where_it_raises_too(module):
    seen = []
    assert weave.around(
        module,
        "plain",
        before=lambda *_, **__: seen.append("begins"),
        last=lambda a, *_, **__: seen.append(a),
    )
    assert module.plain(1) == 6
    with pytest.raises(ValueError, match="nothing") as caught:
        module.plain(-1)
    assert seen == ["begins", 1, "begins", -1]
    (frame,) = traceback.extract_tb(caught.value.__traceback__)[1:]
    assert frame.line == 'raise ValueError("less than nothing")'


def test_what_cannot_be_woven_is_wrapped(module):
    seen = []
    module.inner = module.outer()
    assert not weave.around(module, "inner", after=lambda out: seen.append(out))
    assert not weave.around(module, "generator", before=seen.append)
    assert module.inner() == 1
    assert list(module.generator(3)) == [3]
    assert seen == [1, 3]


def test_a_file_that_changed_since_is_not_woven(module):
    Path(module.__file__).write_text(SOURCE.replace("a + b + c", "a - b - c"))
    seen = []
    assert not weave.around(module, "plain", before=lambda *args, **named: seen.append(args))
    assert module.plain(1) == 6
    assert seen == [(1, 2)]


def test_a_parameter_can_be_changed(module):
    assert weave.changed(module, "plain", "b", lambda value: 10 * value)
    assert module.plain(1) == 24


def test_looking_for_a_module_is_not_importing_it(tmp_path, monkeypatch):
    (tmp_path / "wanted_here.py").write_text("value = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plain, told = importlib.util.find_spec("wanted_here"), []
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    finder = imports.after({"wanted_here": told.append})
    for _ in range(2):
        spec = importlib.util.find_spec("wanted_here")
        assert repr(spec).split(" object")[0] == repr(plain).split(" object")[0]
        assert type(spec.loader) is type(plain.loader)
    assert not told
    module = importlib.import_module("wanted_here")
    assert told == [module]
    assert type(module.__spec__) is type(plain)
    assert vars(module.__spec__).keys() == {*vars(plain), "_initializing"}  # as the import system leaves it
    assert finder not in sys.meta_path
    del sys.modules["wanted_here"]


def test_an_import_that_fails_has_no_frame_of_ours_and_may_come_again(tmp_path, monkeypatch):
    path = tmp_path / "fails_here.py"
    path.write_text("import no_such_module_here\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    told = []
    imports.after({"fails_here": told.append})
    with pytest.raises(ImportError) as caught:
        import fails_here
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert files[1:] == [str(path)]
    assert not told
    path.write_text("value = 12345\n")
    importlib.invalidate_caches()
    import fails_here

    assert told == [fails_here]
    del sys.modules["fails_here"]


def test_our_imports_are_the_librarys_and_are_forgotten(tmp_path, monkeypatch):
    (tmp_path / "colorsys.py").write_text("mine = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    path = list(sys.path)
    with stdlib.Only():
        import colorsys

        assert hasattr(colorsys, "rgb_to_hsv")
    assert sys.path == path
    import colorsys

    assert colorsys.mine
    del sys.modules["colorsys"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        1.5,
        1e300,
        'a"b\n\u2028\U0001f600',
        [1, (2.0, None)],
        {"a": [], 3: {"b": "c"}},
        math.inf,
    ],
)
def test_lines_are_json(value):
    text = lines.encode(value)
    assert json.loads(text) == json.loads(json.dumps(value))


def test_lines_of_other_things():
    assert math.isnan(json.loads(lines.encode(math.nan)))
    assert json.loads(lines.encode({"kind": Path("/x"), "number": signal.SIGINT})) == {
        "kind": "/x",
        "number": 2,
    }


def test_the_environment_of_children(monkeypatch):
    monkeypatch.setattr(environ, "_kept", {"ENVKIT_WATCH_DIR": "/trace"})
    monkeypatch.setattr(environ, "_inject", ["/inject"])
    copied = {**os.environ, "MORE": "1"}
    given = environ.given(copied)
    assert given == {**copied, "ENVKIT_WATCH_DIR": "/trace", "PYTHONPATH": given["PYTHONPATH"]}
    assert given["PYTHONPATH"].split(":")[0] == "/inject"
    assert environ.given(given) == given
    assert "ENVKIT_WATCH_DIR" not in copied
    assert environ.given({"PATH": "/bin"}) == {"PATH": "/bin"}
    monkeypatch.setattr(os.environ, "_data", {**os.environ._data, b"PYTHONPATH": b"src"})
    assert environ.given({**os.environ})["PYTHONPATH"] == "/inject:src"


def _in_a_child(work) -> str:
    """What a function returns in a forked child, as text."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = str(work())
        except BaseException as error:
            said = repr(error)
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        said = file.read().decode()
    os.waitpid(pid, 0)
    return said


def test_a_detached_copy_is_no_child():
    def work():
        read, write = os.pipe()
        pid = forks.detached()
        if pid == 0:
            os.write(write, f"{os.getpid()} {os.getsid(0)}".encode())
            time.sleep(60)
        number, session = map(int, os.read(read, 99).split())
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            os.kill(pid, signal.SIGKILL)
            return number == pid == session
        return "it is a child"

    assert _in_a_child(work) == "True"


def test_a_copy_ends_with_its_process():
    read, write = os.pipe()

    def work():
        maker = os.getpid()
        if forks.detached() == 0:
            os.close(read)
            origin.Origin(maker).wait()
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    _in_a_child(work)
    os.close(write)
    assert os.read(read, 1) == b""  # nobody holds the other end
    os.close(read)


def test_what_a_handler_of_the_script_raises_is_the_scripts():
    def handler(number, frame):
        raise TimeoutError("too slow")

    before = signal.signal(signal.SIGUSR1, functools.partial(handler))
    try:
        with pytest.raises(TimeoutError) as caught:
            signal.raise_signal(signal.SIGUSR1)
        assert signals.raised(caught.value)
    finally:
        signal.signal(signal.SIGUSR1, before)
    with pytest.raises(ZeroDivisionError) as other:
        _ = 1 / 0
    assert not signals.raised(other.value)


def test_a_script_that_handles_sigchld_is_not_copied():
    before = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    try:
        assert forks.why_not() == "the script handles SIGCHLD"
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_where_no_process_can_be_made():
    def work():
        import resource

        os.setuid(65534) if os.getuid() == 0 else None
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        try:
            forks.detached()
        except OSError as error:
            return errno.errorcode[error.errno]
        return "made one"

    assert _in_a_child(work) == "EAGAIN"


def test_shared_memory_becomes_a_copys_own(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(bytes(8192))
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 8192) as disk, mmap.mmap(-1, 4096) as memory:
        memory[0] = disk[0] = 5

        def work():
            shared.own()
            held = memory[0], disk[0]
            memory[0] = disk[0] = 9
            return held, memory[0], disk[0]

        assert _in_a_child(work) == "((5, 5), 9, 9)"
        assert (memory[0], disk[0], path.read_bytes()[0]) == (5, 5, 5)


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_other_pythons_start_as_they_would(tmp_path, version):
    """Those that this machine has; the own one at least."""
    python = sys.executable if sys.version.startswith(version + ".") else _found(version)
    if python is None:
        return
    code = (
        "import subprocess, sys, os;"
        "print(sys.path, 'ENVKIT_WATCH_DIR' in os.environ, 'sitecustomize' in sys.modules);"
        "subprocess.run([sys.executable, '-c', 'print(1)'], env={**os.environ}, check=True)"
    )
    inject = str(PAYLOAD / "_envkit_inject")
    said = [
        subprocess.run(
            [python, "-c", code], env={"PATH": "/bin", **more}, capture_output=True, text=True, check=True
        )
        for more in ({}, {"PYTHONPATH": inject, "ENVKIT_WATCH_DIR": str(tmp_path)})
    ]
    assert said[0].stdout == said[1].stdout
    assert said[0].stderr == said[1].stderr == ""
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def _found(version: str) -> str | None:
    for root in (Path.home() / ".pyenv" / "versions", Path("/usr/bin"), Path("/usr/local/bin")):
        for python in (*root.glob(f"{version}.*/bin/python"), root / f"python{version}"):
            if python.is_file():
                return str(python)
    return None
