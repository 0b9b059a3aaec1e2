"""From files to the finding: a fake torch of compiled stubs, looked at by the probes, judged by the rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from envkit.core.machine import Machine
from envkit.core.proc import run
from envkit.doctor.judge import judge
from envkit.doctor.outcome import Outcome
from envkit.doctor.rules.libraries import shadowed_libs_ld_library_path
from envkit.doctor.rules.loaded import duplicate_openmp, libstdcxx_too_old
from envkit.facts.collect import collect
from envkit.facts.model import Snapshot
from envkit.facts.probes import environment
from envkit.target import deep_probe, python_probe
from tests.payload.targets import (
    clean_environment,
    compile_library,
    install,
    install_torch,
    make_venv,
    site_of,
)

pytestmark = pytest.mark.cc
CUDART = "libcudart.so.12"
WHEEL = "$ORIGIN/../../nvidia/cuda_runtime/lib"
IMPORTS = """
import ctypes, os
from torch.version import __version__
for path in {first!r}.split() + [os.path.join(os.path.dirname(__file__), "lib", "libtorch_cuda.so")]:
    ctypes.CDLL(path)
"""


class FakeTorch:
    """A venv with a torch whose libtorch_cuda.so needs libcudart.so.12, which a wheel brings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.python = make_venv(self.folder / "venv")
        self.site = site_of(self.python)
        install_torch(self.site, "2.8.0+cu128", "12.8")
        install(self.site, "nvidia-cuda-runtime-cu12", "12.8.90")
        self.wheel = self.stub(self.site / "nvidia" / "cuda_runtime" / "lib" / CUDART)
        self.foreign = self.stub(self.folder / "opt" / f"{CUDART}.4.127")
        (self.foreign.parent / CUDART).symlink_to(self.foreign.name)
        self.link(WHEEL)

    def stub(self, path: Path, soname: str = CUDART) -> Path:
        return compile_library(path, f"-Wl,-soname,{soname}")

    def link(self, entries: str, tags: str = "--enable-new-dtags") -> Path:
        """libtorch_cuda.so with these entries in its RUNPATH."""
        return compile_library(
            self.site / "torch" / "lib" / "libtorch_cuda.so",
            "-Wl,--no-as-needed",
            str(self.wheel),
            f"-Wl,{tags},-rpath,{entries}",
            source="int torch(void) { return 1; }",
        )

    def looked_at(self, *first: Path, deep: bool = True, **variables: str) -> Snapshot:
        """What the probes say; `first` are files that torch opens by their paths before its own."""
        words = " ".join(map(str, first))
        (self.site / "torch" / "__init__.py").write_text(IMPORTS.format(first=words))
        machine = Machine(root=Path("/"), env={**clean_environment(), **variables}, run=run)
        probes = [python_probe(str(self.python), limit=60), environment.PROBE]
        probes += [deep_probe(str(self.python), ["torch"])] if deep else []
        return collect(machine, probes, budget=100)


@pytest.fixture
def torch(tmp_path):
    return FakeTorch(tmp_path)


def told(outcome: Outcome) -> set[tuple[str, str]]:
    return {(fact.value, fact.source) for fact in outcome.evidence}


def steps(snapshot: Snapshot, compat) -> str:
    (finding,) = judge(snapshot, compat, (shadowed_libs_ld_library_path,))
    return "\n".join(f"{step.say}: {step.run}" for step in finding.fix)


@pytest.fixture(scope="session")
def compat():
    from envkit.compat import load_compat

    return load_compat()


def test_the_shipped_one(torch, compat):
    snapshot = torch.looked_at()
    (library,) = [one for one in snapshot.deep[0].libraries if one.family == "cudart"]
    assert (library.path, library.via, library.entry) == (str(torch.wheel), "runpath", WHEEL)
    assert library.entry_of == library.needed_by == str(torch.site / "torch" / "lib" / "libtorch_cuda.so")
    assert library.shipped is True
    outcome = shadowed_libs_ld_library_path(snapshot, compat)
    assert (outcome.status, outcome.why) == ("ok", "what the frameworks ship is what was loaded")


def test_ld_library_path(torch, compat):
    snapshot = torch.looked_at(LD_LIBRARY_PATH=f"/nowhere:{torch.foreign.parent}/")
    outcome = shadowed_libs_ld_library_path(snapshot, compat)
    assert outcome.status == "problem"
    assert f"{torch.foreign} and not {torch.wheel}" in outcome.why
    assert (f"{torch.foreign.parent}/", "LD_LIBRARY_PATH") in told(outcome)
    assert (f"{torch.foreign} (12.4.127)", "loaded files") in told(outcome)
    assert (f"{torch.wheel} (12.8.90)", "runpath") in told(outcome)
    assert f"Take {torch.foreign.parent}/ out of LD_LIBRARY_PATH" in steps(snapshot, compat)


