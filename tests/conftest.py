"""The list of what was not covered, at the end of a run."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.coverage_notes import PREFIX


def _skipped_for(report: pytest.TestReport) -> str | None:
    """What a test was skipped for the lack of."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ").partition(PREFIX)[2] or None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the list."""
    found = Counter(filter(None, map(_skipped_for, terminalreporter.stats.get("skipped", []))))
    if not found:
        return
    terminalreporter.section("Not covered here")
    for name, count in sorted(found.items()):
        terminalreporter.line(f"{name}: {count} test{'s' if count > 1 else ''}")
