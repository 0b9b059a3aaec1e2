"""What was really loaded, and what let it in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.doctor.rules import libraries, loaded, packages
from envkit.facts.model import ProbeStatus, Snapshot
from envkit.facts.python_model import LoadedLibrary, OtherFile
from tests.doctor.cases import WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import WHY, changed, unread, with_env
from tests.doctor.machines import healthy_ngc, healthy_tensorflow
from tests.doctor.parts import SITE, library
from tests.doctor.test_deep import DEEP, IMPORT, TORCH

TRIED = replace(
    WORKSTATION, probes=(*WORKSTATION.probes, ProbeStatus(name="deep", state="timeout", detail=WHY))
)
SHADOWED, STDCXX, OPENMP = (
    libraries.shadowed_libs_ld_library_path,
    loaded.libstdcxx_too_old,
    loaded.duplicate_openmp,
)
CUDNN, NCCL = packages.cudnn_mismatch, packages.nccl_lib_mismatch
FOLDER = f"{SITE}/nvidia/cudnn/lib"
SHIPPED = f"{FOLDER}/libcudnn.so.9"
SYSTEM = "/opt/cudnn/lib/libcudnn.so.9.1.0"
TORCH_CUDA = f"{SITE}/torch/lib/libtorch_cuda.so"
OWN = LoadedLibrary(
    path=SHIPPED,
    family="cudnn",
    soname="libcudnn.so.9",
    asked="needed",
    needed_by=TORCH_CUDA,
    via="rpath",
    entry="$ORIGIN/../../nvidia/cudnn/lib",
    entry_of=TORCH_CUDA,
    others=(),
    shipped=True,
)
GOMP = LoadedLibrary(
    path=f"{SITE}/torch/lib/libgomp.so.1",
    family="openmp",
    soname="libgomp.so.1",
    asked="needed",
    needed_by=f"{SITE}/torch/lib/libtorch_global_deps.so",
    via="runpath",
    entry="$ORIGIN",
    entry_of=f"{SITE}/torch/lib/libtorch_global_deps.so",
    others=(OtherFile(path="/lib/x86_64-linux-gnu/libgomp.so.1", via="ld-cache"),),
    shipped=True,
)
STDLIB = LoadedLibrary(
    path="/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.33",
    family="libstdc++",
    soname="libstdc++.so.6",
    version="3.4.33",
    asked="needed",
    needed_by=f"{SITE}/torch/lib/libtorch_python.so",
    via="ld-cache",
    entry="/lib/x86_64-linux-gnu/libstdc++.so.6",
    entry_of="/etc/ld.so.conf.d/x86_64-linux-gnu.conf",
    others=(),
    shipped=False,
)
HEALTHY = changed(DEEP, "deep[0].libraries", (OWN, GOMP, STDLIB))
FOREIGN = replace(
    OWN,
    path=SYSTEM,
    version="9.1.0",
    shipped=False,
    others=(OtherFile(path=SHIPPED, via="rpath", shipped=True),),
)


def foreign(via: str | None, entry: str | None, of: str | None = None, **more: object) -> Snapshot:
    """cuDNN of the system was loaded, let in that way."""
    values = {"via": via, "entry": entry, "entry_of": of, **more}
    return changed(HEALTHY, "deep[0].libraries[0]", replace(FOREIGN, **values))  # type: ignore[arg-type]


BY_VARIABLE = foreign("ld-library-path", "/opt/cudnn/lib")
PREDICTED = (
    library("cudnn", "/opt/cudnn/lib/libcudnn.so.9", "9.1.0", "ld-library-path"),
    library("cudnn", SHIPPED, "9.24.0.43", "rpath", 1),
)
OPS = replace(OWN, path=f"{SITE}/ctranslate2.libs/libcudnn_ops.so.9", soname="libcudnn_ops.so.9", via="path")
IOMP = replace(GOMP, path=f"{SITE}/mkl/libiomp5.so", soname="libiomp5.so")
OMP = replace(GOMP, path=f"{SITE}/sklearn/libomp.so", soname="libomp.so", via=None)
TWO_NCCL = tuple(
    replace(
        OWN,
        path=f"{SITE}/{folder}/libnccl.so.2",
        family="nccl",
        soname="libnccl.so.2",
        via="path",
        entry=None,
    )
    for folder in ("nvidia/nccl/lib", "other/lib")
)
OLD_TEXT = (
    "/opt/gcc/lib64/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by "
    f"{SITE}/torch/lib/libtorch_python.so)"
)
FAILED = replace(IMPORT, error=OLD_TEXT)
OLD_FIRST = changed(HEALTHY, "deep", (FAILED,))

CASES = (
    # shadowed-libs-ld-library-path
    flip(
        SHADOWED,
        HEALTHY,
        "deep[0].libraries[0]",
        BY_VARIABLE.deep[0].libraries[0],
        says=(SYSTEM, SHIPPED, "LD_LIBRARY_PATH has /opt/cudnn/lib"),
        fix=("Take /opt/cudnn/lib out of LD_LIBRARY_PATH",),
    ),
    ill(
        SHADOWED,
        "LD_PRELOAD",
        foreign("ld-preload", "/opt/cudnn/lib/libcudnn.so.9", asked="preload"),
        "LD_PRELOAD names /opt/cudnn/lib/libcudnn.so.9",
        fix=("unset LD_PRELOAD",),
    ),
    ill(
        SHADOWED,
        "/etc/ld.so.preload",
        foreign("ld-preload", "/opt/cudnn/lib/libcudnn.so.9", "/etc/ld.so.preload", asked="preload"),
        "/etc/ld.so.preload names",
        fix=("out of /etc/ld.so.preload",),
    ),
    ill(
        SHADOWED,
        "the RPATH of the interpreter",
        foreign("rpath", "/opt/cudnn/lib", "/opt/python/bin/python3"),
        "the RPATH of /opt/python/bin/python3 has /opt/cudnn/lib",
        fix=("readelf -d /opt/python/bin/python3",),
    ),
    ill(
        SHADOWED,
        "a RUNPATH",
        foreign("runpath", "$ORIGIN/../x", "/opt/ext.so"),
        "the RUNPATH of /opt/ext.so has $ORIGIN/../x",
        fix=("readelf -d /opt/ext.so",),
    ),
    ill(
        SHADOWED,
        "the cache",
        foreign("ld-cache", "/opt/cudnn/lib/libcudnn.so.9", "/etc/ld.so.conf.d/cudnn.conf"),
        "the loader's cache has /opt/cudnn/lib/libcudnn.so.9, by /etc/ld.so.conf.d/cudnn.conf",
        fix=("/opt/cudnn/lib out of /etc/ld.so.conf.d/cudnn.conf", "sudo ldconfig"),
    ),
    ill(
        SHADOWED,
        "a directory of the system",
        foreign("default", "/usr/lib"),
        "/usr/lib is one of the loader's own directories",
        fix=(f"dpkg -S {SYSTEM}",),
    ),
    ill(
        SHADOWED,
        "a path",
        foreign("path", SYSTEM, needed_by=None, asked="dlopen"),
        "a dlopen asks for that very path",
        fix=(f"grep -F {SYSTEM}",),
    ),
    ill(SHADOWED, "an empty entry", foreign("ld-library-path", ""), "the current directory"),
    ill(
        SHADOWED,
        "a newer one was loaded",
        foreign("ld-library-path", "/opt/cudnn/lib", version="9.30.0"),
        severity="warning",
    ),
    ill(SHADOWED, "its version is not known", foreign("ld-library-path", "/opt/cudnn/lib", version=None)),
    fine(SHADOWED, "the shipped one was loaded", HEALTHY, "is what was loaded"),
    fine(
        SHADOWED,
        "what was loaded outranks what would be",
        changed(HEALTHY, "libraries", PREDICTED),
        "is what was loaded",
    ),
    ill(
        SHADOWED,
        "what was not loaded yet is predicted",
        changed(HEALTHY, "libraries", PREDICTED, "deep[0].libraries", (GOMP,)),
        "programs load",
    ),
    fine(
        SHADOWED,
        "the same version was loaded",
        foreign("ld-library-path", "/opt/cudnn/lib", version="9.24.0.43"),
    ),
    fine(SHADOWED, "nothing of the kind is shipped", changed(healthy_ngc(), "deep", HEALTHY.deep)),
    fine(SHADOWED, "what let it in is not known", foreign(None, None)),
    # cudnn-mismatch
    flip(
        CUDNN,
        HEALTHY,
        "deep[0].libraries",
        (OWN, OPS),
        says=(FOLDER, "ctranslate2.libs", "two places"),
        fix=("ctranslate2.libs",),
    ),
    ill(
        CUDNN,
        "two whole ones",
        changed(
            HEALTHY,
            "deep[0].libraries",
            (replace(FOREIGN, via=None, others=()), OWN),
        ),
        f"from two places: {SHIPPED}",
    ),
    fine(
        CUDNN,
        "parts of one version in two places",
        changed(HEALTHY, "deep[0].libraries", (replace(OWN, version="9.2.0"), replace(OPS, version="9.2.0"))),
    ),
    # nccl-lib-mismatch
    flip(
        NCCL,
        HEALTHY,
        "deep[0].libraries",
        TWO_NCCL,
        severity="warning",
        says=("nvidia/nccl/lib", "other/lib"),
        fix=("other/lib/libnccl.so.2",),
    ),
    # duplicate-openmp
    flip(
        OPENMP,
        HEALTHY,
        "deep[0].libraries",
        (IOMP, OMP),
        says=("libiomp5.so", "libomp.so", "2 OpenMP runtimes"),
        fix=("threadpoolctl",),
    ),
    ill(
        OPENMP,
        "GNU's beside Intel's",
        changed(HEALTHY, "deep[0].libraries", (GOMP, IOMP)),
        severity="warning",
    ),
    ill(
        OPENMP,
        "GNU's twice",
        changed(
            HEALTHY,
            "deep[0].libraries",
            (GOMP, replace(GOMP, path=f"{SITE}/scikit_learn.libs/libgomp-a.so.1")),
        ),
        severity="note",
    ),
    ill(
        OPENMP,
        "the runtime's own check",
        changed(
            HEALTHY,
            "deep",
            (
                replace(
                    TORCH,
                    state="crashed",
                    import_seconds=None,
                    error="was ended by SIGABRT",
                    traceback="OMP: Error #15: Initializing libiomp5.so, but found libomp.so.",
                ),
            ),
        ),
        "ended by an OpenMP runtime",
    ),
    fine(OPENMP, "one", HEALTHY),
    apart(OPENMP, "not asked for", WORKSTATION, "--deep"),
    unsure(OPENMP, "not finished", TRIED),
    unsure(OPENMP, "not listed", changed(HEALTHY, "deep[0].libraries", None), "could not be read"),
    # libstdcxx-too-old
    flip(
        STDCXX,
        WORKSTATION,
        "python.libstdcxx",
        "3.4.19",
        says=("GLIBCXX_3.4.19", "GLIBCXX_3.4.22"),
        fix=("libstdcxx-ng",),
    ),
    ill(STDCXX, "the loader's own words", OLD_FIRST, "libtorch_python.so needs GLIBCXX_3.4.32"),
    ill(
        STDCXX,
        "on LD_LIBRARY_PATH",
        with_env(OLD_FIRST, LD_LIBRARY_PATH="/opt/x:/opt/gcc/lib64/"),
        "LD_LIBRARY_PATH has /opt/gcc/lib64",
        fix=("Take /opt/gcc/lib64/",),
    ),
    ill(
        STDCXX,
        "and still loaded",
        changed(
            OLD_FIRST,
            "deep",
            (replace(FAILED, libraries=(replace(STDLIB, via="ld-library-path", entry="/opt/gcc/lib64"),)),),
        ),
        "LD_LIBRARY_PATH has /opt/gcc/lib64",
        fix=("Take /opt/gcc/lib64",),
    ),
    fine(STDCXX, "new enough", WORKSTATION, "GLIBCXX_3.4.33"),
    fine(STDCXX, "imported all the same", changed(HEALTHY, "python.libstdcxx", "3.4.19"), "torch got"),
    fine(STDCXX, "TensorFlow", healthy_tensorflow()),
    apart(STDCXX, "none is needed", changed(WORKSTATION, "python.glibcxx_needed", "")),
    apart(STDCXX, "no framework", changed(WORKSTATION, "python.torch", None), "no framework"),
    unsure(STDCXX, "no Python", unread(WORKSTATION, "python")),
    unsure(STDCXX, "not read", changed(WORKSTATION, "python.libstdcxx", None), "could not be read"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)


def test_what_let_it_in_is_evidence(compat):
    outcome = SHADOWED(BY_VARIABLE, compat)
    told = {(fact.what, fact.value, fact.source) for fact in outcome.evidence}
    assert ("let in by", "/opt/cudnn/lib", "LD_LIBRARY_PATH") in told
    assert ("asked for by", TORCH_CUDA, "DT_NEEDED") in told
