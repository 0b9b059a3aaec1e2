"""What a plan becomes: one renderer an artefact, from plan, lock and settings to files."""

from __future__ import annotations

from collections.abc import Callable

from envkit.build.model import Artefact, File, Locked, Settings
from envkit.build.render import compose, conda, devcontainer, docker, pip, uv
from envkit.resolve.model import Plan

Renderer = Callable[[Plan, Locked, Settings], tuple[File, ...]]

RENDERERS: dict[Artefact, Renderer] = {
    "docker": docker.render,
    "compose": compose.render,
    "devcontainer": devcontainer.render,
    "conda": conda.render,
    "uv": uv.render,
    "pip": pip.render,
}
