"""Secrets and identities go, and nothing else does."""

from __future__ import annotations

import dataclasses
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core import redact
from envkit.core.codec import from_json, to_json
from envkit.core.redact import Identity, saved
from envkit.facts.model import ProbeStatus, Snapshot

ALICE = Identity(home="/home/alice", user="alice", host="wonderland.example.org")
UUID = "8d2c1f6e-0a5b-4c3d-9e7f-112233445566"


class TestSecrets:
    @pytest.mark.parametrize(
        "text, secret",
        [
            # addresses
            ("https://me:hunter2@pypi.example/simple", "hunter2"),
            ("https://hunter2@pypi.example/simple", "hunter2"),
            ("index-url = https://me:p@ss:hunter2@pypi.example/simple", "ss:hunter2"),
            ("https://aws:" + "Z" * 2000 + "@corp.example/simple", "ZZZZ"),
            ("git+ssh://me:hunter2@host/repo.git", "hunter2"),
            ("redis://:hunter2@host:6379/0", "hunter2"),
            ("socks5h://me:hunter2@proxy:1080", "hunter2"),
            ("https://host/file?token=hunter2&x=1", "hunter2"),
            ("https://bucket/obj?X-Amz-Signature=hunter2&X-Amz-Date=1", "hunter2"),
            ("https://account/blob?sv=1&sig=hunter2%3D", "hunter2"),
            # environments
            ("HF_TOKEN=hunter2", "hunter2"),
            ("WANDB_API_KEY=hunter2 python train.py", "hunter2"),
            ("AWS_SECRET_ACCESS_KEY=hunter2", "hunter2"),
            ("DB_PASSWORD='hunter2 and more'", "hunter2"),
            ('PASSWORD="hunter2 and more"', "and more"),
            ("PGPASSWORD=hunter2", "hunter2"),
            # command lines
            ("train.py --token hunter2 --epochs 3", "hunter2"),
            ("train.py --token   hunter2", "hunter2"),
            ("train.py --hf-token=hunter2", "hunter2"),
            ("mysql --password='hunter2 and more' db", "and more"),
            ("tool -password hunter2", "hunter2"),
            ("tool --api-key hunter2 --apikey hunter3", "hunter"),
            ("tool --client_secret hunter2", "hunter2"),
            # headers and files
            ("Authorization: Bearer hunter2hunter2", "hunter2"),
            ("authorization: Basic aHVudGVyMg==", "aHVudGVyMg"),
            ("Authorization: Negotiate aHVudGVyMg==", "aHVudGVyMg"),
            ('{"authorization": "Bearer hunter2hunter2"}', "hunter2"),
            ('{"password": "hunter2", "user": "x"}', "hunter2"),
            ("{'api_key' : 'hunter2'}", "hunter2"),
            # tokens by their looks
            ("login hf_abcdefghijklmnopqrstuvwxyz", "abcdefgh"),
            ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefgh"),
            ("github_pat_11ABCDEFG0abcdefghijkl_xyz", "ABCDEFG"),
            ("glpat-abcdefghij0123456789", "abcdefgh"),
            ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN"),
            ("sk-proj-abcdefghijklmnopqrstuvwx", "abcdefgh"),
            ("xoxb-1234567890-abcdefghij", "abcdefgh"),
            ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "abcdefgh"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN", "dozjgNryP4J3"),
            ("Serial Number: PX1234567", "PX1234567"),
            ("serial=1234567890", "1234567890"),
        ],
    )
    def test_are_hidden(self, text, secret):
        assert secret in text
        hidden = redact.secrets(text)
        assert secret not in hidden
        assert "***" in hidden

    @pytest.mark.parametrize(
        "text",
        [
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "--hash=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "torch==2.9.0+cu128",
            "https://download.pytorch.org/whl/cu128",
            "https://pypi.example/simple/torch/#sha256=abcdef",
            "git+https://github.com/org/repo@v1.2.3",
            "git@github.com:org/repo.git",
            "/usr/lib/x86_64-linux-gnu/libcuda.so.570.86.10",
            "/home/alice/.venv/bin/python",
            "TOKENIZERS_PARALLELISM=false",
            "NCCL_DEBUG=INFO CUDA_VISIBLE_DEVICES=0,1",
            "--tokenizer gpt2 --max-tokens 512",
            "--token-limit 5",
            "nvcc: Cuda compilation tools, release 12.8, V12.8.93",
            "BOOT_IMAGE=/boot/vmlinuz-6.1.0 root=/dev/sda1 ro quiet nvidia-drm.modeset=1",
            "0000:01:00.0 NVIDIA GeForce RTX 4090",
            "basic functionality of the driver",
            "the bearer of news",
            "task-force-with-a-very-long-name-indeed",
            "unexpected token: 5",
            "serial console on ttyS0",
            "author = Alice <alice@example.org>",
            "NVRM: Xid (PCI:0000:01:00): 79, pid=1234, GPU has fallen off the bus.",
            "Python 3.12.4 (main, Jun  8 2024, 18:29:57) [GCC 11.4.0]",
        ],
    )
    def test_nothing_innocent_is_changed(self, text):
        assert redact.secrets(text) == text

    def test_what_is_around_a_secret_stays(self):
        assert (
            redact.secrets("https://me:hunter2@pypi.example/simple --token x --epochs 3")
            == "https://***@pypi.example/simple --token *** --epochs 3"
        )

    @given(st.text(st.characters()))
    def test_twice_is_once(self, text):
        once = redact.secrets(text)
        assert redact.secrets(once) == once


