"""Files to a directory: whole or not at all, and never over what is not ours."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from envkit.build.model import File
from envkit.build.record import NAME
from envkit.core.errors import DiskError


def write(files: tuple[File, ...], folder: Path) -> None:
    """Write all files below a directory, or none.

    A directory that envkit wrote before (it holds envkit-plan.json) is written anew; files of others are
    never replaced. Raises DiskError.
    """
    _may(files, folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".envkit-", dir=folder.parent) as name:
            for file in files:
                _one(file, Path(name) / file.path)
            folder.mkdir(exist_ok=True)
            for file in files:
                (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(name) / file.path, folder / file.path)
    except OSError as error:
        raise DiskError(
            f"cannot write {folder}: {error.strerror or error}",
            todo="give --output DIR where you may write and where there is space",
        ) from error


def _may(files: tuple[File, ...], folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DiskError(f"{folder} is a file", todo="give --output DIR")
    if (folder / NAME).exists():
        return
    taken = [file.path for file in files if (folder / file.path).exists()]
    if taken:
        raise DiskError(
            f"{folder} holds {', '.join(taken)}, which envkit did not write",
            todo="give --output another directory, or move the files away",
        )


def _one(file: File, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.copy is not None:
        # A wheel has half a gigabyte.
        try:
            os.link(file.copy, path)
        except OSError:
            shutil.copyfile(file.copy, path)
    else:
        path.write_text(file.text, encoding="utf-8")
        path.chmod(0o755 if file.executable else 0o644)
