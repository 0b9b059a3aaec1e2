"""The child that works with conda packages: the only file that imports rattler.

A child, because the library's threads cannot be interrupted from Python: this one is killed when a person
interrupts or a limit is passed. It reads one JSON object from standard input and answers in JSON lines:
`{"progress": TEXT}`, and at the end `{"packages": [...]}`, `{"done": true}` or
`{"failed": {"type": NAME, "text": TEXT}}`. It is started by path and imports nothing of envkit.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

_PULSE = 5.0
"""Seconds between two lines about the same download."""


def _say(line: dict[str, Any]) -> None:
    os.write(1, (json.dumps(line) + "\n").encode())


def _platform(name: str) -> Any:
    import rattler

    # Its name until 0.27.
    return rattler.Subdir(name) if hasattr(rattler, "Subdir") else rattler.Platform(name)


def _virtual(asked: dict[str, str]) -> Any:
    import rattler

    build = rattler.BuildString(asked["build"]) if hasattr(rattler, "BuildString") else asked["build"]
    return rattler.GenericVirtualPackage(
        rattler.PackageName(asked["name"]), rattler.Version(asked["version"]), build
    )


def _package(record: Any) -> dict[str, Any]:
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "build": str(record.build),
        "subdir": record.subdir,
        "url": record.url,
        "sha256": record.sha256.hex() if record.sha256 else None,
        "md5": record.md5.hex() if record.md5 else None,
        "size": record.size,
    }


async def _solve(asked: dict[str, Any]) -> None:
    import rattler

    records = await rattler.solve(
        asked["channels"],
        asked["specs"],
        gateway=rattler.Gateway(client=rattler.Client.authenticated_client()),
        platforms=[_platform(asked["platform"]), _platform("noarch")],
        virtual_packages=[_virtual(each) for each in asked["virtual"]],
    )
    _say({"packages": [_package(record) for record in records]})


class _Reporter:
    """Says what is downloaded and linked."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self._sizes = sizes
        self._names: list[str] = []
        self._said: dict[int, float] = {}
        self._linked = 0

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        self._names.append(package_name)
        return len(self._names) - 1

    def on_download_start(self, cache_entry: int) -> int:
        self._said[cache_entry] = time.monotonic()
        name = self._names[cache_entry]
        _say({"progress": f"downloading {name}", "bytes": self._sizes.get(name)})
        return cache_entry

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._said.get(download_idx, 0.0) < _PULSE:
            return
        self._said[download_idx] = now
        name = self._names[download_idx] if download_idx < len(self._names) else "?"
        _say({"progress": f"downloading {name}", "bytes": total, "so_far": progress})

    def on_link_start(self, operation: int, package_name: str) -> int:
        self._linked += 1
        _say({"progress": f"linking {package_name} ({self._linked}/{len(self._sizes)})"})
        return self._linked

    # The library looks every method up, also those that say nothing.
    def on_transaction_start(self, total_operations: int) -> None: ...
    def on_transaction_operation_start(self, operation: int) -> None: ...
    def on_transaction_operation_complete(self, operation: int) -> None: ...
    def on_transaction_complete(self) -> None: ...
    def on_validate_start(self, cache_entry: int) -> int:
        return cache_entry

    def on_validate_complete(self, validate_idx: int) -> None: ...
    def on_download_completed(self, download_idx: int) -> None: ...
    def on_populate_cache_complete(self, cache_entry: int) -> None: ...
    def on_unlink_start(self, operation: int, package_name: str) -> int:
        return operation

    def on_unlink_complete(self, index: int) -> None: ...
    def on_link_complete(self, index: int) -> None: ...
    def on_post_link_start(self, package_name: str, script_path: str) -> int:
        return 0

    def on_post_link_complete(self, index: int, success: bool) -> None: ...
    def on_pre_unlink_start(self, package_name: str, script_path: str) -> int:
        return 0

    def on_pre_unlink_complete(self, index: int, success: bool) -> None: ...


async def _install(asked: dict[str, Any]) -> None:
    import rattler

    here = rattler.Subdir.current() if hasattr(rattler, "Subdir") else rattler.Platform.current()
    if str(here) != asked["platform"]:
        _say({"failed": {"type": "Platform", "text": f"this machine is {here}"}})
        return
    client = rattler.Client.authenticated_client()
    found = await rattler.Gateway(client=client).query(
        asked["channels"],
        [_platform(asked["platform"]), _platform("noarch")],
        [rattler.MatchSpec(package["name"]) for package in asked["packages"]],
        recursive=False,
    )
    records: dict[tuple[str, str], list[Any]] = {}
    for source in found:
        for record in source:
            records.setdefault((record.subdir, record.file_name), []).append(record)
    chosen = []
    for package in asked["packages"]:
        candidates = records.get((package["subdir"], package["file"]), [])
        same = [record for record in candidates if _same(record, package)]
        if not same:
            what = "has another file of that name than was locked" if candidates else "no longer has it"
            _say({"failed": {"type": "Changed", "text": f"{package['file']}: the channel {what}"}})
            return
        chosen.append(same[0])
        if not _intact(same[0].url, package):
            text = f"{package['file']}: hash mismatch between the channel's index and the file"
            _say({"failed": {"type": "Changed", "text": text}})
            return
    sizes = {package["name"]: package["size"] or 0 for package in asked["packages"]}
    await rattler.install(
        chosen,
        asked["prefix"],
        platform=_platform(asked["platform"]),
        execute_link_scripts=False,  # they are programs of strangers; conda-forge does without
        show_progress=False,
        client=client,
        reporter=_Reporter(sizes),
    )
    _say({"done": True})


def _same(record: Any, package: dict[str, Any]) -> bool:
    """Whether a channel's record is the file that was locked."""
    if package["sha256"] and record.sha256:
        return bool(record.sha256.hex() == package["sha256"])
    return not package["md5"] or bool(record.md5 and record.md5.hex() == package["md5"])


def _intact(url: str, package: dict[str, Any]) -> bool:
    """Whether a file of this machine is the one that was locked: the library checks what it downloads."""
    if not url.startswith("file:"):
        return True
    name, expected = ("sha256", package["sha256"]) if package["sha256"] else ("md5", package["md5"])
    if not expected:
        return True
    with open(url2pathname(urlsplit(url).path), "rb") as file:
        found: str = hashlib.file_digest(file, name).hexdigest()
    return found == str(expected)


def main() -> None:
    """One request, one answer."""
    asked = json.load(sys.stdin)
    work = {"solve": _solve, "install": _install}[asked["do"]]
    try:
        asyncio.run(work(asked))
    except BaseException as error:  # a panic of the library derives from BaseException
        causes = [error, *_causes(error)]
        text = "\n".join(dict.fromkeys(str(each) for each in causes))
        _say({"failed": {"type": type(error).__name__, "text": text}})
    sys.stdout.flush()
    # The library's threads crash an interpreter that ends the usual way.
    os._exit(0)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    while (error := error.__cause__ or error.__context__) is not None and len(found) < 5:  # type: ignore[assignment]
        found.append(error)
    return found


if __name__ == "__main__":
    main()
