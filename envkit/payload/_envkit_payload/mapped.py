"""Libraries that are mapped into this process and that matter: the truth about what was loaded."""

import re

from . import origins, runtimes

_FAMILIES = (
    ("cudart", r"libcudart"),
    ("cublasLt", r"libcublasLt"),
    ("cublas", r"libcublas"),
    ("cudnn", r"libcudnn"),
    ("cufft", r"libcufft"),
    ("curand", r"libcurand"),
    ("cusolver", r"libcusolver"),
    ("cusparseLt", r"libcusparseLt"),
    ("cusparse", r"libcusparse"),
    ("nccl", r"libnccl"),
    ("nvJitLink", r"libnvJitLink"),
    ("nvrtc", r"libnvrtc"),
    ("cupti", r"libcupti"),
    ("nvshmem", r"libnvshmem"),
    ("nvidia-ml", r"libnvidia-ml"),
    ("cuda", r"libcuda\.so"),
    ("openmp", r"lib(?:gomp|iomp5|omp)[-.]"),
    ("mkl", r"libmkl_"),
    ("openblas", r"lib(?:scipy_)?openblas"),
    ("blis", r"libblis"),
    ("onednn", r"libdnnl"),
    ("hip", r"libamdhip64"),
    ("rccl", r"librccl"),
    ("miopen", r"libMIOpen"),
    ("rocblas", r"libroc?blas|libhipblas"),
    ("libstdc++", r"libstdc\+\+"),
)
_PATTERNS = [(family, re.compile(pattern)) for family, pattern in _FAMILIES]
_VERSION = re.compile(r"\.so\.(\d+(?:\.\d+)+)$")
_MOST_OTHERS = 8


def libraries(started):
    """[{path, family, ...}] in the order of their addresses; the rest is what `LoadedLibrary` documents.

    started: origins.environment() from before anything of the person's ran.
    """
    mappings = list(_mappings())
    found = {}
    for _, _, path in mappings:
        family = _family(path)
        if family is not None:
            found.setdefault(path, family)
    try:
        process = origins.Process(started, mappings)
    except (OSError, ValueError):
        process = None
    by_path = {one.path: one for one in process.objects} if process is not None else {}
    return [_described(path, family, process, by_path.get(path)) for path, family in found.items()]


def _mappings():
    """(start, end, path) of the mapped files."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            if "/" in line:
                start, _, end = line.partition(" ")[0].partition("-")
                yield int(start, 16), int(end, 16), line[line.index("/") :].rstrip("\n")


def _family(path):
    name = path.rpartition("/")[2]
    if ".so" not in name:
        return None
    return next((family for family, pattern in _PATTERNS if pattern.match(name)), None)


def _described(path, family, process, one):
    version = _VERSION.search(path)
    value = {"path": path, "family": family, "version": version[1] if version else None}
    if family == "libstdc++":
        value["version"] = runtimes.newest_glibcxx(path)
    value["shipped"] = origins.is_shipped(path)
    if one is None:
        return value
    why = process.reason(one)
    others = process.others(one)[:_MOST_OTHERS]
    return dict(
        value,
        soname=one.soname,
        asked=why.how,
        needed_by=why.by.path if why.by is not None else None,
        via=why.via,
        entry=why.entry,
        entry_of=why.of,
        others=[{"path": other, "via": via, "shipped": origins.is_shipped(other)} for other, via in others],
    )
