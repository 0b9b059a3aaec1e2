"""Indexes: logins apart from addresses, wheels that fit, and what an image's build cannot see."""

from __future__ import annotations

import pytest

from envkit.build.access import Access, access, login, public
from envkit.build.indexes import Given, fitting, indexes_of, is_local, mirrored, without_local
from envkit.build.model import Indexes
from envkit.build.pip_config import PipConfig
from envkit.build.requirements import wishes
from envkit.build.uv_env import install_environment, project_environment
from envkit.core.errors import BadInputError, UsageError
from envkit.resolve.resolve import plan_hash
from tests.build.parts import A100, plan, settings


def test_a_login_is_parted_from_its_address():
    found = login("https://me%40corp:p%2Fw@host:8443/simple")
    assert (found.url, found.user, found.password) == ("https://host:8443/simple", "me@corp", "p/w")
    assert "p/w" not in repr(found) and "me@corp" not in repr(access(("https://me%40corp:p%2Fw@host/",)))
    assert login("https://host/simple") is None
    assert public("https://token@host/simple") == "https://host/simple"


def test_a_login_goes_back_into_its_address_for_the_environment_only():
    known = access(("https://me%40corp:p%2Fw@host/simple",))
    assert known.inside("https://host/simple") == "https://me%40corp:p%2Fw@host/simple"
    assert known.inside("https://other/simple") == "https://other/simple"
    assert known.at("https://host/whl/cpu").user == "me@corp"  # the same server
    assert known.at("https://other/simple") is None


def test_no_address_of_the_settings_holds_a_login():
    given = Given(
        index_url="https://u:secret@a/simple",
        extra=("https://u:secret@b/simple",),
        find_links=("https://u:secret@c/wheels",),
        framework="https://u:secret@d/whl/",
    )
    shown, known, taken = indexes_of(given, PipConfig())
    assert "secret" not in repr(shown) and shown.framework == "https://d/whl" and taken == ()
    assert len(known.logins) == 4


def test_uv_is_told_by_its_environment():
    given = Given(
        index_url="https://u:one@a/simple",
        extra=("https://v:two@b/simple",),
        find_links=("/wheels", "https://w:three@c/")[1:],
        framework="https://x:four@d/whl",
    )
    shown, known, _ = indexes_of(given, PipConfig())
    made = mirrored(plan(), shown)
    written = settings(
        index_url=shown.index_url,
        extra=shown.extra,
        find_links=shown.find_links,
        framework=shown.framework,
    )
    project = project_environment(made, written, known)
    assert project == {
        "UV_INDEX_TORCH_CPU_USERNAME": "x",
        "UV_INDEX_TORCH_CPU_PASSWORD": "four",
        "UV_INDEX_EXTRA_1_USERNAME": "v",
        "UV_INDEX_EXTRA_1_PASSWORD": "two",
        "UV_INDEX_DEFAULT_USERNAME": "u",
        "UV_INDEX_DEFAULT_PASSWORD": "one",
        "UV_FIND_LINKS": "https://w:three@c/",
    }
    assert install_environment(made, written, known) == {
        "UV_DEFAULT_INDEX": "https://u:one@a/simple",
        "UV_INDEX": "https://x:four@d/whl/cpu https://v:two@b/simple",
        "UV_FIND_LINKS": "https://w:three@c/",
    }
    assert project_environment(made, written, Access()) == {}


