"""The workloads of `bench`: literal tables of which script runs what in which framework."""

TRAINING = ("mlp", "cnn", "rnn", "transformer", "resnet50")
"""Those that train a model: they have a learning check, FLOPs and a loss."""

SCRIPTS = {
    "torch": {
        "mlp": "torch_mlp",
        "cnn": "torch_cnn",
        "rnn": "torch_rnn",
        "transformer": "torch_transformer",
        "resnet50": "torch_resnet50",
        "dataloader": "torch_dataloader",
        "gemm": "torch_gemm",
        "memcpy": "torch_memcpy",
        "allreduce": "torch_allreduce",
    },
    "tensorflow": {
        "mlp": "keras_mlp",
        "cnn": "keras_cnn",
        "rnn": "keras_rnn",
        "transformer": "keras_transformer",
        "resnet50": "keras_resnet50",
        "dataloader": "keras_dataloader",
        "gemm": "keras_gemm",
    },
}

LIMITS = {
    "gemm": "gemm",
    "memory-bandwidth": "memcpy",
    "h2d": "memcpy",
    "d2h": "memcpy",
    "h2d-pageable": "memcpy",
    "d2h-pageable": "memcpy",
    "d2d": "memcpy",
    "allreduce": "allreduce",
}
"""Which workload's script measures a ceiling of this machine: its function `limit(backend, what)`."""
