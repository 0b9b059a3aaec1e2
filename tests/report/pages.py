"""What a page is made of, as a parser sees it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br"}


class Page(HTMLParser):
    """The tags of a page in order; parsing fails when they are not balanced."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: list[str] = []
        self.commands: list[str] = []
        self._command: list[str] | None = None
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "pre" and ("class", "command") in attrs:
            self._command = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise AssertionError(f"<{tag}/>")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "pre" and self._command is not None:
            self.commands.append("".join(self._command))
            self._command = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._command is not None:
            self._command.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")
