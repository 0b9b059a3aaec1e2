"""Reads `data/*.toml` into `Compat`, strictly: what is wrong in a table stops the load and names itself."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable
from dataclasses import fields
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple, TypeVar, get_args

from envkit.compat._check import check_references, unique
from envkit.compat._row import CompatDataError, Row, read_sources
from envkit.compat.model import (
    AmbiguousName,
    BaseImage,
    BranchKind,
    Compat,
    DriverBranch,
    DriverFloor,
    ForwardCompatibility,
    GpuModel,
    Peaks,
    Platform,
    Provenance,
    TensorflowRelease,
    Toolkit,
    TorchRelease,
    TorchVariant,
    Vendor,
    XidGroup,
    XidKind,
)

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

T = TypeVar("T")

_PEAK_FIELDS = tuple(field.name for field in fields(Peaks))
_REFERENCE: Platform = "linux-x86_64"
_DOCUMENTED_FIELDS = ("memory_gb", "power_w", "bandwidth_gbs", "peaks")


@functools.cache
def load_compat() -> Compat:
    """The tables that ship with envkit, read once a process.

    Raises CompatDataError when a table is malformed.
    """
    return read_compat(resources.files("envkit.compat") / "data")


def read_compat(directory: Traversable) -> Compat:
    """All tables of a directory (a `pathlib.Path` will do).

    Raises CompatDataError, naming file, row and key, on anything unknown, missing, of the wrong type,
    repeated or dangling.
    """
    drivers = _open(directory, "drivers.toml")
    gpus = _open(directory, "gpus.toml")
    ambiguous = _each(gpus, "ambiguous", "alias", _ambiguous)
    compat = Compat(
        toolkits=_table(_open(directory, "cuda.toml"), "toolkit", "version", _toolkit),
        floors=_each(drivers, "floor", "cuda_from", _floor),
        branches=_each(drivers, "branch", "number", _branch),
        forward=_forward(drivers.row("forward_compatibility")),
        gpus=tuple(gpu for group in _each(gpus, "group", "family", _gpu_group) for gpu in group),
        ambiguous=ambiguous,
        torch=_table(_open(directory, "torch.toml"), "torch", "version", _torch),
        tensorflow=_table(_open(directory, "tensorflow.toml"), "tensorflow", "version", _tensorflow),
        images=_table(_open(directory, "images.toml"), "image", "cuda", _image),
        xids=_table(_open(directory, "xids.toml"), "xid", "kind", _xid),
    )
    drivers.done()
    gpus.done()
    check_references(compat)
    return compat


def _open(directory: Traversable, name: str) -> Row:
    try:
        data = tomllib.loads((directory / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CompatDataError(f"{name}: missing file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CompatDataError(f"{name}: {error}") from error
    sources = read_sources(Row(name, {"sources": data.pop("sources", None)}, {}))
    return Row(name, data, sources)


def _each(top: Row, key: str, name_key: str, read: Callable[[Row], T]) -> tuple[T, ...]:
    found = []
    for row in top.rows(key, name_key):
        found.append(read(row))
        row.done()
    return tuple(found)


def _table(top: Row, key: str, name_key: str, read: Callable[[Row], T]) -> tuple[T, ...]:
    """The rows of a file that holds one array and nothing else."""
    found = _each(top, key, name_key, read)
    top.done()
    return found


def _archs_provenance(row: Row, archs: object) -> Provenance | None:
    """Where `archs` was read: there when they are, and only then."""
    provenance = row.opt_provenance("archs_source")
    if (archs is None) != (provenance is None):
        raise row.error("archs_source", "goes with archs: both or neither")
    return provenance


def _toolkit(row: Row) -> Toolkit:
    archs = row.opt_ints("archs")
    return Toolkit(
        version=row.text("version"),
        archs=archs,
        linux_ga=row.opt_text("linux_ga"),
        linux_last=row.opt_text("linux_last"),
        windows_ga=row.opt_text("windows_ga"),
        windows_last=row.opt_text("windows_last"),
        branch=row.opt_int("branch"),
        gcc_max=row.opt_int("gcc_max"),
        provenance=row.provenance(),
        archs_provenance=_archs_provenance(row, archs),
        gcc_provenance=row.opt_provenance("gcc_source"),
    )


def _floor(row: Row) -> DriverFloor:
    return DriverFloor(
        cuda_from=row.text("cuda_from"),
        cuda_to=row.text("cuda_to"),
        linux=row.text("linux"),
        windows=row.text("windows"),
        provenance=row.provenance(),
    )


def _branch(row: Row) -> DriverBranch:
    last_for = row.opt_texts("last_for") or ()
    provenance = row.opt_provenance("last_for_source")
    if bool(last_for) != (provenance is not None):
        raise row.error("last_for_source", "goes with last_for: both or neither")
    return DriverBranch(
        number=row.integer("number"),
        kind=row.opt_choice("kind", BranchKind),
        eol=row.opt_text("eol"),
        max_cuda_major=row.opt_int("max_cuda_major"),
        last_for=last_for,
        provenance=row.provenance(),
        last_for_provenance=provenance,
    )


def _forward(row: Row) -> ForwardCompatibility:
    found = ForwardCompatibility(
        gpus=row.texts("gpus"),
        package=row.text("package"),
        error_code=row.integer("error_code"),
        claimed=row.opt_texts("claimed") or (),
        provenance=row.provenance(),
    )
    row.done()
    return found


def _ambiguous(row: Row) -> AmbiguousName:
    return AmbiguousName(alias=row.text("alias"), gpus=row.texts("gpus"))


def _gpu_group(group: Row) -> tuple[GpuModel, ...]:
    """GPUs that share what decides whether code runs."""
    cc, gfx = group.opt_text("cc"), group.opt_text("gfx")
    if cc is not None and gfx is not None:
        raise group.error("gfx", "a group has cc or gfx, not both")
    common = _GpuCommon(
        vendor=group.choice("vendor", Vendor),
        family=group.text("family"),
        cc=cc,
        gfx=gfx,
        unsupported=group.opt_texts("unsupported"),
        provenance=group.provenance(),
    )
    return _each(group, "gpus", "name", functools.partial(_gpu, common))


class _GpuCommon(NamedTuple):
    vendor: Vendor
    family: str
    cc: str | None
    gfx: str | None
    unsupported: tuple[str, ...] | None
    provenance: Provenance


def _gpu(common: _GpuCommon, row: Row) -> GpuModel:
    peaks, documented = row.opt_row("peaks"), row.opt_row("documented")
    return GpuModel(
        name=row.text("name"),
        aliases=row.texts("aliases"),
        **common._asdict(),
        memory_gb=row.numbers("memory_gb"),
        form_factor=row.text("form_factor"),
        power_w=row.opt_number("power_w"),
        bandwidth_gbs=row.opt_number("bandwidth_gbs"),
        peaks=None if peaks is None else _peaks(peaks),
        note=row.opt_text("note"),
        documented=() if documented is None else _documented(documented),
    )


def _peaks(row: Row) -> Peaks:
    found = Peaks(**{field: row.opt_number(field) for field in _PEAK_FIELDS})
    row.done()
    return found


def _documented(row: Row) -> tuple[tuple[str, Provenance], ...]:
    found = tuple((field, row.provenance(field)) for field in row.untaken() if field in _DOCUMENTED_FIELDS)
    row.done()
    return found


def _torch(row: Row) -> TorchRelease:
    default = dict(_per_platform(row.row("default"), Row.text))
    if _REFERENCE not in default:
        raise row.error("default", f"missing key {_REFERENCE}")
    glibc = dict(_per_platform(row.row("glibc"), Row.text))
    fewer = row.opt_row("fewer_pythons")
    read = functools.partial(_torch_variants, default, glibc)
    variants = tuple(variant for group in _each(row, "variants", "tag", read) for variant in group)
    unique("torch.toml", f"{row.label}: variant", ((v.tag, v.platform) for v in variants))
    return TorchRelease(
        version=row.text("version"),
        default=default[_REFERENCE],
        platforms=tuple(default),
        pythons=row.texts("pythons"),
        free_threaded=row.opt_texts("free_threaded") or (),
        fewer_pythons=() if fewer is None else _per_platform(fewer, Row.texts),
        triton=row.opt_text("triton"),
        torchvision=row.opt_text("torchvision"),
        torchaudio=row.opt_text("torchaudio"),
        torchcodec=row.opt_text("torchcodec"),
        numpy=row.opt_text("numpy"),
        claimed=row.opt_texts("claimed") or (),
        variants=variants,
        provenance=row.provenance(),
    )


def _torch_variants(
    default: dict[Platform, str], glibc: dict[Platform, str], row: Row
) -> tuple[TorchVariant, ...]:
    """The builds of one line: a tag on one or several platforms."""
    tag, archs, own_glibc = row.text("tag"), row.opt_texts("archs"), row.opt_text("glibc")
    archs_provenance = _archs_provenance(row, archs)
    if tag == "cpu" and archs is not None:
        raise row.error("archs", "a cpu build has none")
    platforms: tuple[Platform, ...] = row.choices("platforms", Platform)
    cudnn, nccl, provenance = row.opt_text("cudnn"), row.opt_text("nccl"), row.provenance()
    return tuple(
        TorchVariant(
            tag=tag,
            platform=platform,
            archs=() if tag == "cpu" else archs,
            cudnn=cudnn,
            nccl=nccl,
            glibc=own_glibc or glibc.get(platform),
            on_default_index=default.get(platform) == tag,
            provenance=provenance,
            archs_provenance=archs_provenance,
        )
        for platform in platforms
    )


def _per_platform(row: Row, read: Callable[[Row, str], T]) -> tuple[tuple[Platform, T], ...]:
    """A table whose keys are platforms."""
    found = tuple(
        (platform, read(row, platform)) for platform in get_args(Platform) if platform in row.untaken()
    )
    row.done()
    return found


def _tensorflow(row: Row) -> TensorflowRelease:
    archs = row.opt_texts("archs")
    return TensorflowRelease(
        version=row.text("version"),
        pythons=row.texts("pythons"),
        platforms=row.choices("platforms", Platform),
        gpu_platforms=row.choices("gpu_platforms", Platform),
        cuda=row.text("cuda"),
        cudnn=row.text("cudnn"),
        nccl=row.opt_text("nccl"),
        and_cuda=row.opt_texts("and_cuda") or (),
        and_cuda_broken=row.opt_text("and_cuda_broken"),
        archs=archs,
        numpy=row.opt_text("numpy"),
        glibc=_per_platform(row.row("glibc"), Row.text),
        provenance=row.provenance(),
        build_provenance=row.provenance("build_source"),
        archs_provenance=_archs_provenance(row, archs),
    )


def _image(row: Row) -> BaseImage:
    return BaseImage(
        cuda=row.text("cuda"),
        patch=row.opt_text("patch"),
        cudnn=row.text("cudnn"),
        ubuntu=row.texts("ubuntu"),
        provenance=row.provenance(),
    )


def _xid(row: Row) -> XidGroup:
    codes = row.opt_ints("codes")
    if not codes:
        raise row.error("codes", "missing key")
    return XidGroup(codes=codes, kind=row.choice("kind", XidKind), provenance=row.provenance())
