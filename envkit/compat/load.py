"""Reads `data/*.toml` into `Compat`, strictly: what is wrong in a table stops the load and names itself."""

from __future__ import annotations

import functools
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from envkit.compat._check import check_references
from envkit.compat._framework_rows import tensorflow_row, torch_row
from envkit.compat._row import CompatDataError, Row, archs_provenance, each, read_sources, table
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
    Provenance,
    Toolkit,
    Vendor,
    WheelLine,
    XidGroup,
    XidKind,
)
from envkit.core.toml_data import read_toml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from envkit.compat.catalog_model import Catalog

T = TypeVar("T")

_SHIPPED = Path(__file__).with_name("data")
_PEAK_FIELDS = tuple(field.name for field in fields(Peaks))
_DOCUMENTED_FIELDS = ("memory_gb", "power_w", "bandwidth_gbs", "peaks")


@functools.cache
def load_compat() -> Compat:
    """The tables that ship with envkit, read once a process.

    Raises CompatDataError when a table is malformed.
    """
    return read_compat(_SHIPPED)


def read_compat(directory: Traversable) -> Compat:
    """All tables of a directory (a `pathlib.Path` will do).

    Raises CompatDataError, naming file, row and key, on anything unknown, missing, of the wrong type,
    repeated or dangling.
    """
    drivers = open_table(directory, "drivers.toml")
    gpus = open_table(directory, "gpus.toml")
    ambiguous = each(gpus, "ambiguous", "alias", _ambiguous)
    compat = Compat(
        toolkits=table(open_table(directory, "cuda.toml"), "toolkit", "version", _toolkit),
        floors=each(drivers, "floor", "cuda_from", _floor),
        branches=each(drivers, "branch", "number", _branch),
        forward=_forward(drivers.row("forward_compatibility")),
        gpus=tuple(gpu for group in each(gpus, "group", "family", _gpu_group) for gpu in group),
        ambiguous=ambiguous,
        torch=table(open_table(directory, "torch.toml"), "torch", "version", torch_row),
        tensorflow=table(open_table(directory, "tensorflow.toml"), "tensorflow", "version", tensorflow_row),
        images=table(open_table(directory, "images.toml"), "image", "cuda", _image),
        xids=table(open_table(directory, "xids.toml"), "xid", "kind", _xid),
        read_catalog=functools.cache(functools.partial(_read_catalog, directory)),
    )
    drivers.done()
    gpus.done()
    check_references(compat)
    return compat


def _read_catalog(directory: Traversable, compat: Compat) -> Catalog:
    # Imported here: doctor never asks for it.
    from envkit.compat.catalog_load import read_catalog

    return read_catalog(directory, compat)


def open_table(directory: Traversable, name: str) -> Row:
    try:
        data = read_toml(_SHIPPED / name) if directory == _SHIPPED else _parsed(directory / name)
    except FileNotFoundError:
        raise CompatDataError(f"{name}: missing file") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise CompatDataError(f"{name}: {error}") from error
    sources = read_sources(Row(name, {"sources": data.pop("sources", None)}, {}))
    return Row(name, data, sources)


def _parsed(file: Traversable) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(file.read_text(encoding="utf-8"))


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
        glibc=row.opt_text("glibc"),
        latest=row.opt_text("latest"),
        wheels=row.choice("wheels", WheelLine),
        provenance=row.provenance(),
        archs_provenance=archs_provenance(row, archs),
        gcc_provenance=row.opt_provenance("gcc_source"),
        glibc_provenance=row.opt_provenance("glibc_source"),
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
        cuda=row.opt_text("cuda"),
        last_for=last_for,
        provenance=row.provenance(),
        kind_provenance=row.opt_provenance("kind_source"),
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
    return each(group, "gpus", "name", functools.partial(_gpu, common))


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
