"""What let a library in, judged by the dynamic loader itself (LD_DEBUG=libs,files) in the same process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.coverage_notes import require
from tests.payload.shadowing import SONAME, Lab, Order, Verdict, orders, permutations
from tests.payload.targets import BASE, PAYLOAD, clean_environment, compile_library, torch_python

sys.path.append(str(PAYLOAD))
from _envkit_payload import loader, origins
from _envkit_payload.elf import Elf

pytestmark = pytest.mark.cc


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("lab").resolve())


def run(lab: Lab, cases: list[Order], *, isolated: bool) -> list[Verdict]:
    lab.build(cases)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda order: lab.verdict(order, isolated=isolated), cases))


def wrong(verdicts: list[Verdict]) -> list[str]:
    return [f"{one.order}: {one.ours} and not {one.judge}" for one in verdicts if not one.agree]


def test_every_subset_of_ways_without_cache_and_default(lab):
    cases = [one for one in orders(full=False) if not (one.cache or one.default)]
    verdicts = run(lab, cases, isolated=False)
    assert wrong(verdicts) == []
    assert len(verdicts) == 96


def test_every_subset_of_ways_with_a_cache_and_a_default_directory_of_its_own(lab):
    require("mount-namespace", lab.namespace())
    cases = [one for one in orders(full=False) if one.cache or one.default]
    verdicts = run(lab, cases, isolated=True)
    assert wrong(verdicts) == []
    reasons = {one.reason.partition(" ")[0] for verdict in verdicts for one in verdict.ours}
    assert reasons == {"path", "RPATH", "RUNPATH", "LD_LIBRARY_PATH", "cache", "default"}
    print(f"{len(verdicts)} orders, {sum(len(one.judge) for one in verdicts)} loaded files")


def test_every_order_of_entries(lab):
    verdicts = run(lab, list(permutations()), isolated=False)
    assert wrong(verdicts) == []
    assert any("glibc-hwcaps" in one.path for verdict in verdicts for one in verdict.ours)


def test_a_dlopen_whose_caller_nobody_kept_is_unknown(lab):
    """The wheel's directory is in the caller's RPATH and first in LD_LIBRARY_PATH: others come there, too."""
    order = Order(how="dlopen", tag="rpath", entries=("wheel",), variable=("wheel", "one"))
    (verdict,) = run(lab, [order], isolated=False)
    (stated,) = verdict.stated
    assert (stated["asked"], stated["via"], stated["entry"], stated["needed_by"]) == (
        "dlopen",
        None,
        None,
        None,
    )
    assert verdict.unknown and stated["path"] == verdict.judge[0].path


def test_what_is_said_of_one(lab):
    order = Order(tag="runpath", entries=("own", "wheel"), variable=("two", "one"), preload=False)
    (stated,) = run(lab, [order], isolated=False)[0].stated
    assert stated == {
        "path": str(lab.stubs["two"]),
        "family": "cudart",
        "version": None,
        "soname": SONAME,
        "asked": "needed",
        "needed_by": str(lab._asker(order)),
        "via": "ld-library-path",
        "entry": str(lab.stubs["two"].parent),
        "entry_of": None,
        "shipped": False,
        "others": [
            {"path": str(lab.stubs["one"]), "via": "ld-library-path", "shipped": False},
            {"path": str(lab.stubs["own"]), "via": "runpath", "shipped": False},
            {"path": str(lab.stubs["wheel"]), "via": "runpath", "shipped": True},
        ],
    }


def test_wheels_that_no_search_comes_to_are_told(lab):
    (stated,) = run(lab, [Order(variable=("one",))], isolated=False)[0].stated
    assert stated["others"][-1] == {"path": str(lab.stubs["wheel"]), "via": "wheel", "shipped": True}


def test_what_cached_it(lab):
    require("mount-namespace", lab.namespace())
    (stated,) = run(lab, [Order(cache=True)], isolated=True)[0].stated
    assert (stated["via"], stated["entry"]) == ("ld-cache", str(lab.stubs["cache"]))


def test_preloads_and_relative_entries(lab):
    (stated,) = run(lab, [Order(preload=True)], isolated=False)[0].stated
    word = str(lab.stubs["preload"])
    assert (stated["asked"], stated["via"], stated["entry"]) == ("preload", "ld-preload", word)
    one = origins._directory
    assert [one(""), one("/"), one("/opt//"), one("lib/")] == [".", "/", "/opt", "lib"]


_EVERYTHING = """
import sys
sys.path.append(sys.argv[1])
import torch
from _envkit_payload import linkmap
for one in linkmap.read():
    print(one.asked, one.name, one.loader and one.loader.name, sep="|")