@pytest.mark.parametrize(
    "given",
    [
        Given(index_url="host/simple"),
        Given(index_url="https://"),
        Given(index_url="ftp://host/simple"),
        Given(index_url="https://host:port/simple"),
        Given(index_url=""),
        Given(extra=("https://host/a b",)),
        Given(framework="whl"),
        Given(extra=("https://host/\n--pre",)),
    ],
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(UsageError, match="is no address"):
        indexes_of(given, PipConfig())


def test_a_directory_of_wheels_must_be_there(tmp_path):
    with pytest.raises(BadInputError, match="no directory"):
        indexes_of(Given(find_links=(str(tmp_path / "gone"),)), PipConfig())
    # One that only pip's configuration names is as little in the way as it is for pip.
    shown, _, _ = indexes_of(Given(), PipConfig(find_links=(str(tmp_path / "gone"),)))
    assert shown.find_links == ()


def test_options_go_before_pips_configuration_key_by_key():
    config = PipConfig(index_url="https://pip/simple", extra=("https://more/simple",))
    shown, _, taken = indexes_of(Given(index_url="https://mine/simple"), config)
    assert (shown.index_url, shown.extra) == ("https://mine/simple", ("https://more/simple",))
    assert len(taken) == 1 and "https://more/simple" in taken[0]
    assert shown.merged  # pip asks every index for every package
    assert not indexes_of(Given(extra=("https://mine/simple",)), config)[0].merged


WHEELS = "torch-2.13.0+cpu-{0}-{0}-manylinux_2_28_x86_64.whl"


@pytest.mark.parametrize(
    "wheel, fits",
    [
        (WHEELS.format("cp312"), True),
        (WHEELS.format("cp311"), False),
        ("torch-2.13.0+cpu-cp312-cp312t-manylinux_2_28_x86_64.whl", False),
        ("torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_aarch64.whl", False),
        ("torch-2.13.0+cpu-cp312-cp312-musllinux_1_2_x86_64.whl", False),
        ("torch-2.13.0+cpu-cp312-cp312-win_amd64.whl", False),
        ("torch-2.13.0+cu126-cp312-cp312-manylinux_2_28_x86_64.whl", False),
        ("stable-1.0-cp39-abi3-manylinux2014_x86_64.whl", True),
        ("stable-1.0-cp313-abi3-manylinux2014_x86_64.whl", False),
        ("pure-1.0-py3-none-any.whl", True),
        ("pure-1.0-py2.py3-none-any.whl", True),
        ("not a wheel.whl", False),
    ],
)
def test_only_wheels_that_fit_the_plan_are_taken(wheel, fits):
    found = fitting(Indexes(wheels=(f"/w/{wheel}",)), plan())
    assert found.wheels == ((f"/w/{wheel}",) if fits else ())


def test_a_cpu_wheel_at_hand_never_takes_the_place_of_a_gpu_build():
    gpu = plan(hosts=(A100,), device="gpu")
    assert gpu.requirements[0].requirement == "torch==2.13.0"  # the default index has the CUDA build
    at_hand = Indexes(wheels=(f"/w/{WHEELS.format('cp312')}",))
    found = fitting(at_hand, gpu)
    assert found.wheels == () and found.avoided == ("torch==2.13.0+cpu",)
    told = wishes(gpu, settings(avoided=found.avoided))
    assert told[0].requirement == "torch==2.13.0,!=2.13.0+cpu"


def test_a_mirror_takes_the_place_of_pytorchs_index_in_the_plan():
    bare = plan()
    found = mirrored(bare, Indexes(framework="https://mirror/whl"))
    assert found.requirements[0].index == "https://mirror/whl/cpu"
    assert found.hash == plan_hash(found) != bare.hash
    assert mirrored(bare, Indexes()) is bare


@pytest.mark.parametrize("url, local", [("https://a/", False), ("file:///srv", True), ("/srv/wheels", True)])
def test_what_is_this_machines_own(url, local):
    assert is_local(url) is local


def test_an_image_is_told_of_no_directory_of_this_machine():
    indexes = Indexes(index_url="file:///srv/a", extra=("https://b/", "file:///srv/c"), find_links=("/w",))
    kept, notes = without_local(indexes)
    assert kept == Indexes(extra=("https://b/",), find_links=("/w",))
    assert len(notes) == 2 and "file:///srv/a" in notes[0]
    with pytest.raises(UsageError, match="--framework-index"):
        without_local(Indexes(framework="file:///srv/whl"))
