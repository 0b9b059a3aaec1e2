"""The order of the tests, and the list of what was not covered, at the end of a run."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.coverage_notes import PREFIX

_LONG = (
    *("tests/e2e/", "tests/payload/bench/", "tests/diagnose/"),
    *("tests/cli/test_bench", "tests/cli/test_diagnose"),
)
"""Files that take longest run first, so that no processor waits for the last of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort; the order within stays."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


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