class TestIdentities:
    @pytest.mark.parametrize(
        "text, shown",
        [
            ("/home/alice", "~"),
            ("/home/alice/.venv/bin/python", "~/.venv/bin/python"),
            ("PATH=/home/alice/bin:/usr/bin", "PATH=~/bin:/usr/bin"),
            ("file:///home/alice/x", "file://~/x"),
            ("(see /home/alice)", "(see ~)"),
            ("it is in /home/alice.", "it is in ~."),
            ("/home/alice2/x", "/home/<user>/x"),
            ("/home/bob/x", "/home/<user>/x"),
            ("/Users/bob", "/Users/<user>"),
            ("/data/alice/x", "/data/<user>/x"),
            ("/data/home/alice/x", "/data/home/<user>/x"),
            ("alice@wonderland", "<user>@<host>"),
            ("wonderland.example.org:/export on /mnt", "<host>:/export on /mnt"),
            ("tcp://wonderland:2375", "tcp://<host>:2375"),
            ("malice in alices", "malice in alices"),
            ("wonderlands", "wonderlands"),
            ("/usr/local/cuda/bin", "/usr/local/cuda/bin"),
        ],
    )
    def test_examples(self, text, shown):
        assert saved(text, ALICE) == shown

    @pytest.mark.parametrize("name", ["root", "ubuntu", "runner", "nvidia", "Docker", "x", ""])
    def test_names_that_are_everybody_s_identify_nobody(self, name):
        text = "nvidia docker ubuntu runner root x /usr/lib/nvidia"
        assert saved(text, Identity(home="", user=name, host=name)) == text

    def test_home_of_root_is_no_part_of_another_path(self):
        root = Identity(home="/root", user="root", host="localhost")
        assert saved("/root/x /mnt/root/x /rootfs /root-2", root) == "~/x /mnt/root/x /rootfs /root-2"

    @pytest.mark.parametrize("home", ["", "/"])
    def test_a_home_that_is_none_hides_nothing(self, home):
        assert saved("/usr/lib //x", Identity(home=home, user="", host="")) == "/usr/lib //x"

    def test_names_with_the_signs_of_patterns(self):
        odd = Identity(home="/home/a+b(c", user="a+b(c", host="[host]*")
        assert saved("/home/a+b(c/x a+b(c", odd) == "~/x <user>"

    def test_here(self):
        assert Identity.here().host

    def test_here_for_a_user_without_name(self, monkeypatch):
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("os.getuid", lambda: 54321)
        here = Identity.here()
        assert (here.user, here.home) == ("", "")


