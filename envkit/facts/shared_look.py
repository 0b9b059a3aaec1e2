"""One child that looks for all probes. Each would start its own otherwise, at 30 ms of a processor."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any

from envkit.core import proc
from envkit.core.proc import Command, Result

Item = tuple[str, str]
"""What is looked at: `statfs` or `which`, and the path or name."""


class SharedLook:
    """The runner of a machine for which one child has been started to look at all that probes will ask.

    It runs commands as ever; `programs` takes its answers from here. An answer is there as soon as the child
    has written it: what hangs costs only those who wait for it.
    """

    def __init__(self, command: Command, items: Iterable[Item]) -> None:
        """Start the child. command: of `look_child.py`; items: what its request holds."""
        self._items = frozenset(items)
        self._limit = command.limit
        self._changed = threading.Condition()
        self._answers: dict[Item, dict[str, Any]] = {}
        self._text = bytearray()
        self._ended = self._failed = False
        threading.Thread(target=self._work, args=(command,), daemon=True).start()

    def __call__(self, command: Command) -> Result:
        return proc.run(command)

    def holds(self, item: Item) -> bool:
        """Whether the child looks at it."""
        return item in self._items

    def answers(self, items: Iterable[Item]) -> list[dict[str, Any]] | None:
        """All that the child has said, once it has spoken of these items or has ended; None if it failed."""
        wanted = frozenset(items)
        with self._changed:
            self._changed.wait_for(lambda: self._ended or wanted <= self._answers.keys(), self._limit)
            return None if self._failed else list(self._answers.values())

    def _work(self, command: Command) -> None:
        result = Result(state="failed")
        try:
            result = proc.run(command, heard=self._heard)
        finally:
            with self._changed:
                self._failed = failed(result)
                # Both streams are heard as one; this is what stood on standard output.
                self._take(lines(result.stdout))
                self._ended = True
                self._changed.notify_all()

    def _heard(self, chunk: bytes) -> None:
        whole, newline, rest = (self._text + chunk).rpartition(b"\n")
        self._text = rest
        if newline:
            with self._changed:
                self._take(lines(whole.decode("utf-8", "replace")))
                self._changed.notify_all()

    def _take(self, answers: Iterable[dict[str, Any]]) -> None:
        for answer in answers:
            kind = "statfs" if "statfs" in answer else "which"
            self._answers[kind, str(answer.get(kind))] = answer


def failed(result: Result) -> bool:
    """Whether a child did not run; what it had written before its limit counts."""
    return result.state not in ("done", "timeout") or (result.state == "done" and result.code != 0)


def lines(text: str) -> list[dict[str, Any]]:
    """The child's answers."""
    answers: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            answer = json.loads(line)
        except ValueError:  # the line that a killed child was about to write
            continue
        if isinstance(answer, dict):
            answers.append(answer)
    return answers
