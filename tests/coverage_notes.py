"""What this run cannot cover, said aloud.

A test that needs something absent is skipped and listed at the end. `ENVKIT_TEST_REQUIRE=browser,docker` (or
`all`) makes it fail instead, for places that promise to have these things.
"""

from __future__ import annotations

import os

import pytest

PREFIX = "not covered: "


def require(name: str, present: bool) -> None:
    """Go on when what a test needs is present; else skip it under a name that the summary lists."""
    if present:
        return
    required = {word.strip() for word in os.environ.get("ENVKIT_TEST_REQUIRE", "").split(",")}
    if required & {name, "all"}:
        pytest.fail(f"{name} is required by ENVKIT_TEST_REQUIRE and is not here", pytrace=False)
    pytest.skip(PREFIX + name)
