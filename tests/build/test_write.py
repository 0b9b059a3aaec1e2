"""Files to a directory: whole or not at all, and never over somebody else's."""

from __future__ import annotations

import json
import os

import pytest

from envkit.build.model import File
from envkit.build.record import NAME, Record
from envkit.build.write import write
from envkit.core.codec import dumps, loads, to_json
from envkit.core.errors import BadInputError, DiskError
from tests.build.test_drift import record

FILES = (File(path=NAME, text="{}"), File(path="run.sh", text="#!\n", executable=True),
         File(path="a/b/c.txt", text="deep"))  # fmt: skip


def there(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_all_is_written_with_its_modes(tmp_path):
    write(FILES, tmp_path / "new/out")
    assert there(tmp_path / "new/out") == ["a/b/c.txt", NAME, "run.sh"]
    assert os.access(tmp_path / "new/out/run.sh", os.X_OK)
    assert not os.access(tmp_path / "new/out/a/b/c.txt", os.X_OK)
    assert list((tmp_path / "new").glob(".*")) == []


def test_a_copy_is_the_file_itself(tmp_path):
    (tmp_path / "wheel").write_bytes(b"data")
    write((File(path="wheels/w", copy=tmp_path / "wheel"),), tmp_path / "out")
    assert (tmp_path / "out/wheels/w").read_bytes() == b"data"


def test_our_own_directory_is_written_anew(tmp_path):
    write(FILES, tmp_path)
    write((File(path=NAME, text="{}"), File(path="run.sh", text="new")), tmp_path)
    assert (tmp_path / "run.sh").read_text() == "new"


def test_files_of_others_are_never_replaced(tmp_path):
    (tmp_path / "run.sh").write_text("mine")
    with pytest.raises(DiskError, match=r"run\.sh, which envkit did not write"):
        write(FILES, tmp_path)
    assert there(tmp_path) == ["run.sh"] and (tmp_path / "run.sh").read_text() == "mine"


def test_other_files_beside_ours_stay(tmp_path):
    (tmp_path / "train.py").write_text("mine")
    write(FILES, tmp_path)
    assert (tmp_path / "train.py").read_text() == "mine"


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(DiskError, match="is a file"):
        write(FILES, tmp_path / "out")
    with pytest.raises(DiskError):
        write(FILES, tmp_path / "out/below")


def test_a_failure_in_the_middle_leaves_nothing(tmp_path):
    gone = File(path="wheels/w", copy=tmp_path / "not-there")
    with pytest.raises(DiskError, match="cannot write"):
        write((*FILES, gone), tmp_path / "out")
    assert not (tmp_path / "out").exists() and list(tmp_path.iterdir()) == []


def test_a_failure_leaves_what_was_there(tmp_path):
    write(FILES, tmp_path / "out")
    gone = File(path="z", copy=tmp_path / "not-there")
    with pytest.raises(DiskError):
        write((File(path="run.sh", text="new"), gone), tmp_path / "out")
    assert (tmp_path / "out/run.sh").read_text() == "#!\n"


def test_an_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _interrupted(tmp_path):
    def files():
        yield FILES[0]
        raise KeyboardInterrupt

    class Files(tuple):
        __slots__ = ()
        rounds = 0

        def __iter__(self):
            Files.rounds += 1
            return tuple.__iter__(self) if Files.rounds == 1 else files()

    write(Files(FILES), tmp_path / "out")


def test_a_record_is_read_as_it_was_written():
    text = dumps(to_json(record()))
    assert loads(Record, text.encode(), name="build", where="x").value == record()


def test_a_record_with_more_fields_is_read():
    value = json.loads(dumps(to_json(record()))) | {"later": 1}
    assert loads(Record, json.dumps(value).encode(), name="build", where="x").value == record()


@pytest.mark.parametrize("field", ["request", "plan", "settings", "lock"])
def test_a_record_that_lacks_something_is_refused(field):
    value = json.loads(dumps(to_json(record())))
    del value[field]
    with pytest.raises(BadInputError, match="not a valid build"):
        loads(Record, json.dumps(value).encode(), name="build", where="x")
