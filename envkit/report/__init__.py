"""A `Report` in the format that is asked for."""

from __future__ import annotations

from envkit.core.report import Report
from envkit.report import text
from envkit.report.options import Options, Renderer

# Nearly every call wants text, and start-up is felt: the other formats are imported when they are asked for.


def _json(report: Report, options: Options) -> str:
    from envkit.report import json_

    return json_.render(report, options)


def _markdown(report: Report, options: Options) -> str:
    from envkit.report import markdown

    return markdown.render(report, options)


def _html(report: Report, options: Options) -> str:
    from envkit.report import html

    return html.render(report, options)


FORMATS: dict[str, Renderer] = {
    "text": text.render,
    "json": _json,
    "markdown": _markdown,
    "html": _html,
}

__all__ = ["FORMATS", "Options", "Renderer", "render"]


def render(report: Report, format: str, options: Options = Options()) -> str:  # noqa: A002, B008
    """The report in one of `FORMATS`. Raises KeyError for another name."""
    return FORMATS[format](report, options)
