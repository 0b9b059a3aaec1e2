"""Environment variables that change how training runs. What is not on the list is never read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envkit.core.machine import Machine
from envkit.core.redact import secrets
from envkit.core.text import plain
from envkit.facts.model import EnvVar
from envkit.facts.probe import Probe

_LONGEST = 4096
"""Characters kept of a value."""
_PREFIXES = (
    "CUDA_", "CUDNN_", "CUBLAS_", "NVIDIA_", "NCCL_", "NVTE_", "TORCH_", "TORCHINDUCTOR_", "TORCHDYNAMO_",
    "TORCHELASTIC_", "PYTORCH_", "TRITON_", "TF_", "JAX_", "XLA_", "HF_", "TRANSFORMERS_", "DIFFUSERS_",
    "DS_", "OMP_", "GOMP_", "MKL_", "KMP_", "OPENBLAS_", "GLOO_", "UCX_", "FI_", "PIP_", "UV_", "CONDA_",
    "MALLOC_", "HSA_", "ROCR_", "HIP_", "MIOPEN_",
)  # fmt: skip
_OTHERS = """
    LD_LIBRARY_PATH LD_PRELOAD LD_AUDIT LD_BIND_NOW LIBRARY_PATH CPATH CC CXX VIRTUAL_ENV
    TMPDIR XDG_CACHE_HOME PYTHONPATH PYTHONHOME PYTHONNOUSERSITE PYTHONUSERBASE PYTHONSAFEPATH PYTHONMALLOC
    PYTHONHASHSEED PYTHONOPTIMIZE PYTHONFAULTHANDLER PYENV_VERSION
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS
    DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG CONTAINER_HOST WSL_DISTRO_NAME
    GPU_DEVICE_ORDINAL GPU_MAX_HW_QUEUES AMD_LOG_LEVEL NSIGHT_CUDA_DEBUGGER COMPUTE_PROFILE OPENCL_PROFILE
    RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK NODE_RANK MASTER_ADDR MASTER_PORT
    VECLIB_MAXIMUM_THREADS NUMEXPR_NUM_THREADS NUMEXPR_MAX_THREADS BLIS_NUM_THREADS RAYON_NUM_THREADS
    TOKENIZERS_PARALLELISM ACCELERATE_USE_FSDP ACCELERATE_MIXED_PRECISION DATASETS_CACHE
    SLURM_JOB_ID SLURM_JOB_GPUS SLURM_STEP_GPUS SLURM_GPUS SLURM_GPUS_ON_NODE SLURM_GPUS_PER_NODE
    SLURM_GPUS_PER_TASK SLURM_CPUS_PER_TASK SLURM_CPUS_ON_NODE SLURM_NTASKS SLURM_NTASKS_PER_NODE
    SLURM_NNODES SLURM_MEM_PER_NODE SLURM_MEM_PER_CPU SLURM_PROCID SLURM_LOCALID
"""
_NAMES = frozenset(_OTHERS.split())
_PROXIES = frozenset(("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"))
"""In small or in capital letters."""
_TERRAFORM = re.compile(
    r"TF_(?:VAR_.*|CLI_.*|TOKEN_.*|LOG(?:_.*)?|DATA_DIR|WORKSPACE|IN_AUTOMATION|INPUT|REGISTRY_.*|PLUGIN_.*)"
)
"""Terraform's, which shares TensorFlow's prefix and hands secrets on in variables."""
# TOKENIZERS_PARALLELISM holds no token.
_SECRET_NAME = re.compile(r"TOKEN(?!IZ)|KEY|SECRET|PASS(?!ES|IVE|THR)|PWD|CREDENTIAL|AUTH|USERNAME|COOKIE")
_ADDRESS_NAME = re.compile(r"PROXY|INDEX|URL|FIND_LINKS|ENDPOINT|_HOST$|MIRROR|REPOSITOR")


def read(machine: Machine) -> tuple[EnvVar, ...]:
    """The variables that are set, sorted by name."""
    return select(machine.env)


def select(env: Mapping[str, str]) -> tuple[EnvVar, ...]:
    """Those of an environment that are on the list, without secrets."""
    return tuple(EnvVar(name=name, value=_value(name, env[name])) for name in sorted(env) if is_wanted(name))


def is_wanted(name: str) -> bool:
    """Whether a variable is on the list and its name does not look like a secret's."""
    if _SECRET_NAME.search(name.upper()) or _TERRAFORM.fullmatch(name):
        return False
    if name.lower() in _PROXIES and (name.islower() or name.isupper()):
        return True
    return name in _NAMES or name.startswith(_PREFIXES)


def _value(name: str, value: str) -> str:
    # Cut first: the patterns that follow need not look at more than is kept.
    text = plain(value, limit=_LONGEST)
    if _ADDRESS_NAME.search(name.upper()):
        text = " ".join(_without_user(word) for word in text.split())
    return secrets(text)


def _without_user(word: str) -> str:
    """Stricter than for other text: a password may hold `/` or `@`, and a proxy may lack its scheme."""
    before, at, address = word.rpartition("@")
    scheme, mark, _ = before.partition("://")
    return f"{scheme + mark if mark else ''}***@{address}" if at else word


PROBE = Probe(name="environment", field="env", limit=1.0, read=read)
