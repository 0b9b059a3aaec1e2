"""Every order in which libraries hide one another, built for real, with `LD_DEBUG=libs,files` as the judge.

A fake framework is imported by the payload's deep check. Its asker.so needs libcudart.so.12, or dlopens it by
that name; parent.so, which the framework dlopens by its path, needs asker.so. Stubs of libcudart.so.12 lie in
one directory for each way in which the loader comes to a file. Both answers are from the same process.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.payload.targets import PAYLOAD, clean_environment, compile_library, make_venv, site_of

SONAME = "libcudart.so.12"
Tag = Literal["", "rpath", "runpath"]
How = Literal["needed", "dlopen"]

_FRAMEWORK = """
import ctypes, os
__version__ = "1"
if os.environ.get("FAKE_WHEEL"):
    ctypes.CDLL(os.environ["FAKE_WHEEL"], ctypes.RTLD_GLOBAL)
ctypes.CDLL(os.environ["FAKE_PARENT"])
"""
_DLOPENS = f"""
#include <dlfcn.h>
__attribute__((constructor)) static void start(void) {{ dlopen("{SONAME}", RTLD_NOW); }}
"""
_IN_NAMESPACE = """
mount --bind "$1" /etc/ld.so.cache || exit 99
test -z "$2" || mount -t overlay overlay -o "lowerdir=$2:$3" "$3" || exit 99
shift 3
exec "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Order:
    """Which ways there are to a libcudart.so.12, in which order; names are the stubs' directories."""

    how: How = "needed"
    tag: Tag = ""
    entries: tuple[str, ...] = ()
    """Directories in the tag of asker.so."""
    parent: bool = False
    """parent.so has an RPATH with `parent`."""
    variable: tuple[str, ...] = ()
    """LD_LIBRARY_PATH."""
    preload: bool = False
    by_path: bool = False
    """The framework dlopens the wheel's file by its path first, as torch does."""
    cache: bool = False
    default: bool = False
    hwcaps: bool = False
    """The stub of `one` lies in its subdirectory for this CPU."""

    def __str__(self) -> str:
        words = [
            f"LD_PRELOAD={'preload' if self.preload else ''}",
            f"by path={'wheel' if self.by_path else ''}",
            f"{self.tag.upper()}={','.join(self.entries)}" if self.tag else "",
            "RPATH of parent=parent" if self.parent else "",
            f"LD_LIBRARY_PATH={','.join(self.variable)}",
            "cache" if self.cache else "",
            "default" if self.default else "",
        ]
        return " > ".join([self.how, *(word for word in words if word and not word.endswith("="))])


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """One file that was loaded for the name, and why."""

    path: str
    how: str
    by: str | None
    reason: str
    """`RPATH from FILE`, `RUNPATH from FILE`, `LD_LIBRARY_PATH`, `cache`, `default`, `path`, `unknown`."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What envkit and the loader say of one order."""

    order: Order
    ours: tuple[Loaded, ...]
    judge: tuple[Loaded, ...]
    agree: bool
    unknown: bool
    """envkit says of a file that it cannot tell what let it in; that is no agreement."""
    twice: bool
    """LD_DEBUG names another list that holds the same directory: it names each after the list met first."""
    stated: tuple[dict, ...] = field(repr=False)
    """The payload's own values."""


def orders(*, full: bool) -> Iterator[Order]:
    """All of them; every subset of the seven ways once for each `how`, when not full."""
    tags: list[tuple[Tag, tuple[str, ...]]] = [("", ())]
    for tag, entries in itertools.product(
        ("rpath", "runpath"), (("own",), ("own", "wheel"), ("wheel", "own"), ("wheel",))
    ):
        tags.append((tag, entries))  # type: ignore[arg-type]
    variables = ((), ("one",), ("one", "wheel"), ("wheel", "one"), ("one", "own"), ("two", "one"))
    if not full:
        tags, variables = [("", ()), ("rpath", ("own",)), ("runpath", ("own",))], ((), ("one",))
    flags = itertools.product((False, True), repeat=5)
    for how, (tag, entries), variable, flag in itertools.product(
        ("needed", "dlopen"), tags, variables, flags
    ):
        parent, preload, by_path, cache, default = flag
        yield Order(
            how=how,  # type: ignore[arg-type]
            tag=tag,
            entries=entries,
            parent=parent,
            variable=variable,
            preload=preload,
            by_path=by_path,
            cache=cache,
            default=default,
        )  # fmt: skip


def permutations() -> Iterator[Order]:
    """Orders of entries within one variable or one tag, with the wheel's directory among them."""
    for how, names in itertools.product(
        ("needed", "dlopen"), itertools.permutations(("one", "two", "wheel"))
    ):
        yield Order(how=how, variable=names)  # type: ignore[arg-type]
        yield Order(how=how, variable=names, hwcaps=True)  # type: ignore[arg-type]
        for tag in ("rpath", "runpath"):
            yield Order(how=how, tag=tag, entries=names, variable=names[::-1])  # type: ignore[arg-type]