def test_ld_preload(torch, compat):
    snapshot = torch.looked_at(LD_PRELOAD=str(torch.foreign))
    outcome = shadowed_libs_ld_library_path(snapshot, compat)
    assert f"LD_PRELOAD names {torch.foreign}" in outcome.why
    assert "unset LD_PRELOAD" in steps(snapshot, compat)


def test_an_rpath(torch, compat):
    library = torch.link(f"{torch.foreign.parent}:{WHEEL}", "--disable-new-dtags")
    snapshot = torch.looked_at()
    outcome = shadowed_libs_ld_library_path(snapshot, compat)
    assert (str(torch.foreign.parent), f"RPATH of {library}") in told(outcome)
    assert f"readelf -d {library}" in steps(snapshot, compat)


def test_a_path_that_is_opened_first(torch, compat):
    snapshot = torch.looked_at(torch.foreign)
    outcome = shadowed_libs_ld_library_path(snapshot, compat)
    assert (str(torch.foreign), "path asked for") in told(outcome)
    assert f"grep -F {torch.foreign}" in steps(snapshot, compat)


def test_what_torch_opens_itself_outranks_the_prediction(torch, compat):
    """torch opens the wheels' libraries by their paths before its own: LD_LIBRARY_PATH then hides nothing."""
    variables = {"LD_LIBRARY_PATH": str(torch.foreign.parent)}
    predicted = shadowed_libs_ld_library_path(torch.looked_at(torch.wheel, deep=False, **variables), compat)
    assert predicted.status == "problem"
    seen = shadowed_libs_ld_library_path(torch.looked_at(torch.wheel, **variables), compat)
    assert seen.status == "ok"


def test_two_openmp_runtimes(torch, compat):
    one = torch.stub(torch.folder / "a" / "libiomp5.so", "libiomp5.so")
    two = torch.stub(torch.folder / "b" / "libomp.so.5", "libomp.so.5")
    assert duplicate_openmp(torch.looked_at(one), compat).status == "ok"
    outcome = duplicate_openmp(torch.looked_at(one, two), compat)
    assert (outcome.status, outcome.severity) == ("problem", "error")
    assert {fact.value for fact in outcome.evidence} == {str(one), str(two)}


def libstdcxx(path: Path, newest: str) -> Path:
    """A libstdc++.so.6 whose newest version is GLIBCXX_<newest>."""
    path.parent.mkdir(parents=True)
    script = path.with_name("version.map")
    script.write_text(f"GLIBCXX_3.4 {{ global: old; }};\nGLIBCXX_{newest} {{ global: answer; }};\n")
    return compile_library(
        path,
        "-Wl,-soname,libstdc++.so.6",
        f"-Wl,--version-script={script}",
        source="int old(void) { return 0; } int answer(void) { return 1; }",
    )


def test_a_libstdcxx_that_is_too_old(torch, compat):
    new = libstdcxx(torch.folder / "new" / "libstdc++.so.6", "3.4.99")
    old = libstdcxx(torch.folder / "old" / "libstdc++.so.6", "3.4.19")
    needs = "int answer(void); int torch(void) { return answer(); }"
    library = torch.site / "torch" / "lib" / "libtorch_python.so"
    compile_library(library, str(new), source=needs)
    fine = {"LD_LIBRARY_PATH": str(new.parent)}
    wrong = {"LD_LIBRARY_PATH": str(old.parent)}
    predicted = torch.looked_at(deep=False, **wrong)
    assert predicted.python.glibcxx_needed == "3.4.99"
    assert predicted.python.glibcxx_needed_by == str(library)
    assert "ends at GLIBCXX_3.4.19" in libstdcxx_too_old(predicted, compat).why
    assert libstdcxx_too_old(torch.looked_at(deep=False, **fine), compat).status == "ok"
    assert libstdcxx_too_old(torch.looked_at(library, **fine), compat).status == "ok"
    failed = torch.looked_at(library, **wrong)
    assert failed.deep[0].state == "import-failed"
    outcome = libstdcxx_too_old(failed, compat)
    assert f"{library} needs GLIBCXX_3.4.99, which {old} does not have" in outcome.why
    assert f"LD_LIBRARY_PATH has {old.parent}" in outcome.why
    assert dict(outcome.slots)["folder"] == str(old.parent)
    bare = replace(failed, deep=(replace(failed.deep[0], error="something else"),))
    assert libstdcxx_too_old(bare, compat).status == "problem"  # predicted, since nothing was imported