class TestUuids:
    def test_become_digests_that_are_stable_and_differ(self):
        first, again = (saved(f"GPU-{UUID}", ALICE) for _ in range(2))
        other = saved(f"GPU-{UUID.replace('8', '9')}", ALICE)
        assert first == again != other
        assert first.startswith("GPU-")
        assert UUID not in first and len(first) == len("GPU-") + 12

    def test_case_does_not_matter(self):
        assert saved(f"GPU-{UUID.upper()}", ALICE) == saved(f"GPU-{UUID}", ALICE)

    @pytest.mark.parametrize("text", [f"MIG-GPU-{UUID}/1/0", f"MIG-{UUID}", UUID, f"root=UUID={UUID} ro"])
    def test_of_all_kinds(self, text):
        shown = saved(text, ALICE)
        assert UUID not in shown
        assert saved(shown, ALICE) == shown

    def test_a_list_of_devices_keeps_its_shape(self):
        shown = saved(f"CUDA_VISIBLE_DEVICES=GPU-{UUID},GPU-{UUID}", ALICE)
        assert shown.count("GPU-") == 2 and shown.count(",") == 1


class TestSaved:
    def test_every_string_at_every_depth(self):
        value = {"a": [{"b": ("/home/alice", 1, None, True, 1.5)}], "token": "--token hunter2"}
        assert saved(value, ALICE) == {"a": [{"b": ["~", 1, None, True, 1.5]}], "token": "--token ***"}

    def test_what_cannot_be_encoded(self):
        saved({"path": "/caf\udce9"}, ALICE)["path"].encode()

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters()), st.lists))
    def test_twice_is_once(self, value):
        once = saved(value, ALICE)
        assert saved(once, ALICE) == once


def _words(kind: object, seen: set[object]) -> typing.Iterator[str]:
    """Every word that a Literal of the model allows."""
    if kind in seen:
        return
    seen.add(kind)
    if typing.get_origin(kind) is typing.Literal:
        yield from (word for word in typing.get_args(kind) if isinstance(word, str))
    elif dataclasses.is_dataclass(kind):
        for inner in typing.get_type_hints(kind).values():
            yield from _words(inner, seen)
    else:
        for inner in typing.get_args(kind):
            yield from _words(inner, seen)


@pytest.mark.parametrize("word", sorted({w for w in _words(Snapshot, set()) if w.isalnum()}))
def test_a_user_or_host_of_that_name_can_save_a_file_that_loads(word):
    """A word that the snapshot's fields are made of must stay: see the common names in `redact`."""
    assert saved(word, Identity(home="", user=word, host=word)) == word


def test_a_snapshot_stays_one():
    snapshot = Snapshot(probes=(ProbeStatus(name="x", state="failed", detail="/home/alice is odd"),))
    again = from_json(Snapshot, saved(to_json(snapshot), ALICE))
    assert again.probes[0].detail == "~ is odd"


UNITS = (
    "a", "-", "--", "--a-", "a://", "http://a", "bearer ", "bearer", " ", "serial ", "serial", "token=",
    "token", "--token", "--token-", "--token ", "--api", "eyJ", "eyJaaaaaaaaaa.", "eyJaaaaaaaaaa-", "sk-",
    "a.-+", "GPU-", "GPU-8d2c1f6e-", "hf_", "/", "/home/", "/home/alice", "alice", "alice-", "wonderland.",
    "github_pat_", "'", '"', "token='", "token=\"'", "--token='", "'token':", "'token' : '", "authorization:",
    "authorization: a ", "@", "https://a@", "a1+", "8d2c1f6e-", "passwd", "key", "=", "é", "\ud800",
)  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_anything_ends(unit):
    """No pattern needs more than linear time: a quadratic one would take minutes here."""
    saved(unit * (1_000_000 // len(unit)) + "!", ALICE)
