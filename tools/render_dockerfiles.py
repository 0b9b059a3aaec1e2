"""dockerfiles/<row>/: recipes of the supported builds, usable without envkit.

    python tools/render_dockerfiles.py           # what would change; exit 1 where something would
    python tools/render_dockerfiles.py --write   # resolve, lock where the index can be reached, write

A row whose plan did not change keeps its lock (`--lock` takes a new one).
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import replace
from pathlib import Path

from envkit.build import lock
from envkit.build.check import read
from envkit.build.model import File, Locked, Settings
from envkit.build.record import NAME
from envkit.build.render import pip
from envkit.build.run import files_of
from envkit.compat import Compat, load_compat, tool_pin
from envkit.core.text import one_line
from envkit.resolve.model import Plan, Refusal
from envkit.resolve.request import Framework, Host, Request
from envkit.resolve.resolve import resolve

FOLDER = Path(__file__).resolve().parents[1] / "dockerfiles"
PYTHON = "3.12"
"""The one of Ubuntu 24.04 too, from which the images with torch's toolkits start."""
PYTHON_22_04 = "3.10"
"""CUDA 12.5, which TensorFlow is built with, has no image with Ubuntu 24.04."""
HOST = Host(platform="linux-x86_64")


def _request(
    framework: Framework, cuda: str | None, *, toolkit: bool = False, python: str = PYTHON
) -> Request:
    device = "cpu" if cuda == "cpu" else "gpu"
    tag = None if cuda == "cpu" else cuda
    return Request(
        framework=framework,
        hosts=(HOST,),
        device=device,  # type: ignore[arg-type]
        cuda=tag,
        python=python,
        nvcc=toolkit,
    )


ROWS: dict[str, Request] = {
    "torch-cu132": _request("torch", "cu132"),
    "torch-cu132-toolkit": _request("torch", "cu132", toolkit=True),
    "torch-cu130": _request("torch", "cu130"),
    "torch-cu130-toolkit": _request("torch", "cu130", toolkit=True),
    "torch-cu126": _request("torch", "cu126"),
    "torch-cu126-toolkit": _request("torch", "cu126", toolkit=True),
    "torch-cpu": _request("torch", "cpu"),
    "tensorflow-gpu": _request("tensorflow", None),
    "tensorflow-gpu-toolkit": _request("tensorflow", None, toolkit=True, python=PYTHON_22_04),
    "tensorflow-cpu": _request("tensorflow", "cpu"),
}


def planned(row: str, compat: Compat) -> Plan:
    """The plan of a row."""
    plan = resolve(ROWS[row], compat)
    if isinstance(plan, Refusal):
        raise SystemExit(f"{row}: " + "; ".join(plan.reasons))
    return plan


def rendered(
    row: str, plan: Plan, found: Locked, compat: Compat, locked_on: str | None = None
) -> dict[str, str]:
    """The files of a row, by name. locked_on: the date of a lock that is kept."""
    pin = tool_pin(compat.catalog, "uv")
    settings = Settings(uv=pin.version) if pin is not None else Settings()
    files = files_of(replace(plan, lock=found.lock), found, settings, ("docker",), ROWS[row])
    texts = {file.path: file.text for file in files if file.path != "sbom.json"}
    if locked_on is not None:
        today = '"locked_on": "' + _between(texts[NAME], '"locked_on": "') + '"'
        texts[NAME] = texts[NAME].replace(today, f'"locked_on": "{locked_on}"')
    return texts


def _between(text: str, start: str) -> str:
    return text.partition(start)[2].partition('"')[0]


def kept(row: str, plan: Plan, folder: Path) -> tuple[Locked, str] | None:
    """The lock that is committed, and its date, where it is that of this plan."""
    if not (folder / row / NAME).exists():
        return None
    record = read(folder / row)
    if record.plan.requirements != plan.requirements or record.plan.python != plan.python:
        return None
    if record.lock.kind == "none":
        return lock.unlocked(plan, record.settings, record.lock.why), record.locked_on
    lines = (folder / row / "requirements.txt").read_text().splitlines(keepends=True)
    body = "".join(itertools.dropwhile(lambda line: line.startswith(("#", "--")), lines))
    text = pip.header(plan, record.settings, record.lock.kind) + body
    return Locked(lock=record.lock, requirements=text), record.locked_on


def locked(plan: Plan) -> Locked:
    """A new lock; `none` where the index cannot be reached, without the words of this machine's network."""
    found = lock.lock_python(plan, Settings(), project=False)
    if found.lock.kind != "none":
        return found
    index = next((wanted.index for wanted in plan.requirements if wanted.index), "the default index")
    print(f"  not locked: {one_line(found.lock.why, limit=200)}", file=sys.stderr)
    why = f"{index} could not be reached when this was rendered; {lock.LATER}"
    return lock.unlocked(plan, Settings(), why)


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--lock", action="store_true", help="new locks for all rows")
    parser.add_argument("rows", nargs="*", default=list(ROWS))
    arguments = parser.parse_args()
    compat, changed = load_compat(), False
    for row in arguments.rows:
        plan = planned(row, compat)
        old = None if arguments.lock else kept(row, plan, FOLDER)
        if old is None and not arguments.write:
            print(f"{row}: not rendered, or of another plan")
            changed = True
            continue
        print(row, file=sys.stderr)
        found, day = old if old is not None else (locked(plan), None)
        for name, text in rendered(row, plan, found, compat, day).items():
            path = FOLDER / row / name
            if path.exists() and path.read_text() == text:
                continue
            changed = True
            print(f"{row}/{name}: changed")
            if arguments.write:
                _write(path, File(path=name, text=text, executable=name.endswith(".sh")))
    return int(changed and not arguments.write)


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(file.text)
    path.chmod(0o755 if file.executable else 0o644)


if __name__ == "__main__":
    sys.exit(main())