"""


@pytest.mark.torch
def test_every_library_of_real_torch(tmp_path):
    """All that is loaded with torch: the same names, files and askers as LD_DEBUG tells of."""
    done = subprocess.run(
        [torch_python(), "-c", _EVERYTHING, str(PAYLOAD)],
        env={**clean_environment(), "LD_DEBUG": "libs,files", "LD_DEBUG_OUTPUT": str(tmp_path / "log")},
        capture_output=True,
        text=True,
        check=True,
    )
    (log,) = [path for path in tmp_path.iterdir() if b"libtorch_cpu" in path.read_bytes()]
    told = set()
    asked = by = ""
    for line in log.read_text().splitlines():
        if match := re.search(r"file=(\S+) \[0\];  (needed|dynamically loaded) by (\S+) \[0\]", line):
            asked, by = match[1], match[3] if match[2] == "needed" else "None"
        elif "generating link map" in line:
            told.add((asked, by))
    ours = [line.split("|") for line in done.stdout.splitlines()]
    main = ours.pop(0)
    assert main == ["", "", "None"]
    executable = torch_python()
    found = {(asked, by or executable) for asked, _, by in ours}
    assert {(one, by) for one, by in found if "torch" in one} != set()
    assert found == {(one, by) for one, by in told if not one.startswith("ld-linux")}


def test_symbol_versions_as_readelf_prints_them():
    path = subprocess.run(
        ["gcc", "-print-file-name=libstdc++.so.6"], capture_output=True, text=True, check=True
    )
    file = os.path.realpath(path.stdout.strip())
    printed = subprocess.run(["readelf", "-VW", file], capture_output=True, text=True, check=True).stdout
    definitions, _, needs = printed.partition("Version needs section")
    with Elf(file) as elf:
        defined, needed = elf.versions_defined(), elf.versions_needed()
    assert defined == re.findall(r"Cnt: \d+\s+Name: (\S+)", definitions)
    assert "GLIBCXX_3.4" in defined
    assert list(needed) == re.findall(r"File: (\S+)", needs)
    assert [one for names in needed.values() for one in names] == re.findall(r"  Name: (\S+)", needs)


def test_a_file_without_versions(tmp_path):
    with Elf(compile_library(tmp_path / "plain.so", "-nostdlib")) as elf:
        assert (elf.versions_defined(), elf.versions_needed()) == ([], {})


def test_which_file_has_a_directory_put_into_the_cache(tmp_path):
    wanted = tmp_path / "cuda" / "lib64"
    wanted.mkdir(parents=True)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "link").symlink_to(wanted)
    (tmp_path / "conf.d" / "one.conf").write_text("# /nothing\n/absent\n")
    (tmp_path / "conf.d" / "two.conf").write_text(f"{tmp_path}/link/  # CUDA\n")
    main = tmp_path / "ld.so.conf"
    main.write_text("include conf.d/*.conf\n/last\n")
    assert loader.configured(str(wanted), str(main)) == str(tmp_path / "conf.d" / "two.conf")
    assert loader.configured("/last", str(main)) == str(main)
    assert loader.configured("/elsewhere", str(main)) is None
    assert loader.configured("/elsewhere", str(tmp_path / "absent")) is None
    main.write_text("include ld.so.conf\n")  # itself, again and again
    assert loader.configured("/last", str(main)) is None


def test_started_by_the_loader_itself_nothing_is_guessed():
    """`ld.so python`: the executable that the kernel knows is the loader, which holds no list."""
    program = (
        "import sys; sys.path.append(sys.argv[1])\nfrom _envkit_payload import linkmap\nprint(linkmap.read())"
    )
    with Elf(str(BASE)) as elf:
        offset, size = elf.sections()[".interp"]
        interpreter = elf.data[offset : offset + size - 1].decode()
    done = subprocess.run(
        [interpreter, str(BASE), "-c", program, str(PAYLOAD)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert Path(interpreter).exists()
