"""`doctor --from`: files that are not what they should be are told in two lines, with exit code 4."""

from __future__ import annotations

import json

import pytest

from envkit.cli.main import run
from tests.cli.commands import FAULTY, envkit, told

GOOD = FAULTY.read_bytes()


BAD = {
    "empty": (b"", "empty"),
    "garbage": (b"garbage", "no kind"),
    "binary": (bytes(range(256)), "no kind"),
    "truncated": (GOOD[: len(GOOD) // 2], "not JSON"),
    "list": (b"[]", "no kind"),
    "bare": (b"{}", "no schema"),
    "other": (b'{"schema": "envkit.plan/1"}', "envkit.plan/1"),
    "newer": (GOOD.replace(b"envkit.snapshot/1", b"envkit.snapshot/2"), "envkit.snapshot/2"),
    "types": (b'{"schema": "envkit.snapshot/1", "cpu": 5}', "not a valid snapshot"),
    "brackets": (b"[" * 100_000, "no kind"),
    "deep": (b'{"schema": "envkit.snapshot/1", "a":' + b"[" * 200 + b"]" * 200 + b"}", "levels deep"),
    "image": (b"\x89PNG\r\n\x1a\n\x1b[31m", "no kind"),
}


@pytest.mark.parametrize("data, says", BAD.values(), ids=BAD)
class TestBadFiles:
    def test_as_a_file(self, tmp_path, data, says):
        file = tmp_path / "file.json"
        file.write_bytes(data)
        done = envkit("doctor", "--from", file)
        assert (done.returncode, done.stdout) == (4, "")
        what, _ = told(done)
        assert "file.json" in what and says in what
        assert "\x1b" not in what

    def test_on_standard_input(self, data, says):
        done = envkit("doctor", "--from", "-", stdin=data)
        assert (done.returncode, done.stdout) == (4, "")
        what, _ = told(done)
        assert "standard input" in what and says in what


@pytest.mark.parametrize("name", ["none.json", ".", "none/none.json", ""])
def test_what_cannot_be_read(tmp_path, name):
    done = envkit("doctor", "--from", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot read" in told(done)[0]


def test_standard_input_is_read(capsys):
    done = envkit("doctor", "--from", "-", "--json", stdin=GOOD)
    assert run(["doctor", "--from", str(FAULTY), "--json"]) == done.returncode == 1
    assert json.loads(done.stdout) == json.loads(capsys.readouterr().out)


def test_other_encodings_are_read(tmp_path, capsys):
    (tmp_path / "utf-16.json").write_bytes(GOOD.decode().encode("utf-16"))
    assert run(["doctor", "--from", str(tmp_path / "utf-16.json"), "--json"]) == 1
    assert "driver-too-old" in capsys.readouterr().out


def test_a_bad_file_is_not_overwritten_by_save(tmp_path):
    (tmp_path / "bad").write_text("garbage")
    assert run(["doctor", "--from", str(tmp_path / "bad"), "--save", str(tmp_path / "bad")]) == 4
    assert (tmp_path / "bad").read_text() == "garbage"


def test_a_file_too_large(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(65 << 20)
    done = envkit("doctor", "--from", tmp_path / "large")
    assert done.returncode == 4
    assert "64 MiB" in told(done)[0]
