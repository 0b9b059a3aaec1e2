from hypothesis import given
from hypothesis import strategies as st

from envkit.core.machine import Machine
from envkit.facts.procfs import cpu_list, mount_of, numbers, pairs, parse_mounts, read_mounts
from tests.recorded import recorded

ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"


def test_cpu_list():
    assert cpu_list("0-3,8,10-11\n") == {0, 1, 2, 3, 8, 10, 11}
    assert cpu_list("0") == {0}
    assert cpu_list("") == frozenset()
    assert cpu_list("3-1,x,5-,-2,1-2-3") == frozenset()
    assert cpu_list("0-99999999999") == frozenset()


@given(st.text() | st.from_regex(r"[0-9,\- ]{0,40}", fullmatch=True))
def test_cpu_list_never_raises(text):
    assert all(cpu >= 0 for cpu in cpu_list(text))


@given(st.sets(st.integers(0, 300)))
def test_cpu_list_reads_what_is_written(cpus):
    assert cpu_list(",".join(map(str, sorted(cpus)))) == cpus


def test_pairs_keep_the_first_of_a_key():
    assert pairs("a: 1\nb:\n\nno mark\na: 2\n") == {"a": "1", "b": ""}
    assert numbers("oom_kill 3\nmax\nhigh x\n") == {"oom_kill": 3}
    assert pairs(None) == {}


def test_octal_escapes_and_optional_fields():
    mount = next(m for m in read_mounts(recorded("ubuntu-desktop")) if m.source == "/dev/sda1")
    assert mount.point == "/media/person/My Data"
    (line,) = parse_mounts(
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue"
    )
    assert (line.root, line.fstype, line.super_options) == ("/mnt1", "ext3", ("rw", "errors=continue"))
    assert not line.read_only


def test_empty_source():
    (mount,) = parse_mounts("36 27 0:9 / /x ro - tmpfs  rw")
    assert (mount.source, mount.read_only) == ("", True)


def test_mount_of_takes_the_deepest():
    mounts = parse_mounts(
        ROOT + "30 27 0:3 / /home rw - nfs a:/h rw\n31 30 0:4 / /home/me rw - ext4 /dev/b rw\n"
    )
    assert mount_of(mounts, "/home/me/x").id == 31
    assert mount_of(mounts, "/home/you").id == 30
    assert mount_of(mounts, "/homework").id == 27


def test_a_mount_on_the_same_point_hides_the_first():
    mounts = read_mounts(recorded("firecracker-hybrid"))
    assert mount_of(mounts, "/dev/shm/x").id == 30


def test_a_mount_over_a_parent_hides_what_is_below():
    mounts = parse_mounts(ROOT + "30 27 0:3 / /a/b rw - nfs s:/b rw\n31 27 0:4 / /a rw - tmpfs t rw\n")
    assert mount_of(mounts, "/a/b/c").fstype == "tmpfs"


def test_a_table_without_a_root_falls_back_on_prefixes():
    mounts = parse_mounts("30 27 0:3 / /a rw - nfs s:/b rw\n31 27 0:4 / /a/b rw - tmpfs t rw\n")
    assert mount_of(mounts, "/a/b/c").id == 31
    assert mount_of(mounts, "/c") is None
    assert mount_of((), "/") is None


def test_loops_end():
    mounts = parse_mounts("5 6 0:1 / / rw - a b rw\n6 5 0:1 / / rw - a b rw\n7 7 0:1 / / rw - a b rw\n")
    assert mount_of(mounts, "/x").id == 7


LINE = st.tuples(
    st.integers(0, 9), st.integers(0, 9), st.sampled_from(["/", "/a", "/a/b", "/a/b/c", "//", "a", ""])
).map(lambda t: f"{t[0]} {t[1]} 0:1 / {t[2]} rw - tmpfs t rw")


@given(st.lists(LINE | st.text(max_size=60), max_size=12), st.sampled_from(["/", "/a/b", "/a/bc", "", "x"]))
def test_mounts_never_raise(lines, path):
    mount = mount_of(parse_mounts("\n".join(lines)), path)
    assert mount is None or mount.fstype


def test_here():
    mounts = read_mounts(Machine.here())
    assert mounts is not None
    assert mount_of(mounts, "/proc/self").fstype == "proc"
