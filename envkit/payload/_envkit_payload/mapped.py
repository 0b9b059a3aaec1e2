"""Libraries that are mapped into this process and that matter: the truth about what was loaded."""

import re

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


def libraries():
    """[{path, family}] in the order of their addresses."""
    found = {}
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            path = line[line.index("/") :].rstrip("\n") if "/" in line else ""
            name = path.rpartition("/")[2]
            if ".so" in name and path not in found:
                for family, pattern in _PATTERNS:
                    if pattern.match(name):
                        found[path] = family
                        break
    return [{"path": path, "family": family} for path, family in found.items()]
