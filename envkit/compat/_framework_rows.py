"""Reads the rows of torch.toml and tensorflow.toml."""

from __future__ import annotations

import functools

from envkit.compat._check import unique
from envkit.compat._row import Row, archs_provenance, each, per_platform
from envkit.compat.model import Platform, TensorflowRelease, TorchPatch, TorchRelease, TorchVariant

_REFERENCE: Platform = "linux-x86_64"


def torch_row(row: Row) -> TorchRelease:
    default = dict(per_platform(row.row("default"), Row.text))
    if _REFERENCE not in default:
        raise row.error("default", f"missing key {_REFERENCE}")
    glibc = dict(per_platform(row.row("glibc"), Row.text))
    fewer = row.opt_row("fewer_pythons")
    read = functools.partial(_torch_variants, default, glibc)
    variants = tuple(variant for group in each(row, "variants", "tag", read) for variant in group)
    unique("torch.toml", f"{row.label}: variant", ((v.tag, v.platform) for v in variants))
    return TorchRelease(
        version=row.text("version"),
        default=default[_REFERENCE],
        platforms=tuple(default),
        pythons=row.texts("pythons"),
        free_threaded=row.opt_texts("free_threaded") or (),
        fewer_pythons=() if fewer is None else per_platform(fewer, Row.texts),
        triton=row.opt_text("triton"),
        torchvision=row.opt_text("torchvision"),
        torchaudio=row.opt_text("torchaudio"),
        torchcodec=row.opt_text("torchcodec"),
        numpy=row.opt_text("numpy"),
        claimed=row.opt_texts("claimed") or (),
        older=each(row, "older", "version", _torch_patch, optional=True),
        variants=variants,
        provenance=row.provenance(),
    )


def _torch_patch(row: Row) -> TorchPatch:
    return TorchPatch(
        version=row.text("version"),
        triton=row.opt_text("triton"),
        torchvision=row.opt_text("torchvision"),
        torchaudio=row.opt_text("torchaudio"),
        free_threaded=row.opt_texts("free_threaded"),
    )


def _torch_variants(
    default: dict[Platform, str], glibc: dict[Platform, str], row: Row
) -> tuple[TorchVariant, ...]:
    """The builds of one line: a tag on one or several platforms."""
    tag, archs, own_glibc = row.text("tag"), row.opt_texts("archs"), row.opt_text("glibc")
    archs_source = archs_provenance(row, archs)
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
            archs_provenance=archs_source,
        )
        for platform in platforms
    )


def tensorflow_row(row: Row) -> TensorflowRelease:
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
        keras=row.text("keras"),
        protobuf=row.text("protobuf"),
        tensorboard=row.opt_text("tensorboard"),
        tf_keras=row.opt_text("tf_keras"),
        cpu_wheel=row.choices("cpu_wheel", Platform),
        glibc=per_platform(row.row("glibc"), Row.text),
        provenance=row.provenance(),
        build_provenance=row.provenance("build_source"),
        archs_provenance=archs_provenance(row, archs),
    )
