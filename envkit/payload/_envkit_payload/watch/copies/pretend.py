"""What a script saves, moves or removes while a step is repeated: it believes that this was done.

A trainer saves checkpoints between two steps. To refuse that would end the repetition, and some savers write
without Python's `open`, which `isolate` redirects. What gets past all that is stopped by the kernel.
"""

import os
import shutil
import sys

from ... import fence

_OF_OS = (
    *("remove", "unlink", "rmdir", "removedirs", "rename", "renames", "replace", "link", "symlink"),
    *("truncate", "chmod", "chown", "utime", "mkfifo"),
)
_OF_SHUTIL = ("rmtree", "move", "copystat", "copymode", "chown")
_OF_SAFETENSORS = ("serialize_file", "save_file", "save_model")


def make(folder):
    """From now on nothing of the kind is done in this copy. folder: where its trace goes, all the same."""
    fence.fence((folder, "/dev"))
    os.mkdir, os.listdir, os.stat = _mkdir, _listed(os.listdir), _known(os.stat)
    for module, names in ((os, _OF_OS), (shutil, _OF_SHUTIL)):
        _silence(module, names)
    for name in ("safetensors", "safetensors.torch", "safetensors.numpy"):
        _silence(sys.modules.get(name), _OF_SAFETENSORS)
    torch = sys.modules.get("torch")
    if torch is not None:
        _savers(torch)


_made = set()
"""Folders that the script believes to have made."""


def _mkdir(path, *args, **kwargs):
    """Never refused: what is there was perhaps made by the script, which is further on than this copy."""
    _made.add(_whole(path))


def _listed(plain):
    def listdir(path="."):
        try:
            return plain(path)
        except FileNotFoundError:
            if _whole(path) in _made:
                return []
            raise

    return listdir


def _known(plain):
    def stat(path, *args, **kwargs):
        try:
            return plain(path, *args, **kwargs)
        except FileNotFoundError:
            if _whole(path) in _made:
                return plain("/dev")
            raise

    return stat


def _whole(path):
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else path


def _silence(module, names):
    for name in names:
        if hasattr(module, name):
            setattr(module, name, _nothing)


def _nothing(*args, **kwargs):
    return None


def _savers(torch):
    plain = torch.save

    def save(obj, f, *args, **kwargs):
        if not isinstance(f, (str, os.PathLike)):
            plain(obj, f, *args, **kwargs)

    torch.save = save
    serialization = sys.modules.get("torch.serialization")
    if serialization is not None:
        serialization.save = save
    if hasattr(torch, "jit"):
        torch.jit.save = _nothing
