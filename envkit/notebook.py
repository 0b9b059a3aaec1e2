"""`envkit.watch`: diagnose a block of a process that runs already, a cell of a notebook above all.

The watcher is loaded by path into this process, as `envkit diagnose` would put it there; what it saw is
judged in a process of its own, so that nothing of the host side is imported here.
"""

from __future__ import annotations

import html
import json
import linecache
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envkit.diagnose.model import Diagnosis

_HERE = Path(__file__).resolve().parent
_LIMIT = 120.0
"""Seconds for the judging."""
_ANSWER, _SOURCES = "answer.json", "sources.json"


class FaultFoundError(Exception):
    """`watch(raise_on_fault=True)` found a fault; the message is the report."""


class watch:
    """Watch what is trained inside of a `with` block, and say afterwards what was wrong, and what is slow.

    The report is displayed in a notebook and printed to standard error elsewhere. raise_on_fault: raise
    FaultFoundError after the block when there is a fault. try_seconds: most seconds in which fixes are tried,
    in copies of the process; None = nothing is tried.
    """

    def __init__(self, *, raise_on_fault: bool = False, try_seconds: float | None = None) -> None:
        self._raises = raise_on_fault
        self._try = try_seconds
        self._session: Any = None
        self._folder = ""
        self._answer: dict[str, Any] = {}

    def __enter__(self) -> watch:
        """Watch from here on. Raises RuntimeError inside of another such block."""
        module = _payload()
        if module.watched():
            raise RuntimeError("this process is watched already: one envkit.watch() at a time")
        self._answer = {}
        self._folder = tempfile.mkdtemp(prefix="envkit-trace-")
        self._session = module.Session(self._folder, self._try)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Judge and tell. An exception of the block goes on."""
        self._session.end(error)
        try:
            _name_cells(self._folder)
            self._answer = _judged(self._folder)
        except Exception as fault:  # ours is never the cell's
            self._answer = {"text": f"envkit: the run could not be judged: {fault}"}
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        _display(self._answer)
        if error is None and self._raises and self._answer.get("verdict") == "faulty":
            raise FaultFoundError(self._answer["text"])

    @property
    def diagnosis(self) -> Diagnosis | None:
        """What was found; None before the end of the block, or when it could not be judged."""
        if "diagnosis" not in self._answer:
            return None
        from envkit.core.codec import from_json
        from envkit.diagnose.model import Diagnosis

        return from_json(Diagnosis, self._answer["diagnosis"])

    def __repr__(self) -> str:
        return f"<envkit.watch: {self._answer.get('verdict', 'not judged yet')}>"


def _payload() -> Any:
    """The watcher's module for this."""
    import importlib

    path = str(_HERE / "payload")
    sys.path.insert(0, path)
    try:
        return importlib.import_module("_envkit_payload.watch.notebook")
    finally:
        sys.path.remove(path)


def _name_cells(folder: str) -> None:
    """Put a cell's name, `In[3]`, in place of the name of its file, and its text beside the trace.

    A cell's file exists in this process's memory only.
    """
    sources, names = {}, {}
    for name in list(linecache.cache):
        if not os.path.exists(name) or "ipykernel_" in name:
            names[name] = label = _label(name)
            sources[label] = "".join(linecache.getlines(name))
    for path in Path(folder).glob("*.jsonl"):
        text = path.read_text(encoding="utf-8", errors="replace")
        for name, label in names.items():
            text = text.replace(json.dumps(name), json.dumps(label))
        path.write_text(text, encoding="utf-8")
    Path(folder, _SOURCES).write_text(json.dumps(sources), encoding="utf-8")


def _label(name: str) -> str:
    """As IPython shows a cell in a traceback, in one word; else the name itself."""
    shell = _shell()
    try:
        kind, label = shell.compile.format_code_name(name)
        return str(label) if kind == "Cell" else name
    except (AttributeError, TypeError, ValueError):
        return name


def _shell() -> Any:
    """IPython's shell where there is one; None without importing it."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def _judged(folder: str) -> dict[str, Any]:
    """What the judging process answers: text, html, diagnosis, verdict; only text when it fails."""
    from envkit.core.proc import Command, run

    path = os.environ.get("PYTHONPATH")
    own = str(_HERE.parent)
    env = {**os.environ, "PYTHONPATH": f"{own}{os.pathsep}{path}" if path else own}
    argv = (sys.executable, "-m", "envkit.notebook", folder)
    done = run(Command(name="python", argv=argv, limit=_LIMIT, env=env))
    try:
        answer = json.loads(Path(folder, _ANSWER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = done.stderr.strip().splitlines()[-1:] or [done.state]
        return {"text": f"envkit: the run could not be judged: {said[0]}"}
    assert isinstance(answer, dict)
    return answer


def _display(answer: dict[str, Any]) -> None:
    """In a notebook as its page shows it, elsewhere as text on standard error."""
    shell = _shell()
    if shell is None or "html" not in answer:
        sys.stderr.write("\n" + answer["text"] + "\n")
        return
    # A frame of its own: the page keeps its style, and the report its.
    height = min(900, 120 + 18 * answer["text"].count("\n"))
    frame = (
        f'<iframe srcdoc="{html.escape(answer["html"])}" '
        f'style="width:100%;height:{height}px;border:0"></iframe>'
    )
    shell.display_pub.publish({"text/plain": answer["text"], "text/html": frame}, metadata={})


def _judge(folder: str) -> None:
    """In a process of its own: the trace to an answer."""
    from envkit.core.codec import to_json
    from envkit.diagnose.judge import ended, judge
    from envkit.diagnose.read import read
    from envkit.diagnose.sources import sources
    from envkit.diagnose.summary import report
    from envkit.report import Options, render

    traces = read(folder)
    files = json.loads(Path(folder, _SOURCES).read_text(encoding="utf-8"))
    for file in sources(traces):
        files.setdefault(file.path, file.text)
    diagnosis = judge(traces, ended(None, None), files)
    told = report(diagnosis, traces, files, command="this block")
    page = report(diagnosis, traces, files, command="this block", page=True)
    answer = {
        "verdict": diagnosis.verdict,
        "text": render(told, "text", Options(color=False, width=100, unicode=True)),
        "html": render(page, "html", Options(unicode=True)),
        "diagnosis": to_json(diagnosis),
    }
    Path(folder, _ANSWER).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _judge(sys.argv[1])
