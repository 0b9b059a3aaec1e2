"""Channels of conda packages that tests make: real archives, with the index that a channel has.

The builds carry the constraints of conda-forge's recipes: CUDA builds depend on `__cuda`, `cuda-version`
holds `__cuda` to its major, and a sysroot's glibc becomes `__glibc`.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Made:
    """One package: what its index says, and its files (a target for a symlink)."""

    name: str
    version: str
    build: str = "0"
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    files: dict[str, str | Path] = field(default_factory=dict)
    subdir: str = "linux-64"
    format: str = "tar.bz2"
    size: int | None = None
    """Told in the index instead of the true one."""

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.build}.{self.format}"


def channel(folder: Path, packages: tuple[Made, ...]) -> Path:
    """Write a channel of these packages; its directory."""
    index: dict[str, dict[str, Any]] = {
        subdir: {"info": {"subdir": subdir}, "packages": {}, "packages.conda": {}}
        for subdir in {"noarch", *(package.subdir for package in packages)}
    }
    for package in packages:
        data = archive(package)
        place = folder / package.subdir / package.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        which = "packages.conda" if package.format == "conda" else "packages"
        index[package.subdir][which][package.file] = {
            **_record(package),
            "md5": hashlib.md5(data).hexdigest(),
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": package.size or len(data),
        }
    for subdir, repodata in index.items():
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        (folder / subdir / "repodata.json").write_text(json.dumps(repodata))
    return folder


def archive(package: Made) -> bytes:
    """The package as it lies in a channel."""
    info = {"info/index.json": json.dumps(_record(package)), "info/paths.json": json.dumps(_paths(package))}
    if package.format != "conda":
        return bz2.compress(_tar({**info, **package.files}))
    stem = package.file.removesuffix(".conda")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as box:
        for name, data in (
            ("metadata.json", b'{"conda_pkg_format_version": 2}'),
            (f"info-{stem}.tar.zst", _zst(_tar(info))),
            (f"pkg-{stem}.tar.zst", _zst(_tar(package.files))),
        ):
            box.writestr(zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def _record(package: Made) -> dict[str, Any]:
    noarch = {"noarch": "generic"} if package.subdir == "noarch" else {}
    return {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "build_number": 0,
        "depends": list(package.depends),
        "constrains": list(package.constrains),
        "subdir": package.subdir,
        **noarch,
    }


def _paths(package: Made) -> dict[str, Any]:
    def entry(path: str, content: str | Path) -> dict[str, Any]:
        if isinstance(content, Path):
            return {"_path": path, "path_type": "softlink"}
        data = content.encode()
        digest = hashlib.sha256(data).hexdigest()
        return {"_path": path, "path_type": "hardlink", "sha256": digest, "size_in_bytes": len(data)}

    return {"paths": [entry(*item) for item in sorted(package.files.items())], "paths_version": 1}


def _tar(files: dict[str, str | Path]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as box:
        for path, content in sorted(files.items()):
            member = tarfile.TarInfo(path)
            if isinstance(content, Path):
                member.type, member.linkname = tarfile.SYMTYPE, str(content)
                box.addfile(member)
            else:
                data = content.encode()
                member.size, member.mode = len(data), 0o755 if path.startswith("bin/") else 0o644
                box.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _zst(data: bytes) -> bytes:
    """A Zstandard frame of raw blocks (RFC 8878, 3.1.1): valid, and not smaller."""
    step = 1 << 17
    pieces = [data[at : at + step] for at in range(0, len(data), step)] or [b""]
    blocks = [
        ((len(piece) << 3) | (number == len(pieces) - 1)).to_bytes(3, "little") + piece
        for number, piece in enumerate(pieces)
    ]
    # One segment, its size in four bytes.
    return b"\x28\xb5\x2f\xfd" + b"\xa0" + len(data).to_bytes(4, "little") + b"".join(blocks)


def conda_forge(
    python: str = "3.14", torch: str = "2.13.0", files: dict[str, dict[str, str | Path]] | None = None
) -> tuple[Made, ...]:
    """A small conda-forge: two CUDA builds of torch and one for the CPU, with what they need.

    files: of each package, by its name.
    """
    files = files or {}
    tag = "py" + python.replace(".", "")
    abi = (f"python >={python},<{_next(python)}.0a0", f"python_abi {python}.*")
    glibc = {"12.9": "2.17", "13.0": "2.28"}
    made = [
        Made(name="python", version=f"{python}.0", build="h0_0", depends=("__glibc >=2.17,<3.0.a0",)),
        Made(name="python_abi", version=python, build=f"0_cp{tag[2:]}", subdir="noarch"),
        Made(name="pip", version="26.0", build="pyh0_0", subdir="noarch", depends=("python >=3.10",)),
        Made(name="numpy", version="2.4.0", build=f"{tag}_0", depends=abi, format="conda"),
        Made(name="tensorboard", version="2.21.0", build="pyh0_0", subdir="noarch", depends=("numpy",)),
        Made(name="cuda-nvcc", version="12.9.86", build="h0_0", depends=("cuda-version >=12.9,<12.10a0",)),
        *(
            Made(
                name="cuda-version",
                version=cuda,
                build="h0_3",
                subdir="noarch",
                constrains=(f"cudatoolkit {cuda}.*", f"__cuda >={cuda.partition('.')[0]}"),
            )
            for cuda in glibc
        ),
        Made(
            name="pytorch", version=torch, build=f"cpu_generic_{tag}_0",
            depends=(*abi, "numpy >=1.23,<3", "__glibc >=2.17,<3.0.a0"), format="conda",
        ),
        *(
            Made(
                name="pytorch",
                version=torch,
                build=f"cuda{cuda.replace('.', '')}_generic_{tag}_0",
                depends=(
                    *abi, "numpy >=1.23,<3", "__cuda", f"cuda-version >={cuda},<{int(cuda[:2]) + 1}",
                    f"__glibc >={floor},<3.0.a0",
                ),
                format="conda",
            )
            for cuda, floor in glibc.items()
        ),
        *(
            Made(
                name="torchvision", version="0.28.1", build=f"{kind}_{tag}_0",
                depends=(*abi, f"pytorch {torch} {kind}*", *cuda),
            )
            for kind, cuda in (
                ("cpu", ()),
                ("cuda129", ("__cuda", "cuda-version >=12.9,<13")),
                ("cuda130", ("__cuda", "cuda-version >=13.0,<14")),
            )
        ),
    ]  # fmt: skip
    return tuple(
        Made(**{**vars(package), "files": files[package.name]}) if package.name in files else package
        for package in made
    )


def _next(python: str) -> str:
    major, _, minor = python.partition(".")
    return f"{major}.{int(minor) + 1}"
