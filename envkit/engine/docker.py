"""A Docker engine: the only door to it. Builds with BuildKit where that is there, else classic."""

from __future__ import annotations

import os
import secrets as randoms
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envkit.core import proc
from envkit.core.errors import EngineError, NetworkError
from envkit.core.proc import Command, Result
from envkit.core.text import one_line, plain
from envkit.engine import clients, context
from envkit.engine.clients import ANSWER, proxies, reference
from envkit.engine.containers import gpu_options, removed, tar, waited
from envkit.engine.lines import Heard, Lines

if TYPE_CHECKING:
    from docker import DockerClient

    from envkit.engine.attended import Attended

BUILD_LIMIT = 4 * 3600.0
"""Seconds for one build: gigabytes over a slow line."""
_CANCEL = 10.0
"""Seconds that a client has to tell the engine that the person interrupted."""
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """How a build ended."""

    image: str | None
    """Id of the image; None when it failed."""
    log: str
    seconds: float


class Engine:
    """One engine, reached as the docker client would reach it (DOCKER_HOST, contexts)."""

    def __init__(self, client: DockerClient, host: str | None) -> None:
        self._client = client
        self._host = host
        said = client.version()
        self.version = str(said.get("Version", "?"))
        self._parts = " ".join(str(part.get("Name")) for part in said.get("Components") or ()).lower()

    @cached_property
    def client(self) -> str | None:
        """A docker client whose `build` speaks BuildKit; None where there is none, or the engine has none."""
        return None if "podman" in self._parts else clients.with_buildkit()

    @property
    def buildkit(self) -> bool:
        """Whether builds have cache and secret mounts."""
        return self.client is not None

    @property
    def local(self) -> bool:
        """Whether the engine shares this machine's users and disks."""
        return str(self._client.api.base_url).startswith(("http+docker://localhost", "http+unix://"))

    @property
    def rootless(self) -> bool:
        """Whether root of a container is this user."""
        return any("name=rootless" in str(one) for one in self._client.info().get("SecurityOptions") or ())

    def _command(self, argv: tuple[str, ...], limit: float = ANSWER, grace: float = 0) -> Command:
        env = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", "NO_COLOR": "1"}
        if self._host:
            env["DOCKER_HOST"] = self._host
        return Command(name="docker", argv=argv, limit=limit, env=env, grace=grace)

    def build(
        self,
        folder: Path,
        tag: str,
        *,
        heard: Heard,
        arguments: Mapping[str, str] | None = None,
        network: str | None = None,
        secrets: Sequence[str] = (),
        classic: bool = False,
    ) -> Built:
        """Build a directory.

        heard: told each line. arguments: build arguments. secrets: as `docker build --secret` takes them.
        classic: not with BuildKit, even where it is there.
        """
        arguments = {**proxies(), **(arguments or {})}
        if self.client is None or classic:
            return self._classic(folder, tag, heard, arguments, network)
        options = [f"--network={network}"] if network else []
        options += [f"--secret={secret}" for secret in secrets]
        options += [f"--build-arg={name}={value}" for name, value in arguments.items()]
        argv = (self.client, "build", "--progress=plain", f"--tag={tag}", *options, str(folder))
        lines = Lines(heard)
        result = proc.run(self._command(argv, BUILD_LIMIT, _CANCEL), heard=lines.feed)
        lines.end()
        done = self.image(tag) if result.ok else None
        return Built(image=done, log=lines.text, seconds=result.seconds)

    def _classic(
        self, folder: Path, tag: str, heard: Heard, arguments: Mapping[str, str], network: str | None
    ) -> Built:
        from docker.errors import APIError, DockerException

        start = time.monotonic()
        lines = Lines(heard)
        image: str | None = None
        try:
            stream = self._client.api.build(
                path=str(folder), tag=tag, rm=True, forcerm=True, decode=True,
                buildargs=dict(arguments), network_mode=network,
            )  # fmt: skip
            for event in stream:
                lines.feed(str(event.get("stream") or event.get("error") or "").encode())
                image = (event.get("aux") or {}).get("ID", image)
                if event.get("error"):
                    image = None
                    break
        except (APIError, DockerException, OSError) as error:
            lines.feed(f"\n{error}\n".encode())
            image = None
        lines.end()
        return Built(image=image, log=lines.text, seconds=time.monotonic() - start)

    def image(self, name: str) -> str | None:
        """The id of an image, or None when there is none of that name."""
        from docker.errors import ImageNotFound

        try:
            return str(self._client.images.get(name).id)
        except ImageNotFound:
            return None

    def python(self, image: str) -> str | None:
        """The minor of the python3 in an image that is here ("3.11"); None when it has none."""
        done = self.run(image, ("python3", "-c", _VERSION), limit=60)
        return done.stdout.strip() if done.ok else None

    def attend(self, what: Attended) -> Result:
        """Run a command in a new container, told what it says while it runs, and take that away."""
        from envkit.engine.attended import attend

        return attend(self._client, what, local=self.local)

    def pull(self, image: str) -> None:
        """Fetch an image. Raises NetworkError with what to do."""
        from docker.errors import DockerException

        try:
            self._client.api.pull(*reference(image))
        except DockerException as error:
            raise NetworkError(
                f"the base image {image} is not here and cannot be pulled: {one_line(str(error), limit=200)}",
                todo="correct its name, log in to its registry, or give one that is here (docker image ls)",
            ) from error

    def digest(self, image: str) -> str | None:
        """`sha256:...` of an image in the registry it came from, or as its registry tells it now.

        None when it was made here, or its registry is out of reach: then nothing can pin it.
        """
        from docker.errors import DockerException, ImageNotFound

        try:
            found = self._client.api.inspect_image(image).get("RepoDigests") or ()
            return next((each.partition("@")[2] for each in found), None)
        except ImageNotFound:
            pass
        except DockerException:
            return None
        try:
            told = self._client.api.inspect_distribution(image)
        except (DockerException, OSError):
            return None
        return str((told.get("Descriptor") or {}).get("digest") or "") or None

    def room(self) -> tuple[str, int] | None:
        """Where the engine keeps its data, and the bytes that are free there; None when that is elsewhere."""
        folder = str(self._client.info().get("DockerRootDir") or "")
        if not self.local or not folder:
            return None
        try:
            return folder, shutil.disk_usage(folder).free
        except OSError:  # of a virtual machine, or behind a door that only root may open
            return None

    def described(self, name: str) -> dict[str, Any]:
        """What `docker image inspect` says. Raises EngineError when there is no such image."""
        from docker.errors import DockerException

        try:
            return dict(self._client.api.inspect_image(name))
        except DockerException as error:
            raise EngineError(
                f"there is no image {name}: {one_line(str(error))}", todo="build or pull it first"
            ) from error

    def run(
        self,
        image: str,
        argv: tuple[str, ...],
        *,
        limit: float,
        files: Mapping[str, bytes] | None = None,
        gpus: bool = False,
        network: str = "none",
    ) -> Result:
        """Run a command in a new container of an image, and take the container away.

        files: path in the container to content, put there before it starts: a bind mount would fail on a
        remote engine. limit: seconds.
        """
        from docker.errors import DockerException

        start = time.monotonic()
        # Named, so that it can be taken away even if the engine's answer is lost.
        name = f"envkit-{randoms.token_hex(6)}"
        try:
            container = self._client.containers.create(
                image, list(argv), name=name, entrypoint="", network_mode=network, **gpu_options(gpus)
            )
            if files:
                container.put_archive("/", tar(files))
            container.start()
            return waited(container, limit, start)
        except DockerException as error:
            return Result(state="failed", stderr=plain(str(error), limit=2000))
        finally:
            removed(self._client, name)


