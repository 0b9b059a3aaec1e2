"""The walker against files that nvcc made, judged by cuobjdump."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.payload.targets import PAYLOAD, compile_library

sys.path.append(str(PAYLOAD))
from _envkit_payload import fatbin, torch_facts
from _envkit_payload.elf import Elf

DATA = Path(__file__).parent / "data"
ALL = {"sm_75", "sm_80", "sm_90a", "sm_100", "sm_120", "compute_120"}


class Bytes:
    """A bare fatbin where the walker expects an ELF file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def unpack(self, form: str, offset: int):
        return struct.unpack_from(form, self.data, offset)


def walked(data: bytes) -> list[set[str]]:
    return list(fatbin.containers(Bytes(data), 0, len(data), float("inf")))


def by_cuobjdump(file: str) -> set[str]:
    part = (DATA / "cuobjdump.txt").read_text().split(f"== {file}\n")[1].split("==")[0]
    code = re.findall(r"\.(sm_\w+)\.cubin", part)
    return {*code, *(name.replace("sm_", "compute_") for name in re.findall(r"\.(sm_\w+)\.ptx", part))}


@pytest.mark.parametrize("name", ["plain.fatbin", "compressed.fatbin"])
def test_fatbin_as_cuobjdump_says(name):
    assert walked((DATA / name).read_bytes()) == [by_cuobjdump(name)] == [ALL]


def test_suffixes_of_specific_architectures():
    assert walked((DATA / "specific.fatbin").read_bytes()) == [
        {"sm_90", "sm_90a", "compute_90a", "sm_100f", "compute_100f", "sm_103"}
    ]


def test_shared_library_as_cuobjdump_says():
    with Elf(DATA / "libkernels.so") as elf:
        found = fatbin.counts(elf, 60)
    assert set(found) == by_cuobjdump("libkernels.so")
    assert fatbin.common(found) == ["sm_75", "sm_80", "sm_90a", "sm_100", "sm_120", "compute_120"]


@pytest.mark.cc
def test_architectures_of_a_few_kernels_do_not_count(tmp_path):
    """Containers follow each other, padded to 8 bytes; `specific` is one of four."""
    parts = ["plain", "compressed", "plain", "specific"]
    lines = [f'.incbin "{DATA / part}.fatbin"\n.balign 8\n' for part in parts]
    (tmp_path / "code.s").write_text('.section .nv_fatbin,"a"\n.balign 8\n' + "".join(lines))
    library = tmp_path / "libtorch_cuda.so"
    subprocess.run(["gcc", "-shared", str(tmp_path / "code.s"), "-o", str(library)], check=True)
    with Elf(library) as elf:
        found = fatbin.counts(elf, 60)
    assert found["sm_75"] == 3 and found["sm_103"] == 1
    assert fatbin.common(found) == ["sm_75", "sm_80", "sm_90a", "sm_100", "sm_120", "compute_120"]


@pytest.mark.cc
def test_a_large_library_is_sampled(tmp_path):
    """One container in five after the first 32; padding and sizes of all are followed."""
    (tmp_path / "code.s").write_text(
        '.section .nv_fatbin,"a"\n.balign 8\n.rept 60\n'
        f'.incbin "{DATA}/compressed.fatbin"\n.balign 8\n.endr\n'
    )
    library = tmp_path / "libtorch_cuda.so"
    subprocess.run(["gcc", "-shared", str(tmp_path / "code.s"), "-o", str(library)], check=True)
    with Elf(library) as elf:
        assert fatbin.counts(elf, 60) == dict.fromkeys(ALL, 32 + 5)


def test_out_of_time_gives_nothing():
    with Elf(DATA / "libkernels.so") as elf, pytest.raises(fatbin.OutOfTimeError):
        fatbin.counts(elf, -1)


@pytest.mark.parametrize("cut", [0, 10, 64, 5000, 30000])
def test_a_file_cut_short_is_no_crash(tmp_path, cut):
    """Falls back to the flags, which are not there either."""
    folder = tmp_path / "torch" / "lib"
    folder.mkdir(parents=True)
    (folder / "libtorch_cuda.so").write_bytes((DATA / "libkernels.so").read_bytes()[:cut])
    build = {"cuda": "13.0", "hip": ""}
    assert "archs" not in torch_facts.read_archs(str(tmp_path / "torch"), str(tmp_path), build)


@pytest.mark.cc
def test_flags_when_the_device_code_cannot_be_walked(tmp_path):
    folder = tmp_path / "torch" / "lib"
    folder.mkdir(parents=True)
    (folder / "libtorch_cuda.so").write_bytes(b"\x7fELF\x02\x01 cut")
    (folder / "flags.c").write_text(
        'const char* a = "sm_50"; const char* b = "sm_75 sm_80 sm_90a sm_100f compute_120";'
        'const char* c = "no kernel for sm_ here, nor sm_90 here";'
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "flags.c", "-o", "libtorch_python.so"], check=True, cwd=folder)
    found = torch_facts.read_archs(str(tmp_path / "torch"), str(tmp_path), {"cuda": "13.0", "hip": ""})
    assert found == {
        "archs": ["sm_75", "sm_80", "sm_90a", "sm_100f", "compute_120"],
        "archs_from": "flags: libtorch_python.so",
    }


@pytest.mark.cc
def test_rocm_targets_of_the_offload_bundle(tmp_path):
    folder = tmp_path / "torch" / "lib"
    folder.mkdir(parents=True)
    targets = ["host-x86_64-unknown-linux-gnu-", "hipv4-amdgcn-amd-amdhsa--gfx1100"]
    targets.append("hipv4-amdgcn-amd-amdhsa--gfx90a:xnack-")
    bundle = b"__CLANG_OFFLOAD_BUNDLE__" + struct.pack("<Q", len(targets))
    for target in targets:
        bundle += struct.pack("<QQQ", 4096, 0, len(target)) + target.encode()
    (folder / "bundle").write_bytes(bundle)
    (folder / "code.s").write_text('.section .hip_fatbin,"a"\n.incbin "bundle"\n')
    subprocess.run(["gcc", "-shared", "code.s", "-o", "libtorch_hip.so"], check=True, cwd=folder)
    found = torch_facts.read_archs(str(tmp_path / "torch"), str(tmp_path), {"cuda": "", "hip": "6.4"})
    assert found["archs"] == ["gfx1100", "gfx90a"]
    assert found["archs_from"] == "bundle: libtorch_hip.so"


@pytest.mark.cc
@pytest.mark.parametrize(
    ("symbol", "abi"),
    [
        (
            "_ZN3c106detail14torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
            True,
        ),
        ("_ZN3c106detail14torchCheckFailEPKcS2_jRKSs", False),
        ("anything_else", None),
    ],
)
def test_cxx11_abi(tmp_path, symbol, abi):
    library = compile_library(tmp_path / "libc10.so", source=f"void {symbol}(void) {{}}")
    assert torch_facts._cxx11_abi(str(library)) is abi
