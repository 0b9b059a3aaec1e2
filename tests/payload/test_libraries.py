"""The order of CUDA libraries, judged by the dynamic loader itself (LD_DEBUG=libs)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.payload.targets import (
    PAYLOAD,
    clean_environment,
    compile_library,
    facts,
    install,
    install_torch,
    make_venv,
    site_of,
)

sys.path.append(str(PAYLOAD))
from _envkit_payload import loader

SONAME = "libcudart.so.12"


def taken_by_the_loader(python: Path, library: Path, env: dict[str, str], soname: str = SONAME) -> str | None:
    """Which file a real dlopen of `library` takes for its need of `soname`."""
    done = subprocess.run(
        [str(python), "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", str(library)],
        env={**clean_environment(), **env, "LD_DEBUG": "libs"},
        capture_output=True,
        text=True,
        cwd="/",
    )
    taken = None
    searching = False
    for line in done.stderr.splitlines():
        if "find library=" in line:
            searching = f"find library={soname} " in line
        elif searching and (match := re.search(r"trying file=(\S+)", line)):
            taken = match[1]
    return taken if done.returncode == 0 else None


@pytest.fixture
def target(tmp_path):
    """A venv with a torch whose libtorch_cuda.so is still to be made."""
    python = make_venv(tmp_path / "venv")
    install_torch(site_of(python), "2.8.0+cu128", "12.8")
    return python


def provide(folder: Path, version: str, soname: str = SONAME) -> Path:
    """libcudart.so.12 -> libcudart.so.12.x.y, as a toolkit lays it out."""
    real = compile_library(folder / f"{soname}{version}", f"-Wl,-soname,{soname}")
    if version:
        (folder / soname).symlink_to(real.name)
        (folder / soname.partition(".so")[0]).with_suffix(".so").symlink_to(soname)
    return folder / soname


def link_torch(python: Path, folder: Path, *options: str) -> Path:
    """libtorch_cuda.so that needs the library in `folder`."""
    return compile_library(
        site_of(python) / "torch" / "lib" / "libtorch_cuda.so",
        "-Wl,--no-as-needed",
        f"-L{folder}",
        f"-l:{SONAME}",
        *options,
        source="int torch(void) { return 1; }",
    )


WHEEL = "$ORIGIN/../../nvidia/cuda_runtime/lib"


@pytest.mark.cc
@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("--disable-new-dtags", ["rpath", "rpath", "ld-library-path", "ld-library-path"]),
        ("--enable-new-dtags", ["ld-library-path", "ld-library-path", "runpath", "runpath"]),
    ],
)
def test_every_provider_in_the_loaders_order(target, tmp_path, tags, expected):
    """Each in turn is what the loader takes once the ones before it are gone."""
    wheel = site_of(target) / "nvidia" / "cuda_runtime" / "lib"
    provide(wheel, "")
    provide(tmp_path / "rpath", ".8.57")
    provide(tmp_path / "one", ".4.127")
    provide(tmp_path / "two", ".6.77")
    install(site_of(target), "nvidia-cuda-runtime-cu12", "12.8.90")
    library = link_torch(target, wheel, f"-Wl,{tags},-rpath,{WHEEL}:{tmp_path}/rpath")
    env = {"LD_LIBRARY_PATH": f"{tmp_path}/one::{tmp_path}/absent:{tmp_path}/two"}
    found = [one for one in facts(target, env=env).libraries if one["soname"] == SONAME]
    assert [one["via"] for one in found][:4] == expected
    assert [one["order"] for one in found] == list(range(len(found)))
    versions = {one["path"]: one["version"] for one in found}
    assert versions[str(wheel / SONAME)] == "12.8.90"
    assert versions[f"{tmp_path}/one/{SONAME}"] == "12.4.127"
    for one in found[:4]:
        assert taken_by_the_loader(target, library, env) is not None
        assert os.path.realpath(taken_by_the_loader(target, library, env)) == os.path.realpath(one["path"])
        Path(one["path"]).unlink()


@pytest.mark.cc
def test_what_the_loader_skips_is_no_provider(target, tmp_path):
    """Another word size, a script, a dangling link."""
    provide(tmp_path / "good", "")
    library = link_torch(target, tmp_path / "good")
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / SONAME).write_bytes(b"\x7fELF\x01\x01\x01" + bytes(100))
    text = tmp_path / "text"
    text.mkdir()
    (text / SONAME).symlink_to("gone.so")
    env = {"LD_LIBRARY_PATH": f"{bad}:{text}:{tmp_path}/good"}
    found = [one for one in facts(target, env=env).libraries if one["soname"] == SONAME]
    assert found[0]["path"] == taken_by_the_loader(target, library, env) == f"{tmp_path}/good/{SONAME}"


@pytest.mark.cc
def test_wheels_that_nothing_points_to_come_last(target):
    wheel = site_of(target) / "nvidia" / "cu13" / "lib"
    provide(wheel, "", "libcublasLt.so.13")
    provide(site_of(target) / "nvidia" / "cudnn" / "lib", "", "libcudnn_ops.so.9")
    provide(site_of(target) / "cusparselt" / "lib", "", "libcusparseLt.so.0")
    install(site_of(target), "nvidia-cusparselt-cu12", "0.6.3")
    install(site_of(target), "nvidia-cublas", "13.2.0.9")
    install(site_of(target), "nvidia-cudnn-cu12", "9.10.2.21")
    install(site_of(target), "nvidia-cudnn-cu13", "9.26.0.51")
    found = {one["soname"]: one for one in facts(target).libraries if one["via"] == "wheel"}
    lt = found["libcublasLt.so.13"]
    assert (lt["family"], lt["version"], lt["path"]) == ("cublasLt", "13.2.0.9", f"{wheel}/libcublasLt.so.13")
    assert found["libcusparseLt.so.0"]["version"] == "0.6.3"
    # Two distributions write the same file: which one did last, nobody can tell from names.
    assert (found["libcudnn_ops.so.9"]["family"], found["libcudnn_ops.so.9"]["version"]) == (
        "cudnn_ops",
        None,
    )


@pytest.mark.cc
def test_conda_library_through_rpath(target):
    prefix = target.parents[1]
    (prefix / "conda-meta").mkdir()
    provide(prefix / "lib", ".9.79")
    link_torch(target, prefix / "lib", "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../../../..")
    found = [one for one in facts(target).libraries if one["soname"] == SONAME]
    assert (found[0]["via"], found[0]["path"]) == ("conda", f"{prefix}/lib/{SONAME}")


@pytest.mark.cc
def test_cache_as_ldconfig_prints_it(tmp_path):
    """A cache of our own, made by the real ldconfig, holding a CUDA library."""
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:" + os.environ["PATH"])
    assert ldconfig is not None
    provide(tmp_path / "cuda", ".8.90")
    (tmp_path / "conf").write_text(f"{tmp_path}/cuda\n")
    made = ["-C", str(tmp_path / "cache"), "-f", str(tmp_path / "conf")]
    subprocess.run([ldconfig, "-X", *made], check=True, capture_output=True)
    printed = subprocess.run([ldconfig, "-p", *made[:2]], check=True, capture_output=True, text=True)
    listed = re.findall(r"^\t(\S+) \(libc6,[^)]*\) => (\S+)$", printed.stdout, re.M)
    assert loader.cached(str(tmp_path / "cache")) == listed
    assert (SONAME, f"{tmp_path}/cuda/{SONAME}") in listed


def test_no_cache_and_a_spoilt_one(tmp_path):
    (tmp_path / "cache").write_bytes(b"glibc-ld.so.cache1.1" + b"\xff" * 40)
    assert loader.cached(str(tmp_path / "absent")) == loader.cached(str(tmp_path / "cache")) == []


@pytest.mark.cc
def test_libstdcxx_that_the_loader_finds_first(target, tmp_path):
    plain = facts(target).python["libstdcxx"]
    (tmp_path / "libstdc++.map").write_text(
        "GLIBCXX_3.4 { global: old; };\nGLIBCXX_3.4.19 { global: answer; };\n"
    )
    compile_library(
        tmp_path / "old" / "libstdc++.so.6",
        f"-Wl,--version-script={tmp_path}/libstdc++.map",
        source="int old(void) { return 0; } int answer(void) { return 1; }",
    )
    env = {"LD_LIBRARY_PATH": str(tmp_path / "old")}
    assert facts(target, env=env).python["libstdcxx"] == "3.4.19"
    assert plain != "3.4.19"
