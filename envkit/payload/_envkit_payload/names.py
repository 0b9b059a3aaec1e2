"""The distributions that decide whether training works: nothing else is read."""

EXACT = frozenset(
    """
    torch torchvision torchaudio torchcodec torchtext torchdata torchmetrics torchao torchrec torch-tensorrt
    triton triton-windows intel-extension-for-pytorch functorch timm fairscale
    tensorflow tensorflow-cpu tensorflow-intel tensorflow-gpu tensorflow-rocm tensorflow-macos tf-nightly
    tensorflow-io-gcs-filesystem tensorflow-text tensorflow-probability tensorflow-addons
    tf-keras keras keras-nightly tensorboard tensorboard-plugin-wit
    jax jaxlib flax optax orbax-checkpoint
    numpy scipy pandas pillow scikit-learn numba llvmlite h5py pyarrow
    protobuf ml-dtypes absl-py grpcio typing-extensions opt-einsum
    flash-attn flash-attn-3 xformers bitsandbytes apex deepspeed megatron-core transformer-engine
    transformer-engine-torch liger-kernel vllm
    transformers tokenizers accelerate lightning pytorch-lightning datasets peft trl diffusers safetensors
    torch-geometric ipywidgets
    sentence-transformers huggingface-hub evaluate wandb
    onnx onnxruntime onnxruntime-gpu
    cuda-toolkit cuda-python cuda-bindings cuda-core cuda-pathfinder pynvml cutlass-library
    mkl intel-openmp intel-cmplr-lib-ur tbb llvm-openmp
    jupyterlab notebook ipykernel ipython requests pysocks
    uv pip setuptools wheel packaging envkit
    """.split()
)

PREFIXES = ("nvidia-", "pytorch-triton", "jax-cuda", "cupy-", "opencv-", "tensorrt", "jax-rocm")

CONDA = frozenset(
    """
    pytorch pytorch-cuda pytorch-gpu pytorch-cpu pytorch-mutex libtorch tensorflow-base tensorflow-gpu
    libtensorflow cudatoolkit cudnn nccl cuda-version cuda-runtime cuda-libraries cuda-cudart cuda-nvrtc
    cuda-cupti cuda-nvcc libcublas libcufft libcurand libcusolver libcusparse libcusparse-lt libnvjitlink
    libcudnn libmagma libgcc libgcc-ng libstdcxx libstdcxx-ng libgomp _openmp_mutex llvm-openmp libblas
    libopenblas openblas blas python glibc sysroot_linux-64
    """.split()
)

MODULES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "torchaudio": "torchaudio",
    "triton": "triton",
    "tensorflow": "tensorflow",
    "keras": "keras",
    "tensorboard": "tensorboard",
    "jax": "jax",
    "jaxlib": "jaxlib",
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "sklearn": "scikit-learn",
    "transformers": "transformers",
    "tokenizers": "tokenizers",
    "datasets": "datasets",
    "accelerate": "accelerate",
    "lightning": "lightning",
    "pytorch_lightning": "pytorch-lightning",
    "deepspeed": "deepspeed",
    "peft": "peft",
    "safetensors": "safetensors",
    "bitsandbytes": "bitsandbytes",
    "xformers": "xformers",
    "flash_attn": "flash-attn",
    "wandb": "wandb",
    "typing_extensions": "typing-extensions",
}
"""Import names that a person's own file may hide, and the distribution that provides each.

Not `evaluate`: half of all projects have a script of that name, and nothing imports the other one.
"""


def normalised(name):
    """As PEP 503 says: `Nvidia_CUDA.runtime` -> `nvidia-cuda-runtime`."""
    name = name.lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name


def matters(name):
    """Whether a normalised name is looked at."""
    return name in EXACT or name.startswith(PREFIXES)


def matters_in_conda(name):
    """As `matters`, for a conda package name."""
    return name in CONDA or name.startswith(("cuda-", "libcu")) or matters(normalised(name))
