"""The view of a machine below a root of its own."""

from __future__ import annotations

import os

import pytest

from envkit.core.machine import Machine
from envkit.core.proc import Command, Result


def machine(root):
    return Machine(root=root, env={}, run=lambda command: Result(state="absent"))


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/version").write_text("  Linux version 6.1\n")
    (tmp_path / "etc").mkdir()
    return tmp_path


def test_here_is_the_running_machine():
    here = Machine.here()
    assert here.is_here
    assert here.at("/proc/version") == "/proc/version"
    assert here.read("/proc/version") is not None
    assert here.env == dict(os.environ)
    assert here.run(Command(name="test", argv=("true",), limit=60)).ok


def test_every_reading_is_redirected_to_the_root(tree):
    (tree / "etc/link").symlink_to("version")
    there = machine(tree)
    assert not there.is_here
    assert there.at("/proc/version") == f"{tree}/proc/version"
    assert there.read("/proc/version") == "  Linux version 6.1\n"
    assert there.read_bytes("/proc/version") == b"  Linux version 6.1\n"
    assert there.line("/proc/version") == "Linux version 6.1"
    assert there.ls("/") == ("etc", "proc")
    assert there.exists("/proc/version")
    assert not there.exists("/proc/self")
    assert there.link("/etc/link") == "version"
    assert there.may("/proc/version", os.R_OK)
    assert set(there.walk_names("/", 1)) == {"/etc/link", "/proc/version"}


def test_what_is_absent_is_none(tree):
    there = machine(tree)
    assert there.read("/none") is None
    assert there.line("/none") is None
    assert there.number("/none") is None
    assert there.ls("/none") is None
    assert there.ls("/proc/version") is None
    assert there.link("/proc/version") is None
    assert there.may("/none", os.R_OK) is None
    assert there.read("/proc") is None
    assert list(there.walk_names("/none", 3)) == []
    with pytest.raises(FileNotFoundError):
        there.read_bytes("/none")


def test_what_may_not_be_read_is_none(open_folder, ordinary_user):
    (open_folder / "secret").write_text("x")
    (open_folder / "secret").chmod(0)
    (open_folder / "closed").mkdir(mode=0)
    there = machine(open_folder)
    with ordinary_user():
        assert there.exists("/secret")
        assert there.read("/secret") is None
        assert there.number("/secret") is None
        assert there.ls("/closed") is None
        assert list(there.walk_names("/", 2)) == ["/secret"]


@pytest.mark.parametrize(
    "text, number",
    [
        ("12\n", 12),
        ("-1", -1),
        ("0x10de\n", 0x10DE),
        ("max\n", None),
        ("", None),
        ("1.5", None),
        ("12 34", None),
        ("9" * 5000, None),
        ("\x00", None),
    ],
)
def test_numbers(tree, text, number):
    (tree / "etc/number").write_text(text)
    assert machine(tree).number("/etc/number") == number


def test_bytes_that_are_not_utf8_are_read_all_the_same(tree):
    (tree / "etc/odd").write_bytes(b"a\xff\x00b")
    assert machine(tree).read("/etc/odd") == "a\ufffd\x00b"


def test_limits(tree):
    (tree / "etc/long").write_bytes(b"x" * 300_000)
    there = machine(tree)
    assert there.read_bytes("/etc/long", 10) == b"x" * 10
    assert there.read_bytes("/etc/long", 200_000) == b"x" * 200_000
    assert there.read_bytes("/etc/long", 0) == b""
    assert len(there.read("/etc/long") or "") == 300_000
    assert len(there.line("/etc/long") or "") == 1 << 16


def test_a_file_without_end_is_read_to_the_limit():
    assert len(Machine.here().read_bytes("/dev/zero")) == 4 << 20


class TestFifo:
    """A FIFO must not hold a probe: pytest's time limit would end such a test."""

    def test_without_writer(self, tree):
        os.mkfifo(tree / "etc/fifo")
        assert machine(tree).read("/etc/fifo") == ""

    def test_with_a_silent_writer(self, tree):
        fifo = tree / "etc/fifo"
        os.mkfifo(fifo)
        writer = os.open(fifo, os.O_RDWR)
        try:
            assert machine(tree).read("/etc/fifo") is None
        finally:
            os.close(writer)


class TestLinks:
    def test_dangling(self, tree):
        (tree / "etc/link").symlink_to("nowhere")
        there = machine(tree)
        assert there.exists("/etc/link")
        assert there.link("/etc/link") == "nowhere"
        assert there.read("/etc/link") is None
        assert there.may("/etc/link", os.R_OK) is False

    def test_loop(self, tree):
        (tree / "etc/a").symlink_to("b")
        (tree / "etc/b").symlink_to("a")
        there = machine(tree)
        assert there.read("/etc/a") is None
        assert there.ls("/etc/a") is None
        assert there.exists("/etc/a")

    def test_walk_does_not_follow_links(self, tree):
        (tree / "etc/up").symlink_to("..")
        assert set(machine(tree).walk_names("/", 20)) == {"/proc/version", "/etc/up"}


class TestNames:
    def test_that_are_not_utf8(self, tree):
        (tree / "etc" / os.fsdecode(b"caf\xe9")).write_text("x")
        there = machine(tree)
        (name,) = there.ls("/etc") or ()
        assert name == "caf\udce9"
        assert there.read(f"/etc/{name}") == "x"
        assert list(there.walk_names("/etc", 0)) == [f"/etc/{name}"]

    @pytest.mark.parametrize("name", ["/a\0b", "/\ud800", "/" + "x" * 300, "/" + "x/" * 5000])
    def test_that_no_file_can_have(self, tree, name):
        there = machine(tree)
        assert there.read(name) is None
        assert there.ls(name) is None
        assert there.link(name) is None
        assert there.may(name, os.R_OK) is None
        assert not there.exists(name)
        assert list(there.walk_names(name, 1)) == []
        with pytest.raises(OSError):
            there.read_bytes(name)


def test_walk_goes_as_deep_as_it_is_told(tree):
    deep = tree / "etc/a/b/c"
    deep.mkdir(parents=True)
    (deep / "file").write_text("")
    (tree / "etc/file").write_text("")
    there = machine(tree)
    assert list(there.walk_names("/etc", 0)) == ["/etc/file"]
    assert list(there.walk_names("/etc", 2)) == ["/etc/file"]
    assert list(there.walk_names("/etc/", 3)) == ["/etc/file", "/etc/a/b/c/file"]
