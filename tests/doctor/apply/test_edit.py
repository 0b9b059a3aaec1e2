"""Lines of start-up files: which are changed, which are left alone; checked with the real shells."""

from __future__ import annotations

import subprocess

import pytest

from envkit.doctor.apply.edit import settings, with_value, without

NOTE = "envkit 2026-01-02"
NAME = "LD_LIBRARY_PATH"


def plain(text: bytes, name: str = NAME, dialect: str = "sh") -> list[bool]:
    return [one.plain for one in settings(text, name, dialect)]


@pytest.mark.parametrize(
    "line",
    [
        b"export LD_LIBRARY_PATH=/usr/local/cuda/lib64",
        b"LD_LIBRARY_PATH=/x",
        b"  export LD_LIBRARY_PATH=/x:$LD_LIBRARY_PATH",
        b"\texport LD_LIBRARY_PATH=/x${LD_LIBRARY_PATH:+:${LD_LIBRARY_PATH}}",
        b'export LD_LIBRARY_PATH="/a b:$HOME/lib"  # mine',
        b"export LD_LIBRARY_PATH='/a b'",
        b"export LD_LIBRARY_PATH=",
        b"declare -x LD_LIBRARY_PATH=/x",
        b"typeset -x LD_LIBRARY_PATH=/x",
        b"export LD_LIBRARY_PATH=/x\r",
    ],
)
def test_lines_that_do_nothing_else(line):
    assert plain(line + b"\n") == [True]
    after = without(b"a\n" + line + b"\nb\n", (NAME,), "sh", NOTE)
    indent = line[: len(line) - len(line.lstrip())]
    assert after == b"a\n" + indent + b"# envkit 2026-01-02: " + line.lstrip() + b"\nb\n"
    assert plain(after) == []


@pytest.mark.parametrize(
    "line",
    [
        b"export LD_LIBRARY_PATH=/x PATH=/y",
        b"export A=1 LD_LIBRARY_PATH=/x",
        b"export LD_LIBRARY_PATH=/x; echo hi",
        b"[ -d /x ] && export LD_LIBRARY_PATH=/x",
        b"if true; then export LD_LIBRARY_PATH=/x; fi",
        b"export LD_LIBRARY_PATH=$(find /x)",
        b"export LD_LIBRARY_PATH=`find /x`",
        b"export LD_LIBRARY_PATH=/x\\",
        b"alias t='LD_LIBRARY_PATH=/x python'",
        b"LD_LIBRARY_PATH=/x python train.py",
        b'export LD_LIBRARY_PATH="/x',
        b"LD_LIBRARY_PATH+=:/x",
    ],
)
def test_lines_that_do_more_are_told_and_left(line):
    data = line + b"\n  rest\n"
    assert plain(data) == [False]
    assert without(data, (NAME,), "sh", NOTE) == data


@pytest.mark.parametrize(
    "line",
    [
        b"# export LD_LIBRARY_PATH=/x",
        b"  #LD_LIBRARY_PATH=/x",
        b"export MY_LD_LIBRARY_PATH=/x",
        b"export LD_LIBRARY_PATH_OLD=/x",
        b"echo $LD_LIBRARY_PATH",
        b"unset LD_LIBRARY_PATH",
        b'if [ "$LD_LIBRARY_PATH" = "" ]; then',
        b"",
    ],
)
def test_lines_that_do_not_set_it(line):
    assert plain(line) == []


def test_what_lies_in_a_here_document_is_text():
    data = b"cat > x <<'EOF'\nexport LD_LIBRARY_PATH=/x\nEOF\nexport LD_LIBRARY_PATH=/y\n"
    assert plain(data) == [False, True]
    assert b"\nexport LD_LIBRARY_PATH=/x\nEOF" in without(data, (NAME,), "sh", NOTE)


def test_what_is_joined_to_the_line_before_is_part_of_it():
    data = b"echo \\\nexport LD_LIBRARY_PATH=/x\n"
    assert without(data, (NAME,), "sh", NOTE) == data


BLOCKS = b"""if [ -d / ]; then
  export LD_LIBRARY_PATH=/x
fi
for i in 1 2; do  # twice

  # a comment
  export LD_LIBRARY_PATH=/x
  export LD_LIBRARY_PATH=/y
done
f() {
export LD_LIBRARY_PATH=/x
}
case x in
  x)
    LD_LIBRARY_PATH=/x
    ;;
esac
if false; then
  :
else
  export LD_LIBRARY_PATH=/x
fi
echo reached
"""


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_blocks_stay_whole(shell, tmp_path):
    """A block of a shell may not be empty: commenting its only line out would break the file."""
    file = tmp_path / "rc"
    file.write_bytes(without(BLOCKS, (NAME,), "sh", NOTE) + b'echo "[$LD_LIBRARY_PATH]"\n')
    env = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([shell, str(file)], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("reached\n[]\n", "")


def test_bytes_that_are_no_text_and_line_ends_stay():
    data = b"\xff\xfe caf\xe9\r\nexport LD_LIBRARY_PATH=/x\r\n\x0c\x1b[1m no newline at the end"
    after = without(data, (NAME,), "sh", NOTE)
    assert after == data.replace(b"export", b"# envkit 2026-01-02: export")


class TestSetting:
    def test_in_place_of_the_last_one(self):
        data = b"export OMP_NUM_THREADS=64\nx\n  export OMP_NUM_THREADS=32\ny\n"
        assert with_value(data, "OMP_NUM_THREADS", "4", "sh", NOTE) == (
            b"export OMP_NUM_THREADS=64\nx\n  # envkit 2026-01-02: export OMP_NUM_THREADS=32\n"
            b"  export OMP_NUM_THREADS=4\ny\n"
        )

    @pytest.mark.parametrize(
        ("data", "after"),
        [
            (b"", b"export A=4  # envkit 2026-01-02\n"),
            (b"x\n", b"x\nexport A=4  # envkit 2026-01-02\n"),
            (b"x", b"x\nexport A=4  # envkit 2026-01-02\n"),
            (b"x\r\ny", b"x\r\ny\r\nexport A=4  # envkit 2026-01-02\r\n"),
            (b"export A=1", b"# envkit 2026-01-02: export A=1\nexport A=4"),
        ],
    )
    def test_at_the_end(self, data, after):
        assert with_value(data, "A", "4", "sh", NOTE) == after

    def test_fish(self):
        assert with_value(b"", "A", "4", "fish", NOTE) == b"set -gx A 4  # envkit 2026-01-02\n"

    def test_the_shell_sees_it(self, tmp_path):
        file = tmp_path / "rc"
        file.write_bytes(with_value(b"export A=1\n", "A", "4", "sh", NOTE) + b"sh -c 'echo $A'\n")
        assert subprocess.run(["sh", str(file)], capture_output=True).stdout == b"4\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"set -gx A 1", [True]),
        (b"set -x A 1 2", [True]),
        (b"  set --global --export A '/a b'  # mine", [True]),
        (b"set -gx A (find /x)", [False]),
        (b"set -gx A 1; echo", [False]),
        (b"set -e A", []),
        (b"set -ge A", []),
        (b"set -q A; and echo", []),
        (b"set -gx B 1", []),
    ],
)
def test_fish(line, found):
    assert plain(line, "A", "fish") == found


@pytest.mark.parametrize(
    ("line", "found"), [(b"A=1", [True]), (b'A="x y"', [True]), (b"#A=1", []), (b"BA=1", [])]
)
def test_environment_d(line, found):
    assert plain(line, "A", "conf") == found
