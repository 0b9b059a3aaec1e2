"""One server for the tests that need nothing special of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coverage_notes import require
from tests.hang import SOURCE
from tests.remote.server import Server, sshd


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="session")
def slow_stat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes looks at paths below $SLOW_PREFIX sleep for ever."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    require("a C compiler", compiler is not None)
    library = tmp_path_factory.mktemp("slow") / "slow_stat.so"
    subprocess.run([str(compiler), "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library
