"""`facts`: what the environment is, told in the order in which looking gets riskier.

Each line is complete in itself, so that a directory that does not answer costs only what comes after it.
"""

import os
import sys

from . import emit as emit_module
from . import libraries, packages, pip_config, python_facts, runtimes, tensorflow_facts, torch_facts
from .paths import Paths


def run(emit, path, loaded):
    """Emit the facts. `path` and `loaded` as in cli.main."""
    emit("python", value=python_facts.read(path))
    reader = _Reader(emit, Paths(path, loaded, emit))
    for name, section in SECTIONS:
        emit.at(name)
        try:
            section(reader)
        except Exception as error:  # one part must not take the others with it
            emit("error", section=name, text=emit_module.described(error))


class _Reader:
    """What one section finds and a later one needs."""

    def __init__(self, emit, paths):
        self.emit = emit
        self.paths = paths
        self.distributions = []
        self.torch = None
        self.tensorflow = None

    def asking(self):
        """The library of the framework that CUDA libraries are loaded for."""
        if self.torch is not None:
            return torch_facts.device_library(self.torch, sys.prefix)
        if self.tensorflow is not None:
            for name in sorted(self.paths.names(self.tensorflow), reverse=True):
                if name.startswith("libtensorflow_framework.so"):
                    return os.path.join(self.tensorflow, name)
        return None

    def own_libraries(self):
        """Files of the framework that are loaded when it is imported."""
        if self.torch is not None:
            names = ("libc10.so", "libtorch_cpu.so", "libtorch_python.so", "libtorch_cuda.so")
            return [path for name in names if (path := torch_facts.library(self.torch, sys.prefix, name))]
        names = self.paths.names(self.tensorflow) if self.tensorflow is not None else ()
        return [
            os.path.join(self.tensorflow, name) for name in sorted(names) if name.startswith("libtensorflow_")
        ]


def _distributions(reader):
    reader.distributions = packages.read(reader.paths)
    pip = [found["version"] for found in reader.distributions if found["name"] == "pip"]
    reader.emit(
        "python", value={"distributions": reader.distributions, "pip_version": pip[0] if pip else None}
    )


def _conda(reader):
    reader.emit("python", value={"conda_packages": packages.read_conda(reader.paths, sys.prefix)})


def _pip(reader):
    reader.emit("python", value={"pip": pip_config.read()})


def _shadows(reader):
    installed = frozenset((found["name"], found["location"]) for found in reader.distributions)
    reader.emit("python", value={"shadows": python_facts.shadows(reader.paths, installed)})


def _torch(reader):
    reader.torch = reader.paths.package("torch")
    facts = torch_facts.read(reader.torch, sys.prefix) if reader.torch else None
    if facts is None:
        reader.torch = None
        return
    reader.emit("torch", value=facts)
    reader.emit("torch", value=torch_facts.read_archs(reader.torch, sys.prefix, facts))


def _tensorflow(reader):
    folder = reader.paths.package("tensorflow")
    facts = tensorflow_facts.read(folder, reader.distributions) if folder else None
    if facts is not None:
        reader.tensorflow = folder
        reader.emit("tensorflow", value=facts)


def _openmp(reader):
    reader.emit("python", value={"openmp": runtimes.openmp(reader.paths)})


def _libraries(reader):
    """Without LD_LIBRARY_PATH first: its directories are the ones that hang."""
    _emit_libraries(reader, False)
    if os.environ.get("LD_LIBRARY_PATH"):
        _emit_libraries(reader, True)


def _emit_libraries(reader, with_environment):
    found = libraries.read(reader.paths, reader.asking(), reader.distributions, with_environment)
    reader.emit("libraries", value=found)


def _libstdcxx(reader):
    found = {"libstdcxx": runtimes.libstdcxx(reader.asking())}
    if reader.torch is not None or reader.tensorflow is not None:
        needed = runtimes.glibcxx_needed(reader.own_libraries())
        found.update(glibcxx_needed=needed[0] if needed else "", glibcxx_needed_by=needed and needed[1])
    reader.emit("python", value=found)


SECTIONS = (
    ("distributions", _distributions),
    ("conda", _conda),
    ("pip", _pip),
    ("torch", _torch),
    ("tensorflow", _tensorflow),
    ("openmp", _openmp),
    ("shadows", _shadows),
    ("libraries", _libraries),
    ("libstdc++", _libstdcxx),
)
