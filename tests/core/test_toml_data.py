"""TOML of our own, kept as Python keeps what it compiles."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import envkit
from envkit.core.toml_data import read_toml

SHIPPED = sorted(Path(envkit.__file__).parent.glob("*/data/*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_it_is_what_the_parser_says(path):
    assert read_toml(path) == tomllib.loads(path.read_text("utf-8"))


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A file that has been read, and a way to read it in a process where no parser can be had."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    file = tmp_path / "odd-name.toml"
    file.write_text("[[row]]\nname = 'a\\b {x}'\nnumbers = [1, -2.5, 1e-7]\nyes = true\n")
    assert read_toml(file) == {"row": [{"name": "a\\b {x}", "numbers": [1, -2.5, 1e-7], "yes": True}]}
    return file


def again(file):
    script = "import sys; sys.modules['tomllib'] = None\n"
    script += "from pathlib import Path; from envkit.core.toml_data import read_toml\n"
    script += f"print(read_toml(Path({str(file)!r})))"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)


def test_the_second_start_does_not_parse(kept):
    assert again(kept).stdout.strip() == str(read_toml(kept))


def test_what_changed_is_parsed_again(kept):
    kept.write_text("changed = 1\n")
    os.utime(kept, (1, 1))
    assert "tomllib" in again(kept).stderr
    assert read_toml(kept) == {"changed": 1}


def test_damage_of_what_was_kept_is_passed_over(kept):
    (compiled,) = (kept.parent / "__pycache__").iterdir()
    compiled.write_bytes(b"\0" * 40)
    assert read_toml(kept)["row"][0]["yes"] is True


def test_each_call_gives_its_own(kept):
    read_toml(kept)["row"].clear()
    assert len(read_toml(kept)["row"]) == 1


def test_nothing_is_kept_where_python_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "a.toml").write_text("a = 1")
    assert read_toml(tmp_path / "a.toml") == {"a": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["a.toml"]


@pytest.mark.parametrize("content", [b"a = ", b"a = '\xff'", b"a = 1\na = 2"])
def test_what_is_not_toml(tmp_path, content):
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(ValueError):
        read_toml(tmp_path / "a.toml")


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_toml(tmp_path / "a.toml")
