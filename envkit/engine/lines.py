"""The output of a build, as it comes."""

from __future__ import annotations

from collections.abc import Callable

from envkit.core.text import plain

Heard = Callable[[str], None]
"""Told each line of a build as it comes."""


class Lines:
    """Bytes as they come to whole lines of plain text."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._rest = b""
        self._kept: list[str] = []

    @property
    def text(self) -> str:
        """All lines so far."""
        return "\n".join(self._kept)

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        *whole, self._rest = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            self._tell(line)

    def end(self) -> None:
        """A last line without its end."""
        if self._rest:
            self._tell(self._rest)
            self._rest = b""

    def _tell(self, line: bytes) -> None:
        text = plain(line.decode("utf-8", "replace"), limit=2000).rstrip()
        self._kept.append(text)
        self._heard(text)
