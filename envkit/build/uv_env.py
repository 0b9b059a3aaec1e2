"""What uv is told by its environment: indexes with their logins, which no file and no command line holds."""

from __future__ import annotations

import re

from envkit.build.access import Access
from envkit.build.model import Settings
from envkit.build.render.uv import named_indexes
from envkit.resolve.model import Plan


def project_environment(plan: Plan, settings: Settings, access: Access) -> dict[str, str]:
    """For a project, whose indexes have names: the login of each."""
    found: dict[str, str] = {}
    for name, url in named_indexes(plan, settings):
        login = access.at(url)
        if login is not None:
            start = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
            found[f"{start}_USERNAME"] = login.user
            found[f"{start}_PASSWORD"] = login.password
    links = [access.inside(link) for link in settings.indexes.find_links]
    if links != list(settings.indexes.find_links):
        found["UV_FIND_LINKS"] = ",".join(links)
    return found


def install_environment(plan: Plan, settings: Settings, access: Access) -> dict[str, str]:
    """For requirements.txt: every index and every directory of wheels, also those of this machine only."""
    indexes = settings.indexes
    found: dict[str, str] = {}
    if indexes.index_url:
        found["UV_DEFAULT_INDEX"] = access.inside(indexes.index_url)
    others = [url for name, url in named_indexes(plan, settings) if url != indexes.index_url]
    if others:
        found["UV_INDEX"] = " ".join(map(access.inside, others))
    if indexes.find_links:
        found["UV_FIND_LINKS"] = ",".join(map(access.inside, indexes.find_links))
    return found