class Lab:
    """Stubs, the fake framework and its interpreter in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = make_venv(folder / "venv")
        site = site_of(self.python)
        (site / "jax.py").write_text(_FRAMEWORK)
        names = ("preload", "own", "parent", "one", "two", "cache", "default")
        self.stubs = {name: folder / name / SONAME for name in names}
        self.stubs["wheel"] = site / "nvidia" / "cuda_runtime" / "lib" / SONAME
        script = folder / "version.map"
        script.write_text(f"{SONAME} {{ global: answer; local: *; }};\n")
        options = (f"-Wl,-soname,{SONAME}", f"-Wl,--version-script={script}")
        for number, path in enumerate(self.stubs.values()):
            compile_library(path, *options, source=f"int answer(void) {{ return {number}; }}")
        self._hwcaps = folder / "hwcaps"
        self._caches: dict[bool, Path] = {}
        self.default = next(
            name for name in ("/usr/lib64", "/usr/lib") if name == "/usr/lib" or "x86" not in multiarch()
        )

    def namespace(self) -> bool:
        """Whether this user may have a mount namespace, for a cache and a default directory of its own."""
        done = self._run(Order(cache=True, default=True), ["true"])
        return done.returncode == 0

    def build(self, cases: Iterable[Order]) -> None:
        """Make what these orders need; afterwards they can run at the same time."""
        for order in cases:
            self._parent(order)
            self._cache(order.cache)
            for name in order.variable:
                self._folder(name, order)

    def verdict(self, order: Order, *, isolated: bool = True) -> Verdict:
        """Import the framework in the deep check, and read what it and the loader say."""
        log = Path(tempfile.mkdtemp(prefix="log-", dir=self.folder))
        command = [str(self.python), str(PAYLOAD / "__main__.py"), "deep", "--framework", "jax"]
        done = self._run(order, command, isolated=isolated, debug=log / "debug")
        assert done.returncode == 0, f"{order}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        lines = [json.loads(text) for text in done.stdout.splitlines() if text.startswith('{"kind"')]
        found = [line["libraries"] for line in lines if line["kind"] == "libraries"]
        stated = tuple(one for one in found[-1] if one["path"].endswith(SONAME))
        (file,) = log.iterdir()
        judge = tuple(sorted(_judged(file.read_text(errors="replace")), key=lambda one: one.path))
        shutil.rmtree(log)
        ours = tuple(sorted(map(_ours, stated), key=lambda one: one.path))
        pairs = list(zip(ours, judge, strict=False))
        return Verdict(
            order=order,
            ours=ours,
            judge=judge,
            agree=len(ours) == len(judge) and all(self._same(one, other, order) for one, other in pairs),
            unknown=any(one.reason == "unknown" for one in ours),
            twice=any(one.reason != other.reason for one, other in pairs),
            stated=stated,
        )

    def _same(self, ours: Loaded, judge: Loaded, order: Order) -> bool:
        """One file, one asker (where glibc keeps it), one reason."""
        if ours.path != judge.path or ours.how != judge.how or ours.by not in (None, judge.by):
            return False
        lists = {
            "LD_LIBRARY_PATH": order.variable,
            **{f"{tag} from {self._asker(order)}": order.entries for tag in ("RPATH", "RUNPATH")},
        }
        folder = next((name for name, path in self.stubs.items() if str(path) == ours.path), "")
        twice = folder in lists.get(ours.reason, ()) and folder in lists.get(judge.reason, ())
        return ours.reason == judge.reason or twice

    def _run(
        self, order: Order, command: list[str], *, isolated: bool = True, debug: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        env = {**clean_environment(), "FAKE_PARENT": str(self._parent(order)), "PYTHONDONTWRITEBYTECODE": "1"}
        if order.by_path:
            env["FAKE_WHEEL"] = str(self.stubs["wheel"])
        steer = {}
        if order.variable:
            steer["LD_LIBRARY_PATH"] = ":".join(str(self._folder(name, order)) for name in order.variable)
        if order.preload:
            steer["LD_PRELOAD"] = str(self.stubs["preload"])
        if debug is not None:
            steer |= {"LD_DEBUG": "libs,files", "LD_DEBUG_OUTPUT": str(debug)}
        # Only the program itself is steered, not the shell that prepares its namespace.
        command = ["env", *(f"{name}={value}" for name, value in steer.items()), *command]
        command = ["sh", "-c", 'exec "$@"', "sh", *command]
        if isolated:
            default = str(self.stubs["default"].parent) if order.default else ""
            mounts = [str(self._cache(order.cache)), default, self.default]
            command = ["unshare", "-rm", "sh", "-c", _IN_NAMESPACE, "sh", *mounts, *command]
        return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=False)

    def _folder(self, name: str, order: Order) -> Path:
        if name != "one" or not order.hwcaps:
            return self.stubs[name].parent
        level = supported_level()
        target = self._hwcaps / "glibc-hwcaps" / level / SONAME
        if not target.exists():
            target.parent.mkdir(parents=True)
            shutil.copy(self.stubs["one"], target)
        return self._hwcaps

    def _asker(self, order: Order) -> Path:
        name = "-".join(("asker", order.how, order.tag, *order.entries))
        path = self.folder / "built" / f"{name}.so"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            options = _tag(order.tag, [str(self.stubs[entry].parent) for entry in order.entries])
            if order.how == "needed":
                source, needs = "int asker(void) { return 1; }", [str(self.stubs["one"])]
            else:
                source, needs = _DLOPENS, ["-ldl"]
            compile_library(path, "-Wl,--no-as-needed", *needs, *options, source=source)
        return path

    def _parent(self, order: Order) -> Path:
        asker = self._asker(order)
        path = asker.with_name(f"parent-{order.parent}-{asker.name}")
        if not path.exists():
            options = _tag("rpath", [str(self.stubs["parent"].parent)]) if order.parent else []
            # No SONAME: the need is for the very path.
            compile_library(path, "-Wl,--no-as-needed", str(asker), "-Wl,--allow-shlib-undefined", *options)
        return path

    def _cache(self, ours: bool) -> Path:
        if ours not in self._caches:
            path, conf = self.folder / f"cache-{ours}", self.folder / f"conf-{ours}"
            extra = f"{self.stubs['cache'].parent}\n" if ours else ""
            conf.write_text(extra + "include /etc/ld.so.conf\n")
            ldconfig = shutil.which("ldconfig", path=f"/sbin:/usr/sbin:{os.environ['PATH']}")
            assert ldconfig is not None
            subprocess.run(
                [ldconfig, "-X", "-C", str(path), "-f", str(conf)], check=True, capture_output=True
            )
            self._caches[ours] = path
        return self._caches[ours]


def _tag(tag: str, folders: list[str]) -> list[str]:
    if not tag:
        return ["-Wl,--disable-new-dtags"]
    switch = "--enable-new-dtags" if tag == "runpath" else "--disable-new-dtags"
    return [f"-Wl,{switch},-rpath,{':'.join(folders)}"]


def multiarch() -> str:
    """`x86_64-linux-gnu` where the distribution has it, else an empty string."""
    triple = f"{os.uname().machine}-linux-gnu"
    return triple if Path("/usr/lib", triple).is_dir() else ""


def supported_level() -> str:
    """The glibc-hwcaps subdirectory that the loader looks into first on this CPU."""
    done = subprocess.run(
        ["python3", "-c", "pass"], env={**os.environ, "LD_DEBUG": "libs", "LD_LIBRARY_PATH": "/opt"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    match = re.search(r"/opt/glibc-hwcaps/([\w.-]+)", done.stderr)
    assert match is not None, "this glibc has no glibc-hwcaps"
    return match[1]


def _ours(stated: dict) -> Loaded:
    via = stated.get("via")
    words = {"rpath": "RPATH", "runpath": "RUNPATH"}
    reason = {
        "ld-library-path": "LD_LIBRARY_PATH", "ld-cache": "cache", "ld-preload": "path", None: "unknown",
    }.get(via, via)  # fmt: skip
    if via in words:
        reason = f"{words[via]} from {stated['entry_of']}"
    how = "needed" if stated.get("asked") == "preload" else stated.get("asked")
    return Loaded(path=stated["path"], how=how or "", by=stated.get("needed_by"), reason=reason or "")


def _judged(text: str) -> Iterator[Loaded]:
    """What LD_DEBUG=libs,files says of each libcudart.so.12 that was mapped."""
    how = by = path = reason = ""
    for line in text.splitlines():
        line = line.partition(":\t")[2].strip()
        if match := re.match(r"file=(\S+) \[0\];  (needed|dynamically loaded) by (\S+) \[0\]", line):
            path, reason = match[1], "path"
            how, by = "needed" if match[2] == "needed" else "dlopen", match[3]
        elif match := re.match(r"search path=.*\((.*)\)$", line):
            reason = match[1].replace("from file ", "from ").replace("system search path", "default")
        elif line.startswith("search cache="):
            reason = "cache"
        elif line.startswith("trying file="):
            path = line.partition("=")[2]
        elif re.match(r"file=\S+ \[0\];  generating link map", line) and path.endswith("/" + SONAME):
            yield Loaded(path=os.path.realpath(path), how=how, by=os.path.realpath(by), reason=reason)
