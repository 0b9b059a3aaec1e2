"""CUDA toolkits on the machine."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core.machine import Machine
from envkit.core.proc import Result, run
from envkit.facts.gpu_model import Toolkit
from envkit.facts.probes import cuda
from tests.recorded import recorded

NVCC = """nvcc: NVIDIA (R) Cuda compiler driver
Copyright (c) 2005-2024 NVIDIA Corporation
Built on Thu_Mar_28_02:18:24_PDT_2024
Cuda compilation tools, release 12.4, V12.4.131
Build cuda_12.4.r12.4/compiler.34097967_0
"""


def machine(root, env=None, nvcc="", **results) -> Machine:
    """`which` finds nvcc; other commands answer as given."""
    which = Result(
        state="done", code=0, stdout=json.dumps({"which": "nvcc", "state": "ok", "found": nvcc}) + "\n"
    )
    answers = {"which": which, **results}
    return Machine(
        root=root, env=env or {}, run=lambda command: answers.get(command.name, Result(state="absent"))
    )


def write(root, path, text="x"):
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_one_toolkit_behind_two_links():
    found = cuda.read(recorded("gpu-healthy-desktop"))
    assert found.toolkits == (Toolkit(path="/usr/local/cuda-12.4", version="12.4.1", has_nvcc=True),)
    assert (found.nvcc, found.nvcc_version) == ("/usr/local/cuda/bin/nvcc", "12.4.131")
    assert (found.cuda_home, found.cuda_home_exists) == ("/usr/local/cuda", True)
    assert found.compat_dirs == ()


def test_none_at_all():
    found = cuda.read(recorded("gpu-no-driver"))
    assert (found.toolkits, found.nvcc, found.nvcc_version) == ((), "", None)
    assert (found.cuda_home, found.cuda_home_exists) == ("", None)


def test_versions_of_three_ages(tmp_path):
    write(tmp_path, "/usr/local/cuda-10.2/version.txt", "CUDA Version 10.2.89\n")
    write(tmp_path, "/usr/local/cuda-11.8/version.json", '{"cuda": {"version": "11.8.20220929"}}')
    write(tmp_path, "/opt/cuda/include/cuda.h", "/* c */\n#define CUDA_VERSION 12080\n")
    write(tmp_path, "/usr/local/cuda-broken/version.json", "{")
    found = cuda.read(machine(tmp_path))
    assert [(kit.path, kit.version) for kit in found.toolkits or ()] == [
        ("/usr/local/cuda-10.2", "10.2.89"),
        ("/usr/local/cuda-11.8", "11.8"),
        ("/opt/cuda", "12.8"),
    ]


def test_nvcc_outside_of_a_toolkit_is_asked(tmp_path):
    answers = {"nvcc-version": Result(state="done", code=0, stdout=NVCC)}
    found = cuda.read(machine(tmp_path, nvcc="/usr/bin/nvcc", **answers))
    assert (found.nvcc, found.nvcc_version) == ("/usr/bin/nvcc", "12.4.131")


def test_nvcc_that_does_not_answer_has_no_version(tmp_path):
    answers = {"nvcc-version": Result(state="timeout", stdout=NVCC)}
    assert cuda.read(machine(tmp_path, nvcc="/usr/bin/nvcc", **answers)).nvcc_version is None


def test_path_that_could_not_be_looked_at(tmp_path):
    found = cuda.read(Machine(root=tmp_path, env={}, run=lambda command: Result(state="timeout")))
    assert (found.nvcc, found.nvcc_version) == (None, None)


def test_forward_compatibility_libraries_and_no_toolkit_for_them(tmp_path):
    compat = tmp_path / "usr/local/cuda-12.8/compat"
    write(tmp_path, "/usr/local/cuda-12.8/compat/lib.real/libcuda.so.570.124.06")
    (compat / "lib").symlink_to("lib.real")
    found = cuda.read(machine(tmp_path))
    assert found.toolkits == ()
    assert found.compat_dirs == ("/usr/local/cuda-12.8/compat/lib.real",)


def test_cuda_home_that_is_gone(tmp_path):
    found = cuda.read(machine(tmp_path, {"CUDA_HOME": "/usr/local/cuda-11.0"}))
    assert (found.cuda_home, found.cuda_home_exists) == ("/usr/local/cuda-11.0", False)


@pytest.mark.parametrize("state", ["timeout", "failed", "absent"])
def test_cuda_home_on_a_file_system_that_does_not_answer(tmp_path, state):
    answers = {"cuda-home": Result(state=state)}
    found = cuda.read(machine(tmp_path, {"CUDA_PATH": "/scratch/cuda"}, **answers))
    assert (found.cuda_home, found.cuda_home_exists) == ("/scratch/cuda", None)


def test_a_real_child_looks_at_cuda_home_elsewhere(tmp_path):
    home = tmp_path / "sw/cu'da 12"
    write(home, "version.json", json.dumps({"cuda": {"version": "12.6.0"}}))
    write(home, "bin/nvcc", "#!/bin/sh\n")
    (home / "bin/nvcc").chmod(0o755)
    here = Machine(root=tmp_path / "root", env={"CUDA_HOME": str(home)}, run=run)
    found = cuda.read(here)
    assert found.cuda_home_exists is True
    assert found.toolkits == (Toolkit(path=str(home), version="12.6.0", has_nvcc=True),)
    gone = Machine(root=tmp_path / "root", env={"CUDA_HOME": f"{home}-gone"}, run=run)
    assert cuda.read(gone).cuda_home_exists is False


def test_a_cuda_home_elsewhere_with_only_a_header(tmp_path):
    write(tmp_path, "home/include/cuda.h", "#define CUDA_VERSION 11080\n")
    here = Machine(root=tmp_path / "root", env={"CUDA_HOME": str(tmp_path / "home")}, run=run)
    assert cuda.read(here).toolkits == (Toolkit(path=str(tmp_path / "home"), version="11.8", has_nvcc=False),)


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    cuda.versions(text)
    cuda.versions('{"cuda": ' + text + "}")
    cuda.header_version("#define CUDA_VERSION " + text)
    cuda.release("release " + text)


@given(
    st.recursive(
        st.none() | st.text(max_size=8) | st.integers(), lambda v: st.dictionaries(st.text(max_size=8), v)
    )
)
def test_any_json_is_read(value):
    cuda.versions(json.dumps(value))
    cuda.versions(json.dumps({"cuda": value}))


def test_deep_json_is_passed_over():
    assert cuda.versions("[" * 100_000) == {}
