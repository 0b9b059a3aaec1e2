"""`envkit build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from envkit.cli.options import (
    Format,
    FormatOption,
    FromOption,
    JsonOption,
    QuietOption,
    VerboseOption,
    names,
    refuse_contradictions,
)
from envkit.core.errors import UsageError

_TARGET = "The machine that it is for"
_INDEX = "Networks and indexes"


def build(
    framework: Annotated[
        str,
        typer.Option(
            "--framework",
            metavar="NAME[VERSIONS]",
            help="torch or tensorflow; 'torch>=2.10,<2.12' asks for less.",
        ),
    ] = "torch",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="A build for NVIDIA GPUs, also on a machine without.")
    ] = False,
    cpu: Annotated[bool, typer.Option("--cpu", help="A build for the CPU.")] = False,
    python: Annotated[
        str | None,
        typer.Option("--python", metavar="3.12", help="Python of the environment.", show_default=False),
    ] = None,
    extras: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="NAME,...", help="jupyter, tensorboard, transformers, torchvision, ..."
        ),
    ] = None,
    requirements: Annotated[
        Path | None, typer.Option("--requirements", "-r", metavar="FILE", help="Packages of your own.")
    ] = None,
    apt: Annotated[
        list[str] | None, typer.Option("--apt", metavar="PKG,...", help="Debian packages of the image.")
    ] = None,
    toolkit: Annotated[
        bool, typer.Option("--cuda-toolkit", help="nvcc, too (starts from NVIDIA's devel image).")
    ] = False,
    cuda: Annotated[
        str | None, typer.Option("--cuda", metavar="cu126", help="This CUDA build and no other.")
    ] = None,
    source: Annotated[
        str, typer.Option("--source", metavar="wheels|conda-forge", help="Where the binaries come from.")
    ] = "wheels",
    target_driver: Annotated[
        str | None, typer.Option("--target-driver", metavar="550", rich_help_panel=_TARGET)
    ] = None,
    target_gpu: Annotated[
        list[str] | None,
        typer.Option("--target-gpu", metavar="a100,rtx4090,8.0", rich_help_panel=_TARGET),
    ] = None,
    target_arch: Annotated[
        str | None, typer.Option("--target-arch", metavar="arm64", rich_help_panel=_TARGET)
    ] = None,
    target_glibc: Annotated[
        str | None, typer.Option("--target-glibc", metavar="2.31|musl", rich_help_panel=_TARGET)
    ] = None,
    snapshots: FromOption = None,
    artefacts: Annotated[
        list[str] | None,
        typer.Option("--as", metavar="FORMAT,...", help="docker, conda, uv, pip, compose, devcontainer."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where the files go.", show_default=False),
    ] = None,
    create: Annotated[
        Path | None,
        typer.Option("--create", metavar="DIR", help="Make the environment here, on this machine."),
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", "-t", metavar="NAME", help="Name of the image.")] = None,
    no_build: Annotated[bool, typer.Option("--no-build", help="Write and lock, build nothing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and every file; write nothing, look nothing up.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the plan and every build that was passed over, and why.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Say whether what --output DIR holds would come out the same today."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Download more than 1 GB without asking.")] = False,
    base_image: Annotated[
        str | None,
        typer.Option("--base-image", metavar="IMAGE", help="Start from this image.", rich_help_panel=_INDEX),
    ] = None,
    index_url: Annotated[
        str | None,
        typer.Option(
            "--index-url", metavar="URL", help="Instead of the default index.", rich_help_panel=_INDEX
        ),
    ] = None,
    extra_index_url: Annotated[
        list[str] | None,
        typer.Option("--extra-index-url", metavar="URL", help="Beside it.", rich_help_panel=_INDEX),
    ] = None,
    find_links: Annotated[
        list[str] | None,
        typer.Option(
            "--find-links", metavar="DIR|URL", help="Wheels that are at hand.", rich_help_panel=_INDEX
        ),
    ] = None,
    channels: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            metavar="URL|DIR",
            help="conda packages, instead of conda-forge.",
            rich_help_panel=_INDEX,
        ),
    ] = None,
    ca_cert: Annotated[
        Path | None,
        typer.Option(
            "--ca-cert",
            metavar="FILE",
            help="Certificates of a network that intercepts TLS.",
            rich_help_panel=_INDEX,
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            "--network", metavar="host", help="Network of the image's build.", rich_help_panel=_INDEX
        ),
    ] = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="id=netrc,src=FILE",
            help="For the build only (BuildKit).",
            rich_help_panel=_INDEX,
        ),
    ] = None,
    framework_index: Annotated[
        str | None,
        typer.Option(
            "--framework-index",
            metavar="URL",
            help="A mirror of PyTorch's own index (https://download.pytorch.org/whl).",
            rich_help_panel=_INDEX,
        ),
    ] = None,
    no_pip_config: Annotated[
        bool,
        typer.Option(
            "--no-pip-config",
            help="Take no index, wheels or certificates from pip's and uv's configuration.",
            rich_help_panel=_INDEX,
        ),
    ] = False,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the flag's name
    json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Resolve the newest stack that works on a machine, write it, lock it, build it and prove it."""
    from envkit.build.ask import Ask
    from envkit.cli.build_job import Job
    from envkit.cli.building import perform
    from envkit.resolve.hosts import TypedTarget

    refuse_contradictions(format=format, json=json, verbose=verbose, quiet=quiet)
    if source not in ("wheels", "conda-forge"):
        raise UsageError(f"{source!r} is no source", todo="give --source wheels or --source conda-forge")
    ask = Ask(
        framework=framework,
        gpu=gpu,
        cpu=cpu,
        cuda=cuda,
        python=python,
        extras=_named("--with", extras),
        nvcc=toolkit,
        source=source,  # type: ignore[arg-type]
        target=TypedTarget(
            driver=target_driver,
            gpus=_named("--target-gpu", target_gpu),
            arch=target_arch,
            glibc=target_glibc,
        ),
    )
    perform(
        Job(
            ask=ask,
            snapshots=tuple(snapshots or ()),
            artefacts=_named("--as", artefacts),
            output=output,
            create=create,
            tag=tag,
            no_build=no_build,
            check=check,
            dry_run=dry_run,
            explain=explain,
            yes=yes,
            requirements=requirements,
            apt=_named("--apt", apt),
            base_image=base_image,
            index_url=index_url,
            extra_index_urls=tuple(extra_index_url or ()),
            find_links=tuple(find_links or ()),
            channels=tuple(channels or ()),
            ca_cert=ca_cert,
            network=network,
            secrets=tuple(secrets or ()),
            format=Format.JSON if json else format,
            verbose=verbose,
            quiet=quiet,
            framework_index=framework_index,
            pip_config=not no_pip_config,
        )
    )


def _named(option: str, values: list[str] | None) -> tuple[str, ...]:
    return names(values, what=f"{option} names nothing", todo="see `envkit build --help` for what it takes")
