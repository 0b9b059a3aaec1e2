"""Loggers, trackers and savers of libraries do nothing while a step is repeated.

What they send goes through threads and services that a copy of the process does not have, and what they save
they read again.
"""

import sys

_TABLE = (
    (
        "transformers.trainer",
        "Trainer",
        ("_save_checkpoint", "save_model", "_save", "save_state", "push_to_hub"),
    ),
    ("transformers.modeling_utils", "PreTrainedModel", ("save_pretrained",)),
    ("transformers.tokenization_utils_base", "PreTrainedTokenizerBase", ("save_pretrained",)),
    ("accelerate.accelerator", "Accelerator", ("save_state", "save_model", "save", "log", "end_training")),
    ("lightning.pytorch.trainer.trainer", "Trainer", ("save_checkpoint",)),
    ("pytorch_lightning.trainer.trainer", "Trainer", ("save_checkpoint",)),
    ("lightning.fabric.fabric", "Fabric", ("save", "log", "log_dict")),
    ("torch.utils.tensorboard.writer", "SummaryWriter", ("add_", "flush", "close")),
    ("tensorboardX.writer", "SummaryWriter", ("add_", "flush", "close")),
    (
        "wandb.sdk.wandb_run",
        "Run",
        ("log", "save", "finish", "alert", "watch", "define_metric", "use_", "link_"),
    ),
    ("mlflow", None, ("log_", "set_tag", "set_experiment", "end_run")),
    ("mlflow.tracking.client", "MlflowClient", ("log_", "set_")),
    ("comet_ml", "BaseExperiment", ("log_", "set_", "end")),
    ("neptune.attributes.series.series", "Series", ("append", "extend", "log")),
    ("aim.sdk.run", "Run", ("track",)),
    ("clearml.logger", "Logger", ("report_", "flush")),
)
"""Module, class (None = functions of the module), and with what the names begin that do nothing."""
_LOGGERS = ("lightning.pytorch.loggers", "lightning.fabric.loggers", "pytorch_lightning.loggers")
_OF_LOGGERS = ("log_", "save", "finalize", "after_save_checkpoint")
_CALLBACKS = "transformers.integrations.integration_utils"


def make():
    """From now on, for the libraries that the script has imported."""
    for module, owner, names in _TABLE:
        found = sys.modules.get(module)
        found = found if owner is None else getattr(found, owner, None)
        if found is not None:
            _silence(found, names)
    for name, module in list(sys.modules.items()):
        if name.startswith(_LOGGERS):
            for one in _classes(module):
                _silence(one, _OF_LOGGERS)
        elif name == _CALLBACKS:
            for one in _classes(module):
                if one.__name__.endswith("Callback"):
                    _silence(one, ("on_", "setup"))


def _classes(module):
    own = list(vars(module).values())
    return [one for one in own if isinstance(one, type) and one.__module__ == module.__name__]


def _silence(owner, names):
    for name, value in list(vars(owner).items()):
        if name.startswith(names) and callable(value):
            setattr(owner, name, _nothing)


def _nothing(*args, **kwargs):
    return None
