"""Reads the tables that only `envkit build` needs, as strictly as `load` reads the others."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from envkit.compat._check import unique
from envkit.compat._row import CompatDataError, Row, each, per_platform, table
from envkit.compat.arch import parse_arch
from envkit.compat.catalog_model import (
    Catalog,
    Companion,
    CondaBuild,
    CondaCuda,
    CondaPlatform,
    Extra,
    ExtraRule,
    FrameworkName,
    Libc,
    PythonImage,
    SystemImage,
    ToolPin,
    WheelSet,
)
from envkit.compat.cuda import parse_cuda
from envkit.compat.load import open_table
from envkit.compat.model import Compat, Platform, Provenance

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_ArmVariant = Literal["sbsa", "tegra"]


def read_catalog(directory: Traversable, compat: Compat) -> Catalog:
    """The catalogue's tables of a directory; `compat` are the tables that they refer to.

    Raises CompatDataError, naming file, row and key, on anything unknown, missing, of the wrong type,
    repeated or dangling.
    """
    conda, bases = open_table(directory, "conda.toml"), open_table(directory, "bases.toml")
    catalog = Catalog(
        wheels=table(open_table(directory, "wheels.toml"), "wheel", "version", _wheel),
        companions=table(open_table(directory, "companions.toml"), "companion", "version", _companion),
        extras=table(open_table(directory, "extras.toml"), "extra", "name", _extra),
        conda=tuple(build for group in each(conda, "conda", "version", _conda) for build in group),
        conda_cuda=each(conda, "cuda_version", "cuda", _conda_cuda),
        systems=each(bases, "system", "codename", _system),
        pythons=each(bases, "python", "python", _python),
        tools=each(bases, "tool", "name", _tool),
    )
    conda.done()
    bases.done()
    _check_duplicates(catalog)
    _check_references(catalog, compat)
    return catalog


def _check_duplicates(catalog: Catalog) -> None:
    unique("wheels.toml", "wheel", ((w.framework, w.version, w.tag, w.platform) for w in catalog.wheels))
    unique("companions.toml", "companion", ((c.name, c.version) for c in catalog.companions))
    unique("extras.toml", "extra", (extra.name for extra in catalog.extras))
    unique(
        "conda.toml",
        "build",
        ((b.package, b.version, b.platform, b.cuda, b.arm_variant) for b in catalog.conda),
    )
    unique("conda.toml", "cuda_version", (row.cuda for row in catalog.conda_cuda))
    unique("bases.toml", "system", (row.name for row in catalog.systems))
    unique("bases.toml", "python", (row.python for row in catalog.pythons))
    unique("bases.toml", "tool", (row.name for row in catalog.tools))


def _check_references(catalog: Catalog, compat: Compat) -> None:
    images = {row.codename for row in catalog.systems if row.distribution == "debian"}
    for row in catalog.pythons:
        for codename in row.debian:
            if codename not in images:
                raise CompatDataError(f"bases.toml: python {row.python}: debian: {codename!r} is no system")
    toolkits = {parse_cuda(row.version) for row in compat.toolkits}
    for wheel in catalog.wheels:
        if wheel.tag != "cpu" and parse_cuda(wheel.tag) not in toolkits:
            where = f"wheels.toml: {wheel.framework} {wheel.version}"
            raise CompatDataError(f"{where}: tag: {wheel.tag!r} is not in cuda.toml")
    for build in catalog.conda:
        if build.cuda is not None and parse_cuda(build.cuda) not in toolkits:
            where = f"conda.toml: {build.package} {build.version}"
            raise CompatDataError(f"{where}: cuda: {build.cuda!r} is not in cuda.toml")
    known = {(row.name, row.version) for row in catalog.companions}
    for release, name, version in _companions(compat):
        if version is not None and (name, version) not in known:
            where = f"torch.toml: torch {release}: {name}"
            raise CompatDataError(f"{where}: {version!r} is not in companions.toml")


def _companions(compat: Compat) -> Iterator[tuple[str, str, str | None]]:
    """Release, companion, its version."""
    for release in compat.torch:
        yield release.version, "torchvision", release.torchvision
        yield release.version, "torchaudio", release.torchaudio
        yield release.version, "torchcodec", release.torchcodec
        for patch in release.older:
            yield patch.version, "torchvision", patch.torchvision
            yield patch.version, "torchaudio", patch.torchaudio


def _requirements(row: Row, key: str) -> tuple[str, ...]:
    found = row.opt_texts(key) or ()
    for text in found:
        try:
            Requirement(text)
        except InvalidRequirement:
            raise row.error(key, f"{text!r} is not a requirement") from None
    return found


def _specifier(row: Row, key: str) -> str | None:
    text = row.opt_text(key)
    try:
        SpecifierSet(text or "")
    except InvalidSpecifier:
        raise row.error(key, f"{text!r} is not a version specifier") from None
    return text


def _version(row: Row, key: str) -> str:
    text = row.text(key)
    try:
        Version(text)
    except InvalidVersion:
        raise row.error(key, f"{text!r} is not a version") from None
    return text


def _wheel(row: Row) -> WheelSet:
    requires = _requirements(row, "requires")
    cuda = row.opt_int("cuda_bytes"), row.opt_int("cuda_installed_bytes")
    if (not requires) != (cuda == (None, None)):
        raise row.error("cuda_bytes", "goes with requires: both or neither")
    return WheelSet(
        framework=row.choice("framework", FrameworkName),
        version=_version(row, "version"),
        tag=row.text("tag"),
        platform=row.choice("platform", Platform),
        wheel_bytes=row.integer("wheel_bytes"),
        installed_bytes=row.integer("installed_bytes"),
        requires=requires,
        cuda_bytes=cuda[0] or 0,
        cuda_installed_bytes=cuda[1] or 0,
        provenance=row.provenance(),
    )


def _companion(row: Row) -> Companion:
    other = row.opt_row("pythons_on")
    return Companion(
        name=row.text("name"),
        version=_version(row, "version"),
        torch=_specifier(row, "torch"),
        requires_python=_specifier(row, "requires_python"),
        platforms=row.choices("platforms", Platform),
        pythons=row.opt_texts("pythons"),
        other_pythons=() if other is None else per_platform(other, Row.texts),
        wheel_bytes=row.integer("bytes"),
        provenance=row.provenance(),
    )


def _extra(row: Row) -> Extra:
    return Extra(
        name=row.text("name"),
        package=row.text("package"),
        module=row.text("module"),
        wheel_bytes=row.opt_int("bytes"),
        rules=each(row, "rules", "framework", _rule),
    )


def _rule(row: Row) -> ExtraRule:
    found = ExtraRule(
        framework=row.choice("framework", FrameworkName),
        since=row.opt_text("since"),
        below=row.opt_text("below"),
        requirements=_requirements(row, "requirements"),
        python_min=row.opt_text("python_min"),
        companion=row.flag("companion"),
        reason=row.opt_text("reason"),
        provenance=row.provenance(),
    )
    if found.companion and found.requirements:
        raise row.error("requirements", "a companion has none: its version is in the framework's row")
    if found.refused and found.reason is None:
        raise row.error("reason", "missing key: nothing else says why it cannot be had")
    return found


def _conda(group: Row) -> tuple[CondaBuild, ...]:
    """The builds of one version of a package."""
    common = _CondaCommon(
        framework=group.choice("framework", FrameworkName),
        package=group.text("package"),
        version=_version(group, "version"),
        needs_cuda=group.flag("needs_cuda"),
        provenance=group.provenance(),
    )
    return each(group, "builds", "platform", functools.partial(_conda_build, common))


class _CondaCommon(NamedTuple):
    framework: FrameworkName
    package: str
    version: str
    needs_cuda: bool
    provenance: Provenance


def _conda_build(common: _CondaCommon, row: Row) -> CondaBuild:
    cuda, archs = row.opt_text("cuda"), row.opt_texts("archs")
    for arch in archs or ():
        if parse_arch(arch) is None:
            raise row.error("archs", f"{arch!r} is not an architecture")
    if cuda is None and archs is not None:
        raise row.error("archs", "a CPU build has none")
    return CondaBuild(
        framework=common.framework,
        package=common.package,
        version=common.version,
        platform=row.choice("platform", CondaPlatform),
        arm_variant=row.opt_choice("arm_variant", _ArmVariant),
        cuda=cuda,
        pythons=row.texts("pythons"),
        archs=() if cuda is None else archs,
        glibc=row.opt_text("glibc"),
        needs_cuda=common.needs_cuda and cuda is not None,
        build="cpu*" if cuda is None else f"cuda{cuda.replace('.', '')}*",
        date=row.text("date"),
        provenance=common.provenance,
    )


def _conda_cuda(row: Row) -> CondaCuda:
    return CondaCuda(
        cuda=row.text("cuda"), virtual_cuda=row.text("virtual_cuda"), provenance=row.provenance()
    )


def _system(row: Row) -> SystemImage:
    return SystemImage(
        distribution=row.text("distribution"),
        codename=row.text("codename"),
        libc=row.choice("libc", Libc),
        libc_version=row.text("libc_version"),
        python=row.text("python"),
        gcc=row.integer("gcc"),
        end=row.text("end"),
        provenance=row.provenance(),
    )


def _python(row: Row) -> PythonImage:
    return PythonImage(
        python=row.text("python"),
        debian=row.texts("debian"),
        end=row.text("end"),
        provenance=row.provenance(),
    )


def _tool(row: Row) -> ToolPin:
    return ToolPin(name=row.text("name"), version=_version(row, "version"), provenance=row.provenance())