def connect(host: str | None = None) -> Engine:
    """The engine that answers. host: its address; None = DOCKER_HOST, the client's context, the usual socket.

    Raises EngineError with what to do.
    """
    from docker.errors import DockerException

    where = host or os.environ.get("DOCKER_HOST")
    try:
        client = _client(host)
        where = where or str(client.api.base_url)
        client.ping()
        # Building and copying take longer than a question.
        client.api.timeout = BUILD_LIMIT
        return Engine(client, host)
    except (DockerException, OSError, ValueError) as error:
        at = f" at {where}" if where else ""
        denied = "permission denied" in str(error).lower()
        raise EngineError(
            f"the container engine{at} lets this user not in"
            if denied
            else f"no container engine answers{at}: {one_line(str(error), limit=200)}",
            todo="join its group (sudo usermod -aG docker $USER) and log in again"
            if denied
            else "start it (sudo systemctl start docker) or name another one with DOCKER_HOST; "
            "envkit doctor --only container says what is wrong with it",
        ) from error


def _client(host: str | None) -> DockerClient:
    """The SDK's client for an address, DOCKER_HOST, a context, or the usual socket, in this order."""
    import docker

    if host is not None:
        return docker.DockerClient(base_url=host, timeout=ANSWER, use_ssh_client=True)
    found = None if os.environ.get("DOCKER_HOST") else context.chosen()
    if found is None:
        return docker.from_env(timeout=ANSWER, use_ssh_client=True)
    pair = (found.cert, found.key) if found.cert and found.key else None
    tls = (
        docker.tls.TLSConfig(client_cert=pair, ca_cert=found.ca, verify=found.verify)
        if pair or found.ca
        else None
    )
    return docker.DockerClient(base_url=found.host, tls=tls, timeout=ANSWER, use_ssh_client=True)
