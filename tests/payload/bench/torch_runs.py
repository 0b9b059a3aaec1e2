"""Real runs of the payload's bench with torch."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.payload.bench.keras_runs import Bench
from tests.payload.targets import PAYLOAD, clean_environment, torch_python

SHORT = {"framework": "torch", "device": "cpu", "scale": "quick", "seconds": 0.2, "warmup": 0.2}
LIMIT = 280
"""Seconds: a busy machine compiles slowly."""
FOUR = ("mlp", "cnn", "rnn", "transformer")


def command(job: dict, python: str | None = None) -> list[str]:
    """The command line of a job."""
    start = [python or torch_python(), str(PAYLOAD / "__main__.py")]
    return [*start, "bench", "--job", json.dumps({**SHORT, **job})]


def environment(env: dict[str, str] | None = None) -> dict[str, str]:
    """One thread: several would wait for each other on a machine that does other things, too."""
    return {**clean_environment(), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}


def bench(
    job: dict,
    *,
    env: dict[str, str] | None = None,
    python: str | None = None,
    before: Callable[[], None] | None = None,
    more: tuple[str, ...] = (),
) -> Bench:
    """Run a job to its end. before: called in the new process before it starts."""
    done = subprocess.run(
        [*command(job, python), *more],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env=environment(env),
        preexec_fn=before,
    )
    # Nothing but JSON lines may stand there.
    return Bench(parsed(done.stdout), done.returncode, done.stderr)


def parsed(text: str) -> list[dict]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines() if line]


@cache
def models() -> Bench:
    """The four small models in one process: read by several tests."""
    return bench({"workloads": list(FOUR)})


def inside(name: str, *arguments: str) -> dict:
    """What a script of `inside/` prints in the Python that has torch."""
    path = Path(__file__).parent / "inside" / name
    done = subprocess.run(
        [torch_python(), str(path), str(PAYLOAD), *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def broken_torch(folder: Path, patch: str) -> dict[str, str]:
    """An environment in which `patch` runs when the payload has imported torch: a build with a fault."""
    (folder / "sitecustomize.py").write_text(
        "import importlib.abc, importlib.util, sys\n\n"
        "class Loader(importlib.abc.Loader):\n"
        "    def __init__(self, real):\n"
        "        self.real = real\n"
        "    def create_module(self, spec):\n"
        "        return self.real.create_module(spec)\n"
        "    def exec_module(self, module):\n"
        "        self.real.exec_module(module)\n"
        "        torch = module\n"
        + "".join(f"        {line}\n" for line in patch.splitlines())
        + "\nclass Finder(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name != 'torch':\n"
        "            return None\n"
        "        sys.meta_path.remove(self)\n"
        "        spec = importlib.util.find_spec(name)\n"
        "        sys.meta_path.insert(0, self)\n"
        "        if spec is not None and 'bench' in sys.argv:\n"
        "            spec.loader = Loader(spec.loader)\n"
        "        return spec\n\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    return {"PYTHONPATH": str(folder)}
