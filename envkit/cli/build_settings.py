"""The settings of `envkit build`: what is written beside the plan, and what only installers are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envkit.core.errors import BadInputError, UsageError

if TYPE_CHECKING:
    from envkit.build.access import Access
    from envkit.build.model import Settings
    from envkit.build.pip_config import PipConfig
    from envkit.cli.build_job import Job
    from envkit.compat import Compat
    from envkit.resolve.model import Plan


def settings_of(job: Job, compat: Compat) -> tuple[Settings, Access, tuple[str, ...]]:
    """Settings, logins, and what was taken from pip's configuration."""
    from envkit.build import pip_config
    from envkit.build.indexes import Given, indexes_of
    from envkit.build.model import Settings
    from envkit.compat import tool_pin

    config = pip_config.here() if job.pip_config else pip_config.PipConfig()
    given = Given(
        index_url=job.index_url,
        extra=job.extra_index_urls,
        find_links=job.find_links,
        framework=job.framework_index,
        channels=job.channels,
    )
    indexes, access, taken = indexes_of(given, config)
    cert, told = _cert(job, config)
    pin = tool_pin(compat.catalog, "uv")
    settings = Settings(
        indexes=indexes,
        requirements=_text(job.requirements),
        apt=job.apt,
        base_image=job.base_image,
        ca_cert=cert,
        network=job.network,
        secrets=job.secrets,
    )
    return (replace(settings, uv=pin.version) if pin is not None else settings), access, (*taken, *told)


def settled(settings: Settings, plan: Plan, *, image: bool) -> tuple[Plan, Settings, tuple[str, ...]]:
    """Plan and settings joined: mirrors, the wheels that fit, and what an image's build can reach."""
    from envkit.build.indexes import fitting, mirrored, without_local

    indexes = fitting(settings.indexes, plan)
    if indexes.framework is not None and plan.framework != "torch":
        raise UsageError(
            "--framework-index takes the place of PyTorch's index, and tensorflow has none of its own",
            todo="give --index-url",
        )
    notes: tuple[str, ...] = ()
    if image:
        indexes, notes = without_local(indexes)
    return mirrored(plan, indexes), replace(settings, indexes=indexes), notes


def _cert(job: Job, config: PipConfig) -> tuple[str | None, tuple[str, ...]]:
    if job.ca_cert is not None or config.cert is None:
        return _readable(job.ca_cert), ()
    try:
        found = _readable(Path(config.cert))
    except BadInputError as error:
        return None, (f"pip's cert ({config.origin('cert')}) was left out: {error.message}",)
    return found, (f"certificates {found}: taken from pip's configuration ({config.origin('cert')})",)


def _text(path: Path | None) -> str:
    from envkit.core.codec import read_input

    return "" if path is None else read_input(path).decode("utf-8", "replace")


def _readable(path: Path | None) -> str | None:
    from envkit.core.codec import read_input

    if path is not None and b"-----BEGIN CERTIFICATE-----" not in read_input(path):
        raise BadInputError(
            f"{path} holds no certificate", todo="give a PEM file (-----BEGIN CERTIFICATE-----)"
        )
    return None if path is None else str(path.resolve())
